#pragma once
// The parts of the widened bfloat16 product (kernels/gemm_widened.cpp) that exist once per instruction-set
// level: packing of panels, and the product of packed panels. Plain data only; bfloat16 travels as its bits.

#include "kernels/cpu/kernels.h"

#include <cstdint>

namespace outcrop::kernels::cpu {

/// Lines (rows of a, columns of b) of one operand, in elements from `data`.
struct WidenedLines {
  const Bf16* data;
  std::int64_t line_stride;   ///< between lines
  std::int64_t depth_stride;  ///< between steps of the summed dimension
  std::int64_t lines;
  std::int64_t depth;
};

/// c[rows, columns] = [c +] [partial +] a b of panels that lie one after another.
///   a: row panels of `tile rows`, b: column panels of `tile columns`; each [depth][lines of a panel], the last
///   one filled up with zeros
template <class Out>
struct WidenedBlock {
  Out* c;
  std::int64_t c_stride;
  const float* partial;  ///< [rows, columns] or null
  std::int64_t partial_stride;
  const float* a;
  const float* b;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t depth;
  bool accumulate;
};

/// Lines of a panel of each operand: what the level's registers hold.
struct WidenedTile {
  std::int64_t rows;
  std::int64_t columns;
};

template <Isa isa>
struct WidenedGemm {
  static WidenedTile tile() noexcept;
  /// Widens into panels of tile().rows lines; `out` has room for whole panels.
  static void pack_rows(float* out, const WidenedLines& a) noexcept;
  static void pack_columns(float* out, const WidenedLines& b) noexcept;
  static void multiply(const WidenedBlock<float>& block) noexcept;
  static void multiply(const WidenedBlock<Bf16>& block) noexcept;
};

}  // namespace outcrop::kernels::cpu
