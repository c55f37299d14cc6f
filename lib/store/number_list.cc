// SPDX-License-Identifier: Apache-2.0
#include "lib/store/number_list.h"

#include <charconv>
#include <cmath>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

template <typename Number>
bool Append(Number number, std::string& text) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(number)) return false;
  }
  char buffer[32];
  const std::to_chars_result end =
      std::to_chars(buffer, buffer + sizeof(buffer), number);
  text.append(buffer, end.ptr);
  return true;
}

bool Append(const SkillWeight& entry, std::string& text) {
  const auto& [skill, weight] = entry;
  text += '[';
  Append(skill, text);
  text += ',';
  const bool finite = Append(weight, text);
  text += ']';
  return finite;
}

bool Append(const std::pair<int32_t, SkillBelief>& skill, std::string& text) {
  text += '[';
  Append(skill.first, text);
  text += ',';
  const auto& [mean, variance] = skill.second;
  const bool mean_is_finite = Append(mean, text);
  text += ',';
  const bool variance_is_finite = Append(variance, text);
  text += ']';
  return mean_is_finite && variance_is_finite;
}

template <typename List>
absl::Status AppendList(const List& list, std::string& text) {
  text += '[';
  bool first = true;
  for (const auto& item : list) {
    if (!first) text += ',';
    first = false;
    if (!Append(item, text)) {
      return absl::InvalidArgumentError("a number is not finite");
    }
  }
  text += ']';
  return absl::OkStatus();
}

// Reads what Append() writes, and spaces where JSON allows them.
class Reader {
 public:
  explicit Reader(absl::string_view text)
      : next_(text.data()), end_(text.data() + text.size()) {}

  bool Take(char wanted) {
    SkipSpaces();
    if (next_ == end_ || *next_ != wanted) return false;
    ++next_;
    return true;
  }

  template <typename Number>
  bool Take(Number& number) {
    SkipSpaces();
    const std::from_chars_result result = std::from_chars(next_, end_, number);
    if (result.ec != std::errc()) return false;
    next_ = result.ptr;
    return true;
  }

  bool Take(SkillWeight& entry) {
    return Take('[') && Take(entry.skill) && Take(',') && Take(entry.weight) &&
           Take(']');
  }

  bool Take(std::pair<int32_t, SkillBelief>& skill) {
    return Take('[') && Take(skill.first) && Take(',') &&
           Take(skill.second.mean) && Take(',') &&
           Take(skill.second.variance) && Take(']');
  }

  bool AtEnd() {
    SkipSpaces();
    return next_ == end_;
  }

 private:
  void SkipSpaces() {
    while (next_ != end_ && (*next_ == ' ' || *next_ == '\n' ||
                             *next_ == '\t' || *next_ == '\r')) {
      ++next_;
    }
  }

  const char* next_;
  const char* end_;
};

template <typename List>
absl::StatusOr<List> ParseList(absl::string_view text) {
  List list;
  Reader reader(text);
  bool well_formed = reader.Take('[');
  if (well_formed && !reader.Take(']')) {
    do {
      typename List::value_type item{};
      well_formed = reader.Take(item);
      list.push_back(item);
    } while (well_formed && reader.Take(','));
    well_formed = well_formed && reader.Take(']');
  }
  if (!well_formed || !reader.AtEnd()) {
    return absl::DataLossError(
        absl::StrCat("not a list of numbers: ", text.substr(0, 100)));
  }
  return list;
}

}  // namespace

absl::Status AppendJson(const Loading& loading, std::string& text) {
  return AppendList(loading, text);
}
absl::Status AppendJson(const SkillBeliefs& skills, std::string& text) {
  return AppendList(skills, text);
}
absl::Status AppendJson(const std::vector<double>& numbers, std::string& text) {
  return AppendList(numbers, text);
}

absl::StatusOr<Loading> ParseLoading(absl::string_view text) {
  return ParseList<Loading>(text);
}
absl::StatusOr<SkillBeliefs> ParseSkillBeliefs(absl::string_view text) {
  return ParseList<SkillBeliefs>(text);
}
absl::StatusOr<std::vector<double>> ParseNumbers(absl::string_view text) {
  return ParseList<std::vector<double>>(text);
}

}  // namespace allot
