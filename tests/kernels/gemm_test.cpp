#include "kernels/gemm.h"

#include "base/random.h"
#include "base/thread_pool.h"
#include "support/close.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::kernels {
namespace {

struct Case {
  std::int64_t m, n, k;
  Transpose a, b;
  bool accumulate;
};

template <class T>
std::vector<T> random_values(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) v = T(random.normal());
  return values;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Transpose a : {Transpose::no, Transpose::yes}) {
    for (const Transpose b : {Transpose::no, Transpose::yes}) {
      for (const bool accumulate : {false, true}) {
        all.push_back({1, 1, 1, a, b, accumulate});
        all.push_back({3, 17, 5, a, b, accumulate});
        all.push_back({65, 48, 130, a, b, accumulate});
        all.push_back({200, 33, 64, a, b, accumulate});
        all.push_back({16, 700, 96, a, b, accumulate});
      }
    }
  }
  return all;
}

/// Checks one case with rows farther apart than they need to be; untouched padding must stay.
template <class In, class Out>
void check(const Case& c) {
  const std::int64_t a_rows = c.a == Transpose::yes ? c.k : c.m;
  const std::int64_t a_stride = (c.a == Transpose::yes ? c.m : c.k) + 3;
  const std::int64_t b_rows = c.b == Transpose::yes ? c.n : c.k;
  const std::int64_t b_stride = (c.b == Transpose::yes ? c.k : c.n) + 5;
  const std::int64_t c_stride = c.n + 7;
  const auto a = random_values<In>(a_rows * a_stride, 1);
  const auto b = random_values<In>(b_rows * b_stride, 2);
  const auto before = random_values<Out>(c.m * c_stride, 3);
  auto out = before;
  gemm<In, Out>(out.data(), c_stride, {a.data(), a_stride, c.a}, {b.data(), b_stride, c.b}, c.m, c.n, c.k,
                c.accumulate);
  test::Values got;
  test::Values exact;
  for (std::int64_t i = 0; i < c.m; ++i) {
    for (std::int64_t j = 0; j < c.n; ++j) {
      const auto at = static_cast<std::size_t>(i * c_stride + j);
      double sum = c.accumulate ? static_cast<double>(static_cast<float>(before[at])) : 0.0;
      for (std::int64_t l = 0; l < c.k; ++l) {
        const auto ai = static_cast<std::size_t>(c.a == Transpose::yes ? l * a_stride + i : i * a_stride + l);
        const auto bi = static_cast<std::size_t>(c.b == Transpose::yes ? j * b_stride + l : l * b_stride + j);
        sum += static_cast<double>(static_cast<float>(a[ai])) * static_cast<double>(static_cast<float>(b[bi]));
      }
      exact.push_back(sum);
      got.push_back(static_cast<double>(static_cast<float>(out[at])));
    }
    for (std::int64_t j = c.n; j < c_stride; ++j) {
      const auto at = static_cast<std::size_t>(i * c_stride + j);
      ASSERT_EQ(out[at], before[at]) << "padding changed";
    }
  }
  // Products of normal values: sums of k terms stay below 4 sqrt(k), plus the value added to.
  const double magnitude = 4.0 * std::sqrt(static_cast<double>(c.k)) + 4.0;
  test::expect_close(got, exact, {.roundings = test::sum_roundings(c.k), .magnitude = magnitude, .stores = 2.0},
                     test::kUnitRoundoff<Out>,
                     std::to_string(c.m) + "x" + std::to_string(c.n) + "x" + std::to_string(c.k));
}

TEST(Gemm, MatchesTheReferenceForEveryTransposeStrideAndSize) {
  for (const Case& c : cases()) {
    check<float, float>(c);
    check<bfloat16, float>(c);
    check<bfloat16, bfloat16>(c);
  }
}

TEST(Gemm, DoesNotDependOnTheNumberOfThreads) {
  const std::int64_t m = 300;
  const std::int64_t n = 500;
  const std::int64_t k = 192;
  const auto a = random_values<bfloat16>(m * k, 1);
  const auto b = random_values<bfloat16>(n * k, 2);
  std::vector<float> pooled(static_cast<std::size_t>(m * n));
  std::vector<float> alone(pooled.size());
  const auto run = [&](std::vector<float>& out) {
    gemm<bfloat16, float>(out.data(), n, {a.data(), k}, {b.data(), k, Transpose::yes}, m, n, k, false);
  };
  run(pooled);
  // Inside a parallel region a call runs on its own thread alone.
  parallel_for(2, 1, [&](std::int64_t begin, std::int64_t) {
    if (begin == 0) run(alone);
  });
  EXPECT_EQ(pooled, alone);
}

}  // namespace
}  // namespace outcrop::kernels
