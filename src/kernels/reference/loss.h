#pragma once
// Softmax cross-entropy in double.

#include "kernels/reference/values.h"

#include <algorithm>
#include <cmath>

namespace outcrop::kernels::reference {

/// loss[r] = log Σ_v exp(logits[r,v]) - logits[r,t].
inline Values cross_entropy(const Values& logits, const std::vector<std::int32_t>& targets,
                            std::int64_t vocab) {
  Values losses;
  for (std::size_t r = 0; r < targets.size(); ++r) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(r) * vocab;
    const double shift = *std::max_element(row, row + vocab);
    double total = 0.0;
    for (std::int64_t v = 0; v < vocab; ++v) total += std::exp(row[v] - shift);
    losses.push_back(std::log(total) + shift - row[targets[r]]);
  }
  return losses;
}

/// dloss[r] (softmax(logits[r])[v] - [v == t]).
inline Values cross_entropy_backward(const Values& dloss, const Values& logits,
                                     const std::vector<std::int32_t>& targets, std::int64_t vocab) {
  Values gradient(logits.size());
  for (std::size_t r = 0; r < targets.size(); ++r) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(r) * vocab;
    const double shift = *std::max_element(row, row + vocab);
    double total = 0.0;
    for (std::int64_t v = 0; v < vocab; ++v) total += std::exp(row[v] - shift);
    for (std::int64_t v = 0; v < vocab; ++v) {
      const double probability = std::exp(row[v] - shift) / total;
      gradient[at(static_cast<std::int64_t>(r), vocab, v)] =
          dloss[r] * (probability - (v == targets[r] ? 1.0 : 0.0));
    }
  }
  return gradient;
}

}  // namespace outcrop::kernels::reference
