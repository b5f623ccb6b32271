#pragma once
// Softmax cross-entropy on a block of logits, with its gradient in the same pass.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

/// For each row r of logits [rows, V] (float, rows `stride` apart) with target t = targets[r] in [0, V):
///   loss[r]       = log Σ_v exp(logits[r,v]) - logits[r,t]
///   dlogits[r,v]  = (softmax(logits[r])[v] - [v == t]) * scale        unless dlogits is null
///   correct[r]    = argmax(logits[r]) == t                            unless correct is null
/// dlogits: [rows, V] of T, rows `dlogits_stride` apart; must not overlap logits unless T is float and the
/// strides agree.
template <class T>
void cross_entropy(float* loss, T* dlogits, std::int64_t dlogits_stride, std::uint8_t* correct,
                   const float* logits, std::int64_t stride, const std::int32_t* targets, std::int64_t rows,
                   std::int64_t vocab, float scale) noexcept;

}  // namespace outcrop::kernels
