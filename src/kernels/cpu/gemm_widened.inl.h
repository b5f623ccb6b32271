#pragma once
// The register tile and the packing of the widened bfloat16 product, after BLIS (Van Zee and van de Geijn,
// "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", 2015): panels of a few rows of a against
// panels of two vectors of columns of b, both stored in the order in which the product reads them.

#include "kernels/cpu/gemm_widened.h"
#include "kernels/cpu/unroll.inl.h"

namespace outcrop::kernels::cpu {
namespace {

// Sums + two vectors of b + one filled with an element of a fit the registers: 16, or 32 with AVX-512.
#if defined(__AVX512F__)
inline constexpr int kPanelRows = 12;
#else
inline constexpr int kPanelRows = 6;
#endif
inline constexpr int kPanelVectors = 2;
inline constexpr int kPanelColumns = kPanelVectors * kLanes;

/// One panel: out[l * kPanel + i] = line i at depth l, zeros behind the last line.
template <int kPanel>
void pack_panel(float* out, const WidenedLines& x) {
  if (x.lines < kPanel) {
    for (std::int64_t i = 0; i < x.depth * kPanel; ++i) out[i] = 0.0F;
  }
  if (x.line_stride == 1 && x.lines == kPanel) {
    for (std::int64_t l = 0; l < x.depth; ++l) {
      const Bf16* from = x.data + l * x.depth_stride;
      for (int i = 0; i < kPanel; ++i) out[l * kPanel + i] = to_float(from[i]);
    }
    return;
  }
  for (std::int64_t i = 0; i < x.lines; ++i) {
    const Bf16* from = x.data + i * x.line_stride;
    for (std::int64_t l = 0; l < x.depth; ++l) out[l * kPanel + i] = to_float(from[l * x.depth_stride]);
  }
}

template <int kPanel>
void pack_panels(float* out, const WidenedLines& x) {
  for (std::int64_t first = 0; first < x.lines; first += kPanel) {
    WidenedLines panel = x;
    panel.data += first * x.line_stride;
    panel.lines = x.lines - first < kPanel ? x.lines - first : kPanel;
    pack_panel<kPanel>(out + first * x.depth, panel);
  }
}

/// Adds what the block says to `sum` and stores its first `lanes` lanes.
template <class Out>
OUTCROP_INLINE void finish(const WidenedBlock<Out>& block, std::int64_t row, std::int64_t column, F32 sum,
                           int lanes) {
  Out* c = block.c + row * block.c_stride + column;
  if (block.partial != nullptr) sum += load(block.partial + row * block.partial_stride + column, lanes);
  if (block.accumulate) sum += load(c, lanes);
  store(c, sum, lanes);
}

template <class Out>
void multiply_panels(const WidenedBlock<Out>& block, std::int64_t row, std::int64_t column) {
  F32 sum[std::size_t{kPanelRows}][std::size_t{kPanelVectors}] = {};
  const float* a = block.a + row * block.depth;
  const float* b = block.b + column * block.depth;
#pragma GCC unroll 4  // a step is a few instructions: the loop's own would count
  for (std::int64_t l = block.depth; l > 0; --l) {
    F32 right[std::size_t{kPanelVectors}];
    unroll<kPanelVectors>([&](auto v) { right[v.value] = load(b + v.value * kLanes); });
    unroll<kPanelRows>([&](auto r) {
      const F32 left = broadcast(a[r.value]);
      unroll<kPanelVectors>(
          [&](auto v) { sum[r.value][v.value] = fma(left, right[v.value], sum[r.value][v.value]); });
    });
    a += kPanelRows;
    b += kPanelColumns;
  }
  const std::int64_t rows = block.rows - row;
  const std::int64_t columns = block.columns - column;
  unroll<kPanelRows>([&](auto r) {
    if (r.value >= rows) return;
    unroll<kPanelVectors>([&](auto v) {
      const std::int64_t left = columns - v.value * kLanes;
      if (left <= 0) return;
      finish(block, row + r.value, column + v.value * kLanes, sum[r.value][v.value],
             left < kLanes ? static_cast<int>(left) : kLanes);
    });
  });
}

template <class Out>
void multiply_block(const WidenedBlock<Out>& block) {
  // A panel of b stays in the first cache while the row panels pass by.
  for (std::int64_t column = 0; column < block.columns; column += kPanelColumns) {
    for (std::int64_t row = 0; row < block.rows; row += kPanelRows) multiply_panels(block, row, column);
  }
}

}  // namespace

template <Isa isa>
WidenedTile WidenedGemm<isa>::tile() noexcept {
  return {kPanelRows, kPanelColumns};
}

template <Isa isa>
void WidenedGemm<isa>::pack_rows(float* out, const WidenedLines& a) noexcept {
  pack_panels<kPanelRows>(out, a);
}

template <Isa isa>
void WidenedGemm<isa>::pack_columns(float* out, const WidenedLines& b) noexcept {
  pack_panels<kPanelColumns>(out, b);
}

template <Isa isa>
void WidenedGemm<isa>::multiply(const WidenedBlock<float>& block) noexcept {
  multiply_block(block);
}

template <Isa isa>
void WidenedGemm<isa>::multiply(const WidenedBlock<Bf16>& block) noexcept {
  multiply_block(block);
}

}  // namespace outcrop::kernels::cpu
