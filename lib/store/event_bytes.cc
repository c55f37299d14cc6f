// SPDX-License-Identifier: Apache-2.0
#include "lib/store/event_bytes.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

constexpr uint64_t kFirstVersion = 1;
constexpr uint64_t kFairness = 2;  // policies have it
constexpr uint64_t kVersion = kFairness;

static_assert(std::endian::native == std::endian::little);

class ByteWriter {
 public:
  static constexpr bool kReading = false;
  uint64_t version = kVersion;

  bool Count(uint64_t& value) {
    uint64_t rest = value;
    for (; rest >= 0x80; rest >>= 7) {
      bytes_ += static_cast<char>(rest | 0x80);
    }
    bytes_ += static_cast<char>(rest);
    return true;
  }
  bool Raw(void* data, size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
    return true;
  }
  bool Text(std::string& text) {
    uint64_t size = text.size();
    Count(size);
    bytes_ += text;
    return true;
  }
  std::string Take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  static constexpr bool kReading = true;
  uint64_t version = kVersion;

  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}

  bool Count(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) return false;
      const auto byte = static_cast<unsigned char>(bytes_[0]);
      bytes_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool Raw(void* data, size_t size) {
    if (bytes_.size() < size) return false;
    std::memcpy(data, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool Text(std::string& text) {
    uint64_t size = 0;
    if (!Count(size) || size > bytes_.size()) return false;
    text.assign(bytes_.data(), size);
    bytes_.remove_prefix(size);
    return true;
  }
  // Items that could still come: none takes less than a byte.
  size_t left() const { return bytes_.size(); }

 private:
  absl::string_view bytes_;
};

// One walk for both ways: what is written and what is read cannot drift apart.
// Structs are taken apart by structured binding, so that a field that is added
// and forgotten here does not compile.

template <typename A>
bool Walk(A& a, std::string& text) {
  return a.Text(text);
}

template <typename A, typename T>
requires std::is_arithmetic_v<T>
bool Walk(A& a, T& value) {
  if constexpr (std::is_floating_point_v<T>) {
    return a.Raw(&value, sizeof(value));
  } else {
    // Small numbers of either sign in few bytes.
    auto wide = static_cast<uint64_t>(static_cast<int64_t>(value));
    uint64_t folded = (wide << 1) ^ (wide >> 63 != 0 ? ~uint64_t{0} : 0);
    if (!a.Count(folded)) return false;
    if constexpr (A::kReading) {
      wide = (folded >> 1) ^ ((folded & 1) != 0 ? ~uint64_t{0} : 0);
      const auto read = static_cast<int64_t>(wide);
      value = static_cast<T>(read);
      if (static_cast<int64_t>(value) != read) return false;
    }
    return true;
  }
}

template <typename A, typename T>
bool Walk(A& a, std::vector<T>& items);
template <typename A, typename T>
bool Walk(A& a, std::optional<T>& value);
template <typename A, typename T, typename U>
bool Walk(A& a, std::pair<T, U>& pair);

template <typename A>
bool Walk(A& a, SkillBelief& belief) {
  auto& [mean, variance] = belief;
  return Walk(a, mean) && Walk(a, variance);
}

template <typename A>
bool Walk(A& a, SkillWeight& entry) {
  auto& [skill, weight] = entry;
  return Walk(a, skill) && Walk(a, weight);
}

template <typename A>
bool Walk(A& a, Price& price) {
  auto& [per_answer, per_hour] = price;
  return Walk(a, per_answer) && Walk(a, per_hour);
}

template <typename A>
bool Walk(A& a, Skill& skill) {
  auto& [name, mean, variance] = skill;
  return Walk(a, name) && Walk(a, mean) && Walk(a, variance);
}

template <typename A>
bool Walk(A& a, LabelSet& set) {
  auto& [name, labels] = set;
  return Walk(a, name) && Walk(a, labels);
}

template <typename A>
bool Walk(A& a, ObjectiveWeights& weights) {
  auto& [quality, cost, time, explore, balance, fairness, fair_answers,
         must_fill, accuracy, share] = weights;
  const bool fair = a.version >= kFairness;
  return Walk(a, quality) && Walk(a, cost) && Walk(a, time) &&
         Walk(a, explore) && Walk(a, balance) &&
         (!fair || (Walk(a, fairness) && Walk(a, fair_answers))) &&
         Walk(a, must_fill) && Walk(a, accuracy) && Walk(a, share);
}

template <typename A>
bool Walk(A& a, ConfidenceRule& rule) {
  auto& [target, most] = rule;
  return Walk(a, target) && Walk(a, most);
}

template <typename A>
bool Walk(A& a, Policy& policy) {
  auto& [name, weights, confidence] = policy;
  return Walk(a, name) && Walk(a, weights) && Walk(a, confidence);
}

template <typename A>
bool Walk(A& a, LearningRule& rule) {
  auto& [learn_prior, drift, difficulty] = rule;
  return Walk(a, learn_prior) && Walk(a, drift) && Walk(a, difficulty);
}

template <typename A>
bool Walk(A& a, Pool& pool) {
  auto& [id, skills, label_sets, policies, learning] = pool;
  return Walk(a, id) && Walk(a, skills) && Walk(a, label_sets) &&
         Walk(a, policies) && Walk(a, learning);
}

template <typename A>
bool Walk(A& a, LabelerUpdate& update) {
  auto& [id, price, capacity, qualifications, skills, group] = update;
  return Walk(a, id) && Walk(a, price) && Walk(a, capacity) &&
         Walk(a, qualifications) && Walk(a, skills) && Walk(a, group);
}

template <typename A>
bool Walk(A& a, Task& task) {
  auto& [id, loading, classes, label_set, difficulty, variance, prior, seconds,
         redundancy, value, required, excluded, gold] = task;
  return Walk(a, id) && Walk(a, loading) && Walk(a, classes) &&
         Walk(a, label_set) && Walk(a, difficulty) && Walk(a, variance) &&
         Walk(a, prior) && Walk(a, seconds) && Walk(a, redundancy) &&
         Walk(a, value) && Walk(a, required) && Walk(a, excluded) &&
         Walk(a, gold);
}

template <typename A>
bool Walk(A& a, Answer& answer) {
  auto& [task, labeler, label, seconds, answered] = answer;
  return Walk(a, task) && Walk(a, labeler) && Walk(a, label) &&
         Walk(a, seconds) && Walk(a, answered);
}

template <typename A>
bool Walk(A& a, Lease& lease) {
  auto& [id, task, labeler, expires] = lease;
  return Walk(a, id) && Walk(a, task) && Walk(a, labeler) && Walk(a, expires);
}

template <typename A>
bool Walk(A& a, PoolUpserted& body) {
  auto& [pool] = body;
  return Walk(a, pool);
}

template <typename A>
bool Walk(A& a, LabelersUpserted& body) {
  auto& [labelers] = body;
  return Walk(a, labelers);
}

template <typename A>
bool Walk(A& a, LabelersDeleted& body) {
  auto& [ids] = body;
  return Walk(a, ids);
}

template <typename A>
bool Walk(A& a, TasksRecorded& body) {
  auto& [tasks] = body;
  return Walk(a, tasks);
}

template <typename A>
bool Walk(A& a, AnswersRecorded& body) {
  auto& [answers] = body;
  return Walk(a, answers);
}

template <typename A>
bool Walk(A& a, LeasesGranted& body) {
  auto& [leases] = body;
  return Walk(a, leases);
}

template <typename A>
bool Walk(A& a, LeasesRenewed& body) {
  auto& [ids, expires] = body;
  return Walk(a, ids) && Walk(a, expires);
}

template <typename A>
bool Walk(A& a, LeasesEnded& body) {
  auto& [ids, reason] = body;
  auto number = static_cast<int32_t>(reason);
  if (!Walk(a, ids) || !Walk(a, number)) return false;
  if (number < 0 || number > static_cast<int32_t>(ReleaseReason::kNever)) {
    return false;
  }
  reason = static_cast<ReleaseReason>(number);
  return true;
}

template <typename A>
bool Walk(A& a, RequestAnswered& body) {
  auto& [id, fingerprint, response] = body;
  return Walk(a, id) && Walk(a, fingerprint) && Walk(a, response);
}

template <typename A, typename T>
bool Walk(A& a, std::vector<T>& items) {
  uint64_t size = items.size();
  if (!a.Count(size)) return false;
  if constexpr (A::kReading) {
    if (size > a.left()) return false;
    items.resize(size);
  }
  for (T& item : items) {
    if (!Walk(a, item)) return false;
  }
  return true;
}

template <typename A, typename T>
bool Walk(A& a, std::optional<T>& value) {
  bool present = value.has_value();
  if (!Walk(a, present)) return false;
  if constexpr (A::kReading) {
    if (present) value.emplace();
  }
  return !present || Walk(a, *value);
}

template <typename A, typename T, typename U>
bool Walk(A& a, std::pair<T, U>& pair) {
  return Walk(a, pair.first) && Walk(a, pair.second);
}

template <size_t kKind = 0>
bool ReadBody(ByteReader& reader, uint64_t kind, EventBody& body) {
  if constexpr (kKind < std::variant_size_v<EventBody>) {
    if (kind == kKind) return Walk(reader, body.emplace<kKind>());
    return ReadBody<kKind + 1>(reader, kind, body);
  } else {
    return false;
  }
}

}  // namespace

std::string ToBytes(const Event& event) {
  ByteWriter writer;
  // As old as can be, so that replicas of the version before can read it.
  writer.version = std::holds_alternative<PoolUpserted>(event.body)
                       ? kFairness
                       : kFirstVersion;
  writer.Count(writer.version);
  uint64_t kind = event.body.index();
  writer.Count(kind);
  // The walk is one for both ways; writing leaves the event as it is.
  auto& changeable = const_cast<Event&>(event);
  Walk(writer, changeable.unix_micros);
  std::visit([&](auto& body) { Walk(writer, body); }, changeable.body);
  return std::move(writer).Take();
}

absl::StatusOr<Event> ParseEventBytes(absl::string_view pool,
                                      absl::string_view bytes) {
  ByteReader reader(bytes);
  uint64_t kind = 0;
  Event event;
  event.pool = std::string(pool);
  if (!reader.Count(reader.version) || !reader.Count(kind)) {
    return absl::DataLossError("an event's bytes are cut short");
  }
  if (reader.version < kFirstVersion || reader.version > kVersion ||
      kind >= std::variant_size_v<EventBody>) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the log of pool \"", pool, "\" holds an event of version ",
        reader.version, " and kind ", kind,
        ", written by a newer allot; run that version"));
  }
  if (!Walk(reader, event.unix_micros) || !ReadBody(reader, kind, event.body) ||
      reader.left() > 0) {
    return absl::DataLossError(absl::StrCat("an event of pool \"", pool,
                                            "\" was damaged (kind ", kind, ", ",
                                            bytes.size(), " bytes)"));
  }
  return event;
}

}  // namespace allot
