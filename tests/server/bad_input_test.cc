// SPDX-License-Identifier: Apache-2.0
// Bad input over the wire: the right code, the field at fault, and a server
// that is alive after it.
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class BadInput : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    running_ = new RunningServer();
    running_->AddPool();
    running_->AddLabelers(3, 5);
  }
  static void TearDownTestSuite() {
    delete running_;
    running_ = nullptr;
  }
  // Whatever the test did, the next call is served.
  void TearDown() override {
    EXPECT_TRUE(Allocate(OneTask()).ok()) << "the server must be alive after";
  }

  static v1::AllocateRequest OneTask() {
    v1::AllocateRequest request;
    request.set_pool_id("animals");
    request.add_tasks()->set_task_id("t1");
    return request;
  }

  grpc::Status Allocate(const v1::AllocateRequest& request) {
    grpc::ClientContext context;
    return running_->allocation().Allocate(&context, request, &response_);
  }

  void ExpectBad(const grpc::Status& status, const std::string& field) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << status.error_message();
    const auto bad = BadRequestOf(status);
    ASSERT_GE(bad.field_violations_size(), 1);
    EXPECT_EQ(bad.field_violations(0).field(), field);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "INVALID_FIELD");
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  }

  static RunningServer* running_;
  v1::AllocateResponse response_;
};

RunningServer* BadInput::running_ = nullptr;

TEST_F(BadInput, EmptyBatch) {
  v1::AllocateRequest request = OneTask();
  request.clear_tasks();
  ExpectBad(Allocate(request), "tasks");
}

TEST_F(BadInput, RedundancyOutOfRange) {
  for (const int redundancy : {0, 65, -1}) {
    v1::AllocateRequest request = OneTask();
    request.mutable_tasks(0)->set_redundancy(redundancy);
    ExpectBad(Allocate(request), "tasks[0].redundancy");
  }
}

// Every number of a request, set to NaN and to both infinities in turn: the
// walk finds the fields itself, so a new field is covered on the day it comes.
void ForEachNumber(
    google::protobuf::Message* message,
    const std::function<void(const google::protobuf::FieldDescriptor&,
                             google::protobuf::Message*)>& visit) {
  using google::protobuf::FieldDescriptor;
  const auto* type = message->GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor& field = *type->field(i);
    if (field.is_map()) continue;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
        field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
      visit(field, message);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const auto* reflection = message->GetReflection();
      google::protobuf::Message* child =
          !field.is_repeated() ? reflection->MutableMessage(message, &field)
          : reflection->FieldSize(*message, &field) > 0
              ? reflection->MutableRepeatedMessage(message, &field, 0)
              : reflection->AddMessage(message, &field);
      ForEachNumber(child, visit);
    }
  }
}

void SetNumber(const google::protobuf::FieldDescriptor& field, double value,
               google::protobuf::Message* message) {
  const auto* reflection = message->GetReflection();
  const bool is_float =
      field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_FLOAT;
  if (field.is_repeated() && is_float) {
    reflection->AddFloat(message, &field, static_cast<float>(value));
  } else if (field.is_repeated()) {
    reflection->AddDouble(message, &field, value);
  } else if (is_float) {
    reflection->SetFloat(message, &field, static_cast<float>(value));
  } else {
    reflection->SetDouble(message, &field, value);
  }
}

template <typename Request, typename Call>
int SpoilEachNumber(const Request& good, const Call& call) {
  int spoiled = 0;
  int fields = 0;
  Request counting = good;
  ForEachNumber(&counting, [&](const auto&, auto*) { ++fields; });
  for (int which = 0; which < fields; ++which) {
    for (const double value : {kNan, std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity()}) {
      Request request = good;
      int at = 0;
      std::string name;
      ForEachNumber(&request, [&](const auto& field, auto* message) {
        if (at++ != which) return;
        name = field.full_name();
        SetNumber(field, value, message);
      });
      const grpc::Status status = call(request);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
          << name << " = " << value << ": " << status.error_message();
      const std::string field = name.substr(name.rfind('.') + 1);
      bool named = false;
      const auto bad = BadRequestOf(status);
      for (const auto& violation : bad.field_violations()) {
        named = named || violation.field().find(field) != std::string::npos;
      }
      EXPECT_TRUE(named) << name << " = " << value << ": "
                         << status.error_message();
      ++spoiled;
    }
  }
  return spoiled;
}

TEST_F(BadInput, NanAndInfinityInEveryNumberOfEveryRequest) {
  EXPECT_GE(
      SpoilEachNumber(OneTask(),
                      [&](const auto& request) { return Allocate(request); }),
      3 * 14);
  v1::UpsertLabelersRequest labelers;
  labelers.set_pool_id("animals");
  labelers.add_labelers()->set_labeler_id("x");
  EXPECT_GE(SpoilEachNumber(labelers,
                            [&](const auto& request) {
                              grpc::ClientContext context;
                              v1::UpsertLabelersResponse response;
                              return running_->labelers().UpsertLabelers(
                                  &context, request, &response);
                            }),
            3 * 4);
  v1::UpsertPoolRequest pool;
  pool.mutable_pool()->set_pool_id("other");
  EXPECT_GE(SpoilEachNumber(pool,
                            [&](const auto& request) {
                              grpc::ClientContext context;
                              v1::UpsertPoolResponse response;
                              return running_->pools().UpsertPool(
                                  &context, request, &response);
                            }),
            3 * 12);
  v1::ScoreRequest score;
  score.set_pool_id("animals");
  score.add_items()->mutable_task()->set_task_id("t");
  EXPECT_GE(SpoilEachNumber(score,
                            [&](const auto& request) {
                              grpc::ClientContext context;
                              v1::ScoreResponse response;
                              return running_->confidence().Score(
                                  &context, request, &response);
                            }),
            3 * 5);
}

TEST_F(BadInput, UnknownPool) {
  v1::AllocateRequest request = OneTask();
  request.set_pool_id("plants");
  const grpc::Status status = Allocate(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "POOL_NOT_FOUND");
  EXPECT_EQ(ErrorInfoOf(status).metadata().at("pool_id"), "plants");
  EXPECT_THAT(status.error_message(), HasSubstr("\"plants\""));
}

TEST_F(BadInput, UnknownLabeler) {
  v1::AllocateRequest request = OneTask();
  request.add_labeler_ids("l1");
  request.add_labeler_ids("nobody");
  const grpc::Status status = Allocate(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "LABELER_NOT_FOUND");
  EXPECT_EQ(BadRequestOf(status).field_violations(0).field(), "labeler_ids[1]");

  grpc::ClientContext context;
  v1::GetLabelerRequest get;
  get.set_pool_id("animals");
  get.set_labeler_id("nobody");
  v1::GetLabelerResponse got;
  const grpc::Status missing =
      running_->labelers().GetLabeler(&context, get, &got);
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(missing).reason(), "LABELER_NOT_FOUND");
}

TEST_F(BadInput, AnswerOfAnUnknownLabelerChangesNothing) {
  v1::ReportAnswersRequest request;
  request.set_pool_id("animals");
  for (const char* labeler : {"l0", "nobody"}) {
    v1::Answer* answer = request.add_answers();
    answer->set_task_id("never");
    answer->set_labeler_id(labeler);
    answer->set_label(0);
  }
  grpc::ClientContext context;
  v1::ReportAnswersResponse response;
  const grpc::Status status =
      running_->labelers().ReportAnswers(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(BadRequestOf(status).field_violations(0).field(),
            "answers[1].labeler_id");
  grpc::ClientContext get_context;
  v1::GetPoolRequest get;
  get.set_pool_id("animals");
  v1::GetPoolResponse got;
  ASSERT_TRUE(running_->pools().GetPool(&get_context, get, &got).ok());
  EXPECT_EQ(got.stats().answers(), 0);
}

TEST_F(BadInput, UnknownSkill) {
  v1::AllocateRequest request = OneTask();
  (*request.mutable_tasks(0)->mutable_loading())["birds"] = 1;
  ExpectBad(Allocate(request), "tasks[0].loading[\"birds\"]");
}

TEST_F(BadInput, OneClass) {
  v1::AllocateRequest request = OneTask();
  request.mutable_tasks(0)->set_num_classes(1);
  ExpectBad(Allocate(request), "tasks[0].num_classes");
}

TEST_F(BadInput, DuplicateTaskIds) {
  v1::AllocateRequest request = OneTask();
  request.add_tasks()->set_task_id("t1");
  ExpectBad(Allocate(request), "tasks[1].task_id");
}

TEST_F(BadInput, TenThousandAndOneTasks) {
  v1::AllocateRequest request = OneTask();
  for (int i = 0; i < 10'000; ++i) {
    request.add_tasks()->set_task_id(absl::StrCat("x", i));
  }
  ExpectBad(Allocate(request), "tasks");
}

TEST_F(BadInput, FiveMegabytes) {
  v1::AllocateRequest request = OneTask();
  for (int i = 0; i < 5 * 1024; ++i) {
    request.mutable_tasks(0)->add_excluded_labelers(std::string(1024, 'x'));
  }
  const grpc::Status status = Allocate(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("larger than max"));
  EXPECT_THAT(status.error_message(), HasSubstr("4194304"));
}

TEST_F(BadInput, NegativePriceAndCapacityOverflow) {
  v1::UpsertLabelersRequest request;
  request.set_pool_id("animals");
  request.add_labelers()->set_labeler_id("x");
  request.mutable_labelers(0)->mutable_price()->set_per_answer(-0.01);
  v1::UpsertLabelersResponse response;
  {
    grpc::ClientContext context;
    ExpectBad(running_->labelers().UpsertLabelers(&context, request, &response),
              "labelers[0].price.per_answer");
  }
  request.mutable_labelers(0)->clear_price();
  request.mutable_labelers(0)->set_capacity(
      std::numeric_limits<int32_t>::max());
  {
    grpc::ClientContext context;
    ExpectBad(running_->labelers().UpsertLabelers(&context, request, &response),
              "labelers[0].capacity");
  }
}

TEST_F(BadInput, TenKilobyteIds) {
  v1::AllocateRequest request = OneTask();
  request.mutable_tasks(0)->set_task_id(std::string(10'240, 'x'));
  ExpectBad(Allocate(request), "tasks[0].task_id");
  request = OneTask();
  request.set_pool_id(std::string(10'240, 'x'));
  ExpectBad(Allocate(request), "pool_id");
}

TEST_F(BadInput, BudgetZeroIsFineAndBuysFreeLabelersOnly) {
  v1::AllocateRequest request = OneTask();
  request.set_budget(0);
  EXPECT_TRUE(Allocate(request).ok());
  EXPECT_EQ(response_.summary().filled(), 1) << "these labelers cost nothing";
}

// Sends bytes that no generated client would.
grpc::Status SendRaw(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& method, const std::string& bytes) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

TEST_F(BadInput, IdsThatAreNotUtf8) {
  v1::AllocateRequest request = OneTask();
  request.mutable_tasks(0)->set_task_id("XXXX");
  std::string bytes = request.SerializeAsString();
  bytes.replace(bytes.find("XXXX"), 4, "\xFF\xFE\x80\xC0");
  ExpectBad(SendRaw(running_->channel(), "/allot.v1.AllocationService/Allocate",
                    bytes),
            "tasks[0].task_id");
}

TEST_F(BadInput, BytesThatAreNoMessage) {
  const grpc::Status status =
      SendRaw(running_->channel(), "/allot.v1.LabelerService/ReportAnswers",
              std::string(64, '\xFF'));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "MALFORMED_MESSAGE");
}

TEST_F(BadInput, MethodsThatAreNotThere) {
  EXPECT_EQ(SendRaw(running_->channel(), "/allot.v1.PoolService/DropPool", "")
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(BadInput, SkillsMayNotBeTakenAway) {
  v1::UpsertPoolRequest request;
  request.mutable_pool()->set_pool_id("animals");
  request.mutable_pool()->add_skills()->set_name("dogs");
  grpc::ClientContext context;
  v1::UpsertPoolResponse response;
  const grpc::Status status =
      running_->pools().UpsertPool(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "POOL_CHANGE_FORBIDDEN");
}

}  // namespace
}  // namespace allot
