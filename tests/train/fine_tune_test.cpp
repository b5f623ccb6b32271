#include "train/fine_tune.h"

#include "json/json.h"
#include "train/bigram.h"
#include "train/run_log.h"
#include "train/temporary_folder.h"

#include <cmath>
#include <csignal>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace outcrop::train {
namespace {

using testing::Bigram;
using testing::TemporaryFolder;

FineTuneOptions small_options() {
  FineTuneOptions options;
  options.epochs = 3.0;
  options.batch_examples = 4;
  options.row_tokens = 24;
  options.learning_rate = 0.05;
  options.checkpoint_every = 2;
  options.validate_every = 3;
  options.weight_decay = 0.01;
  options.seed = 11;
  return options;
}

struct Trained {
  Result<FineTuneResult> result = fail(Code::internal, "not run");
  std::vector<float> parameters;
  std::vector<StepReport> reports;
};

/// Runs with a fresh model; asks to stop after `stop_after` more steps when that is not negative.
Trained train_once(const Path& folder, const FineTuneOptions& options, bool resume,
                   std::int64_t stop_after = -1, const data::EncodedExamples* validation = nullptr) {
  const auto examples = testing::make_examples(18, 3);
  Bigram model;
  model.dropout = true;
  Trained trained;
  std::stop_source stop;
  if (stop_after == 0) stop.request_stop();
  trained.result = fine_tune(
      model, examples, validation, options, folder, resume,
      [&](const StepReport& report) {
        trained.reports.push_back(report);
        if (static_cast<std::int64_t>(trained.reports.size()) == stop_after) stop.request_stop();
      },
      stop.get_token());
  trained.parameters.assign(model.parameters().begin(), model.parameters().end());
  return trained;
}

std::map<std::string, int> event_counts(const Path& folder) {
  std::map<std::string, int> counts;
  std::ifstream file(folder / "events.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto event = Json::parse(line);
    EXPECT_TRUE(event) << line;
    if (event) ++counts[std::string((*event)["event"].as_string().value_or(""))];
  }
  return counts;
}

TEST(FineTune, LearnsAndReportsEveryStep) {
  const TemporaryFolder folder;
  FineTuneOptions options = small_options();
  options.epochs = 20.0;
  const Trained trained = train_once(folder.path(), options, false);
  ASSERT_TRUE(trained.result) << trained.result.error().message;
  EXPECT_EQ(trained.result->steps, 100);
  ASSERT_EQ(trained.reports.size(), 100U);
  EXPECT_NEAR(trained.result->first_loss, std::log(7.0), 0.3);
  EXPECT_LT(trained.result->final_loss, 0.7 * trained.result->first_loss);
  EXPECT_EQ(trained.reports.back().step, 100);
  EXPECT_DOUBLE_EQ(trained.reports.back().epoch, 20.0);
  EXPECT_EQ(trained.reports.back().seconds_left, 0.0);
  EXPECT_EQ(read_metrics(folder.path(), 1000).size(), 100U);
  auto events = event_counts(folder.path());
  EXPECT_EQ(events["step"], 100);
  EXPECT_EQ(events["finished"], 1);
  for (const char* name : {"config.json", "loss.svg", "metrics.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / name)) << name;
  }
}

TEST(FineTune, CountsTheTokensOfAllEpochs) {
  const TemporaryFolder folder;
  const auto examples = testing::make_examples(18, 3);
  const Trained trained = train_once(folder.path(), small_options(), false);
  ASSERT_TRUE(trained.result);
  EXPECT_EQ(trained.result->tokens, static_cast<std::int64_t>(3 * examples.tokens.size()));
}

TEST(FineTune, DoesNotDependOnHowABatchIsCutIntoRows) {
  const auto examples = testing::make_examples(18, 3);
  std::vector<std::vector<float>> results;
  std::vector<std::vector<double>> losses;
  for (const std::int64_t row_tokens : {12, 1000}) {
    const TemporaryFolder folder;
    FineTuneOptions options = small_options();
    options.row_tokens = row_tokens;
    Bigram model;
    losses.emplace_back();
    const auto result = fine_tune(model, examples, nullptr, options, folder.path(), false,
                                  [&](const StepReport& report) { losses.back().push_back(report.loss); }, {});
    ASSERT_TRUE(result);
    EXPECT_EQ(model.rows > result->steps, row_tokens == 12);
    EXPECT_LE(model.longest_row, static_cast<std::size_t>(row_tokens));
    results.emplace_back(model.parameters().begin(), model.parameters().end());
  }
  for (std::size_t i = 0; i < losses[0].size(); ++i) EXPECT_NEAR(losses[0][i], losses[1][i], 1e-4) << i;
  for (std::size_t i = 0; i < results[0].size(); ++i) EXPECT_NEAR(results[0][i], results[1][i], 1e-3) << i;
}

TEST(FineTune, NormalisesByTheTargetsOfTheWholeStep) {
  // One step without clipping: the first moment shows the gradient, which must be the mean over targets.
  const auto examples = testing::make_examples(6, 3);
  FineTuneOptions options = small_options();
  options.epochs = 1.0;
  options.batch_examples = 6;
  options.row_tokens = 12;
  options.clip_norm = 0.0;
  const TemporaryFolder folder;
  Bigram model;
  ASSERT_TRUE(fine_tune(model, examples, nullptr, options, folder.path(), false, {}, {}));

  Bigram whole;
  std::vector<std::int64_t> all{0, 1, 2, 3, 4, 5};
  const data::RowBuffers row = data::assemble_row(examples, all);
  whole.forward_backward({row.tokens, row.targets, row.segment_starts}, 1.0F, 0);
  for (std::size_t i = 0; i < whole.gradients().size(); ++i) {
    EXPECT_NEAR(model.gradients()[i], whole.gradients()[i] / static_cast<float>(examples.target_tokens), 1e-6)
        << i;
  }
}

TEST(FineTune, ResumesToTheSameBytesFromEveryStep) {
  const auto validation = testing::make_examples(6, 4);
  const TemporaryFolder whole_folder;
  const Trained whole = train_once(whole_folder.path(), small_options(), false, -1, &validation);
  ASSERT_TRUE(whole.result);
  const std::int64_t steps = whole.result->steps;
  for (std::int64_t stop_after = 0; stop_after <= steps; ++stop_after) {
    const TemporaryFolder folder;
    const Trained first = train_once(folder.path(), small_options(), false, stop_after, &validation);
    if (stop_after < steps) {
      ASSERT_FALSE(first.result) << stop_after;
      EXPECT_EQ(first.result.error().code, Code::cancelled);
      EXPECT_NE(first.result.error().message.find("--resume"), std::string::npos);
    }
    const Trained second = train_once(folder.path(), small_options(), true, -1, &validation);
    ASSERT_TRUE(second.result) << second.result.error().message;
    EXPECT_EQ(second.parameters, whole.parameters) << stop_after;
    EXPECT_EQ(second.result->first_loss, whole.result->first_loss);
    EXPECT_EQ(second.result->final_loss, whole.result->final_loss);
    EXPECT_EQ(second.result->best_validation_loss, whole.result->best_validation_loss);
    EXPECT_EQ(second.result->tokens, whole.result->tokens);
    const auto rows = read_metrics(folder.path(), 1000);
    ASSERT_EQ(static_cast<std::int64_t>(rows.size()), steps);
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].step, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(event_counts(folder.path())["step"], steps);
  }
}

TEST(FineTune, ResumesExactlyFromAnOlderCheckpointAfterACrash) {
  const auto validation = testing::make_examples(6, 4);
  const TemporaryFolder whole_folder;
  const Trained whole = train_once(whole_folder.path(), small_options(), false, -1, &validation);
  ASSERT_TRUE(whole.result);
  // A crash after step 9 without a checkpoint of its own: step-8 and step-6 are there, metrics run ahead.
  const TemporaryFolder folder;
  ASSERT_FALSE(train_once(folder.path(), small_options(), false, 9, &validation).result);
  std::filesystem::remove_all(folder.path() / "checkpoints" / "step-9");
  std::filesystem::resize_file(folder.path() / "checkpoints" / "step-8" / "tensors.safetensors", 200);
  FineTuneOptions other = small_options();
  other.keep_checkpoints = 5;
  const Trained again = train_once(folder.path(), other, true, -1, &validation);
  ASSERT_TRUE(again.result) << again.result.error().message;
  EXPECT_EQ(again.parameters, whole.parameters);
  EXPECT_EQ(static_cast<std::int64_t>(read_metrics(folder.path(), 1000).size()), whole.result->steps);
}

TEST(FineTune, StartsAnewWhenNoCheckpointIsWhole) {
  const TemporaryFolder whole_folder;
  const Trained whole = train_once(whole_folder.path(), small_options(), false);
  const TemporaryFolder folder;
  ASSERT_FALSE(train_once(folder.path(), small_options(), false, 5).result);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "checkpoints")) {
    std::filesystem::remove(entry.path() / "state.json");
  }
  const Trained again = train_once(folder.path(), small_options(), true);
  ASSERT_TRUE(again.result);
  EXPECT_EQ(again.parameters, whole.parameters);
}

TEST(FineTune, RefusesToResumeWithOtherOptionsOrData) {
  const TemporaryFolder folder;
  ASSERT_FALSE(train_once(folder.path(), small_options(), false, 3).result);
  FineTuneOptions options = small_options();
  options.learning_rate *= 2.0;
  const Trained other = train_once(folder.path(), options, true);
  ASSERT_FALSE(other.result);
  EXPECT_EQ(other.result.error().code, Code::conflict);
  EXPECT_NE(other.result.error().message.find("learning_rate"), std::string::npos);

  const auto examples = testing::make_examples(18, 99);
  Bigram model;
  const auto data = fine_tune(model, examples, nullptr, small_options(), folder.path(), true, {}, {});
  ASSERT_FALSE(data);
  EXPECT_NE(data.error().message.find("training_data"), std::string::npos);
}

TEST(FineTune, ClearsAnOldRunWhenItStartsAnew) {
  const TemporaryFolder folder;
  ASSERT_TRUE(train_once(folder.path(), small_options(), false).result);
  FineTuneOptions options = small_options();
  options.max_steps = 1;
  ASSERT_TRUE(train_once(folder.path(), options, false).result);
  EXPECT_EQ(read_metrics(folder.path(), 1000).size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoints" / "step-14"));
}

TEST(FineTune, HoldsTheBestParametersAtTheEnd) {
  // Validation of another language: the more it trains, the worse; the first validation is the best.
  const auto validation = testing::make_examples(6, 4, 3);
  const TemporaryFolder folder;
  FineTuneOptions options = small_options();
  options.epochs = 6.0;
  const Trained trained = train_once(folder.path(), options, false, -1, &validation);
  ASSERT_TRUE(trained.result);
  EXPECT_EQ(trained.result->best_step, 3);
  Bigram model;
  std::copy(trained.parameters.begin(), trained.parameters.end(), model.parameters().begin());
  model.parameters_changed();
  std::vector<std::int64_t> all{0, 1, 2, 3, 4, 5};
  const data::RowBuffers row = data::assemble_row(validation, all);
  const model::RowLoss loss = model.evaluate({row.tokens, row.targets, row.segment_starts});
  EXPECT_NEAR(loss.loss_sum / static_cast<double>(loss.targets), *trained.result->best_validation_loss, 1e-6);
}

TEST(FineTune, StopsEarlyWhenValidationGetsNoBetter) {
  const auto validation = testing::make_examples(6, 4, 3);
  const TemporaryFolder folder;
  FineTuneOptions options = small_options();
  options.epochs = 20.0;
  options.early_stopping_patience = 2;
  const Trained trained = train_once(folder.path(), options, false, -1, &validation);
  ASSERT_TRUE(trained.result);
  EXPECT_TRUE(trained.result->stopped_early);
  EXPECT_EQ(trained.result->best_step, 3);
  EXPECT_EQ(trained.result->steps, 9);
  const Trained again = train_once(folder.path(), options, true, -1, &validation);
  ASSERT_TRUE(again.result);
  EXPECT_TRUE(again.reports.empty());
  EXPECT_EQ(again.parameters, trained.parameters);
}

TEST(FineTune, ReportsValidationWhereItIsDue) {
  const auto validation = testing::make_examples(6, 4);
  const TemporaryFolder folder;
  const Trained trained = train_once(folder.path(), small_options(), false, -1, &validation);
  ASSERT_TRUE(trained.result);
  for (const StepReport& report : trained.reports) {
    EXPECT_EQ(report.validation_loss.has_value(), report.step % 3 == 0 || report.step == 15) << report.step;
  }
}

TEST(FineTune, StopsAtALossThatIsNotANumberAndSavesNothingOfIt) {
  const auto examples = testing::make_examples(18, 3);
  for (const bool gradient : {false, true}) {
    const TemporaryFolder folder;
    FineTuneOptions options = small_options();
    options.row_tokens = 1000;  // one row a step
    Bigram model;
    (gradient ? model.bad_gradient_at_row : model.fail_at_row) = 4;
    const auto result = fine_tune(model, examples, nullptr, options, folder.path(), false, {}, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid_argument);
    EXPECT_NE(result.error().message.find("step 4"), std::string::npos) << result.error().message;
    EXPECT_EQ(event_counts(folder.path())["failed"], 1);
    EXPECT_EQ(read_metrics(folder.path(), 1000).size(), 3U);
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "checkpoints" / "step-2"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoints" / "step-3"));
    for (const float p : model.parameters()) ASSERT_TRUE(std::isfinite(p));
  }
}

TEST(FineTune, ChecksWhatAnUpdateMadeOfTheParametersBeforeItSavesThem) {
  const TemporaryFolder folder;
  FineTuneOptions options = small_options();
  options.learning_rate = 1e39;  // infinite as a float
  options.schedule = Schedule::constant;
  options.warmup_ratio = 0.0;
  options.checkpoint_every = 1;
  Bigram model;
  const auto examples = testing::make_examples(18, 3);
  const auto result = fine_tune(model, examples, nullptr, options, folder.path(), false, {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_NE(result.error().message.find("step 1: parameters are not finite"), std::string::npos)
      << result.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoints" / "step-1"));
}

TEST(FineTune, RefusesWhatCannotBeTrained) {
  const TemporaryFolder folder;
  Bigram model;
  auto examples = testing::make_examples(3, 3);
  FineTuneOptions options = small_options();
  options.row_tokens = 4;
  const auto too_long = fine_tune(model, examples, nullptr, options, folder.path(), false, {}, {});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Code::invalid_argument);

  std::fill(examples.targets.begin() + examples.starts[1], examples.targets.begin() + examples.starts[2], -1);
  const auto no_target = fine_tune(model, examples, nullptr, small_options(), folder.path(), false, {}, {});
  ASSERT_FALSE(no_target);
  EXPECT_NE(no_target.error().message.find("line 2"), std::string::npos);

  EXPECT_FALSE(fine_tune(model, {}, nullptr, small_options(), folder.path(), false, {}, {}));
  options = small_options();
  options.epochs = 0.0;
  EXPECT_FALSE(fine_tune(model, testing::make_examples(3, 3), nullptr, options, folder.path(), false, {}, {}));
}

/// Limits how large a file this process may write, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    previous_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, previous_);
  }

 private:
  rlimit before_{};
  void (*previous_)(int) = nullptr;
};

TEST(FineTune, KeepsEarlierCheckpointsWhenTheDiskIsFull) {
  const TemporaryFolder whole_folder;
  const Trained whole = train_once(whole_folder.path(), small_options(), false);
  const TemporaryFolder folder;
  ASSERT_FALSE(train_once(folder.path(), small_options(), false, 3).result);
  {
    const FileSizeLimit limit(512);
    const Trained full = train_once(folder.path(), small_options(), true);
    ASSERT_FALSE(full.result);
    EXPECT_EQ(full.result.error().code, Code::quota_exceeded);
    EXPECT_NE(full.result.error().message.find(".jsonl"), std::string::npos) << full.result.error().message;
  }
  const Trained again = train_once(folder.path(), small_options(), true);
  ASSERT_TRUE(again.result) << again.result.error().message;
  EXPECT_EQ(again.parameters, whole.parameters);
}

}  // namespace
}  // namespace outcrop::train
