#pragma once
// Softmax cross-entropy of one row of logits: see kernels/loss.h. A vocabulary's row is read three times
// (largest, sum, gradient) but stays in the second-level cache.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {
namespace {

/// The largest of count values; NaNs are passed over, -inf for none.
OUTCROP_INLINE float largest_of(const float* x, std::int64_t count) {
  const F32 least = broadcast(-__builtin_inff());
  F32 chains[4] = {least, least, least, least};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int k = 0; k < 4; ++k) chains[k] = max(load(x + i + k * kLanes), chains[k]);
  }
  for_lanes(count - i, [&](std::int64_t j, int lanes) OUTCROP_BODY {
    chains[0] = max(first_lanes(load(x + i + j, lanes), lanes, -__builtin_inff()), chains[0]);
  });
  return largest(max(max(chains[0], chains[1]), max(chains[2], chains[3])));
}

/// Σ exp(x - shift), in float over spans of 4096 and in double over the spans.
OUTCROP_INLINE double sum_exp(const float* x, std::int64_t count, float shift) {
  constexpr std::int64_t kSpan = 4096;
  double total = 0.0;
  for (std::int64_t begin = 0; begin < count; begin += kSpan) {
    const float* span = x + begin;
    const std::int64_t length = count - begin < kSpan ? count - begin : kSpan;
    total += static_cast<double>(sum(accumulate(length, [&](std::int64_t i, int lanes) OUTCROP_BODY {
      return first_lanes(exp(load(span + i, lanes) - shift), lanes, 0.0F);
    })));
  }
  return total;
}

}  // namespace

template <Isa isa, class T>
RowLoss Loss<isa, T>::row(T* dlogits, const float* logits, std::int64_t target, std::int64_t vocab,
                          float scale) {
  const float shift = largest_of(logits, vocab);
  const double total = sum_exp(logits, vocab, shift);
  const float hit = logits[target];
  const double below = static_cast<double>(hit) - static_cast<double>(shift);
  // The first of several largest logits is the answer, as in torch.argmax.
  const bool correct = hit == shift && largest_of(logits, target) < shift;
  if (dlogits != nullptr) {
    const float factor = static_cast<float>(static_cast<double>(scale) / total);
    for_lanes(vocab, [&](std::int64_t i, int lanes) OUTCROP_BODY {
      store(dlogits + i, exp(load(logits + i, lanes) - shift) * factor, lanes);
    });
    const double probability = __builtin_exp(below) / total;
    store(dlogits + target, broadcast(static_cast<float>((probability - 1.0) * static_cast<double>(scale))), 1);
  }
  return {static_cast<float>(__builtin_log(total) - below), correct};
}

}  // namespace outcrop::kernels::cpu
