// SPDX-License-Identifier: Apache-2.0
// A folder of small files that goes away with the test.
#ifndef ALLOT_TESTS_CLI_SCRATCH_FOLDER_H_
#define ALLOT_TESTS_CLI_SCRATCH_FOLDER_H_

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace allot {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = testing::TempDir() + "/allotXXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // Both return the path of the file.
  std::string Write(const std::string& name, const std::string& text) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  std::string WriteGzip(const std::string& name,
                        const std::string& text) const {
    const std::string file = path_ + "/" + name;
    gzFile gz = gzopen(file.c_str(), "wb");
    gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
    gzclose(gz);
    return file;
  }

 private:
  std::string path_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_CLI_SCRATCH_FOLDER_H_
