// SPDX-License-Identifier: Apache-2.0
#include "lib/store/json_list.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <type_traits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace allot {
namespace {

class Writer {
 public:
  static constexpr bool kReading = false;

  explicit Writer(std::string& text) : text_(text) {}

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { text_.resize(size_); }

  bool Mark(char mark) {
    *Room(1) = mark;
    ++size_;
    return true;
  }
  bool Null() {
    std::memcpy(Room(4), "null", 4);
    size_ += 4;
    return true;
  }
  template <typename Number>
  bool Value(Number number) {
    if constexpr (std::is_floating_point_v<Number>) {
      if (!std::isfinite(number)) return false;
      // Most are 0, 1 or the like, and a whole number is much faster to write.
      // From 100,000 on the shortest form is another one.
      const auto whole = static_cast<int32_t>(
          std::abs(number) < Number{100'000} ? number : Number{0});
      if (static_cast<Number>(whole) == number && !std::signbit(number)) {
        return Value(whole);
      }
    }
    char* const at = Room(32);
    size_ += static_cast<size_t>(std::to_chars(at, at + 32, number).ptr - at);
    return true;
  }
  bool Value(const std::string& value) {
    constexpr char kHex[] = "0123456789abcdef";
    char* const begin = Room(6 * value.size() + 2);
    char* at = begin;
    *at++ = '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) {
        for (const char escape : {'\\', 'u', '0', '0'}) *at++ = escape;
        *at++ = kHex[byte >> 4];
        *at++ = kHex[byte & 15];
        continue;
      }
      if (c == '"' || c == '\\') *at++ = '\\';
      *at++ = c;
    }
    *at++ = '"';
    size_ += static_cast<size_t>(at - begin);
    return true;
  }

 private:
  char* Room(size_t bytes) {
    if (size_ + bytes > text_.size()) {
      text_.resize(std::max(2 * text_.size(), size_ + bytes + 256));
    }
    return text_.data() + size_;
  }

  std::string& text_;
  size_t size_ = text_.size();  // of which are written
};

// Reads what Writer writes, and spaces where JSON allows them.
class Reader {
 public:
  static constexpr bool kReading = true;

  explicit Reader(absl::string_view text) : rest_(text) {}

  bool Mark(char mark) {
    SkipSpaces();
    if (rest_.empty() || rest_[0] != mark) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Null() {
    SkipSpaces();
    if (!absl::StartsWith(rest_, "null")) return false;
    rest_.remove_prefix(4);
    return true;
  }
  template <typename Number>
  bool Value(Number& number) {
    SkipSpaces();
    const std::from_chars_result result =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (result.ec != std::errc()) return false;
    rest_.remove_prefix(static_cast<size_t>(result.ptr - rest_.data()));
    return true;
  }
  bool Value(std::string& value) {
    if (!Mark('"')) return false;
    value.clear();
    while (true) {
      const size_t plain = rest_.find_first_of("\"\\");
      if (plain == absl::string_view::npos) return false;
      value.append(rest_.data(), plain);
      rest_.remove_prefix(plain);
      if (Mark('"')) return true;
      if (!Escaped(value)) return false;
    }
  }
  bool AtEnd() {
    SkipSpaces();
    return rest_.empty();
  }

 private:
  bool Escaped(std::string& value) {
    if (rest_.size() < 2) return false;
    constexpr absl::string_view kLetters = "\"\\/bfnrt";
    constexpr absl::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (const size_t at = kLetters.find(rest_[1]); at < kLetters.size()) {
      value += kMeant[at];
      rest_.remove_prefix(2);
      return true;
    }
    // Only control characters are ever written by number.
    unsigned code = 0;
    if (!absl::StartsWith(rest_, "\\u00") || rest_.size() < 6) return false;
    const char* const digits = rest_.data() + 4;
    const auto result = std::from_chars(digits, digits + 2, code, 16);
    if (result.ptr != digits + 2 || code >= 0x80) return false;
    value += static_cast<char>(code);
    rest_.remove_prefix(6);
    return true;
  }
  void SkipSpaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' ||
                              rest_[0] == '\t' || rest_[0] == '\r')) {
      rest_.remove_prefix(1);
    }
  }

  absl::string_view rest_;
};

// One walk for both ways: what is written and what is read cannot drift apart.
// Structs are taken apart by structured binding, so that a field that is added
// and forgotten here does not compile.

// A list that is null when it is empty.
template <typename T>
struct Maybe {
  std::vector<T>& items;
};

template <typename A, typename T>
bool Walk(A& a, T& value) {
  return a.Value(value);
}
template <typename A, typename T>
bool Walk(A& a, std::optional<T>& value);
template <typename A, typename T>
bool Walk(A& a, std::vector<T>& items);
template <typename A, typename T>
bool Walk(A& a, Maybe<T>& maybe);

template <typename A, typename First, typename... Rest>
bool Fields(A& a, First&& first, Rest&&... rest) {
  return a.Mark('[') && Walk(a, first) &&
         ((a.Mark(',') && Walk(a, rest)) && ...) && a.Mark(']');
}

template <typename A>
bool Walk(A& a, SkillWeight& entry) {
  auto& [skill, weight] = entry;
  return Fields(a, skill, weight);
}

template <typename A>
bool Walk(A& a, std::pair<int32_t, SkillBelief>& entry) {
  auto& [mean, variance] = entry.second;
  return Fields(a, entry.first, mean, variance);
}

template <typename A>
bool Walk(A& a, Task& task) {
  auto& [id, loading, classes, label_set, difficulty, variance, prior, seconds,
         redundancy, value, required, excluded, gold] = task;
  return Fields(a, id, Maybe<SkillWeight>{loading}, classes, label_set,
                difficulty, variance, Maybe<double>{prior}, seconds, redundancy,
                value, Maybe<std::string>{required},
                Maybe<std::string>{excluded}, gold);
}

template <typename A>
bool Walk(A& a, Lease& lease) {
  auto& [id, task, labeler, expires] = lease;
  return Fields(a, id, task, labeler, expires);
}

template <typename A, typename T>
bool Walk(A& a, std::optional<T>& value) {
  if constexpr (A::kReading) {
    return a.Null() || Walk(a, value.emplace());
  } else {
    return value.has_value() ? Walk(a, *value) : a.Null();
  }
}

template <typename A, typename T>
bool Walk(A& a, std::vector<T>& items) {
  if (!a.Mark('[')) return false;
  if constexpr (A::kReading) {
    if (a.Mark(']')) return true;
    do {
      items.emplace_back();
      if (!Walk(a, items.back())) return false;
    } while (a.Mark(','));
  } else {
    bool first = true;
    for (T& item : items) {
      if (!first) a.Mark(',');
      first = false;
      if (!Walk(a, item)) return false;
    }
  }
  return a.Mark(']');
}

template <typename A, typename T>
bool Walk(A& a, Maybe<T>& maybe) {
  if constexpr (A::kReading) {
    return a.Null() || Walk(a, maybe.items);
  } else {
    return maybe.items.empty() ? a.Null() : Walk(a, maybe.items);
  }
}

template <typename T>
absl::Status Append(const std::vector<T>& list, std::string& text) {
  Writer writer(text);
  // The walk is one for both ways; writing leaves the list as it is.
  if (Walk(writer, const_cast<std::vector<T>&>(list))) return absl::OkStatus();
  return absl::InvalidArgumentError("a number is not finite");
}

template <typename T>
absl::StatusOr<std::vector<T>> Parse(absl::string_view text) {
  std::vector<T> list;
  Reader reader(text);
  if (Walk(reader, list) && reader.AtEnd()) return list;
  return absl::DataLossError(
      absl::StrCat("not a list as allot writes it: ", text.substr(0, 100)));
}

}  // namespace

absl::Status AppendJson(const Loading& loading, std::string& text) {
  return Append(loading, text);
}
absl::Status AppendJson(const SkillBeliefs& skills, std::string& text) {
  return Append(skills, text);
}
absl::Status AppendJson(const std::vector<double>& numbers, std::string& text) {
  return Append(numbers, text);
}
absl::Status AppendJson(const std::vector<Task>& tasks, std::string& text) {
  return Append(tasks, text);
}
absl::Status AppendJson(const std::vector<Lease>& leases, std::string& text) {
  return Append(leases, text);
}

absl::StatusOr<Loading> ParseLoading(absl::string_view text) {
  return Parse<SkillWeight>(text);
}
absl::StatusOr<SkillBeliefs> ParseSkillBeliefs(absl::string_view text) {
  return Parse<SkillBeliefs::value_type>(text);
}
absl::StatusOr<std::vector<double>> ParseNumbers(absl::string_view text) {
  return Parse<double>(text);
}
absl::StatusOr<std::vector<Task>> ParseTasks(absl::string_view text) {
  return Parse<Task>(text);
}
absl::StatusOr<std::vector<Lease>> ParseLeases(absl::string_view text) {
  return Parse<Lease>(text);
}

}  // namespace allot
