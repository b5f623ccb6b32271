#pragma once
// Final norm, output head and cross-entropy over the tokens that have a target, a chunk at a time: the
// [T, V] logits never exist (Liger's fused linear cross-entropy, Hsu et al. 2024), and the gradient is
// formed in the same pass, since the loss's scale is known beforehand.

#include "base/page_buffer.h"
#include "model/trainable.h"
#include "tensor/ops.h"

#include <cstdint>
#include <span>

namespace outcrop::model {

template <class T>
class LossHead {
 public:
  LossHead() = default;
  /// d_norm [D] and d_head [V, D] are empty for a frozen head.
  LossHead(Arena& arena, const DecoderConfig& config, std::span<const T> norm, Matrix<const T> head,
           std::span<float> d_norm, Matrix<float> d_head, std::int64_t rows, std::int64_t chunk);

  /// hidden: [T, D], the last block's output. With want_gradient d [T, D] gets the gradient of
  /// loss_sum * scale (zero rows where there is no target).
  RowLoss run(Matrix<const T> hidden, std::span<const std::int32_t> targets, float scale, Matrix<T> d,
              bool want_gradient);

 private:
  void run_chunk(std::int64_t first, std::int64_t count, std::span<const std::int32_t> targets, float scale,
                 bool want_gradient, RowLoss& loss);

  std::int64_t width_ = 0;
  std::int64_t vocab_ = 0;
  std::int64_t chunk_ = 0;
  ops::RmsNorm options_{};
  std::span<const T> norm_;
  Matrix<const T> head_;
  std::span<float> d_norm_;
  Matrix<float> d_head_;
  std::int32_t* rows_ = nullptr;     // [T] indices of tokens with a target
  std::int32_t* targets_ = nullptr;  // [T] their targets
  T* selected_ = nullptr;            // [T, D] hidden rows with a target, and later their gradient
  T* normed_ = nullptr;              // [chunk, D]
  T* d_normed_ = nullptr;            // [chunk, D]
  float* rms_ = nullptr;             // [chunk]
  float* logits_ = nullptr;          // [chunk, V]
  T* d_logits_ = nullptr;            // [chunk, V]
};

}  // namespace outcrop::model
