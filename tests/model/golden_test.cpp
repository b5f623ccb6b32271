// Our numbers against Transformers' and PyTorch's, as tools/golden/model.py froze them: logits, loss, the
// gradient of every parameter, and ten AdamW steps, in float32.

#include "base/files.h"
#include "formats/safetensors.h"
#include "json/json.h"
#include "kernels/optimizer.h"
#include "model/architecture.h"
#include "model/decoder.h"
#include "model/trainable.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::model {
namespace {

const Path kGolden = Path(OUTCROP_TEST_DATA) / "golden" / "model";

struct Golden {
  Json record;
  std::shared_ptr<const Model> model;
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> targets;
};

Json read_json(const Path& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text) << text.error().message;
  auto json = Json::parse(*text);
  EXPECT_TRUE(json) << json.error().message;
  return *std::move(json);
}

std::vector<std::int32_t> integers(const Json& array) {
  std::vector<std::int32_t> values;
  for (std::size_t i = 0; i < array.size(); ++i)
    values.push_back(static_cast<std::int32_t>(*array[i].as_int()));
  return values;
}

/// Copies the folder's float tensors to where the layout wants them.
std::shared_ptr<const Model> load(const std::string& name) {
  const Json config_json = read_json(kGolden / name / "config.json");
  auto architecture = find_architecture_of(config_json);
  EXPECT_TRUE(architecture) << architecture.error().message;
  auto config = (*architecture)->from_config_json(config_json);
  EXPECT_TRUE(config) << config.error().message;
  auto file = formats::Safetensors::open_folder(kGolden / name);
  EXPECT_TRUE(file) << file.error().message;
  const ModelLayout layout = make_layout(*config);
  std::vector<float> values(static_cast<std::size_t>(layout.elements));
  for (const Parameter& p : layout.parameters) {
    const formats::TensorEntry* tensor = file->find(p.name);
    EXPECT_NE(tensor, nullptr) << p.name;
    EXPECT_EQ(tensor->elements(), p.elements()) << p.name;
    std::memcpy(values.data() + p.offset, tensor->bytes.data(), tensor->bytes.size());
  }
  return Model::from_weights(*config, std::move(values));
}

Golden golden(const std::string& name) {
  Golden g{read_json(kGolden / (name + ".json")), load(name), {}, {}};
  g.tokens = integers(g.record["tokens"]);
  g.targets = integers(g.record["targets"]);
  return g;
}

class ModelGolden : public testing::TestWithParam<std::string> {};

TEST_P(ModelGolden, LogitsMatchTransformers) {
  const Golden g = golden(GetParam());
  const auto decoder = make_decoder(g.model, nullptr);
  const auto cache = decoder->new_cache(64);
  const std::int64_t vocab = g.model->config().vocab_size;
  const auto count = static_cast<std::int64_t>(g.tokens.size());
  std::vector<float> logits(static_cast<std::size_t>(count * vocab));
  const DecoderInput input{cache.get(), g.tokens};
  decoder->forward_all({&input, 1}, {logits.data(), count, vocab});
  const auto rows = integers(g.record["logit_rows"]);
  double worst = 0.0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::int64_t v = 0; v < vocab; ++v) {
      const double expected =
          *g.record["logits"][r * static_cast<std::size_t>(vocab) + static_cast<std::size_t>(v)].as_double();
      worst = std::max(
          worst,
          std::abs(expected - static_cast<double>(logits[static_cast<std::size_t>(rows[r] * vocab + v)])));
    }
  }
  RecordProperty("max_logit_error", std::to_string(worst));
  EXPECT_LT(worst, 1e-4);  // the numerics contract for float32
}

TEST_P(ModelGolden, LossAndEveryGradientMatchPyTorch) {
  const Golden g = golden(GetParam());
  auto trainable = make_trainable(g.model, {.train_full = true, .max_row_tokens = 64});
  ASSERT_TRUE(trainable) << trainable.error().message;
  const std::vector<std::int32_t> starts{0, static_cast<std::int32_t>(g.tokens.size())};
  const RowLoss loss = (*trainable)->forward_backward({g.tokens, g.targets, starts}, 1.0F, 0);
  const double expected_loss = *g.record["loss"].as_double();
  EXPECT_NEAR(loss.loss_sum, expected_loss, 1e-5 * expected_loss);
  for (const TrainableTensor& tensor : (*trainable)->tensors()) {
    const Json& expected = g.record["gradients"][tensor.name];
    ASSERT_TRUE(expected.is_object()) << tensor.name;
    const float* gradient = (*trainable)->gradients().data() + tensor.offset;
    const double norm = std::sqrt(kernels::sum_of_squares(gradient, tensor.elements));
    const double expected_norm = *expected["norm"].as_double();
    EXPECT_NEAR(norm, expected_norm, 1e-4 * expected_norm) << tensor.name;
    for (std::size_t i = 0; i < expected["first"].size(); ++i) {
      EXPECT_NEAR(static_cast<double>(gradient[i]), *expected["first"][i].as_double(), 1e-4 * expected_norm)
          << tensor.name;
    }
  }
}

TEST_P(ModelGolden, TenAdamWLossesMatchPyTorch) {
  const Golden g = golden(GetParam());
  auto made = make_trainable(g.model, {.train_full = true, .max_row_tokens = 64});
  ASSERT_TRUE(made) << made.error().message;
  Trainable& trainable = **made;
  const std::vector<std::int32_t> starts{0, static_cast<std::int32_t>(g.tokens.size())};
  const auto count = static_cast<std::int64_t>(trainable.parameters().size());
  std::vector<float> m(static_cast<std::size_t>(count));
  std::vector<float> v(m.size());
  const auto targets =
      static_cast<float>(std::count_if(g.targets.begin(), g.targets.end(), [](auto t) { return t >= 0; }));
  for (std::size_t step = 0; step < 10; ++step) {
    std::fill(trainable.gradients().begin(), trainable.gradients().end(), 0.0F);
    const RowLoss loss = trainable.forward_backward({g.tokens, g.targets, starts}, 1.0F / targets, 0);
    const double expected = *g.record["adamw_losses"][step].as_double();
    EXPECT_NEAR(loss.loss_sum / static_cast<double>(targets), expected, 2e-4 * expected) << "step " << step;
    kernels::adamw(trainable.parameters().data(), m.data(), v.data(), trainable.gradients().data(), count,
                   {.learning_rate = 1e-3F,
                    .beta1 = 0.9F,
                    .beta2 = 0.999F,
                    .eps = 1e-8F,
                    .weight_decay = 0.0F,
                    .gradient_scale = 1.0F,
                    .step = static_cast<std::int64_t>(step) + 1});
    trainable.parameters_changed();
  }
}

INSTANTIATE_TEST_SUITE_P(TinyModels, ModelGolden, testing::Values("llama", "llama3", "gemma3"),
                         [](const auto& model) { return model.param; });

}  // namespace
}  // namespace outcrop::model
