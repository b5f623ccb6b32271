#include "support/op_case.h"

#include "base/random.h"
#include "base/thread_pool.h"
#include "kernels/isa.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

using kernels::Isa;

/// Before the pool exists: enough threads to divide the work, whatever the machine.
void want_threads() {
  setenv("OUTCROP_THREADS", "4", /*overwrite=*/0);
}

std::vector<Isa> levels() {
  std::vector<Isa> result;
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512bf16}) {
    if (isa <= kernels::best_isa()) result.push_back(isa);
  }
  return result;
}

/// Puts the process's level back when a check ends.
class LevelScope {
 public:
  LevelScope() : before_(kernels::selected_isa()) {}
  ~LevelScope() { kernels::force_isa(before_); }
  LevelScope(const LevelScope&) = delete;
  LevelScope& operator=(const LevelScope&) = delete;

 private:
  Isa before_;
};

struct Stopwatch {
  bool running = false;
  double microseconds = 0.0;
};
Stopwatch stopwatch;

/// One element type's half of a case.
struct Typed {
  std::string type;
  const Kernel& forward;
  const Kernel& backward;
  double roundoff;
  bool narrow;
};

std::vector<Typed> types_of(const OpCase& op) {
  return {{"float", op.forward_float, op.backward_float, kUnitRoundoff<float>, false},
          {"bfloat16", op.forward_bfloat16, op.backward_bfloat16, kUnitRoundoff<bfloat16>, true}};
}

bool flag(const std::vector<bool>& flags, std::size_t i) {
  return i < flags.size() && flags[i];
}

std::vector<Values> typed_inputs(const OpCase& op, bool narrow) {
  std::vector<Values> inputs;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const bool to_bfloat16 = narrow && !flag(op.float_input, i);
    inputs.push_back(to_bfloat16 ? rounded<bfloat16>(op.inputs[i]) : rounded<float>(op.inputs[i]));
  }
  return inputs;
}

double dot(const Values& a, const Values& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}

/// Equal bits, so that NaN equals NaN and 0 differs from -0.
void expect_same(const std::vector<Values>& pooled, const std::vector<Values>& alone, const std::string& what) {
  ASSERT_EQ(pooled.size(), alone.size()) << what;
  for (std::size_t i = 0; i < pooled.size(); ++i) {
    ASSERT_EQ(pooled[i].size(), alone[i].size()) << what;
    EXPECT_TRUE(pooled[i].empty() ||
                std::memcmp(pooled[i].data(), alone[i].data(), pooled[i].size() * sizeof(double)) == 0)
        << what << ": list " << i << " depends on the number of threads";
  }
}

std::vector<Values> run_both_ways(const Kernel& kernel, const std::vector<Values>& inputs,
                                  const std::string& what) {
  std::vector<Values> pooled = kernel(inputs);
  std::vector<Values> alone;
  run_on_one_thread([&] { alone = kernel(inputs); });
  expect_same(pooled, alone, what);
  return pooled;
}

void check_forward(const OpCase& op, const Typed& typed, const std::string& what) {
  const std::vector<Values> inputs = typed_inputs(op, typed.narrow);
  const std::vector<Values> got = run_both_ways(typed.forward, inputs, what);
  ASSERT_FALSE(got.empty()) << what;
  const double roundoff = op.float_output ? kUnitRoundoff<float> : typed.roundoff;
  expect_close(got[0], op.reference(inputs), op.forward_bound, roundoff, what);
}

void check_backward(const OpCase& op, const Typed& typed, const std::string& what) {
  std::vector<Values> inputs = typed_inputs(op, typed.narrow);
  Values dout = normal_values(static_cast<std::int64_t>(op.reference(inputs).size()), /*stream=*/77);
  dout = typed.narrow && !op.float_output ? rounded<bfloat16>(dout) : rounded<float>(dout);
  const std::vector<Values> exact = op.reference_backward(dout, inputs);
  inputs.insert(inputs.begin(), dout);
  const std::vector<Values> got = run_both_ways(typed.backward, inputs, what);
  ASSERT_EQ(got.size(), exact.size()) << what;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double roundoff = flag(op.float_gradient, i) ? kUnitRoundoff<float> : typed.roundoff;
    expect_close(got[i], exact[i], op.backward_bounds[i], roundoff, fmt::format("{} d{}", what, i));
  }
}

}  // namespace

void check_reference_gradient(const OpCase& op) {
  const Values dout = normal_values(static_cast<std::int64_t>(op.reference(op.inputs).size()), /*stream=*/78);
  const std::vector<Values> analytic = op.reference_backward(dout, op.inputs);
  ASSERT_EQ(analytic.size(), op.inputs.size());
  const double magnitude =
      std::sqrt(dot(dout, dout)) * (1.0 + std::sqrt(dot(op.reference(op.inputs), op.reference(op.inputs))));
  const double step = std::cbrt(0x1p-53);
  std::vector<Values> inputs = op.inputs;
  for (std::size_t list = 0; list < inputs.size(); ++list) {
    Values differences;
    for (double& value : inputs[list]) {
      const double before = value;
      value = before + step;
      const double above = dot(dout, op.reference(inputs));
      value = before - step;
      const double below = dot(dout, op.reference(inputs));
      value = before;
      differences.push_back((above - below) / (2.0 * step));
    }
    expect_gradient(analytic[list], differences, magnitude, fmt::format("{} d{}", op.name, list));
  }
}

void check_kernels(const OpCase& op) {
  want_threads();
  const LevelScope scope;
  for (const Isa isa : levels()) {
    kernels::force_isa(isa);
    for (const Typed& typed : types_of(op)) {
      const std::string what = fmt::format("{} {} {}", op.name, typed.type, kernels::to_string(isa));
      if (typed.forward) check_forward(op, typed, what);
      if (typed.backward) check_backward(op, typed, what + " backward");
    }
  }
}

void at_every_level(const std::function<void(Isa)>& check) {
  const LevelScope scope;
  for (const Isa isa : levels()) {
    kernels::force_isa(isa);
    SCOPED_TRACE(kernels::to_string(isa));
    check(isa);
  }
}

void timed(const std::function<void()>& call) {
  call();
  if (!stopwatch.running) return;
  constexpr int kCalls = 20;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) call();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  stopwatch.microseconds = took.count() / kCalls;
}

void print_speed(const OpCase& op) {
  if (std::getenv("OUTCROP_TEST_SPEED") == nullptr) return;
  const LevelScope scope;
  stopwatch.running = true;
  for (const Isa isa : levels()) {
    kernels::force_isa(isa);
    for (const Typed& typed : types_of(op)) {
      std::vector<Values> inputs = typed_inputs(op, typed.narrow);
      if (typed.forward) (void)typed.forward(inputs);
      const double forward = stopwatch.microseconds;
      inputs.insert(inputs.begin(), op.reference(inputs));
      if (typed.backward) (void)typed.backward(inputs);
      const double backward = typed.backward ? stopwatch.microseconds : 0.0;
      fmt::print("{:<36} {:<9} {:<11} {:10.1f} us {:10.1f} us\n", op.name, typed.type, kernels::to_string(isa),
                 forward, backward);
    }
  }
  stopwatch.running = false;
}

void run_on_one_thread(const std::function<void()>& work) {
  want_threads();
  parallel_for(2, 1, [&](std::int64_t begin, std::int64_t) {
    if (begin == 0) work();
  });
}

Values normal_values(std::int64_t count, std::uint64_t stream, double scale) {
  Random random(/*seed=*/20, stream);
  Values values(static_cast<std::size_t>(count));
  for (double& value : values) value = scale * static_cast<double>(random.normal());
  return values;
}

float sentinel_value() {
  return std::numeric_limits<float>::quiet_NaN();
}

void expect_sentinel(float value) {
  EXPECT_TRUE(std::isnan(value)) << "a kernel wrote " << value << " between two rows";
}

}  // namespace outcrop::test
