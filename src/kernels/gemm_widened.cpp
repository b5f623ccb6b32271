#include "kernels/gemm_widened.h"

#include "base/thread_pool.h"
#include "kernels/cpu/gemm_widened.h"
#include "kernels/isa.h"

#include <algorithm>
#include <type_traits>
#include <vector>

namespace outcrop::kernels {
namespace {

using cpu::WidenedBlock;
using cpu::WidenedLines;

/// Steps of the summed dimension in one pass: a panel of b of so many steps nearly fits the first cache.
constexpr std::int64_t kDepth = 768;
/// Rows and columns of the packed blocks that meet in the second cache.
constexpr std::int64_t kBlockRows = 72;
constexpr std::int64_t kBlockColumns = 64;
/// Multiply-adds below which a parallel region costs more than it saves.
constexpr std::int64_t kSmall = 400'000;

std::int64_t blocks_of(std::int64_t extent, std::int64_t block) {
  return (extent + block - 1) / block;
}
std::int64_t rounded_up(std::int64_t extent, std::int64_t block) {
  return blocks_of(extent, block) * block;
}

const cpu::Bf16* bits_of(const bfloat16* x) {
  return reinterpret_cast<const cpu::Bf16*>(x);
}
cpu::Bf16* bits_of(bfloat16* x) {
  return reinterpret_cast<cpu::Bf16*>(x);
}
float* bits_of(float* x) {
  return x;
}

/// At least `count` floats that stay with the thread from call to call.
float* scratch(std::vector<float>& memory, std::int64_t count) {
  if (memory.size() < static_cast<std::size_t>(count)) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

/// A product in one pass over `depth` steps.
template <class Out>
struct Pass {
  Out* c;
  std::int64_t c_stride;
  const float* partial;
  WidenedLines a;
  WidenedLines b;
  bool accumulate;
};

template <Isa isa, class Out>
void run_pass(const Pass<Out>& pass, float* packed_a) {
  const cpu::WidenedTile tile = cpu::WidenedGemm<isa>::tile();
  const std::int64_t m = pass.a.lines;
  const std::int64_t n = pass.b.lines;
  const std::int64_t depth = pass.a.depth;
  const bool small = m * n * depth < kSmall;
  const std::int64_t block_rows = rounded_up(kBlockRows, tile.rows);

  const std::int64_t row_panels = blocks_of(m, tile.rows);
  parallel_for(row_panels, small ? row_panels : 8, [&](std::int64_t begin, std::int64_t end) {
    WidenedLines part = pass.a;
    part.data += begin * tile.rows * part.line_stride;
    part.lines = std::min(m, end * tile.rows) - begin * tile.rows;
    cpu::WidenedGemm<isa>::pack_rows(packed_a + begin * tile.rows * depth, part);
  });

  // Few columns are cut along the rows as well, so that every thread has work.
  const std::int64_t column_blocks = blocks_of(n, kBlockColumns);
  const std::int64_t wanted = 4 * compute_pool().size();
  const std::int64_t cuts = std::min(blocks_of(m, block_rows), blocks_of(wanted, column_blocks));
  const std::int64_t rows_of_cut = rounded_up(blocks_of(m, cuts), tile.rows);
  const std::int64_t tasks = column_blocks * cuts;
  parallel_for(tasks, small ? tasks : 1, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> memory;
    float* packed_b = scratch(memory, rounded_up(kBlockColumns, tile.columns) * depth);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t column = task / cuts * kBlockColumns;
      WidenedLines part = pass.b;
      part.data += column * part.line_stride;
      part.lines = std::min(kBlockColumns, n - column);
      const std::int64_t last_row = std::min(m, (task % cuts + 1) * rows_of_cut);
      if (task == begin || task % cuts == 0) cpu::WidenedGemm<isa>::pack_columns(packed_b, part);
      for (std::int64_t row = task % cuts * rows_of_cut; row < last_row; row += block_rows) {
        cpu::WidenedGemm<isa>::multiply(
            WidenedBlock<Out>{.c = pass.c + row * pass.c_stride + column,
                              .c_stride = pass.c_stride,
                              .partial = pass.partial == nullptr ? nullptr : pass.partial + row * n + column,
                              .partial_stride = n,
                              .a = packed_a + row * depth,
                              .b = packed_b,
                              .rows = std::min(block_rows, last_row - row),
                              .columns = part.lines,
                              .depth = depth,
                              .accumulate = pass.accumulate});
      }
    }
  });
}

template <class Out>
void run(const Pass<Out>& pass, float* packed_a) {
  with_isa([&]<Isa isa>() { run_pass<isa>(pass, packed_a); });
}

}  // namespace

template <class Out>
void gemm_widened(Out* c, std::int64_t c_stride, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
                  std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) noexcept {
  const bool a_flip = a.transpose == Transpose::yes;
  const bool b_flip = b.transpose == Transpose::yes;
  WidenedLines lines_a{bits_of(a.data), a_flip ? 1 : a.stride, a_flip ? a.stride : 1, m, 0};
  WidenedLines lines_b{bits_of(b.data), b_flip ? b.stride : 1, b_flip ? 1 : b.stride, n, 0};
  const std::int64_t passes = blocks_of(k, kDepth);
  const std::int64_t depth = blocks_of(k, passes);

  constexpr bool kWide = sizeof(Out) == sizeof(float);
  thread_local std::vector<float> memory_a;
  thread_local std::vector<float> memory_sums;
  constexpr std::int64_t kMostRowsOfAPanel = 16;  // the last panel is filled up
  float* packed_a = scratch(memory_a, (m + kMostRowsOfAPanel) * depth);
  // A bfloat16 c cannot hold the sums between passes.
  float* sums = kWide || passes == 1 ? nullptr : scratch(memory_sums, m * n);

  for (std::int64_t first = 0; first < k; first += depth) {
    lines_a.depth = lines_b.depth = std::min(depth, k - first);
    const bool is_last = first + depth >= k;
    if (sums != nullptr && !is_last) {
      run(Pass<float>{sums, n, nullptr, lines_a, lines_b, first > 0}, packed_a);
    } else {
      const bool add = accumulate || (kWide && first > 0);
      run(Pass<std::remove_pointer_t<decltype(bits_of(c))>>{bits_of(c), c_stride, sums, lines_a, lines_b, add},
          packed_a);
    }
    lines_a.data += depth * lines_a.depth_stride;
    lines_b.data += depth * lines_b.depth_stride;
  }
}

template void gemm_widened(float*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>, std::int64_t,
                           std::int64_t, std::int64_t, bool) noexcept;
template void gemm_widened(bfloat16*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>, std::int64_t,
                           std::int64_t, std::int64_t, bool) noexcept;

}  // namespace outcrop::kernels
