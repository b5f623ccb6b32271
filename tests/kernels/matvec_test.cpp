#include "kernels/gemm.h"
#include "kernels/reference/gemm.h"
#include "support/op_case.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

struct Sizes {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
};

/// Products of normal values: their sums stay below four standard deviations.
ErrorBound bound_of(const Sizes& s) {
  return {.roundings = sum_roundings(s.k), .magnitude = 4.0 * std::sqrt(static_cast<double>(s.k))};
}

template <class In, class Out>
Values product(const std::vector<Values>& in, const Sizes& s) {
  const PaddedRows<In> x(in[0], s.m, s.k, 3);
  const PaddedRows<In> w(in[1], s.n, s.k, 5);
  PaddedRows<Out> y(s.m, s.n, 7);
  timed([&] {
    kernels::matvec<In, Out>(y.data(), y.stride(), x.data(), x.stride(), w.data(), w.stride(), s.m, s.n, s.k);
  });
  return y.values();
}

OpCase matvec_case(const Sizes& s) {
  OpCase op;
  op.name = "matvec " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
  op.inputs = {normal_values(s.m * s.k, 1), normal_values(s.n * s.k, 2)};
  op.reference = [s](const std::vector<Values>& in) {
    return kernels::reference::gemm(in[0], in[1], s.m, s.n, s.k, /*transpose_a=*/false, /*transpose_b=*/true);
  };
  op.forward(
      [s]<class T>(const std::vector<Values>& in) -> std::vector<Values> { return {product<T, T>(in, s)}; });
  op.forward_bound = bound_of(s);
  return op;
}

/// bfloat16 inputs, float results: what logits take.
OpCase wide_matvec_case(const Sizes& s) {
  OpCase op = matvec_case(s);
  op.name += " to float";
  op.float_output = true;
  op.forward_bfloat16 = [s](const std::vector<Values>& in) -> std::vector<Values> {
    return {product<bfloat16, float>(in, s)};
  };
  return op;
}

TEST(Matvec, EveryLevelMatchesForEveryNumberOfRowsAndOddSizes) {
  for (std::int64_t m = 1; m <= kernels::kMatvecRows; ++m) {
    for (const std::int64_t n : {1, 2, 3, 5, 17, 64}) {
      for (const std::int64_t k : {1, 7, 15, 16, 31, 32, 33, 70}) {
        check_kernels(matvec_case({m, n, k}));
        check_kernels(wide_matvec_case({m, n, k}));
      }
    }
  }
}

TEST(Matvec, EveryLevelMatchesWhereThePoolSharesTheRows) {
  for (const std::int64_t m : {1, 4, 8}) {
    check_kernels(matvec_case({m, 331, 577}));
    check_kernels(wide_matvec_case({m, 331, 577}));
  }
}

/// Row `row` of a product of the first `m` rows.
Values row_of(const std::vector<Values>& in, Sizes s, std::int64_t m, std::int64_t row) {
  s.m = m;
  const Values all = product<bfloat16, float>(in, s);
  return {all.begin() + row * s.n, all.begin() + (row + 1) * s.n};
}

TEST(Matvec, ARowIsBitForBitTheSameInAnyCompany) {
  const Sizes s{kernels::kMatvecRows, 37, 90};
  const OpCase op = matvec_case(s);
  at_every_level([&](kernels::Isa) {
    const Values alone = row_of(op.inputs, s, 1, 0);
    for (std::int64_t m = 2; m <= s.m; ++m) EXPECT_EQ(row_of(op.inputs, s, m, 0), alone) << m << " rows";
  });
}

TEST(Matvec, SpeedIsPrintedWhenAskedFor) {
  print_speed(matvec_case({1, 1536, 576}));
  print_speed(wide_matvec_case({1, 49152, 576}));
}

}  // namespace
}  // namespace outcrop::test
