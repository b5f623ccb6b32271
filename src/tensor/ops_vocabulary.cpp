// The two ends of a model: token ids to rows, logits to a loss.
#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "tensor/ops.h"

#include <algorithm>
#include <vector>

namespace outcrop::ops {
namespace {

bool all_below(std::span<const std::int32_t> ids, std::int64_t bound) {
  return std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) { return id >= 0 && id < bound; });
}

}  // namespace

template <class T>
void embedding(Matrix<T> out, Matrix<const T> table, std::span<const std::int32_t> ids, float scale) {
  CHECK(out.cols == table.cols && out.stride >= out.cols && table.stride >= table.cols,
        "embedding: out and table differ in width");
  CHECK(static_cast<std::int64_t>(ids.size()) == out.rows, "embedding: ids are not one a row");
  CHECK(all_below(ids, table.rows), "embedding: an id is outside the table");
  kernels::gather_rows(out.data, out.stride, table.data, table.stride, ids.data(), out.rows, out.cols, scale);
}

template <class T>
void embedding_backward(Matrix<float> dtable, Matrix<const T> dout, std::span<const std::int32_t> ids,
                        float scale) {
  CHECK(dout.cols == dtable.cols && dout.stride >= dout.cols && dtable.stride >= dtable.cols,
        "embedding_backward: dout and dtable differ in width");
  CHECK(static_cast<std::int64_t>(ids.size()) == dout.rows, "embedding_backward: ids are not one a row");
  CHECK(all_below(ids, dtable.rows), "embedding_backward: an id is outside the table");
  kernels::scatter_add_rows(dtable.data, dtable.stride, dout.data, dout.stride, ids.data(), dout.rows,
                            dout.cols, scale);
}

template <class T>
CrossEntropy cross_entropy(Matrix<T> dlogits, Matrix<const float> logits, std::span<const std::int32_t> targets,
                           float scale) {
  CHECK(logits.cols > 0 && logits.stride >= logits.cols, "cross_entropy: logits have no columns");
  CHECK(dlogits.data == nullptr ||
            (dlogits.rows == logits.rows && dlogits.cols == logits.cols && dlogits.stride >= dlogits.cols),
        "cross_entropy: dlogits and logits differ in shape");
  CHECK(static_cast<std::int64_t>(targets.size()) == logits.rows, "cross_entropy: targets are not one a row");
  CHECK(all_below(targets, logits.cols), "cross_entropy: a target is outside the vocabulary");
  std::vector<float> losses(targets.size());
  std::vector<std::uint8_t> correct(targets.size());
  kernels::cross_entropy(losses.data(), dlogits.data, dlogits.stride, correct.data(), logits.data,
                         logits.stride, targets.data(), logits.rows, logits.cols, scale);
  CrossEntropy result;
  for (std::size_t r = 0; r < targets.size(); ++r) {  // in row order: the sum must not depend on threads
    result.loss_sum += static_cast<double>(losses[r]);
    result.correct += correct[r];
  }
  return result;
}

template void embedding(Matrix<float>, Matrix<const float>, std::span<const std::int32_t>, float);
template void embedding(Matrix<bfloat16>, Matrix<const bfloat16>, std::span<const std::int32_t>, float);
template void embedding_backward(Matrix<float>, Matrix<const float>, std::span<const std::int32_t>, float);
template void embedding_backward(Matrix<float>, Matrix<const bfloat16>, std::span<const std::int32_t>, float);
template CrossEntropy cross_entropy(Matrix<float>, Matrix<const float>, std::span<const std::int32_t>, float);
template CrossEntropy cross_entropy(Matrix<bfloat16>, Matrix<const float>, std::span<const std::int32_t>,
                                    float);

}  // namespace outcrop::ops
