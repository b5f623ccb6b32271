#pragma once
// One object describes a test case of an operation; values, gradients, independence from threads and
// speed are all checked from it. Callers: tests/kernels.
//
//   OpCase op = rms_norm_case(…);
//   check_reference_gradient(op);   // backward reference against finite differences, in double
//   check_kernels(op);              // every level, float and bfloat16, against the reference

#include "kernels/bfloat16.h"
#include "kernels/isa_level.h"
#include "support/close.h"

#include <functional>
#include <string>
#include <vector>

namespace outcrop::test {

/// A kernel as the checks see it: inputs in, one output a list of values. The inputs are numbers that T
/// holds exactly.
using Kernel = std::function<std::vector<Values>(const std::vector<Values>& inputs)>;

struct OpCase {
  std::string name;
  std::vector<Values> inputs;
  /// The output for some inputs, and the gradient of every input for the output's gradient.
  std::function<Values(const std::vector<Values>& inputs)> reference;
  std::function<std::vector<Values>(const Values& dout, const std::vector<Values>& inputs)> reference_backward;

  /// The kernel at T = float and bfloat16. forward gives one list; backward is given the inputs with
  /// dout before them and gives one list an input.
  Kernel forward_float, forward_bfloat16;
  Kernel backward_float, backward_bfloat16;
  ErrorBound forward_bound;
  std::vector<ErrorBound> backward_bounds;
  /// Inputs that stay float at T = bfloat16, outputs that do, and gradients that do.
  std::vector<bool> float_input;
  bool float_output = false;
  std::vector<bool> float_gradient;

  /// forward<T>(inputs) and backward<T>(inputs) in one go:
  ///   op.forward([=]<class T>(const std::vector<Values>& in) -> std::vector<Values> { … });
  template <class Generic>
  void forward(Generic kernel) {
    forward_float = [kernel](const std::vector<Values>& in) { return kernel.template operator()<float>(in); };
    forward_bfloat16 = [kernel](const std::vector<Values>& in) {
      return kernel.template operator()<bfloat16>(in);
    };
  }
  template <class Generic>
  void backward(Generic kernel) {
    backward_float = [kernel](const std::vector<Values>& in) { return kernel.template operator()<float>(in); };
    backward_bfloat16 = [kernel](const std::vector<Values>& in) {
      return kernel.template operator()<bfloat16>(in);
    };
  }
};

/// The backward reference against central differences of the forward reference.
void check_reference_gradient(const OpCase& op);

/// The kernels against the reference at every level this processor has, for float and bfloat16, and the
/// same bits whether the pool's threads share the work or one thread does it.
void check_kernels(const OpCase& op);

/// Calls check(level) at every level this processor has, for what does not fit an OpCase.
void at_every_level(const std::function<void(kernels::Isa)>& check);

/// Prints microseconds a call of forward and backward at every level; only when OUTCROP_TEST_SPEED is set.
void print_speed(const OpCase& op);

/// Kernels of a case make their one call through this, so that print_speed can repeat and time it without
/// the conversions around it.
void timed(const std::function<void()>& call);

/// Runs `work` as one thread does it: inside a parallel region a nested one runs inline.
void run_on_one_thread(const std::function<void()>& work);

/// Standard normal values times `scale`, the same for the same stream.
Values normal_values(std::int64_t count, std::uint64_t stream, double scale = 1.0);

/// Values rounded to T, as doubles.
template <class T>
Values rounded(Values values) {
  for (double& value : values) value = static_cast<double>(static_cast<float>(T(static_cast<float>(value))));
  return values;
}

/// Rows with `padding` elements between them that no kernel may touch: NaN, so that reading one spoils
/// the result, and checked by values(). The last row ends the storage, for the address sanitizer.
template <class T>
class PaddedRows {
 public:
  PaddedRows(std::int64_t rows, std::int64_t cols, std::int64_t padding = 0)
      : rows_(rows), cols_(cols), stride_(cols + padding), storage_(size(rows, cols, padding), sentinel()) {}

  PaddedRows(const Values& values, std::int64_t rows, std::int64_t cols, std::int64_t padding = 0)
      : PaddedRows(rows, cols, padding) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) at(r, c) = T(static_cast<float>(values[index(r, c, cols)]));
    }
  }

  T* data() { return storage_.data(); }
  const T* data() const { return storage_.data(); }
  std::int64_t stride() const { return stride_; }
  T& at(std::int64_t r, std::int64_t c) { return storage_[index(r, c, stride_)]; }
  const T& at(std::int64_t r, std::int64_t c) const { return storage_[index(r, c, stride_)]; }

  /// The elements without the padding; a touched padding shows as a value the bound cannot hold.
  Values values() const {
    Values result;
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t c = 0; c < cols_; ++c)
        result.push_back(static_cast<double>(static_cast<float>(at(r, c))));
    }
    for (std::int64_t r = 0; r + 1 < rows_; ++r) {
      for (std::int64_t c = cols_; c < stride_; ++c) expect_untouched(static_cast<float>(at(r, c)));
    }
    return result;
  }

 private:
  static T sentinel();
  static void expect_untouched(float value);
  static std::size_t index(std::int64_t r, std::int64_t c, std::int64_t stride) {
    return static_cast<std::size_t>(r * stride + c);
  }
  static std::size_t size(std::int64_t rows, std::int64_t cols, std::int64_t padding) {
    return rows == 0 ? 0 : static_cast<std::size_t>(rows * (cols + padding) - padding);
  }

  std::int64_t rows_;
  std::int64_t cols_;
  std::int64_t stride_;
  std::vector<T> storage_;
};

/// float's quiet NaN as T, and a failure of the running test when `value` is none.
float sentinel_value();
void expect_sentinel(float value);

template <class T>
T PaddedRows<T>::sentinel() {
  return T(sentinel_value());
}
template <class T>
void PaddedRows<T>::expect_untouched(float value) {
  expect_sentinel(value);
}

}  // namespace outcrop::test
