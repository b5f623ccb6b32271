#include "model/loss_head.h"

#include "base/thread_pool.h"
#include "kernels/elementwise.h"

#include <algorithm>
#include <cstring>

namespace outcrop::model {

template <class T>
LossHead<T>::LossHead(Arena& arena, const DecoderConfig& config, std::span<const T> norm, Matrix<const T> head,
                      std::span<float> d_norm, Matrix<float> d_head, std::int64_t rows, std::int64_t chunk)
    : width_(config.width),
      vocab_(config.vocab_size),
      chunk_(std::min(rows, chunk)),
      options_{config.norm_eps, config.norm_weight_offset},
      norm_(norm),
      head_(head),
      d_norm_(d_norm),
      d_head_(d_head),
      rows_(arena.take<std::int32_t>(rows)),
      targets_(arena.take<std::int32_t>(rows)),
      selected_(arena.take<T>(rows * width_)),
      normed_(arena.take<T>(chunk_ * width_)),
      d_normed_(arena.take<T>(chunk_ * width_)),
      rms_(arena.take<float>(chunk_)),
      logits_(arena.take<float>(chunk_ * vocab_)),
      d_logits_(arena.take<T>(chunk_ * vocab_)) {}

template <class T>
RowLoss LossHead<T>::run(Matrix<const T> hidden, std::span<const std::int32_t> targets, float scale,
                         Matrix<T> d, bool want_gradient) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] == kNoTarget) continue;
    rows_[count] = static_cast<std::int32_t>(i);
    targets_[count] = targets[i];
    ++count;
  }
  RowLoss loss;
  loss.targets = count;
  kernels::gather_rows<T>(selected_, width_, hidden.data, hidden.stride, rows_, count, width_, 1.0F);
  const std::span<const std::int32_t> wanted(targets_, static_cast<std::size_t>(count));
  for (std::int64_t first = 0; first < count; first += chunk_) {
    run_chunk(first, std::min(chunk_, count - first), wanted, scale, want_gradient, loss);
  }
  if (!want_gradient) return loss;
  parallel_for(d.rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) std::fill_n(d.row(r), width_, T{});
  });
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(d.row(rows_[i]), selected_ + i * width_, static_cast<std::size_t>(width_) * sizeof(T));
  }
  return loss;
}

template <class T>
void LossHead<T>::run_chunk(std::int64_t first, std::int64_t count, std::span<const std::int32_t> targets,
                            float scale, bool want_gradient, RowLoss& loss) {
  const Matrix<T> x(selected_ + first * width_, count, width_);
  const Matrix<T> normed(normed_, count, width_);
  const std::span<float> rms(rms_, static_cast<std::size_t>(count));
  ops::rms_norm<T>(normed, rms, x, norm_, options_);
  const Matrix<float> logits(logits_, count, vocab_);
  ops::linear<T, float>(logits, normed, head_);
  const Matrix<T> d_logits = want_gradient ? Matrix<T>(d_logits_, count, vocab_) : Matrix<T>();
  const auto part = targets.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  const ops::CrossEntropy result = ops::cross_entropy<T>(d_logits, logits, part, scale);
  loss.loss_sum += result.loss_sum;
  loss.correct += result.correct;
  if (!want_gradient) return;
  const Matrix<T> d_normed(d_normed_, count, width_);
  ops::linear_backward_input<T, T>(d_normed, d_logits, head_);
  if (d_head_.data != nullptr)
    ops::linear_backward_weight<T>(d_head_, d_logits, normed, ops::Write::accumulate);
  // The input x is read before its gradient takes its place, row by row.
  ops::rms_norm_backward<T>(normed, d_norm_, d_normed, x, norm_, rms, options_, ops::Write::overwrite);
  std::memcpy(x.data, normed.data, static_cast<std::size_t>(count * width_) * sizeof(T));
}

template class LossHead<float>;
template class LossHead<bfloat16>;

}  // namespace outcrop::model
