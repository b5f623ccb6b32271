#include "train/run_log.h"

#include "train/temporary_folder.h"

#include <fstream>

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

void write_steps(const Path& folder, std::int64_t steps) {
  auto log = RunLog::start(folder);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->event("started", 0));
  for (std::int64_t step = 1; step <= steps; ++step) {
    ASSERT_TRUE(log->metrics({step, 0.5, 1.0 / 3.0, 1e-3, 2.0, 100.0}));
    ASSERT_TRUE(log->event("step", step, {{"loss", Json(0.5)}}));
  }
}

std::vector<std::int64_t> event_steps(const Path& folder) {
  std::vector<std::int64_t> steps;
  std::ifstream file(folder / "events.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto event = Json::parse(line);
    EXPECT_TRUE(event) << line;
    if (event) steps.push_back((*event)["step"].as_int().value_or(-1));
  }
  return steps;
}

TEST(RunLog, CutsBothFilesBackToTheCheckpointsStep) {
  const testing::TemporaryFolder folder;
  write_steps(folder.path(), 5);
  auto log = RunLog::resume(folder.path(), 3);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->metrics({4, 0.5, 0.25, 1e-3, 2.0, 100.0}));
  EXPECT_EQ(event_steps(folder.path()), (std::vector<std::int64_t>{0, 1, 2, 3}));
  const auto rows = read_metrics(folder.path(), 100);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[3].step, 4);
  EXPECT_EQ(rows[3].loss, 0.25);
}

TEST(RunLog, KeepsEveryBitOfALoss) {
  const testing::TemporaryFolder folder;
  write_steps(folder.path(), 1);
  const auto rows = read_metrics(folder.path(), 1);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].loss, 1.0 / 3.0);
}

TEST(RunLog, DropsALineThatACrashCut) {
  const testing::TemporaryFolder folder;
  write_steps(folder.path(), 2);
  std::ofstream(folder.path() / "events.jsonl", std::ios::app) << "{\"event\":\"st";
  std::ofstream(folder.path() / "metrics.csv", std::ios::app) << "3,0.5,0.3";
  ASSERT_TRUE(RunLog::resume(folder.path(), 9));
  EXPECT_EQ(event_steps(folder.path()), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(read_metrics(folder.path(), 9).size(), 2U);
}

TEST(RunLog, ResumesWhenTheFilesAreGone) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(RunLog::resume(folder.path(), 3));
  EXPECT_TRUE(read_metrics(folder.path(), 3).empty());
  std::ifstream file(folder.path() / "metrics.csv");
  std::string header;
  std::getline(file, header);
  EXPECT_EQ(header + '\n', kMetricsHeader);
}

}  // namespace
}  // namespace outcrop::train
