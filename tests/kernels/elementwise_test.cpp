#include "kernels/elementwise.h"

#include "base/random.h"
#include "support/op_case.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

struct Shape {
  std::int64_t rows;
  std::int64_t cols;
};
const std::vector<Shape> kShapes = {{0, 3}, {1, 1}, {3, 5}, {2, 16}, {5, 67}, {70, 577}};

OpCase add_case(const Shape& s) {
  OpCase op;
  op.name = "add " + std::to_string(s.rows) + "x" + std::to_string(s.cols);
  op.inputs = {normal_values(s.rows * s.cols, 1), normal_values(s.rows * s.cols, 2)};
  op.reference = [](const std::vector<Values>& in) {
    Values out = in[0];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += in[1][i];
    return out;
  };
  op.forward([s]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> a(in[0], s.rows, s.cols, 1);
    PaddedRows<T> b(in[1], s.rows, s.cols, 4);
    timed([&] {
      kernels::add(b.data(), b.stride(), a.data(), a.stride(), b.data(), b.stride(), s.rows, s.cols);
    });
    return {b.values()};
  });
  op.forward_bound = {.roundings = 1.0};
  return op;
}

TEST(Add, EveryLevelMatchesWithTheOutputOverAnInput) {
  for (const Shape& s : kShapes) check_kernels(add_case(s));
}

// The weights of dropout, so that its output is linear in them; the mask comes from the scalar generator.
OpCase dropout_case(const Shape& s, float p) {
  constexpr std::uint64_t kSeed = 0x123456789ABCDEF0U;
  constexpr std::uint64_t kStream = 0xFEDCBA9876543210U;
  OpCase op;
  op.name = "dropout " + std::to_string(s.rows) + "x" + std::to_string(s.cols);
  op.inputs = {normal_values(s.rows * s.cols, 1)};
  const auto masked = [p](const Values& x) {
    Random random(kSeed, kStream);
    Values out;
    for (const double value : x)
      out.push_back(random.uniform() >= p ? value / (1.0 - static_cast<double>(p)) : 0.0);
    return out;
  };
  op.reference = [masked](const std::vector<Values>& in) { return masked(in[0]); };
  op.reference_backward = [masked](const Values& dout, const std::vector<Values>&) -> std::vector<Values> {
    return {masked(dout)};
  };
  const auto kernel = [s, p]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> x(in[0], s.rows, s.cols, 1);
    PaddedRows<T> out(s.rows, s.cols, 2);
    timed([&] {
      kernels::dropout(out.data(), out.stride(), x.data(), x.stride(), s.rows, s.cols, p, kSeed, kStream);
    });
    return {out.values()};
  };
  op.forward(kernel);
  op.backward(kernel);
  op.forward_bound = {.roundings = 2.0};
  op.backward_bounds = {{.roundings = 2.0}};
  return op;
}

TEST(Dropout, EveryLevelKeepsWhatTheGeneratorSays) {
  for (const Shape& s : kShapes) check_kernels(dropout_case(s, 0.3F));
  check_kernels(dropout_case({3, 2051}, 0.05F));
  check_kernels(dropout_case({3, 515}, 0.0F));
}

TEST(Dropout, ReferenceGradientMatchesFiniteDifferences) {
  check_reference_gradient(dropout_case({3, 5}, 0.3F));
}

TEST(Dropout, KeepsTheAskedShare) {
  constexpr std::int64_t kCount = 100000;
  const std::vector<float> ones(kCount, 1.0F);
  std::vector<float> out(kCount);
  kernels::dropout(out.data(), kCount, ones.data(), kCount, 1, kCount, 0.1F, 5, 6);
  const auto kept =
      static_cast<double>(std::count_if(out.begin(), out.end(), [](float x) { return x != 0.0F; }));
  // Five standard deviations of a binomial share.
  EXPECT_NEAR(kept / kCount, 0.9, 5.0 * std::sqrt(0.9 * 0.1 / kCount));
}

TEST(Convert, RoundsAsBfloat16DoesAtEveryLevel) {
  // Every 16-bit prefix with tails below, at and above a tie; the last level may turn subnormals to zero.
  std::vector<float> x;
  for (std::uint32_t high = 0; high <= 0xFFFF; high += 3) {
    for (const std::uint32_t low : {0x0000U, 0x7FFFU, 0x8000U, 0x8001U})
      x.push_back(std::bit_cast<float>(high << 16 | low));
  }
  const auto count = static_cast<std::int64_t>(x.size());
  at_every_level([&](kernels::Isa isa) {
    std::vector<bfloat16> narrow(x.size());
    std::vector<float> wide(x.size());
    kernels::convert(narrow.data(), x.data(), count);
    kernels::convert(wide.data(), narrow.data(), count);
    std::size_t different = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      bfloat16 expected(x[i]);
      const bool subnormal = std::fpclassify(x[i]) == FP_SUBNORMAL;
      if (subnormal && isa == kernels::Isa::avx512bf16) expected = bfloat16(std::copysign(0.0F, x[i]));
      different += narrow[i] != expected;
      different += std::bit_cast<std::uint32_t>(wide[i]) != std::uint32_t{narrow[i].bits} << 16;
    }
    EXPECT_EQ(different, 0U);
  });
}

TEST(ScaledCopy, ScalesAndConverts) {
  at_every_level([](kernels::Isa) {
    for (const Shape& s : kShapes) {
      const Values values = rounded<float>(normal_values(s.rows * s.cols, 1));
      const PaddedRows<float> x(values, s.rows, s.cols, 3);
      PaddedRows<bfloat16> out(s.rows, s.cols, 1);
      kernels::scaled_copy(out.data(), out.stride(), x.data(), x.stride(), s.rows, s.cols, 0.75F);
      Values exact = values;
      for (double& value : exact) value *= 0.75;
      expect_close(out.values(), exact, {.roundings = 1.0}, kUnitRoundoff<bfloat16>, "scaled_copy");
    }
  });
}

TEST(AddTransposed, AddsTheScaledTranspose) {
  at_every_level([](kernels::Isa) {
    for (const Shape& s : kShapes) {
      const Values values = rounded<float>(normal_values(s.rows * s.cols, 1));
      const Values before = rounded<float>(normal_values(s.rows * s.cols, 2));
      const PaddedRows<float> x(values, s.rows, s.cols, 3);
      PaddedRows<float> out(before, s.cols, s.rows, 2);
      kernels::add_transposed(out.data(), out.stride(), x.data(), x.stride(), s.rows, s.cols, 0.5F);
      Values exact = before;
      for (std::int64_t c = 0; c < s.cols; ++c) {
        for (std::int64_t r = 0; r < s.rows; ++r) {
          exact[static_cast<std::size_t>(c * s.rows + r)] +=
              0.5 * values[static_cast<std::size_t>(r * s.cols + c)];
        }
      }
      expect_close(out.values(), exact, {.roundings = 1.0}, kUnitRoundoff<float>, "add_transposed");
    }
  });
}

TEST(GatherRows, TakesAndScalesRowsByTheirIds) {
  constexpr std::int64_t kVocabulary = 11;
  at_every_level([](kernels::Isa) {
    for (const Shape& s : kShapes) {
      for (const float scale : {1.0F, 3.0F}) {
        const Values values = rounded<bfloat16>(normal_values(kVocabulary * s.cols, 1));
        const PaddedRows<bfloat16> table(values, kVocabulary, s.cols, 2);
        PaddedRows<bfloat16> out(s.rows, s.cols, 5);
        std::vector<std::int32_t> ids;
        Values exact;
        for (std::int64_t r = 0; r < s.rows; ++r) {
          ids.push_back(static_cast<std::int32_t>(r * 4 % kVocabulary));
          for (std::int64_t c = 0; c < s.cols; ++c) {
            exact.push_back(static_cast<double>(scale) *
                            values[static_cast<std::size_t>(ids.back() * s.cols + c)]);
          }
        }
        kernels::gather_rows(out.data(), out.stride(), table.data(), table.stride(), ids.data(), s.rows, s.cols,
                             scale);
        expect_close(out.values(), exact, {.roundings = 1.0, .stores = scale == 1.0F ? 0.0 : 1.0},
                     kUnitRoundoff<bfloat16>, "gather_rows");
      }
    }
  });
}

TEST(ScatterAddRows, RepeatedIdsAccumulateInAnyThreadCount) {
  constexpr std::int64_t kVocabulary = 11;
  at_every_level([](kernels::Isa) {
    for (const Shape& s : kShapes) {
      const Values values = rounded<bfloat16>(normal_values(s.rows * s.cols, 1));
      const PaddedRows<bfloat16> x(values, s.rows, s.cols, 1);
      PaddedRows<float> table(Values(static_cast<std::size_t>(kVocabulary * s.cols), 0.5), kVocabulary, s.cols,
                              2);
      PaddedRows<float> alone = table;
      Values exact(static_cast<std::size_t>(kVocabulary * s.cols), 0.5);
      std::vector<std::int32_t> ids;
      for (std::int64_t r = 0; r < s.rows; ++r) {
        ids.push_back(static_cast<std::int32_t>(r * r % kVocabulary));
        for (std::int64_t c = 0; c < s.cols; ++c) {
          exact[static_cast<std::size_t>(ids.back() * s.cols + c)] +=
              2.0 * values[static_cast<std::size_t>(r * s.cols + c)];
        }
      }
      const auto scatter = [&](PaddedRows<float>& into) {
        kernels::scatter_add_rows(into.data(), into.stride(), x.data(), x.stride(), ids.data(), s.rows, s.cols,
                                  2.0F);
      };
      scatter(table);
      run_on_one_thread([&] { scatter(alone); });
      EXPECT_EQ(table.values(), alone.values());
      expect_close(table.values(), exact, {.roundings = sum_roundings(s.rows)}, kUnitRoundoff<float>,
                   "scatter");
    }
  });
}

TEST(Elementwise, SpeedIsPrintedWhenAskedFor) {
  print_speed(add_case({1024, 576}));
  print_speed(dropout_case({1024, 576}, 0.1F));
}

}  // namespace
}  // namespace outcrop::test
