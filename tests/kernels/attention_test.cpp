#include "kernels/attention.h"

#include "kernels/reference/attention.h"
#include "support/op_case.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

using kernels::reference::AttentionProblem;

struct Sizes {
  std::int64_t queries;
  std::int64_t keys;
};

struct Variant {
  std::vector<Sizes> segments;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_width;
  std::int64_t window = 0;

  double scale() const { return static_cast<double>(static_cast<float>(1.0 / std::sqrt(head_width))); }
  std::int64_t queries() const;
  std::int64_t keys() const;
  AttentionProblem problem(const Sizes& segment) const {
    return {segment.queries, segment.keys, heads, kv_heads, head_width, scale(), window};
  }
  std::string name() const;
};

std::int64_t Variant::queries() const {
  std::int64_t total = 0;
  for (const Sizes& segment : segments) total += segment.queries;
  return total;
}

std::int64_t Variant::keys() const {
  std::int64_t total = 0;
  for (const Sizes& segment : segments) total += segment.keys;
  return total;
}

std::string Variant::name() const {
  std::string text = "attention";
  for (std::size_t i = 0; i < std::min<std::size_t>(segments.size(), 4); ++i) {
    text += " " + std::to_string(segments[i].queries) + "/" + std::to_string(segments[i].keys);
  }
  return text + " heads " + std::to_string(heads) + "/" + std::to_string(kv_heads) + "x" +
         std::to_string(head_width) + " window " + std::to_string(window);
}

/// A segment that attends to itself, as in training.
Sizes whole(std::int64_t tokens) {
  return {tokens, tokens};
}

Values slice(const Values& values, std::int64_t begin, std::int64_t count) {
  return {values.begin() + begin, values.begin() + begin + count};
}

void append(Values& to, const Values& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Calls f(problem, q, k, v, where its queries begin) for each segment's own slice of the inputs.
template <class F>
void for_each_segment(const Variant& v, const std::vector<Values>& in, F f) {
  const std::int64_t q_row = v.heads * v.head_width;
  const std::int64_t k_row = v.kv_heads * v.head_width;
  std::int64_t query = 0;
  std::int64_t key = 0;
  for (const Sizes& segment : v.segments) {
    f(v.problem(segment), slice(in[0], query * q_row, segment.queries * q_row),
      slice(in[1], key * k_row, segment.keys * k_row), slice(in[2], key * k_row, segment.keys * k_row), query);
    query += segment.queries;
    key += segment.keys;
  }
}

Values reference_out(const Variant& v, const std::vector<Values>& in) {
  Values out;
  for_each_segment(v, in,
                   [&](const AttentionProblem& p, const Values& q, const Values& k, const Values& value,
                       std::int64_t) { append(out, kernels::reference::attention(p, q, k, value).out); });
  return out;
}

/// [heads, queries]
Values reference_logsumexp(const Variant& v, const std::vector<Values>& in) {
  Values all(static_cast<std::size_t>(v.heads * v.queries()));
  for_each_segment(v, in,
                   [&](const AttentionProblem& p, const Values& q, const Values& k, const Values& value,
                       std::int64_t first) {
                     const Values part = kernels::reference::attention(p, q, k, value).logsumexp;
                     for (std::int64_t h = 0; h < v.heads; ++h) {
                       for (std::int64_t i = 0; i < p.queries; ++i) {
                         all[static_cast<std::size_t>(h * v.queries() + first + i)] =
                             part[static_cast<std::size_t>(h * p.queries + i)];
                       }
                     }
                   });
  return all;
}

std::vector<Values> reference_gradients(const Variant& v, const Values& dout, const std::vector<Values>& in) {
  std::vector<Values> gradients(3);
  const std::int64_t row = v.heads * v.head_width;
  for_each_segment(v, in,
                   [&](const AttentionProblem& p, const Values& q, const Values& k, const Values& value,
                       std::int64_t first) {
                     const auto part = kernels::reference::attention_backward(
                         p, slice(dout, first * row, p.queries * row), q, k, value);
                     append(gradients[0], part.dq);
                     append(gradients[1], part.dk);
                     append(gradients[2], part.dv);
                   });
  return gradients;
}

/// Inputs, output and statistics in rows of different strides; segments lie behind each other in them.
template <class T>
struct Rows {
  Variant v;
  PaddedRows<T> q;
  PaddedRows<T> k;
  PaddedRows<T> value;
  PaddedRows<T> out;
  PaddedRows<float> logsumexp;

  Rows(const Variant& variant, const std::vector<Values>& in, std::size_t first = 0)
      : v(variant),
        q(in[first], v.queries(), v.heads * v.head_width, 3),
        k(in[first + 1], v.keys(), v.kv_heads * v.head_width, 5),
        value(in[first + 2], v.keys(), v.kv_heads * v.head_width, 1),
        out(v.queries(), v.heads * v.head_width, 2),
        logsumexp(v.heads, v.queries(), 3) {}

  kernels::AttentionShape shape() const {
    return {.heads = v.heads,
            .kv_heads = v.kv_heads,
            .head_width = v.head_width,
            .q_stride = q.stride(),
            .k_stride = k.stride(),
            .v_stride = value.stride(),
            .out_stride = out.stride(),
            .scale = static_cast<float>(v.scale()),
            .window = v.window};
  }

  std::vector<kernels::AttentionSegment<T>> segments() {
    std::vector<kernels::AttentionSegment<T>> result;
    std::int64_t query = 0;
    std::int64_t key = 0;
    for (const Sizes& s : v.segments) {
      result.push_back({.q = q.data() + query * q.stride(),
                        .k = k.data() + key * k.stride(),
                        .v = value.data() + key * value.stride(),
                        .out = out.data() + query * out.stride(),
                        .logsumexp = logsumexp.data() + query,
                        .logsumexp_stride = logsumexp.stride(),
                        .queries = s.queries,
                        .keys = s.keys});
      query += s.queries;
      key += s.keys;
    }
    return result;
  }

  void forward() {
    const auto all = segments();
    timed([&] { kernels::attention<T>(all, shape()); });
  }

  /// dq, dk, dv after forward().
  std::vector<Values> backward(const Values& dout_values) {
    const PaddedRows<T> dout(dout_values, v.queries(), v.heads * v.head_width, 2);
    PaddedRows<T> dq(v.queries(), v.heads * v.head_width, 3);
    PaddedRows<T> dk(v.keys(), v.kv_heads * v.head_width, 5);
    PaddedRows<T> dv(v.keys(), v.kv_heads * v.head_width, 1);
    std::vector<kernels::AttentionGradient<T>> gradients;
    std::int64_t token = 0;
    for (const Sizes& s : v.segments) {
      gradients.push_back({.dout = dout.data() + token * dout.stride(),
                           .dq = dq.data() + token * dq.stride(),
                           .dk = dk.data() + token * dk.stride(),
                           .dv = dv.data() + token * dv.stride()});
      token += s.keys;
    }
    const auto all = segments();
    timed([&] { kernels::attention_backward<T>(all, gradients, shape()); });
    return {dq.values(), dk.values(), dv.values()};
  }
};

double largest(const Values& values) {
  double result = 0.0;
  for (const double x : values) result = std::max(result, std::abs(x));
  return result;
}

/// The largest norm of a head's vector.
double largest_norm(const Values& values, std::int64_t width) {
  double result = 0.0;
  for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(width)) {
    const Values head = slice(values, static_cast<std::int64_t>(i), width);
    double squares = 0.0;
    for (const double x : head) squares += x * x;
    result = std::max(result, std::sqrt(squares));
  }
  return result;
}

/// What the bounds follow from.
struct Statistics {
  double score = 0.0;        ///< largest |scale q·k| that counts
  double row_norm = 0.0;     ///< largest sqrt(Σ P²) of a row of weights
  double column_mass = 0.0;  ///< largest Σ P that one key gets from all queries and heads of its group
};

Statistics statistics_of(const Variant& v, const std::vector<Values>& in) {
  Statistics result;
  for_each_segment(
      v, in, [&](const AttentionProblem& p, const Values& q, const Values& k, const Values&, std::int64_t) {
        Values mass(static_cast<std::size_t>(p.keys * p.kv_heads));
        for (std::int64_t head = 0; head < p.heads; ++head) {
          for (std::int64_t query = 0; query < p.queries; ++query) {
            const auto weights = kernels::reference::attention_probabilities(p, q, k, query, head);
            double squares = 0.0;
            for (std::size_t j = 0; j < weights.values.size(); ++j) {
              const double weight = weights.values[j];
              squares += weight * weight;
              const std::int64_t key = weights.first_key + static_cast<std::int64_t>(j);
              mass[static_cast<std::size_t>(key * p.kv_heads + p.kv_head(head))] += weight;
              result.score = std::max(result.score, std::abs(std::log(weight) + weights.logsumexp));
            }
            result.row_norm = std::max(result.row_norm, std::sqrt(squares));
          }
        }
        result.column_mass = std::max(result.column_mass, largest(mass));
      });
  return result;
}

std::int64_t longest(const Variant& v) {
  std::int64_t result = 1;
  for (const Sizes& s : v.segments) result = std::max(result, s.keys);
  return result;
}

/// Relative error of a weight in float roundings: its score's error becomes a relative one, and exp2 of the
/// bfloat16 kernels is within 2e-7, three and a half.
double weight_roundings(const Variant& v, const Statistics& s) {
  return (sum_roundings(v.head_width) + 4.0) * (1.0 + s.score) + 4.0;
}

void set_bounds(OpCase& op, const Variant& v) {
  const Statistics s = statistics_of(v, op.inputs);
  const double weight = weight_roundings(v, s);
  const double sums = sum_roundings(longest(v)) + 8.0;
  // Weights go into the product as T (avx512bf16): independent roundings, 4 standard deviations of 1/sqrt(3).
  op.forward_bound = {.roundings = weight + sums,
                      .magnitude = largest(op.inputs[2]),
                      .narrow = 4.0 / std::sqrt(3.0) * s.row_norm};
  // dout is standard normal: dP = dout·v has |v| as its deviation and stays below 5 of them, D = Σ P dP too.
  const double dscore = 2.0 * 5.0 * std::max(1.0, largest_norm(op.inputs[2], v.head_width));
  const double group = sum_roundings(longest(v) * v.heads / v.kv_heads) + 8.0;
  // Narrow: dS itself, and D from an output that was stored as T.
  op.backward_bounds = {{.roundings = 2.0 * weight + sums,
                         .magnitude = v.scale() * largest(op.inputs[1]) * dscore,
                         .narrow = 2.0},
                        {.roundings = 2.0 * weight + group,
                         .magnitude = v.scale() * largest(op.inputs[0]) * dscore * s.column_mass,
                         .narrow = 2.0},
                        {.roundings = weight + group, .magnitude = 5.0 * s.column_mass, .narrow = 1.0}};
}

std::vector<Values> inputs_of(const Variant& v) {
  return {normal_values(v.queries() * v.heads * v.head_width, 1),
          normal_values(v.keys() * v.kv_heads * v.head_width, 2),
          normal_values(v.keys() * v.kv_heads * v.head_width, 3)};
}

OpCase attention_case(const Variant& v) {
  OpCase op;
  op.name = v.name();
  op.inputs = inputs_of(v);
  op.reference = [v](const std::vector<Values>& in) { return reference_out(v, in); };
  op.forward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    Rows<T> rows(v, in);
    rows.forward();
    return {rows.out.values()};
  });
  const bool trains =
      std::all_of(v.segments.begin(), v.segments.end(), [](const Sizes& s) { return s.queries == s.keys; });
  if (trains) {
    op.reference_backward = [v](const Values& dout, const std::vector<Values>& in) {
      return reference_gradients(v, dout, in);
    };
    op.backward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
      Rows<T> rows(v, in, /*first=*/1);
      rows.forward();
      return rows.backward(in[0]);
    });
  }
  return op;
}

void check_attention(const Variant& v) {
  OpCase op = attention_case(v);
  set_bounds(op, v);
  check_kernels(op);
}

OpCase logsumexp_case(const Variant& v) {
  OpCase op;
  op.name = v.name() + " logsumexp";
  op.inputs = inputs_of(v);
  op.float_output = true;
  op.reference = [v](const std::vector<Values>& in) { return reference_logsumexp(v, in); };
  op.forward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    Rows<T> rows(v, in);
    rows.forward();
    return {rows.logsumexp.values()};
  });
  // The scores' error, absolute, and the sum's.
  op.forward_bound = {.roundings = weight_roundings(v, statistics_of(v, op.inputs)) + sum_roundings(longest(v)),
                      .magnitude = 1.0};
  return op;
}

/// Grouped heads, odd widths, windows, several segments: small enough for finite differences.
const std::vector<Variant> kSmall = {
    {{whole(1)}, 1, 1, 1},    {{whole(2), whole(1)}, 2, 1, 2, 1},
    {{whole(7)}, 3, 3, 5},    {{whole(5), whole(4)}, 4, 2, 3, 2},
    {{whole(9)}, 3, 1, 4, 4},
};

/// Lengths around the key tile (64) and the row block (96 rows), windows that end inside, at and across them.
std::vector<Variant> training_variants() {
  std::vector<Variant> variants;
  for (const std::int64_t window : {0, 1, 2, 15, 63, 64, 65, 100, 199, 1000}) {
    variants.push_back({{whole(200), whole(1), whole(67)}, 3, 1, 10, window});
  }
  for (const auto& [heads, kv_heads] : {std::pair{1, 1}, {4, 4}, {4, 2}, {6, 2}, {5, 1}, {14, 2}}) {
    variants.push_back({{whole(131), whole(64)}, heads, kv_heads, 8, 0});
    variants.push_back({{whole(131), whole(64)}, heads, kv_heads, 8, 37});
  }
  for (const std::int64_t width : {1, 2, 7, 15, 16, 17, 33, 48, 64, 80, 96, 128, 256}) {
    variants.push_back({{whole(99)}, 2, 1, width, 0});
    variants.push_back({{whole(99)}, 2, 1, width, 50});
  }
  // Groups of 5 and 7 make blocks of an odd number of rows; key tiles begin at the borders of some of them.
  for (const std::int64_t group : {5, 7, 13}) {
    variants.push_back({{whole(330)}, group, 1, 4, 0});
    variants.push_back({{whole(330)}, group, 1, 4, 90});
  }
  variants.push_back({{whole(70)}, 97, 1, 4, 30});  // one query's heads are more than a row block
  variants.push_back({{whole(0), whole(3), whole(0)}, 2, 1, 8, 0});
  return variants;
}

/// Few queries at the end of many keys: prompts that are read in parts, and single tokens from a cache.
std::vector<Variant> cache_variants() {
  std::vector<Variant> variants;
  for (const std::int64_t window : {0, 1, 64, 100, 511, 2000}) {
    variants.push_back({{{1, 1000}, {1, 1}, {1, 63}, {1, 64}, {1, 65}}, 6, 2, 64, window});
    variants.push_back({{{37, 300}, {96, 97}, {5, 5}, {2, 512}}, 4, 1, 16, window});
  }
  return variants;
}

TEST(Attention, ReferenceGradientMatchesFiniteDifferences) {
  for (const Variant& v : kSmall) check_reference_gradient(attention_case(v));
}

TEST(Attention, EveryLevelMatchesTheReferenceForwardAndBackward) {
  for (const Variant& v : kSmall) check_attention(v);
  for (const Variant& v : training_variants()) check_attention(v);
}

TEST(Attention, EveryLengthUpToTwoHundredMatches) {
  Variant v{{}, 2, 1, 3};
  for (std::int64_t tokens = 1; tokens <= 200; ++tokens) v.segments.push_back(whole(tokens));
  check_attention(v);
  v.window = 41;
  check_attention(v);
}

TEST(Attention, QueriesAtTheEndOfACacheMatch) {
  for (const Variant& v : cache_variants()) check_attention(v);
}

TEST(Attention, KeepsTheLogarithmOfEachRowsSum) {
  for (const Variant& v : kSmall) check_kernels(logsumexp_case(v));
  check_kernels(logsumexp_case({{whole(200), whole(1), whole(67)}, 6, 2, 18, 0}));
  check_kernels(logsumexp_case({{whole(200), whole(1), whole(67)}, 6, 2, 18, 70}));
  check_kernels(logsumexp_case({{{1, 1000}, {37, 300}}, 6, 2, 18, 0}));
}

/// The segments of a variant as variants of one segment each, with their slices of the inputs.
template <class F>
void for_each_alone(const Variant& v, const std::vector<Values>& in, F f) {
  std::size_t i = 0;
  for_each_segment(
      v, in,
      [&](const AttentionProblem&, const Values& q, const Values& k, const Values& value, std::int64_t first) {
        Variant alone = v;
        alone.segments = {v.segments[i++]};
        f(alone, std::vector<Values>{q, k, value}, first);
      });
}

template <class T>
void expect_packed_equals_separate(const Variant& v) {
  const std::vector<Values> in = inputs_of(v);
  const Values dout = normal_values(v.queries() * v.heads * v.head_width, 4);
  Rows<T> packed(v, in);
  packed.forward();
  const std::vector<Values> gradients = packed.backward(dout);
  Values out;
  std::vector<Values> separate(3);
  for_each_alone(v, in, [&](const Variant& alone, const std::vector<Values>& inputs, std::int64_t first) {
    const std::int64_t row = v.heads * v.head_width;
    Rows<T> rows(alone, inputs);
    rows.forward();
    append(out, rows.out.values());
    const auto part = rows.backward(slice(dout, first * row, alone.queries() * row));
    for (std::size_t i = 0; i < 3; ++i) append(separate[i], part[i]);
  });
  EXPECT_EQ(packed.out.values(), out);
  EXPECT_EQ(gradients, separate);
}

TEST(Attention, PackedSegmentsAreBitForBitWhatTheyAreAlone) {
  for (const std::int64_t window : {0, 40}) {
    const Variant v{{whole(70), whole(1), whole(33), whole(128)}, 6, 2, 24, window};
    expect_packed_equals_separate<float>(v);
    expect_packed_equals_separate<bfloat16>(v);
  }
}

/// Scores of 2^100 times small whole numbers: differences are far beyond what exp can tell from 0 and 1.
template <class T>
void expect_one_hot() {
  const Variant v{{whole(150)}, 1, 1, 1};
  std::vector<Values> in = inputs_of(v);
  for (std::size_t i = 0; i < 150; ++i) {
    in[0][i] = (i % 3 == 0 ? -1.0 : 1.0) * 0x1p50;
    in[1][i] = (static_cast<double>(i * 29 % 11) - 5.0) * 0x1p50;
  }
  in[2] = rounded<T>(in[2]);
  Rows<T> rows(v, in);
  rows.forward();
  const ErrorBound bound{.roundings = sum_roundings(150), .magnitude = largest(in[2]), .narrow = 1.0};
  expect_close(rows.out.values(), reference_out(v, in), bound, kUnitRoundoff<T>, "one hot");
  for (const Values& gradient : rows.backward(normal_values(150, 4))) {
    EXPECT_TRUE(std::all_of(gradient.begin(), gradient.end(), [](double x) { return std::isfinite(x); }));
  }
}

TEST(Attention, HugeScoresOfEitherSignPickTheLargestAndStayFinite) {
  at_every_level([](kernels::Isa) {
    expect_one_hot<float>();
    expect_one_hot<bfloat16>();
  });
}

/// One row's output with some element of q, k or v set to `bad`; the first and the last query.
template <class T>
std::pair<double, double> first_and_last(std::size_t list, std::size_t element, double bad) {
  const Variant v{{whole(80)}, 1, 1, 2};
  std::vector<Values> in = inputs_of(v);
  in[list][element] = bad;
  Rows<T> rows(v, in);
  rows.forward();
  const Values out = rows.out.values();
  return {out.front(), out.back()};
}

TEST(Attention, NanReachesEveryQueryThatSeesIt) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  at_every_level([&](kernels::Isa) {
    // An element of key 40: the last query sees it, the first does not.
    for (const std::size_t list : {std::size_t{1}, std::size_t{2}}) {
      const auto wide = first_and_last<float>(list, 81, nan);
      const auto narrow = first_and_last<bfloat16>(list, 81, nan);
      EXPECT_TRUE(std::isfinite(wide.first) && std::isfinite(narrow.first)) << "input " << list;
      EXPECT_TRUE(std::isnan(wide.second) && std::isnan(narrow.second)) << "input " << list;
    }
    EXPECT_TRUE(std::isnan(first_and_last<float>(0, 158, nan).second));
    EXPECT_TRUE(std::isnan(first_and_last<bfloat16>(0, 158, nan).second));
  });
}

TEST(AttentionDeathTest, BackwardNeedsWhatTheForwardPassLeft) {
  const Variant v{{{2, 3}}, 1, 1, 2};
  Rows<float> rows(v, inputs_of(v));
  const auto segments = rows.segments();
  const std::vector<kernels::AttentionGradient<float>> none;
  const std::vector<kernels::AttentionGradient<float>> one(1);
  EXPECT_DEATH(kernels::attention_backward<float>(segments, none, rows.shape()), "one gradient");
  EXPECT_DEATH(kernels::attention_backward<float>(segments, one, rows.shape()), "queries and keys");
}

TEST(Attention, SpeedIsPrintedWhenAskedFor) {
  print_speed(attention_case({{whole(512), whole(512)}, 9, 3, 64}));
  print_speed(attention_case({{whole(2048)}, 9, 3, 64, 512}));
  print_speed(attention_case({{{1, 2048}}, 9, 3, 64}));
}

}  // namespace
}  // namespace outcrop::test
