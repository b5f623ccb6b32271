#include "base/result.h"

#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return fail(Code::invalid_argument, std::to_string(x) + " is odd");
  return x / 2;
}

Result<int> quarter(int x) {
  OUTCROP_TRY(const int h, half(x));
  OUTCROP_TRY(const int q, half(h));
  return q;
}

Status must_be_even(int x, int& steps) {
  OUTCROP_CHECK_OK(half(x));
  ++steps;
  return {};
}

/// A result of another type than the one that failed.
Result<std::string> quarter_text(int x) {
  auto q = quarter(x);
  if (!q) return forward_error(q, "quarter of " + std::to_string(x));
  return std::to_string(*q);
}

TEST(Result, TryDeclaresTheValue) {
  const auto q = quarter(20);
  ASSERT_TRUE(q);
  EXPECT_EQ(*q, 5);
}

TEST(Result, TryReturnsTheFirstError) {
  const auto first = quarter(7);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().message, "7 is odd");
  const auto second = quarter(6);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "3 is odd");
  EXPECT_EQ(second.error().code, Code::invalid_argument);
}

TEST(Result, CheckOkStopsAtAnErrorAndGoesOnWithoutOne) {
  int steps = 0;
  EXPECT_TRUE(must_be_even(2, steps));
  EXPECT_EQ(steps, 1);
  const Status failed = must_be_even(3, steps);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "3 is odd");
  EXPECT_EQ(steps, 1);
}

TEST(Result, ForwardErrorCarriesAnErrorToAnotherType) {
  EXPECT_EQ(*quarter_text(8), "2");
  const auto failed = quarter_text(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "quarter of 6: 3 is odd");
}

Result<std::unique_ptr<int>> boxed_half(int x) {
  OUTCROP_TRY(const int h, half(x));
  return std::make_unique<int>(h);
}

Result<std::unique_ptr<int>> boxed_half_plus_one(int x) {
  OUTCROP_TRY(auto box, boxed_half(x));
  *box += 1;
  return box;
}

TEST(Result, HoldsTypesThatOnlyMove) {
  auto box = boxed_half_plus_one(82);
  ASSERT_TRUE(box);
  EXPECT_EQ(**box, 42);
  EXPECT_FALSE(boxed_half_plus_one(83));
}

Result<int> evaluate_once(int& calls) {
  OUTCROP_TRY(const int value, [&]() -> Result<int> { return ++calls; }());
  OUTCROP_CHECK_OK([&]() -> Status {
    ++calls;
    return {};
  }());
  return value;
}

TEST(Result, MacrosEvaluateTheirExpressionOnce) {
  int calls = 0;
  EXPECT_EQ(*evaluate_once(calls), 1);
  EXPECT_EQ(calls, 2);
}

/// Half of x, between the bounds.
template <int Low, int High>
Result<int> bounded_half(int x) {
  OUTCROP_TRY(const int h, half(x));
  return std::clamp(h, Low, High);
}

Result<int> bounded_half_plus_one(int x) {
  OUTCROP_TRY(const int h, bounded_half<1, 10>(x));
  return h + 1;
}

TEST(Result, TryTakesExpressionsWithCommasOutsideParentheses) {
  EXPECT_EQ(*bounded_half_plus_one(100), 11);
  EXPECT_FALSE(bounded_half_plus_one(99));
}

}  // namespace
}  // namespace outcrop
