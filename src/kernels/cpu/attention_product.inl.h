#pragma once
// The one matrix product of the attention kernels: small, of packed words, in registers.

#include "kernels/cpu/attention_words.inl.h"

namespace outcrop::kernels::cpu {
namespace {

/// c[rows, columns] (+)= a b, where
///   c: float, c_stride between rows;  columns: a multiple of kLanes
///   a: word (r, d) at a + r * a_row + d * a_depth
///   b: word (d, c) at b + d * b_stride + c
/// and the product sums over `depth` words.
template <class Form>
struct Product {
  using Word = typename Form::Word;
  float* c;
  std::int64_t c_stride;
  const Word* a;
  std::int64_t a_row;
  std::int64_t a_depth;
  const Word* b;
  std::int64_t b_stride;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t depth;
  bool accumulate;
};

template <class Form, int kRows, int kVectors>
void product_tile(const Product<Form>& p, std::int64_t row, std::int64_t column) {
  F32 sum[std::size_t{kRows}][std::size_t{kVectors}];
  float* c = p.c + row * p.c_stride + column;
  unroll<kRows>([&](auto r) {
    unroll<kVectors>([&](auto v) {
      sum[r.value][v.value] = p.accumulate ? load(c + r.value * p.c_stride + v.value * kLanes) : F32{};
    });
  });
  const auto* a = p.a + row * p.a_row;
  const auto* b = p.b + column;
  const std::int64_t a_row = p.a_row;
  const std::int64_t a_depth = p.a_depth;
  const std::int64_t b_stride = p.b_stride;
  for (std::int64_t d = p.depth; d > 0; --d) {
    F32 right[std::size_t{kVectors}];
    unroll<kVectors>([&](auto v) { right[v.value] = Form::load_words(b + v.value * kLanes); });
    unroll<kRows>([&](auto r) {
      const F32 left = Form::fill(a + r.value * a_row);
      unroll<kVectors>(
          [&](auto v) { sum[r.value][v.value] = Form::step(left, right[v.value], sum[r.value][v.value]); });
    });
    a += a_depth;
    b += b_stride;
  }
  unroll<kRows>([&](auto r) {
    unroll<kVectors>(
        [&](auto v) { store(c + r.value * p.c_stride + v.value * kLanes, sum[r.value][v.value]); });
  });
}

/// Chooses the tile of `rows` rows at run time.
template <class Form, int kVectors, int kRows = kTileRows>
OUTCROP_INLINE void product_rows(const Product<Form>& p, std::int64_t row, std::int64_t column,
                                 std::int64_t rows) {
  if (rows == kRows) return product_tile<Form, kRows, kVectors>(p, row, column);
  if constexpr (kRows > 1) product_rows<Form, kVectors, kRows - 1>(p, row, column, rows);
}

template <class Form, int kVectors = kTileVectors>
OUTCROP_INLINE void product_columns(const Product<Form>& p, std::int64_t row, std::int64_t column,
                                    std::int64_t rows, std::int64_t vectors) {
  if (vectors == kVectors) return product_rows<Form, kVectors>(p, row, column, rows);
  if constexpr (kVectors > 1) product_columns<Form, kVectors - 1>(p, row, column, rows, vectors);
}

template <class Form>
void multiply(const Product<Form>& p) {
  const std::int64_t vectors = p.columns / kLanes;
  for (std::int64_t row = 0; row < p.rows; row += kTileRows) {
    const std::int64_t rows = p.rows - row < kTileRows ? p.rows - row : kTileRows;
    for (std::int64_t v = 0; v < vectors;) {
      // 4 vectors go as 2 + 2, not 3 + 1: a lone vector leaves the multipliers waiting for each other.
      const std::int64_t left = vectors - v;
      const std::int64_t now = left == kTileVectors + 1 ? (left + 1) / 2
                               : left < kTileVectors    ? left
                                                        : kTileVectors;
      product_columns<Form>(p, row, v * kLanes, rows, now);
      v += now;
    }
  }
}

}  // namespace
}  // namespace outcrop::kernels::cpu
