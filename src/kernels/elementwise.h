#pragma once
// Small element-by-element kernels: conversion, sums, dropout, gathers. T = float or bfloat16.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

/// Rounds as bfloat16 does; float subnormals (below 1.2e-38) may become zeros of their sign.
void convert(bfloat16* out, const float* x, std::int64_t count) noexcept;
void convert(float* out, const bfloat16* x, std::int64_t count) noexcept;

/// out = a + b over [rows, cols] blocks with their own strides; out may alias either.
template <class T>
void add(T* out, std::int64_t out_stride, const T* a, std::int64_t a_stride, const T* b, std::int64_t b_stride,
         std::int64_t rows, std::int64_t cols) noexcept;

/// out += scale * xᵀ : out [cols, rows] float with out_stride, x [rows, cols] float with x_stride.
void add_transposed(float* out, std::int64_t out_stride, const float* x, std::int64_t x_stride,
                    std::int64_t rows, std::int64_t cols, float scale) noexcept;

/// out = scale * x converted to T, over [rows, cols] blocks.
template <class T>
void scaled_copy(T* out, std::int64_t out_stride, const float* x, std::int64_t x_stride, std::int64_t rows,
                 std::int64_t cols, float scale) noexcept;

/// out[r,c] = x[r,c] / (1 - p) or 0. Element i = r * cols + c is kept where word i % 4 of
/// philox(seed, stream, i / 4), its upper 24 bits taken as a fraction, is at least p: what
/// Random(seed, stream).uniform() draws at position i. The same call with another x repeats the mask, which
/// is how backward gets it. p in [0, 1); out may alias x.
template <class T>
void dropout(T* out, std::int64_t out_stride, const T* x, std::int64_t x_stride, std::int64_t rows,
             std::int64_t cols, float p, std::uint64_t seed, std::uint64_t stream) noexcept;

/// out[r,:] = table[ids[r],:] * scale; table [V, cols] contiguous.
template <class T>
void gather_rows(T* out, std::int64_t out_stride, const T* table, std::int64_t table_stride,
                 const std::int32_t* ids, std::int64_t rows, std::int64_t cols, float scale) noexcept;

/// table[ids[r],:] += x[r,:] * scale in float, rows in order (deterministic); repeated ids accumulate.
template <class T>
void scatter_add_rows(float* table, std::int64_t table_stride, const T* x, std::int64_t x_stride,
                      const std::int32_t* ids, std::int64_t rows, std::int64_t cols, float scale) noexcept;

}  // namespace outcrop::kernels
