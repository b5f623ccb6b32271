#include "support/close.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

double largest_magnitude(const Values& values) {
  double largest = 0.0;
  for (const double value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  return largest;
}

bool matches(double got, double exact, double allowed) {
  if (std::isnan(exact)) return std::isnan(got);
  if (std::isinf(exact)) return got == exact;
  return std::abs(got - exact) <= allowed;  // false for a NaN
}

}  // namespace

double sum_roundings(std::int64_t terms) {
  return 4.0 * std::sqrt(static_cast<double>(std::max<std::int64_t>(1, terms)));
}

void expect_close(const Values& got, const Values& exact, const ErrorBound& bound, double stored_roundoff,
                  const std::string& what) {
  ASSERT_EQ(got.size(), exact.size()) << what;
  const double magnitude = bound.magnitude > 0.0 ? bound.magnitude : largest_magnitude(exact);
  const double computed = (bound.roundings * kUnitRoundoff<float> + bound.narrow * stored_roundoff) * magnitude;
  std::size_t wrong = 0;
  std::size_t worst = 0;
  double worst_ratio = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double allowed = computed + bound.stores * stored_roundoff * std::abs(exact[i]) + 0x1p-126;
    if (matches(got[i], exact[i], allowed)) continue;
    ++wrong;
    const double ratio = std::abs(got[i] - exact[i]) / allowed;
    if (wrong == 1 || ratio > worst_ratio) {
      worst = i;
      worst_ratio = ratio;
    }
  }
  if (wrong > 0) {
    ADD_FAILURE() << fmt::format(
        "{}: {} of {} elements outside the bound; element {} is {:.9g}, exact {:.9g}, {:.2f} x", what, wrong,
        got.size(), worst, got[worst], exact[worst], worst_ratio);
  }
}

void expect_gradient(const Values& analytic, const Values& differences, double magnitude,
                     const std::string& what) {
  ASSERT_EQ(analytic.size(), differences.size()) << what;
  constexpr double kDifferenceError = 0x1p-35;
  for (std::size_t i = 0; i < analytic.size(); ++i) {
    const double allowed = 16.0 * kDifferenceError * (magnitude + std::abs(analytic[i]));
    EXPECT_NEAR(analytic[i], differences[i], allowed) << fmt::format("{}, element {}", what, i);
  }
}

}  // namespace outcrop::test
