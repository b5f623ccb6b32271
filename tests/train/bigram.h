#pragma once
// A tiny Trainable with gradients by hand, so that the loop is tested without a transformer: next-token
// softmax regression, logits = W[token] + bias, float parameters.

#include "base/random.h"
#include "data/packing.h"
#include "model/trainable.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace outcrop::train::testing {

inline constexpr std::int32_t kVocabulary = 7;
inline constexpr std::size_t kWeights = kVocabulary * kVocabulary;

class Bigram : public model::Trainable {
 public:
  explicit Bigram(std::uint64_t seed = 1)
      : parameters_(kWeights + kVocabulary), gradients_(parameters_.size()) {
    Random random(seed);
    for (float& p : parameters_) p = 0.1F * random.normal();
    tensors_ = {{"bigram.weight", 0, kWeights, true}, {"bigram.bias", kWeights, kVocabulary, false}};
    parameters_changed();
  }

  model::RowLoss forward_backward(const model::PackedRow& row, float scale,
                                  std::uint64_t dropout_seed) override {
    longest_row = std::max(longest_row, row.tokens.size());
    rows += 1;
    if (rows == fail_at_row) return {std::numeric_limits<double>::quiet_NaN(), 1, 0};
    if (rows == bad_gradient_at_row) gradients_[3] = std::numeric_limits<float>::infinity();
    return run(row, [&](std::size_t i, std::int32_t token, const std::vector<double>& d) {
      // Dropout: a fifth of the positions give no gradient, by the seed.
      if (dropout && philox(dropout_seed, 0, i)[0] % 5 == 0) return;
      for (std::int32_t v = 0; v < kVocabulary; ++v) {
        const auto g = static_cast<float>(d[static_cast<std::size_t>(v)] * static_cast<double>(scale));
        gradients_[static_cast<std::size_t>(token * kVocabulary + v)] += g;
        gradients_[kWeights + static_cast<std::size_t>(v)] += g;
      }
    });
  }

  model::RowLoss evaluate(const model::PackedRow& row) override {
    evaluations += 1;
    return run(row, [](std::size_t, std::int32_t, const std::vector<double>&) {});
  }

  std::span<float> parameters() noexcept override { return parameters_; }
  std::span<float> gradients() noexcept override { return gradients_; }
  const std::vector<model::TrainableTensor>& tensors() const noexcept override { return tensors_; }
  void parameters_changed() override { compute_ = parameters_; }
  model::LoraAdapter adapter() const override { return {}; }

  bool dropout = false;
  std::int64_t rows = 0;         ///< forward_backward calls
  std::int64_t fail_at_row = 0;  ///< that call's loss is not a number
  std::int64_t bad_gradient_at_row = 0;
  std::int64_t evaluations = 0;
  std::size_t longest_row = 0;

 private:
  template <class Backward>
  model::RowLoss run(const model::PackedRow& row, Backward&& backward) {
    model::RowLoss loss;
    for (std::size_t i = 0; i < row.tokens.size(); ++i) {
      if (row.targets[i] == model::kNoTarget) continue;
      std::vector<double> d = softmax(row.tokens[i]);
      const auto target = static_cast<std::size_t>(row.targets[i]);
      loss.loss_sum -= std::log(d[target]);
      loss.targets += 1;
      d[target] -= 1.0;
      backward(i, row.tokens[i], d);
    }
    return loss;
  }

  std::vector<double> softmax(std::int32_t token) const {
    std::vector<double> p(kVocabulary);
    double sum = 0.0;
    for (std::size_t v = 0; v < p.size(); ++v) {
      const float logit = compute_[static_cast<std::size_t>(token * kVocabulary) + v] + compute_[kWeights + v];
      p[v] = std::exp(static_cast<double>(logit));
      sum += p[v];
    }
    for (double& value : p) value /= sum;
    return p;
  }

  std::vector<float> parameters_;
  std::vector<float> gradients_;
  std::vector<float> compute_;  ///< follows parameters_ only through parameters_changed()
  std::vector<model::TrainableTensor> tensors_;
};

/// `count` ragged records of a language in which t is mostly followed by t + `stride`.
inline data::EncodedExamples make_examples(std::int64_t count, std::uint64_t seed, std::int32_t stride = 1) {
  data::EncodedExamples examples;
  Random random(seed, 9);
  for (std::int64_t e = 0; e < count; ++e) {
    const std::uint64_t length = 4 + random.below(9);
    auto token = static_cast<std::int32_t>(random.below(kVocabulary));
    for (std::uint64_t i = 0; i < length; ++i) {
      const bool last = i + 1 == length;
      const std::int32_t next = random.below(10) == 0 ? static_cast<std::int32_t>(random.below(kVocabulary))
                                                      : (token + stride) % kVocabulary;
      examples.tokens.push_back(token);
      // The first half is the prompt: no target.
      const bool target = !last && i >= length / 2 - 1;
      examples.targets.push_back(target ? next : model::kNoTarget);
      examples.target_tokens += target ? 1 : 0;
      token = next;
    }
    examples.starts.push_back(static_cast<std::int64_t>(examples.tokens.size()));
    examples.lines.push_back(e + 1);
  }
  return examples;
}

}  // namespace outcrop::train::testing
