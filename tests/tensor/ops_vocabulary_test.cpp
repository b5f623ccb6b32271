// Embedding and loss as operation cases.

#include "kernels/reference/loss.h"
#include "support/op_case.h"
#include "tensor/op_matrices.h"
#include "tensor/ops.h"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

constexpr std::int64_t kVocabulary = 11;
constexpr std::int64_t kCols = 35;
constexpr std::int64_t kRows = 6;
constexpr float kScale = 3.0F;
const std::vector<std::int32_t> kIds{4, 0, 4, 10, 4, 7};

std::size_t element(std::int64_t row, std::int64_t col) {
  return static_cast<std::size_t>(row * kCols + col);
}

/// Calls f(element of a row of `out`, element of the table's row).
template <class F>
void for_each_element(F f) {
  for (std::int64_t r = 0; r < kRows; ++r) {
    for (std::int64_t c = 0; c < kCols; ++c) f(element(r, c), element(kIds[static_cast<std::size_t>(r)], c));
  }
}

OpCase embedding_case() {
  OpCase op;
  op.name = "ops::embedding";
  op.inputs = {normal_values(kVocabulary * kCols, 1)};
  op.reference = [](const std::vector<Values>& in) {
    Values out(static_cast<std::size_t>(kRows * kCols));
    for_each_element([&](std::size_t to, std::size_t from) { out[to] = kScale * in[0][from]; });
    return out;
  };
  op.reference_backward = [](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    Values dtable(in[0].size());
    for_each_element([&](std::size_t from, std::size_t to) { dtable[to] += kScale * dout[from]; });
    return {dtable};
  };
  op.forward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> table(in[0], kVocabulary, kCols, 2);
    PaddedRows<T> out(kRows, kCols, 5);
    ops::embedding<T>(matrix(out, kRows, kCols), view(table, kVocabulary, kCols), kIds, kScale);
    return {out.values()};
  });
  op.backward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> dout(in[0], kRows, kCols, 5);
    PaddedRows<float> dtable(Values(static_cast<std::size_t>(kVocabulary * kCols)), kVocabulary, kCols, 2);
    ops::embedding_backward<T>(matrix(dtable, kVocabulary, kCols), view(dout, kRows, kCols), kIds, kScale);
    return {dtable.values()};
  });
  op.float_gradient = {true};
  op.forward_bound = {.roundings = 1.0};
  op.backward_bounds = {{.roundings = sum_roundings(3) + 3.0}};
  return op;
}

OpCase cross_entropy_case() {
  OpCase op;
  op.name = "ops::cross_entropy";
  op.inputs = {normal_values(kRows * kCols, 1, 3.0)};
  op.float_input = {true};
  op.float_output = true;
  op.reference = [](const std::vector<Values>& in) -> Values {
    const Values losses = kernels::reference::cross_entropy(in[0], kIds, kCols);
    return {std::accumulate(losses.begin(), losses.end(), 0.0)};
  };
  op.reference_backward = [](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    return {kernels::reference::cross_entropy_backward(Values(kRows, dout[0]), in[0], kIds, kCols)};
  };
  op.forward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<float> logits(in[0], kRows, kCols, 3);
    return {{ops::cross_entropy<T>({}, view(logits, kRows, kCols), kIds, 1.0F).loss_sum}};
  });
  op.backward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<float> logits(in[1], kRows, kCols, 3);
    PaddedRows<T> dlogits(kRows, kCols, 1);
    (void)ops::cross_entropy<T>(matrix(dlogits, kRows, kCols), view(logits, kRows, kCols), kIds,
                                static_cast<float>(in[0][0]));
    return {dlogits.values()};
  });
  // A logit's distance from the largest, up to 24, is rounded at its own size and becomes a relative error.
  op.forward_bound = {.roundings = sum_roundings(kCols) + 24.0};
  op.backward_bounds = {{.roundings = sum_roundings(kCols) + 24.0, .magnitude = 5.0}};
  return op;
}

TEST(VocabularyOps, ReferenceGradientsMatchFiniteDifferences) {
  check_reference_gradient(embedding_case());
  check_reference_gradient(cross_entropy_case());
}

TEST(VocabularyOps, EveryLevelMatchesTheReferenceForwardAndBackward) {
  check_kernels(embedding_case());
  check_kernels(cross_entropy_case());
}

}  // namespace
}  // namespace outcrop::test
