// SPDX-License-Identifier: Apache-2.0
#include "lib/roster/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/published.h"
#include "lib/base/rng.h"

namespace allot {
namespace {

using testing::ElementsAre;

Roster WithLabelers(int count, int skills = 2) {
  RosterEditor editor{Roster(skills)};
  for (int i = 0; i < count; ++i) {
    const int32_t row = editor.Add(absl::StrCat("l", i)).row;
    RosterBlock& block = editor.Edit(row);
    block.capacity[Roster::lane(row)] = i;
    block.skill_mean[Roster::lane(row)] = static_cast<float>(i);
  }
  return std::move(editor).Finish(1);
}

TEST(Roster, FindsEachLabelerAtHerRow) {
  const Roster roster = WithLabelers(1000);
  EXPECT_EQ(roster.num_labelers(), 1000);
  EXPECT_EQ(roster.num_blocks(), 16);
  for (int i = 0; i < 1000; i += 37) {
    const auto row = roster.Find(absl::StrCat("l", i));
    ASSERT_TRUE(row.has_value());
    EXPECT_TRUE(roster.live(*row));
    EXPECT_EQ(roster.profile(*row).id, absl::StrCat("l", i));
    EXPECT_EQ(roster.Describe(*row).capacity, i);
  }
  EXPECT_EQ(roster.Find("nobody"), std::nullopt);
}

TEST(Roster, AnEditLeavesTheOldSnapshotUntouched) {
  const Roster before = WithLabelers(200);
  RosterEditor editor(before);
  const int32_t row = *before.Find("l150");
  editor.Edit(row).skill_mean[Roster::lane(row)] = -7;
  editor.Remove(*before.Find("l3"));
  const Roster after = std::move(editor).Finish(1);
  EXPECT_EQ(before.Describe(row).skills[0].mean, 150);
  EXPECT_EQ(after.Describe(row).skills[0].mean, -7);
  EXPECT_TRUE(before.Find("l3").has_value());
  EXPECT_FALSE(after.Find("l3").has_value());
  EXPECT_EQ(after.version(), 1);
}

TEST(Roster, AnEditCopiesOnlyTheBlocksItTouches) {
  const Roster before = WithLabelers(64 * 100);
  RosterEditor editor(before);
  editor.Edit(64 * 40 + 5).capacity[5] = 1;
  const Roster after = std::move(editor).Finish(1);
  int copied = 0;
  for (int64_t b = 0; b < before.num_blocks(); ++b) {
    if (&before.block(b) != &after.block(b)) ++copied;
  }
  EXPECT_EQ(copied, 1);
}

TEST(Roster, ADeletedLabelerComesBackAsSheWas) {
  RosterEditor remove(WithLabelers(10));
  const int32_t row = *remove.Find("l4");
  remove.Remove(row);
  EXPECT_EQ(remove.Find("l4"), std::nullopt);
  const Roster without = std::move(remove).Finish(1);
  EXPECT_FALSE(without.live(row));
  EXPECT_EQ(without.num_labelers(), 9);
  RosterEditor add(without);
  const RosterEditor::Added added = add.Add("l4");
  EXPECT_TRUE(added.returned);
  EXPECT_EQ(added.row, row);
  const Roster with = std::move(add).Finish(1);
  EXPECT_EQ(with.num_labelers(), 10);
  EXPECT_EQ(with.Describe(row).skills[0].mean, 4);
}

TEST(Roster, AppendedSkillsStartAtTheirPriorForEverybody) {
  RosterEditor editor(WithLabelers(3, 1));
  editor.Remove(*editor.Find("l1"));
  const std::vector<SkillBelief> priors = {{2.0, 0.5}};
  editor.AppendSkills(priors);
  const Roster roster = std::move(editor).Finish(1);
  EXPECT_EQ(roster.num_skills(), 2);
  const Labeler labeler = roster.Describe(*roster.Find("l2"));
  EXPECT_EQ(labeler.skills[0].mean, 2.0);
  EXPECT_EQ(labeler.skills[1].mean, 2.0);
  EXPECT_EQ(labeler.skills[1].variance, 0.5);
}

TEST(Roster, TheQualificationFilterHoldsEveryQualification) {
  RosterEditor editor{Roster(1)};
  const int32_t row = editor.Add("ana").row;
  editor.SetProfile(row, {.id = "ana", .qualifications = {"dicom", "german"}});
  const Roster roster = std::move(editor).Finish(1);
  const uint64_t filter =
      roster.block_of(row).qualification_filter[Roster::lane(row)];
  EXPECT_TRUE(filter & QualificationBit("dicom"));
  EXPECT_TRUE(filter & QualificationBit("german"));
  EXPECT_THAT(roster.profile(row).qualifications,
              ElementsAre("dicom", "german"));
}

TEST(Roster, AChangedProfileIsItsOwnRostersAlone) {
  const Roster first = WithLabelers(3);
  RosterEditor moved(first);
  moved.Edit(0).capacity[0] = 7;
  const Roster second = std::move(moved).Finish(2);
  EXPECT_EQ(&second.profile(1), &first.profile(1)) << "shared until it changes";
  RosterEditor renamed(second);
  renamed.SetProfile(1, {.id = "l1", .correlation_group = "models"});
  renamed.SetProfile(2, {.id = "l2", .qualifications = {"dicom"}});
  const Roster third = std::move(renamed).Finish(3);
  EXPECT_EQ(third.profile(1).correlation_group, "models");
  EXPECT_EQ(third.block(0).grouped, 0b010u);
  EXPECT_THAT(third.profile(2).qualifications, ElementsAre("dicom"));
  EXPECT_EQ(&third.profile(0), &first.profile(0));
  for (const Roster* earlier : {&first, &second}) {
    EXPECT_EQ(earlier->profile(1).correlation_group, "");
    EXPECT_THAT(earlier->profile(2).qualifications, ElementsAre());
    EXPECT_EQ(earlier->block(0).grouped, 0u);
  }
  RosterEditor alone(third);
  alone.SetProfile(1, {.id = "l1"});
  EXPECT_EQ(std::move(alone).Finish(4).block(0).grouped, 0u);
}

TEST(Roster, ReadersKeepAConsistentSnapshotWhileAWriterPublishes) {
  // Every snapshot keeps the capacities equal; a torn one would not.
  Published<Roster> published(
      std::make_shared<const Roster>(WithLabelers(300)));
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  const auto set_all = [](const Roster& base, int32_t value) {
    RosterEditor editor(base);
    for (int32_t row = 0; row < 300; ++row) {
      editor.Edit(row).capacity[Roster::lane(row)] = value;
    }
    return std::make_shared<const Roster>(std::move(editor).Finish(1));
  };
  published.Set(set_all(*published.Get(), 0));
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!stop) {
        const std::shared_ptr<const Roster> roster = published.Get();
        const int32_t first = roster->block(0).capacity[0];
        for (int32_t row = 0; row < 300; ++row) {
          if (roster->block_of(row).capacity[Roster::lane(row)] != first) {
            ++torn;
          }
        }
      }
    });
  }
  for (int value = 1; value <= 100; ++value) {
    published.Set(set_all(*published.Get(), value));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace allot
