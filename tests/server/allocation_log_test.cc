// SPDX-License-Identifier: Apache-2.0
#include "server/allocation_log.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/allocation_log_file.h"
#include "tests/cli/scratch_folder.h"

namespace allot {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::AllocateRequest RequestOf(const std::string& id, size_t bulk = 0) {
  v1::AllocateRequest request;
  request.set_pool_id("p");
  request.set_request_id(id);
  request.add_tasks()->set_task_id(std::string(bulk, 'x'));
  return request;
}

class AllocationLogTest : public testing::Test {
 protected:
  AllocationLogTest()
      : logger_(&clock_, Severity::kInfo, [](absl::string_view) {}) {
    options_.folder = folder_.path() + "/log";
  }

  void Open() {
    log_.reset();
    auto log = AllocationLog::Open(options_, "1.2.3", &clock_, &logger_);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  void Add(const std::string& id, size_t bulk = 0) {
    log_->Add(RequestOf(id, bulk), v1::AllocateResponse(), {.sequence = 7}, 1);
  }
  // Until all that was added is written or left out.
  AllocationLog::Counts Settle(int64_t added) {
    AllocationLog::Counts counts;
    for (int i = 0; i < 2000; ++i) {
      counts = log_->counts();
      if (counts.records + counts.dropped >= added) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return counts;
  }
  std::vector<std::string> Files() const {
    return AllocationLogFiles(options_.folder).value();
  }
  absl::Status Read(std::vector<std::string>* ids,
                    std::vector<std::string>* warnings = nullptr) const {
    for (const std::string& file : Files()) {
      const absl::Status status = ReadAllocationLogFile(
          file,
          [&](const LogPlace& place, const auto& record) {
            ids->push_back(record.request().request_id());
            EXPECT_EQ(ReadRecord(place)->request().request_id(), ids->back());
            return absl::OkStatus();
          },
          [&](const std::string& warning) {
            if (warnings != nullptr) warnings->push_back(warning);
          });
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Writes "one", "two" and "three", and says where the second begins.
  int64_t WriteThree() {
    Open();
    for (const char* id : {"one", "two", "three"}) Add(id, 100);
    log_.reset();
    const auto size =
        static_cast<int64_t>(std::filesystem::file_size(Files()[0]));
    return (size - 2) / 3;  // "three" is two bytes longer
  }
  void Overwrite(int64_t at, const std::string& with) const {
    std::fstream file(Files()[0],
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << with;
  }

  ManualClock clock_;
  Logger logger_;
  const ScratchFolder folder_;
  AllocationLogOptions options_;
  std::unique_ptr<AllocationLog> log_;
};

TEST_F(AllocationLogTest, KeepsRequestResponseAndBasis) {
  Open();
  v1::AllocateResponse response;
  response.add_assignments()->set_labeler_id("l");
  log_->Add(RequestOf("r"), response,
            {.sequence = 7,
             .model_version = 3,
             .watched = true,
             .time_ran_out = true,
             .state_moved = true,
             .claims_lost = true},
            5);
  log_.reset();
  int records = 0;
  ASSERT_THAT(Files(), SizeIs(1));
  const absl::Status status = ReadAllocationLogFile(
      Files()[0],
      [&](const LogPlace&, const replay::v1::AllocationRecord& record) {
        ++records;
        EXPECT_EQ(record.request().request_id(), "r");
        EXPECT_EQ(record.response().assignments(0).labeler_id(), "l");
        EXPECT_EQ(record.sequence(), 7);
        EXPECT_EQ(record.model_version(), 3);
        EXPECT_TRUE(record.watched() && record.time_ran_out() &&
                    record.state_moved() && record.claims_lost());
        EXPECT_EQ(record.calls(), 5);
        EXPECT_EQ(record.version(), "1.2.3");
        EXPECT_EQ(record.time().seconds(), absl::ToUnixSeconds(clock_.Now()));
        return absl::OkStatus();
      },
      [](const std::string& warning) { ADD_FAILURE() << warning; });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(records, 1);
}

TEST_F(AllocationLogTest, BeginsNewFilesAndKeepsTheNewest) {
  options_.file_bytes = 1 << 20;
  options_.files = 3;
  Open();
  for (int i = 0; i < 100; ++i) Add(absl::StrCat(i), 100'000);
  const AllocationLog::Counts counts = Settle(100);
  log_.reset();
  EXPECT_EQ(counts.records, 100);
  EXPECT_GT(counts.bytes, 10'000'000);
  EXPECT_THAT(Files(), SizeIs(3));
  for (const std::string& file : Files()) {
    EXPECT_LE(std::filesystem::file_size(file), size_t{1} << 20);
  }
  std::vector<std::string> ids;
  ASSERT_TRUE(Read(&ids).ok());
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(ids.back(), "99");
  for (size_t i = 1; i < ids.size(); ++i) {
    EXPECT_EQ(std::stoi(ids[i]), std::stoi(ids[i - 1]) + 1) << "in order";
  }
}

TEST_F(AllocationLogTest, AStartBeginsAFile) {
  Open();
  Add("before");
  Open();
  Add("after");
  log_.reset();
  EXPECT_THAT(Files(), SizeIs(2)) << "though the clock stands still";
  std::vector<std::string> ids;
  ASSERT_TRUE(Read(&ids).ok());
  EXPECT_THAT(ids, ElementsAre("before", "after"));
}

TEST_F(AllocationLogTest, AFullQueueDropsAndCounts) {
  options_.queue_bytes = 1;
  Open();
  constexpr int kCalls = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < kCalls / 2; ++i) Add("r", 100'000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const AllocationLog::Counts counts = Settle(kCalls);
  EXPECT_EQ(counts.records + counts.dropped, kCalls);
  EXPECT_GT(counts.dropped, 0);
  EXPECT_GT(counts.records, 0);
  EXPECT_EQ(counts.errors, 0);
}

TEST_F(AllocationLogTest, ADiskThatFailsCostsRecordsAndNothingElse) {
  Open();
  // A folder that is gone, as a disk that is full, takes no file.
  std::filesystem::remove_all(options_.folder);
  Add("lost");
  AllocationLog::Counts counts = Settle(1);
  EXPECT_EQ(counts.records, 0);
  EXPECT_EQ(counts.dropped, 1);
  EXPECT_EQ(counts.errors, 1);
  std::filesystem::create_directory(options_.folder);
  Add("kept");
  counts = Settle(2);
  EXPECT_EQ(counts.records, 1);
  EXPECT_EQ(counts.errors, 1);
  std::vector<std::string> ids;
  ASSERT_TRUE(Read(&ids).ok());
  EXPECT_THAT(ids, ElementsAre("kept"));
}

TEST_F(AllocationLogTest, TheSampleIsByTheRequest) {
  options_.sample = 0.3;
  Open();
  int wanted = 0;
  for (int i = 0; i < 3000; ++i) {
    const v1::AllocateRequest request = RequestOf(absl::StrCat("r", i));
    const bool first = log_->Wants(request);
    EXPECT_EQ(log_->Wants(request), first);
    wanted += first;
  }
  EXPECT_NEAR(wanted, 900, 100);
}

TEST_F(AllocationLogTest, AFolderServesOneProcess) {
  Open();
  const auto second = AllocationLog::Open(options_, "", &clock_, &logger_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("--allocation_log"));
}

TEST_F(AllocationLogTest, AFolderIsCheckedBeforeTheStart) {
  EXPECT_TRUE(CheckAllocationLogFolder(folder_.path()).ok());
  EXPECT_TRUE(CheckAllocationLogFolder(folder_.path() + "/new").ok());
  EXPECT_TRUE(CheckAllocationLogFolder(folder_.path() + "/new/").ok());
  EXPECT_THAT(CheckAllocationLogFolder(folder_.path() + "/no/new").message(),
              HasSubstr("not a folder"));
  const std::string file = folder_.Write("file", "");
  EXPECT_FALSE(CheckAllocationLogFolder(file).ok());
}

TEST_F(AllocationLogTest, ATornEndIsReadPastWithAWarning) {
  const int64_t second = WriteThree();
  const auto size = std::filesystem::file_size(Files()[0]);
  for (const uint64_t cut : {1, 50, 110}) {
    std::filesystem::resize_file(Files()[0], size - cut);
    std::vector<std::string> ids, warnings;
    const absl::Status status = Read(&ids, &warnings);
    EXPECT_TRUE(status.ok()) << cut << ": " << status;
    EXPECT_THAT(ids, ElementsAre("one", "two")) << cut;
    ASSERT_THAT(warnings, SizeIs(1)) << cut;
    EXPECT_THAT(warnings[0], ContainsRegex(absl::StrCat("allocations-.*offset ",
                                                        2 * second)));
  }
  // Where a power cut left zeros.
  std::filesystem::resize_file(Files()[0], static_cast<uintmax_t>(second));
  std::filesystem::resize_file(Files()[0], size);
  std::vector<std::string> ids, warnings;
  EXPECT_TRUE(Read(&ids, &warnings).ok());
  EXPECT_THAT(ids, ElementsAre("one"));
  EXPECT_THAT(warnings, SizeIs(1));
}

TEST_F(AllocationLogTest, DamageIsAnErrorThatNamesThePlace) {
  const int64_t second = WriteThree();
  const std::string whole = [&] {
    std::ifstream in(Files()[0], std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  // Each byte of the second record, its length included.
  for (int64_t at = second; at < 2 * second; ++at) {
    const auto byte = static_cast<unsigned char>(whole[at]);
    Overwrite(0, whole);
    Overwrite(at, std::string(1, static_cast<char>(byte ^ 0x55)));
    std::vector<std::string> ids, warnings;
    const absl::Status status = Read(&ids, &warnings);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << at;
    EXPECT_THAT(std::string(status.message()),
                ContainsRegex(absl::StrCat("allocations-.*offset ", second,
                                           ": the record is damaged")))
        << at;
    EXPECT_THAT(ids, ElementsAre("one")) << at;
    EXPECT_THAT(warnings, IsEmpty()) << at;
  }
}

}  // namespace
}  // namespace allot
