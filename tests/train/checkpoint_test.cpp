#include "train/checkpoint.h"

#include "base/log.h"
#include "train/temporary_folder.h"

#include <fstream>
#include <numeric>

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

/// Parameters and moments of a pretended run at `step`.
struct State {
  explicit State(std::int64_t step = 0) : p(100), m(100), v(100) {
    std::iota(p.begin(), p.end(), static_cast<float>(step));
    std::iota(m.begin(), m.end(), static_cast<float>(step) * 0.5F);
    std::iota(v.begin(), v.end(), static_cast<float>(step) * 0.25F);
  }
  CheckpointTensors tensors() { return {p, m, v}; }
  friend bool operator==(const State&, const State&) = default;
  std::vector<float> p;
  std::vector<float> m;
  std::vector<float> v;
};

class CheckpointTest : public ::testing::Test {
 protected:
  Checkpoints make(std::int64_t keep = 2, double learning_rate = 0.1, std::int64_t elements = 100) const {
    return Checkpoints(folder_.path() / "checkpoints", Json::object({{"learning_rate", Json(learning_rate)}}),
                       {{"weight", 0, elements, true}}, keep);
  }
  void save(const Checkpoints& checkpoints, std::int64_t step) {
    State state(step);
    Progress progress;
    progress.step = step;
    progress.first_loss = 1.0 / 3.0;
    progress.tokens = 100 * step;
    progress.validations = {{step - 1, 0.7}, {step, 0.1 * static_cast<double>(step)}};
    ASSERT_TRUE(checkpoints.save(progress, state.tensors()));
  }
  /// The step that is found, with its tensors checked; -1 for none.
  std::int64_t found_step() {
    State state(77);
    const auto progress = make().load_newest(state.tensors());
    EXPECT_TRUE(progress);
    if (!progress || !*progress) {
      EXPECT_EQ(state, State(77)) << "buffers changed without a checkpoint";
      return -1;
    }
    EXPECT_EQ(state, State((*progress)->step));
    return (*progress)->step;
  }
  Path file(std::int64_t step, const char* name) const {
    return folder_.path() / "checkpoints" / ("step-" + std::to_string(step)) / name;
  }
  static void flip_byte(const Path& path, std::uintmax_t at) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(byte ^ 0x10));
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CheckpointTest, GivesBackWhatWasSaved) {
  save(make(), 5);
  State state;
  const auto progress = make().load_newest(state.tensors());
  ASSERT_TRUE(progress && *progress);
  EXPECT_EQ(state, State(5));
  EXPECT_EQ((*progress)->first_loss, 1.0 / 3.0);
  EXPECT_EQ((*progress)->tokens, 500);
  ASSERT_EQ((*progress)->validations.size(), 2U);
  EXPECT_EQ((*progress)->validations[1].loss, 0.5);
}

TEST_F(CheckpointTest, KeepsTheNewestOnes) {
  for (std::int64_t step = 1; step <= 12; ++step) save(make(3), step);
  EXPECT_EQ(found_step(), 12);
  EXPECT_FALSE(std::filesystem::exists(file(9, "state.json")));
  EXPECT_TRUE(std::filesystem::exists(file(10, "state.json")));
}

TEST_F(CheckpointTest, FindsNothingInAnEmptyOrMissingFolder) {
  EXPECT_EQ(found_step(), -1);
  std::filesystem::create_directories(folder_.path() / "checkpoints");
  EXPECT_EQ(found_step(), -1);
}

TEST_F(CheckpointTest, FallsBackWhenAByteOfTheTensorsIsWrong) {
  save(make(), 1);
  save(make(), 2);
  const Path tensors = file(2, "tensors.safetensors");
  flip_byte(tensors, std::filesystem::file_size(tensors) - 7);
  EXPECT_EQ(found_step(), 1);
}

TEST_F(CheckpointTest, FallsBackWhenBytesOfTheStateAreWrong) {
  log::set_level(log::Level::off);  // one line a byte otherwise
  save(make(), 1);
  save(make(), 2);
  const auto size = std::filesystem::file_size(file(2, "state.json"));
  std::ifstream stream(file(2, "state.json"));
  const std::string whole{std::istreambuf_iterator<char>(stream), {}};
  for (std::uintmax_t at = 0; at < size; at += 3) {
    // Another kind of white space between members changes nothing that is stored.
    if (whole[at] == ' ' || whole[at] == '\n') continue;
    State state;
    flip_byte(file(2, "state.json"), at);
    const auto progress = make().load_newest(state.tensors());
    ASSERT_TRUE(progress && *progress) << at;
    EXPECT_EQ((*progress)->step, 1) << at;
    save(make(), 2);
  }
  log::set_level(log::Level::warning);
}

TEST_F(CheckpointTest, FallsBackWhenAFileIsCutOrMissing) {
  save(make(9), 1);
  for (const std::uintmax_t size : {0U, 7U, 8U, 100U, 500U}) {
    save(make(9), 2);
    std::filesystem::resize_file(file(2, "tensors.safetensors"), size);
    EXPECT_EQ(found_step(), 1) << size;
  }
  for (const char* name : {"state.json", "tensors.safetensors"}) {
    save(make(9), 2);
    std::filesystem::remove(file(2, name));
    EXPECT_EQ(found_step(), 1) << name;
  }
}

TEST_F(CheckpointTest, IgnoresHalfWrittenFolders) {
  save(make(), 1);
  std::filesystem::create_directories(folder_.path() / "checkpoints" / ".tmp-9-1");
  std::filesystem::create_directories(folder_.path() / "checkpoints" / "step-x");
  EXPECT_EQ(found_step(), 1);
  EXPECT_EQ(Checkpoints::newest_step(folder_.path() / "checkpoints"), 1);
}

TEST_F(CheckpointTest, RefusesAnotherConfigurationByName) {
  save(make(), 1);
  State state(77);
  const auto progress = make(2, 0.2).load_newest(state.tensors());
  ASSERT_FALSE(progress);
  EXPECT_EQ(progress.error().code, Code::conflict);
  EXPECT_NE(progress.error().message.find("learning_rate"), std::string::npos);
  EXPECT_EQ(state, State(77));
  EXPECT_EQ(found_step(), 1) << "a refused checkpoint must stay";
}

TEST_F(CheckpointTest, RefusesOtherParameters) {
  save(make(), 1);
  State state;
  const auto progress = make(2, 0.1, 99).load_newest(state.tensors());
  ASSERT_FALSE(progress);
  EXPECT_EQ(progress.error().code, Code::conflict);
}

TEST_F(CheckpointTest, KnowsWhichBestStepsTheKeptOnesNeed) {
  save(make(), 4);   // best of {3: 0.7, 4: 0.4} is 4
  save(make(), 10);  // best of {9: 0.7, 10: 1.0} is 9
  EXPECT_EQ(make().best_steps(), (std::vector<std::int64_t>{4, 9}));
}

TEST_F(CheckpointTest, SavesParametersBitForBit) {
  State saved(3);
  ASSERT_TRUE(save_parameters(folder_.path() / "best.safetensors", saved.p, 3));
  State loaded;
  ASSERT_TRUE(load_parameters(folder_.path() / "best.safetensors", loaded.p));
  EXPECT_EQ(loaded.p, saved.p);
  std::vector<float> shorter(99);
  EXPECT_FALSE(load_parameters(folder_.path() / "best.safetensors", shorter));
}

}  // namespace
}  // namespace outcrop::train
