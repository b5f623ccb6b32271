#pragma once
// Rotary position embedding in double, pairs (i, i + K/2).

#include "kernels/reference/values.h"

namespace outcrop::kernels::reference {

/// x: [rows, heads, K]; cos, sin: [positions, K/2]; sign 1 forward, -1 inverse (which is the backward pass,
/// the rotation being orthogonal).
inline Values rope(const Values& x, std::int64_t heads, std::int64_t head_width, const Values& cos,
                   const Values& sin, const std::vector<std::int32_t>& positions, double sign) {
  const std::int64_t half = head_width / 2;
  Values out(x.size());
  for (std::size_t r = 0; r < positions.size(); ++r) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < half; ++i) {
        const std::size_t first = at(static_cast<std::int64_t>(r) * heads + h, head_width, i);
        const std::size_t second = first + static_cast<std::size_t>(half);
        const double c = cos[at(positions[r], half, i)];
        const double s = sin[at(positions[r], half, i)] * sign;
        out[first] = x[first] * c - x[second] * s;
        out[second] = x[second] * c + x[first] * s;
      }
    }
  }
  return out;
}

}  // namespace outcrop::kernels::reference
