#pragma once
// RMSNorm in double: y = x / sqrt(mean(x²) + eps) * (w + offset).

#include "kernels/reference/values.h"

#include <cmath>

namespace outcrop::kernels::reference {

inline double inverse_rms(const Values& x, std::int64_t r, std::int64_t cols, double eps) {
  double squares = 0.0;
  for (std::int64_t c = 0; c < cols; ++c) squares += x[at(r, cols, c)] * x[at(r, cols, c)];
  return 1.0 / std::sqrt(squares / static_cast<double>(cols) + eps);
}

inline Values rms_norm(const Values& x, const Values& weight, std::int64_t rows, double eps, double offset) {
  const auto cols = static_cast<std::int64_t>(weight.size());
  Values out(x.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    const double inverse = inverse_rms(x, r, cols, eps);
    for (std::int64_t c = 0; c < cols; ++c) {
      out[at(r, cols, c)] = x[at(r, cols, c)] * inverse * (weight[static_cast<std::size_t>(c)] + offset);
    }
  }
  return out;
}

struct RmsNormGradient {
  Values dx;
  Values dweight;
};

/// dx = (dy w' - x̂ mean(dy w' x̂)) / rms and dw = Σ_r dy x̂, with w' = w + offset.
inline RmsNormGradient rms_norm_backward(const Values& dy, const Values& x, const Values& weight,
                                         std::int64_t rows, double eps, double offset) {
  const auto cols = static_cast<std::int64_t>(weight.size());
  RmsNormGradient gradient{Values(x.size()), Values(weight.size())};
  for (std::int64_t r = 0; r < rows; ++r) {
    const double inverse = inverse_rms(x, r, cols, eps);
    double mean = 0.0;
    for (std::int64_t c = 0; c < cols; ++c) {
      const auto j = static_cast<std::size_t>(c);
      const double normalised = x[at(r, cols, c)] * inverse;
      gradient.dweight[j] += dy[at(r, cols, c)] * normalised;
      mean += dy[at(r, cols, c)] * (weight[j] + offset) * normalised / static_cast<double>(cols);
    }
    for (std::int64_t c = 0; c < cols; ++c) {
      const double direct = dy[at(r, cols, c)] * (weight[static_cast<std::size_t>(c)] + offset);
      gradient.dx[at(r, cols, c)] = (direct - x[at(r, cols, c)] * inverse * mean) * inverse;
    }
  }
  return gradient;
}

}  // namespace outcrop::kernels::reference
