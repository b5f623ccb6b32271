#include "service/customize.h"

#include "json/json.h"
#include "model/library.h"
#include "service/tiny_model.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::service {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string records(int count, int offset = 0) {
  std::string text;
  for (int i = offset; i < offset + count; ++i) {
    text += fmt::format("{{\"prompt\": \"say {}\", \"completion\": \"it is {}\"}}\n", i, i * 7 % 10);
  }
  return text;
}

std::string content(const Path& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text) << path;
  return text ? *text : "";
}

class Customize : public ::testing::Test {
 protected:
  Customize() {
    request_.home = tiny_.home();
    request_.base = TinyHome::kModel;
    request_.name = "mine";
    request_.train = tiny_.write("train.jsonl", records(20));
    request_.hyperparameters = {{"epochCount", "2"}, {"batchSize", "8"},       {"loraRank", "4"},
                                {"rowTokens", "64"}, {"checkpointSteps", "2"}, {"learningRate", "0.01"}};
  }
  Result<CustomizeResult> run() {
    CustomizeObserver observer;
    observer.on_plan = [&](const CustomizePlan& plan) { plan_ = plan; };
    observer.on_progress = [&](const CustomizeProgress& now) {
      progress_.push_back(now);
      if (now.phase == CustomizeProgress::Phase::training && now.step == stop_at_) stop_.request_stop();
    };
    progress_.clear();
    auto result = customize(request_, observer, stop_.get_token());
    stop_ = std::stop_source();
    return result;
  }
  Path run_folder() const { return tiny_.home() / "jobs" / "mine"; }
  bool is_registered() const { return model::Library::open(tiny_.home())->info("mine").has_value(); }
  std::string adapter() const { return content(run_folder() / "adapter" / "adapter_model.safetensors"); }

  TinyHome tiny_;
  CustomizeRequest request_;
  CustomizePlan plan_;
  std::vector<CustomizeProgress> progress_;
  std::stop_source stop_;
  std::int64_t stop_at_ = -1;
};

TEST_F(Customize, MakesACustomModelFromRecords) {
  request_.validation = tiny_.write("val.jsonl", records(5, 100));
  const auto result = run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->model, "mine");
  EXPECT_EQ(result->steps, 6);
  EXPECT_TRUE(result->best_validation_loss);
  EXPECT_EQ(plan_.records, 20);
  EXPECT_EQ(plan_.steps, 6);
  EXPECT_GT(plan_.memory_total_bytes, 0);
  EXPECT_EQ(progress_.front().phase, CustomizeProgress::Phase::preparing);
  EXPECT_EQ(progress_.back().phase, CustomizeProgress::Phase::saving);
  EXPECT_EQ(progress_.back().step, 6);

  const auto loaded = model::Library::open(tiny_.home())->load("mine");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_NE(loaded->adapter, nullptr);
  EXPECT_EQ(loaded->adapter->config.rank, 4);
  EXPECT_EQ(loaded->info.base, TinyHome::kModel);
  EXPECT_EQ(loaded->info.job, "mine");
  EXPECT_EQ(loaded->info.source_sha256.size(), 64U);
  for (const char* name : {"config.json", "result.json", "metrics.csv", "events.jsonl", "loss.svg",
                           "adapter/adapter_config.json"}) {
    EXPECT_TRUE(std::filesystem::exists(run_folder() / name)) << name;
  }
}

TEST_F(Customize, TrainsAllWeights) {
  request_.method = "full";
  request_.hyperparameters = {{"epochCount", "1"}, {"batchSize", "8"}};
  const auto result = run();
  ASSERT_TRUE(result) << result.error().message;
  const auto loaded = model::Library::open(tiny_.home())->load("mine");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->adapter, nullptr);
  EXPECT_EQ(loaded->info.method, "full");
}

TEST_F(Customize, LearnsOneBatchByHeart) {
  request_.train = tiny_.write("few.jsonl", records(4) + records(4) + records(4) + records(4));
  // The frozen random embedding and final norm of the tiny model bound how sure an adapter can be.
  for (const auto& [method, bound] : {std::pair{"lora", 0.1}, std::pair{"full", 0.01}}) {
    request_.replace = true;
    request_.method = method;
    request_.hyperparameters = {{"epochCount", "75"},        {"batchSize", "4"},    {"warmupRatio", "0.1"},
                                {"learningRate", "0.01"},    {"rowTokens", "128"},  {"weightDecay", "0"},
                                {"checkpointSteps", "1000"}, {"schedule", "linear"}};
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_LT(result->train_loss, bound) << method;
    EXPECT_THAT(plan_.notes, Contains(HasSubstr("12 training records repeat")));
  }
}

TEST_F(Customize, ResumesToTheSameAdapterByte) {
  request_.hyperparameters.emplace_back("loraDropout", "0.1");
  ASSERT_TRUE(run());
  const std::string whole = adapter();
  for (const std::int64_t stop_at : {1, 4}) {
    request_.replace = true;
    stop_at_ = stop_at;
    const auto stopped = run();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Code::cancelled);
    EXPECT_THAT(stopped.error().message, HasSubstr("--resume"));
    stop_at_ = -1;
    request_.replace = false;
    request_.resume = true;
    const auto resumed = run();
    ASSERT_TRUE(resumed) << resumed.error().message;
    EXPECT_EQ(adapter(), whole) << stop_at;
    request_.resume = false;
  }
}

TEST_F(Customize, RefusesToResumeWithOtherSettings) {
  stop_at_ = 2;
  ASSERT_FALSE(run());
  stop_at_ = -1;
  request_.resume = true;
  request_.hyperparameters.emplace_back("loraAlpha", "3");
  const auto other = run();
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::conflict);
  EXPECT_THAT(other.error().message, HasSubstr("lora.alpha"));
}

TEST_F(Customize, OverwritesNothingUnasked) {
  ASSERT_TRUE(run());
  const std::string before = adapter();
  EXPECT_EQ(run().error().code, Code::already_exists);
  request_.resume = true;
  EXPECT_FALSE(run());
  EXPECT_EQ(adapter(), before);
  request_.resume = false;
  request_.replace = true;
  request_.hyperparameters.emplace_back("seed", "5");
  ASSERT_TRUE(run());
  EXPECT_NE(adapter(), before);
  request_.name = TinyHome::kModel;
  EXPECT_EQ(run().error().code, Code::already_exists);
}

TEST_F(Customize, PlansWithoutWritingAnything) {
  request_.plan_only = true;
  const auto planned = run();
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_TRUE(planned->model.empty());
  EXPECT_EQ(plan_.steps, 6);
  EXPECT_FALSE(std::filesystem::exists(tiny_.home() / "jobs"));
}

TEST_F(Customize, TellsAllFindingsOfBothFilesAndTrainsNothing) {
  request_.train = tiny_.write("bad.jsonl", records(2) + "{\"prompt\": 5}\nnot json\n");
  request_.validation = tiny_.write("worse.jsonl", "{\"messages\": []}\n");
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  for (const char* part : {"bad.jsonl", "3", "4", "worse.jsonl"})
    EXPECT_THAT(refused.error().message, HasSubstr(part));
  EXPECT_TRUE(std::filesystem::is_empty(tiny_.home() / "jobs"));
  EXPECT_FALSE(is_registered());
}

TEST_F(Customize, ListsAllWrongSettingsBeforeItReadsAnything) {
  request_.base = "no.such-model-v1:0";
  request_.hyperparameters = {{"epochCont", "1"}, {"batchSize", "0"}};
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("epochCount"));
  EXPECT_THAT(refused.error().message, HasSubstr("batchSize"));
}

TEST_F(Customize, NamesAMissingBaseAndABadName) {
  request_.base = "test.tiny-v2:0";
  EXPECT_EQ(run().error().code, Code::not_found);
  request_.name = "../evil";
  EXPECT_EQ(run().error().code, Code::invalid_argument);
}

TEST_F(Customize, RefusesTooLongRecordsUnlessTheyMayBeDropped) {
  request_.train = tiny_.write(
      "long.jsonl", records(10) + "{\"prompt\": \"" + std::string(400, 'z') + "\", \"completion\": \"b\"}\n");
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("11"));
  request_.hyperparameters.emplace_back("tooLong", "drop");
  const auto dropped = run();
  ASSERT_TRUE(dropped) << dropped.error().message;
  EXPECT_EQ(plan_.records, 10);
  EXPECT_THAT(plan_.notes, Contains(HasSubstr("1 of 11 training records")));
}

TEST_F(Customize, NotesValidationRecordsThatAreTrainedOn) {
  request_.validation = tiny_.write("val.jsonl", records(3, 18));
  request_.plan_only = true;
  ASSERT_TRUE(run());
  EXPECT_THAT(plan_.notes, Contains(HasSubstr("2 of 3 validation records")));
  request_.validation = tiny_.write("val.jsonl", records(3, 20));
  ASSERT_TRUE(run());
  EXPECT_THAT(plan_.notes, Not(Contains(HasSubstr("validation records"))));
}

TEST_F(Customize, RefusesWhatDoesNotFitIntoMemory) {
  ::setenv("OUTCROP_MEMORY_LIMIT", "1000000", 1);
  const auto refused = run();
  ::unsetenv("OUTCROP_MEMORY_LIMIT");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::out_of_memory);
  EXPECT_EQ(plan_.memory_available_bytes, 1000000);
  EXPECT_TRUE(std::filesystem::is_empty(tiny_.home() / "jobs"));
}

TEST_F(Customize, SavesNothingWhenTheLossIsNotFinite) {
  request_.hyperparameters = {{"learningRate", "1"},
                              {"gradientClip", "0"},
                              {"epochCount", "100"},
                              {"loraAlpha", "100000"},
                              {"warmupRatio", "0"}};
  const auto broken = run();
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::invalid_argument);
  EXPECT_THAT(broken.error().message, HasSubstr("step"));
  EXPECT_FALSE(is_registered());
}

}  // namespace
}  // namespace outcrop::service
