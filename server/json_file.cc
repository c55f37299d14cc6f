// SPDX-License-Identifier: Apache-2.0
#include "server/json_file.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace allot {
namespace {

// Where the reader is in the text.
struct Position {
  int line = 1;
  int line_before = 1;  // of the last character but one
};

class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, Position* position)
      : at_(at), position_(position) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    position_->line_before = position_->line;
    if (*at_ == '\n') ++position_->line;
    ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator& other) const {
    return at_ == other.at_;
  }
  bool operator!=(const CountingIterator& other) const {
    return at_ != other.at_;
  }

 private:
  const char* at_;
  Position* position_;
};

// Builds the tree from nlohmann's events.
class Builder {
 public:
  using Json = nlohmann::json;

  Builder(absl::string_view name, const Position& position)
      : name_(name), position_(position) {}

  bool null() { return Add(JsonValue::Kind::kNull) != nullptr; }
  bool boolean(bool value) {
    JsonValue* at = Add(JsonValue::Kind::kBool);
    if (at == nullptr) return false;
    at->boolean = value;
    at->text = value ? "true" : "false";
    return true;
  }
  bool number_integer(int64_t value) {
    return AddNumber(static_cast<double>(value), absl::StrCat(value));
  }
  bool number_unsigned(uint64_t value) {
    return AddNumber(static_cast<double>(value), absl::StrCat(value));
  }
  bool number_float(double value, const std::string& text) {
    return AddNumber(value, text);
  }
  bool string(std::string& value) {
    JsonValue* at = Add(JsonValue::Kind::kText);
    if (at == nullptr) return false;
    at->text = std::move(value);
    return true;
  }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(size_t) { return Open(JsonValue::Kind::kObject); }
  bool start_array(size_t) { return Open(JsonValue::Kind::kList); }
  bool key(std::string& name) {
    JsonValue& object = *open_.back();
    if (object.Find(name) != nullptr) {
      error = ErrorAt(name_, position_.line,
                      absl::StrCat("\"", name, "\" is given twice"));
      return false;
    }
    object.members.emplace_back(std::move(name), JsonValue());
    return true;
  }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool parse_error(size_t, const std::string&,
                   const nlohmann::detail::exception& failure) {
    // "[json.exception.parse_error.101] parse error at line 3, column 4: ..."
    const std::string what = failure.what();
    int line = position_.line;
    constexpr absl::string_view kAt = "at line ";
    if (const size_t at = what.find(kAt.data()); at != std::string::npos) {
      line = std::atoi(what.c_str() + at + kAt.size());
    }
    const size_t text = what.find(": ");
    error = ErrorAt(
        name_, line,
        absl::StrCat("not JSON: ",
                     text == std::string::npos ? what : what.substr(text + 2)));
    return false;
  }

  JsonValue root;
  absl::Status error;

 private:
  static constexpr size_t kMostDepth = 32;

  JsonValue* Add(JsonValue::Kind kind) {
    JsonValue* at = &root;
    if (!open_.empty()) {
      JsonValue& parent = *open_.back();
      at = parent.kind == JsonValue::Kind::kObject
               ? &parent.members.back().second
               : &parent.items.emplace_back();
    }
    at->kind = kind;
    // A number is known to be over by the character behind it.
    at->line = kind == JsonValue::Kind::kNumber ? position_.line_before
                                                : position_.line;
    return at;
  }
  bool AddNumber(double value, std::string text) {
    JsonValue* at = Add(JsonValue::Kind::kNumber);
    at->number = value;
    at->text = std::move(text);
    return true;
  }
  bool Open(JsonValue::Kind kind) {
    if (open_.size() >= kMostDepth) {
      error = ErrorAt(name_, position_.line, "nested too deeply");
      return false;
    }
    open_.push_back(Add(kind));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  absl::string_view name_;
  const Position& position_;
  // Parents do not move while a child is open: siblings come later.
  std::vector<JsonValue*> open_;
};

}  // namespace

absl::Status ErrorAt(absl::string_view name, int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ":", line, ": ", what));
}

const JsonValue* JsonValue::Find(absl::string_view name) const {
  for (const auto& [member, value] : members) {
    if (member == name) return &value;
  }
  return nullptr;
}

absl::StatusOr<JsonValue> ParseJson(absl::string_view name,
                                    absl::string_view text) {
  Position position;
  Builder builder(name, position);
  const bool good = nlohmann::json::sax_parse(
      CountingIterator(text.data(), &position),
      CountingIterator(text.data() + text.size(), &position), &builder,
      nlohmann::json::input_format_t::json, /*strict=*/true,
      /*ignore_comments=*/true);
  if (!builder.error.ok()) return builder.error;
  if (!good) return ErrorAt(name, position.line, "not JSON");
  return std::move(builder.root);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file.good()) text << file.rdbuf();
  if (!file.good()) {
    return absl::NotFoundError(
        absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  }
  return text.str();
}

absl::StatusOr<JsonValue> ReadJsonFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<JsonValue> value = ParseJson(path, *text);
  if (value.ok() && value->kind != JsonValue::Kind::kObject) {
    return ErrorAt(path, value->line, "must be an object: { ... }");
  }
  return value;
}

JsonObject::JsonObject(absl::string_view name, const JsonValue& value)
    : name_(name), value_(value), taken_(value.members.size()) {
  if (value.kind != JsonValue::Kind::kObject) {
    Fail(value, "must be an object: { ... }");
  }
}

void JsonObject::Fail(const JsonValue& at, absl::string_view what) {
  if (status_.ok()) status_ = ErrorAt(name_, at.line, what);
}

const JsonValue* JsonObject::Take(absl::string_view member,
                                  JsonValue::Kind kind,
                                  absl::string_view must) {
  for (size_t i = 0; i < value_.members.size(); ++i) {
    if (value_.members[i].first != member) continue;
    taken_[i] = true;
    const JsonValue& value = value_.members[i].second;
    if (value.kind == kind) return &value;
    Fail(value, absl::StrCat(member, ": must be ", must));
  }
  return nullptr;
}

std::optional<std::string> JsonObject::Text(absl::string_view member) {
  const JsonValue* value = Take(member, JsonValue::Kind::kText, "a text");
  if (value == nullptr) return std::nullopt;
  return value->text;
}

std::optional<double> JsonObject::Number(absl::string_view member, double low,
                                         double high) {
  const JsonValue* value = Take(member, JsonValue::Kind::kNumber, "a number");
  if (value == nullptr) return std::nullopt;
  if (!(value->number >= low && value->number <= high)) {
    Fail(*value, absl::StrCat(member, ": must be in [", low, ", ", high,
                              "], got ", value->text));
    return std::nullopt;
  }
  return value->number;
}

std::optional<int64_t> JsonObject::Whole(absl::string_view member, int64_t low,
                                         int64_t high) {
  const JsonValue* value =
      Take(member, JsonValue::Kind::kNumber, "a whole number");
  if (value == nullptr) return std::nullopt;
  int64_t whole = 0;
  if (!absl::SimpleAtoi(value->text, &whole) || whole < low || whole > high) {
    Fail(*value, absl::StrCat(member, ": must be a whole number in [", low,
                              ", ", high, "], got ", value->text));
    return std::nullopt;
  }
  return whole;
}

const JsonValue* JsonObject::List(absl::string_view member) {
  return Take(member, JsonValue::Kind::kList, "a list: [ ... ]");
}

absl::Status JsonObject::Finish() {
  for (size_t i = 0; i < taken_.size() && status_.ok(); ++i) {
    if (!taken_[i]) {
      Fail(value_.members[i].second,
           absl::StrCat("unknown member \"", value_.members[i].first, "\""));
    }
  }
  return status_;
}

}  // namespace allot
