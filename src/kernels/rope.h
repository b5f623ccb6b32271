#pragma once
// Rotary position embedding (Su et al. 2021), half-split ("NEOX") order as in Hugging Face models:
// pairs are (i, i + K/2) of a head of width K.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

enum class Rotation : std::uint8_t { forward, inverse };

/// In place on heads [rows, heads, K] with `stride` elements between rows:
///   (a, b) -> (a cos - b sin, b cos + a sin); inverse negates sin, which is the backward pass.
///   cos, sin: [positions, K/2] float;  positions[r] selects the table's row for row r.
template <class T>
void rope(T* x, std::int64_t stride, std::int64_t rows, std::int64_t heads, std::int64_t head_width,
          const float* cos, const float* sin, const std::int32_t* positions, Rotation rotation) noexcept;

}  // namespace outcrop::kernels
