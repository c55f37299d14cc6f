// SPDX-License-Identifier: Apache-2.0
#include "server/access.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/sha.h"
#include "server/grpc_status.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

std::string HashOf(const std::string& token) {
  std::string hash(32, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::string Entry(const std::string& name, const std::string& hash,
                  const std::string& role, const std::string& pools) {
  return absl::StrCat(R"({"name": ")", name, R"(", "sha256": ")",
                      absl::BytesToHexString(hash), R"(", "role": ")", role,
                      R"(", "pools": [)", pools, "]}");
}

// Access for the bearers of some tokens.
class Guarded {
 public:
  explicit Guarded(const std::string& entries) {
    auto table = TokenTable::Parse(
        "t.json", absl::StrCat(R"({"tokens": [)", entries, "]}"));
    EXPECT_TRUE(table.ok()) << table.status();
    if (table.ok()) access_.Set(*table);
  }
  // The reason of a refusal, empty if there is none.
  std::string Check(const std::string& authorization,
                    Role needed = Role::kRead) const {
    return ReasonOf(access_.Check(authorization, needed).status());
  }
  bool MayUse(const std::string& token, const std::string& pool) const {
    const auto caller =
        access_.Check(absl::StrCat("Bearer ", token), Role::kRead);
    EXPECT_TRUE(caller.ok()) << caller.status();
    EXPECT_EQ(caller->CheckPool(pool).ok(), caller->MayUse(pool));
    return caller->MayUse(pool);
  }

 private:
  Access access_;
};

TEST(Access, WithoutATableEverybodyMayDoEverything) {
  const Access access;
  const auto caller = access.Check("", Role::kAdmin);
  ASSERT_TRUE(caller.ok());
  EXPECT_TRUE(caller->MayUse("any"));
}

TEST(Access, TheWholeHashCounts) {
  std::string nearly = HashOf("secret");
  nearly.back() ^= 1;
  const Guarded last(Entry("n", nearly, "admin", "\"*\""));
  EXPECT_EQ(last.Check("Bearer secret"), "TOKEN_UNKNOWN");
  nearly = HashOf("secret");
  nearly.front() ^= 1;
  const Guarded first(Entry("n", nearly, "admin", "\"*\""));
  EXPECT_EQ(first.Check("Bearer secret"), "TOKEN_UNKNOWN");
  const Guarded whole(Entry("n", HashOf("secret"), "admin", "\"*\""));
  EXPECT_EQ(whole.Check("Bearer secret"), "");
}

TEST(Access, TheSchemesCaseAndSpaceDoNotMatterAndTheTokensDo) {
  const Guarded guarded(Entry("n", HashOf("Secret"), "read", "\"*\""));
  for (const char* good :
       {"Bearer Secret", "bearer Secret", "BEARER Secret", "Bearer  Secret "}) {
    EXPECT_EQ(guarded.Check(good), "") << good;
  }
  for (const char* unknown : {"Bearer secret", "Bearer Secre", "Bearer Secrett",
                              "Bearer ", "Bearer Sec ret"}) {
    EXPECT_EQ(guarded.Check(unknown), "TOKEN_UNKNOWN") << unknown;
  }
  for (const char* missing : {"", "Bearer", "Basic Secret", "Secret"}) {
    EXPECT_EQ(guarded.Check(missing), "TOKEN_MISSING") << missing;
  }
}

TEST(Access, AWholePoolIdIsMeant) {
  const Guarded guarded(
      absl::StrCat(Entry("some", HashOf("s"), "read", R"("cat", "dog*", "*s")"),
                   ",", Entry("boss", HashOf("b"), "admin", R"("cat")"), ",",
                   Entry("all", HashOf("a"), "read", R"("cat", "*")")));
  EXPECT_TRUE(guarded.MayUse("s", "cat"));
  for (const char* other : {"cats", "ca", "Cat", "", "dog", "doge", "*"}) {
    EXPECT_FALSE(guarded.MayUse("s", other)) << other;
  }
  EXPECT_TRUE(guarded.MayUse("s", "dog*")) << "the name of a pool";
  EXPECT_FALSE(guarded.MayUse("b", "dog")) << "a role gives no pools";
  EXPECT_TRUE(guarded.MayUse("a", "dog"));
}

TEST(Access, ARoleIsEnoughForItselfAndForLess) {
  const Guarded guarded(
      absl::StrCat(Entry("r", HashOf("r"), "read", "\"*\""), ",",
                   Entry("p", HashOf("p"), "allocate", "\"*\""), ",",
                   Entry("o", HashOf("o"), "admin", "\"*\"")));
  const char* tokens[] = {"Bearer r", "Bearer p", "Bearer o"};
  const Role roles[] = {Role::kRead, Role::kAllocate, Role::kAdmin};
  for (int has = 0; has < 3; ++has) {
    for (int needs = 0; needs < 3; ++needs) {
      EXPECT_EQ(guarded.Check(tokens[has], roles[needs]),
                has >= needs ? "" : "ROLE_TOO_LOW")
          << has << " for " << needs;
    }
  }
}

TEST(Access, OneTokenUnderTwoNamesIsAMistake) {
  const auto table = TokenTable::Parse(
      "t.json",
      absl::StrCat(R"({"tokens": [)",
                   Entry("one", HashOf("t"), "read", "\"a\""), ",\n",
                   Entry("two", HashOf("t"), "admin", "\"*\""), "]}"));
  EXPECT_THAT(std::string(table.status().message()),
              HasSubstr("t.json:2: sha256: is that of \"one\" too"));
}

}  // namespace
}  // namespace allot
