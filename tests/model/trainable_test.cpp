#include "model/trainable.h"

#include "base/random.h"
#include "model/decoder.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::model {
namespace {

/// A model small enough for finite differences. Gemma's features are switched on one by one.
DecoderConfig tiny_config(bool gemma, bool tied) {
  DecoderConfig c;
  c.architecture = gemma ? "gemma3" : "llama";
  c.vocab_size = 37;
  c.width = 24;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_width = 8;
  c.ffn_width = 40;
  c.context_length = 64;
  c.attention_scale = 1.0F / std::sqrt(8.0F);
  c.tied_embeddings = tied;
  c.ropes = {RopeConfig{}};
  c.layers = {LayerConfig{}, LayerConfig{}};
  if (gemma) {
    c.norm_weight_offset = 1.0F;
    c.sandwich_norms = true;
    c.qk_norm = true;
    c.activation = kernels::Activation::gelu_tanh;
    c.embedding_scale = std::sqrt(24.0F);
    c.layers[0].window = 3;
  }
  return c;
}

std::shared_ptr<const Model> tiny_model(const DecoderConfig& config, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(make_layout(config).elements));
  for (float& v : values) v = 0.25F * random.normal();
  return Model::from_weights(config, std::move(values));
}

/// Three segments, one of them a single token long, with some tokens masked.
struct Row {
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> starts{0, 9, 10, 17};
  PackedRow packed() const { return {tokens, targets, starts}; }
};

Row make_row(std::uint64_t seed) {
  Random random(seed);
  Row row;
  for (int i = 0; i < 17; ++i) {
    row.tokens.push_back(static_cast<TokenId>(random.below(37)));
    row.targets.push_back(i % 3 == 1 ? kNoTarget : static_cast<std::int32_t>(random.below(37)));
  }
  return row;
}

LoraAdapter busy_adapter(const DecoderConfig& config, double dropout) {
  LoraConfig lora;
  lora.rank = 3;
  lora.alpha = 6;
  lora.dropout = dropout;
  LoraAdapter adapter = LoraAdapter::initial(lora, config, 5);
  Random random(9);
  for (float& v : adapter.values) v += 0.1F * random.normal();
  return adapter;
}

/// Largest difference between the analytic gradient and central differences, over a sample of parameters,
/// relative to the largest gradient seen.
double gradient_error(Trainable& trainable, const Row& row) {
  for (float& g : trainable.gradients()) g = 0.0F;
  trainable.forward_backward(row.packed(), 1.0F, 0);
  const auto gradients = trainable.gradients();
  const auto parameters = trainable.parameters();
  double worst = 0.0;
  double largest = 0.0;
  Random random(77);
  for (const TrainableTensor& tensor : trainable.tensors()) {
    for (int sample = 0; sample < 4; ++sample) {
      const auto at = static_cast<std::size_t>(tensor.offset) +
                      static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(tensor.elements)));
      const float kept = parameters[at];
      const float step = 1e-2F;
      parameters[at] = kept + step;
      trainable.parameters_changed();
      const double up = trainable.evaluate(row.packed()).loss_sum;
      parameters[at] = kept - step;
      trainable.parameters_changed();
      const double down = trainable.evaluate(row.packed()).loss_sum;
      parameters[at] = kept;
      const double slope = (up - down) / (2.0 * static_cast<double>(step));
      worst = std::max(worst, std::abs(slope - static_cast<double>(gradients[at])));
      largest = std::max(largest, std::abs(slope));
    }
  }
  trainable.parameters_changed();
  return worst / largest;
}

// Central differences with a step h have an error of h²/6 times the third derivative, here about 1e-3.
constexpr double kDifferenceTolerance = 5e-3;

TEST(Trainable, FullGradientsMatchFiniteDifferences) {
  for (const bool gemma : {false, true}) {
    for (const bool tied : {false, true}) {
      auto trainable =
          make_trainable(tiny_model(tiny_config(gemma, tied), 1), {.train_full = true, .max_row_tokens = 32});
      ASSERT_TRUE(trainable);
      EXPECT_LT(gradient_error(**trainable, make_row(2)), kDifferenceTolerance)
          << "gemma " << gemma << " tied " << tied;
    }
  }
}

TEST(Trainable, LoraGradientsMatchFiniteDifferences) {
  for (const bool gemma : {false, true}) {
    const DecoderConfig config = tiny_config(gemma, true);
    auto trainable =
        make_trainable(tiny_model(config, 1), {.lora = busy_adapter(config, 0.0), .max_row_tokens = 32});
    ASSERT_TRUE(trainable);
    EXPECT_LT(gradient_error(**trainable, make_row(2)), kDifferenceTolerance) << "gemma " << gemma;
  }
}

TEST(Trainable, PackedLossIsTheSumOfItsSegments) {
  const DecoderConfig config = tiny_config(true, true);
  auto trainable = make_trainable(tiny_model(config, 3), {.train_full = true, .max_row_tokens = 32});
  ASSERT_TRUE(trainable);
  const Row row = make_row(4);
  const RowLoss packed = (*trainable)->evaluate(row.packed());
  double sum = 0.0;
  std::int64_t targets = 0;
  for (std::size_t s = 0; s + 1 < row.starts.size(); ++s) {
    const auto begin = static_cast<std::size_t>(row.starts[s]);
    const auto count = static_cast<std::size_t>(row.starts[s + 1]) - begin;
    const std::vector<std::int32_t> starts{0, static_cast<std::int32_t>(count)};
    const RowLoss alone = (*trainable)
                              ->evaluate({std::span(row.tokens).subspan(begin, count),
                                          std::span(row.targets).subspan(begin, count), starts});
    sum += alone.loss_sum;
    targets += alone.targets;
  }
  EXPECT_EQ(packed.targets, targets);
  EXPECT_NEAR(packed.loss_sum, sum, 1e-5 * sum);
}

TEST(Trainable, ZeroBLeavesTheBaseBitExact) {
  const DecoderConfig config = tiny_config(false, true);
  const auto model = tiny_model(config, 3);
  LoraConfig lora;
  lora.rank = 4;
  auto adapted = make_trainable(model, {.lora = LoraAdapter::initial(lora, config, 1), .max_row_tokens = 32});
  auto base = make_trainable(model, {.train_full = true, .max_row_tokens = 32});
  ASSERT_TRUE(adapted && base);
  const Row row = make_row(4);
  EXPECT_EQ((*adapted)->evaluate(row.packed()).loss_sum, (*base)->evaluate(row.packed()).loss_sum);
}

TEST(Trainable, GradientsAccumulateOverRows) {
  const DecoderConfig config = tiny_config(false, true);
  auto trainable =
      make_trainable(tiny_model(config, 3), {.lora = busy_adapter(config, 0.0), .max_row_tokens = 32});
  ASSERT_TRUE(trainable);
  const Row row = make_row(4);
  (*trainable)->forward_backward(row.packed(), 0.5F, 0);
  const std::vector<float> once((*trainable)->gradients().begin(), (*trainable)->gradients().end());
  (*trainable)->forward_backward(row.packed(), 0.5F, 0);
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_EQ((*trainable)->gradients()[i], 2.0F * once[i]);
}

TEST(Trainable, DropoutIsRepeatedBySeedAndOffInEvaluation) {
  const DecoderConfig config = tiny_config(false, true);
  auto trainable =
      make_trainable(tiny_model(config, 3), {.lora = busy_adapter(config, 0.3), .max_row_tokens = 32});
  ASSERT_TRUE(trainable);
  const Row row = make_row(4);
  const double first = (*trainable)->forward_backward(row.packed(), 1.0F, 11).loss_sum;
  EXPECT_EQ(first, (*trainable)->forward_backward(row.packed(), 1.0F, 11).loss_sum);
  EXPECT_NE(first, (*trainable)->forward_backward(row.packed(), 1.0F, 12).loss_sum);
  EXPECT_EQ((*trainable)->evaluate(row.packed()).loss_sum, (*trainable)->evaluate(row.packed()).loss_sum);
}

TEST(Trainable, RefusesBothAndNeitherKindOfTraining) {
  const DecoderConfig config = tiny_config(false, true);
  const auto model = tiny_model(config, 3);
  EXPECT_EQ(make_trainable(model, {}).error().code, Code::invalid_argument);
  EXPECT_EQ(make_trainable(model, {.lora = busy_adapter(config, 0.0), .train_full = true}).error().code,
            Code::invalid_argument);
}

/// -log softmax(logits)[target]
double negative_log_likelihood(const float* logits, std::int64_t vocab, std::int32_t target) {
  double largest = -1e30;
  for (std::int64_t v = 0; v < vocab; ++v) largest = std::max(largest, static_cast<double>(logits[v]));
  double sum = 0.0;
  for (std::int64_t v = 0; v < vocab; ++v) sum += std::exp(static_cast<double>(logits[v]) - largest);
  return largest + std::log(sum) - static_cast<double>(logits[target]);
}

TEST(Decoder, AgreesWithTrainingForwardWhateverTheChunks) {
  for (const bool gemma : {false, true}) {
    const DecoderConfig config = tiny_config(gemma, true);
    const auto model = tiny_model(config, 3);
    const LoraAdapter adapter = busy_adapter(config, 0.0);
    auto trainable = make_trainable(model, {.lora = adapter, .max_row_tokens = 32});
    ASSERT_TRUE(trainable);
    const Row row = make_row(4);
    const std::span<const TokenId> tokens(row.tokens.data(), 9);
    const std::vector<std::int32_t> starts{0, 9};
    const RowLoss loss = (*trainable)->evaluate({tokens, std::span(row.targets).first(9), starts});

    auto decoder = make_decoder(model, std::make_shared<const LoraAdapter>(adapter));
    const auto cache = decoder->new_cache(16);
    std::vector<float> logits(static_cast<std::size_t>(9 * config.vocab_size));
    std::int64_t at = 0;
    for (const std::int64_t count : {4, 1, 1, 3}) {
      const DecoderInput input{cache.get(),
                               tokens.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count))};
      decoder->forward_all({&input, 1}, {logits.data() + at * config.vocab_size, count, config.vocab_size});
      at += count;
    }
    double sum = 0.0;
    for (std::int64_t t = 0; t < 9; ++t) {
      const std::int32_t target = row.targets[static_cast<std::size_t>(t)];
      if (target != kNoTarget)
        sum += negative_log_likelihood(logits.data() + t * config.vocab_size, config.vocab_size, target);
    }
    EXPECT_NEAR(sum, loss.loss_sum, 1e-4 * sum) << "gemma " << gemma;
  }
}

}  // namespace
}  // namespace outcrop::model
