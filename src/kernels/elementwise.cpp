#include "kernels/elementwise.h"

#include "kernels/cpu/split.h"

#include <cmath>
#include <cstring>

namespace outcrop::kernels {

void convert(bfloat16* out, const float* x, std::int64_t count) noexcept {
  for_ranges(count, kStreamGrain, [&]<Isa isa>(std::int64_t begin, std::int64_t end) {
    cpu::Elementwise<isa, cpu::Bf16>::scaled_copy(raw(out + begin), x + begin, end - begin, 1.0F);
  });
}

void convert(float* out, const bfloat16* x, std::int64_t count) noexcept {
  for_ranges(count, kStreamGrain, [&]<Isa isa>(std::int64_t begin, std::int64_t end) {
    cpu::Elementwise<isa, cpu::Bf16>::to_float(out + begin, raw(x + begin), end - begin);
  });
}

template <class T>
void add(T* out, std::int64_t out_stride, const T* a, std::int64_t a_stride, const T* b, std::int64_t b_stride,
         std::int64_t rows, std::int64_t cols) noexcept {
  for_rows(rows, cols, kStreamGrain, [&]<Isa isa>(std::int64_t r) {
    cpu::Elementwise<isa, Raw<T>>::add(raw(out + r * out_stride), raw(a + r * a_stride), raw(b + r * b_stride),
                                       cols);
  });
}

void add_transposed(float* out, std::int64_t out_stride, const float* x, std::int64_t x_stride,
                    std::int64_t rows, std::int64_t cols, float scale) noexcept {
  // Tiles of 16 columns (one cache line of each row of x) by 64 rows stay in the first-level cache.
  constexpr std::int64_t kTileCols = 16;
  constexpr std::int64_t kTileRows = 64;
  const std::int64_t tiles = (cols + kTileCols - 1) / kTileCols;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kStreamGrain / (kTileCols * std::max<std::int64_t>(1, rows)));
  parallel_for(tiles, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t col_end = std::min(cols, end * kTileCols);
    for (std::int64_t c0 = begin * kTileCols; c0 < col_end; c0 += kTileCols) {
      for (std::int64_t r0 = 0; r0 < rows; r0 += kTileRows) {
        for (std::int64_t c = c0; c < std::min(col_end, c0 + kTileCols); ++c) {
          float* to = out + c * out_stride;
          for (std::int64_t r = r0; r < std::min(rows, r0 + kTileRows); ++r)
            to[r] += scale * x[r * x_stride + c];
        }
      }
    }
  });
}

template <class T>
void scaled_copy(T* out, std::int64_t out_stride, const float* x, std::int64_t x_stride, std::int64_t rows,
                 std::int64_t cols, float scale) noexcept {
  for_rows(rows, cols, kStreamGrain, [&]<Isa isa>(std::int64_t r) {
    cpu::Elementwise<isa, Raw<T>>::scaled_copy(raw(out + r * out_stride), x + r * x_stride, cols, scale);
  });
}

template <class T>
void dropout(T* out, std::int64_t out_stride, const T* x, std::int64_t x_stride, std::int64_t rows,
             std::int64_t cols, float p, std::uint64_t seed, std::uint64_t stream) noexcept {
  // word / 2^32 in 24 bits >= p, as whole numbers.
  const double threshold = std::ceil(static_cast<double>(p) * 0x1p24);
  const cpu::DropoutMask mask{.seed = seed,
                              .stream = stream,
                              .threshold = static_cast<std::int32_t>(threshold),
                              .scale = static_cast<float>(1.0 / (1.0 - static_cast<double>(p)))};
  for_rows(rows, cols, kExpGrain, [&]<Isa isa>(std::int64_t r) {
    cpu::Elementwise<isa, Raw<T>>::dropout(raw(out + r * out_stride), raw(x + r * x_stride), cols,
                                           static_cast<std::uint64_t>(r * cols), mask);
  });
}

template <class T>
void gather_rows(T* out, std::int64_t out_stride, const T* table, std::int64_t table_stride,
                 const std::int32_t* ids, std::int64_t rows, std::int64_t cols, float scale) noexcept {
  for_rows(rows, cols, kStreamGrain, [&]<Isa isa>(std::int64_t r) {
    const T* from = table + ids[r] * table_stride;
    if (scale == 1.0F) {
      std::memcpy(out + r * out_stride, from, static_cast<std::size_t>(cols) * sizeof(T));
    } else {
      cpu::Elementwise<isa, Raw<T>>::scale(raw(out + r * out_stride), raw(from), cols, scale);
    }
  });
}

template <class T>
void scatter_add_rows(float* table, std::int64_t table_stride, const T* x, std::int64_t x_stride,
                      const std::int32_t* ids, std::int64_t rows, std::int64_t cols, float scale) noexcept {
  // Threads share out columns: each adds all rows in order, so repeated ids need neither locks nor luck.
  constexpr std::int64_t kColumns = 64;
  const std::int64_t grain = std::max(kColumns, kStreamGrain / std::max<std::int64_t>(1, rows));
  for_ranges(cols, (grain + kColumns - 1) / kColumns * kColumns,
             [&]<Isa isa>(std::int64_t begin, std::int64_t end) {
               for (std::int64_t r = 0; r < rows; ++r) {
                 cpu::Elementwise<isa, Raw<T>>::add_scaled(table + ids[r] * table_stride + begin,
                                                           raw(x + r * x_stride + begin), end - begin, scale);
               }
             });
}

template void add(float*, std::int64_t, const float*, std::int64_t, const float*, std::int64_t, std::int64_t,
                  std::int64_t) noexcept;
template void add(bfloat16*, std::int64_t, const bfloat16*, std::int64_t, const bfloat16*, std::int64_t,
                  std::int64_t, std::int64_t) noexcept;
template void scaled_copy(float*, std::int64_t, const float*, std::int64_t, std::int64_t, std::int64_t,
                          float) noexcept;
template void scaled_copy(bfloat16*, std::int64_t, const float*, std::int64_t, std::int64_t, std::int64_t,
                          float) noexcept;
template void dropout(float*, std::int64_t, const float*, std::int64_t, std::int64_t, std::int64_t, float,
                      std::uint64_t, std::uint64_t) noexcept;
template void dropout(bfloat16*, std::int64_t, const bfloat16*, std::int64_t, std::int64_t, std::int64_t, float,
                      std::uint64_t, std::uint64_t) noexcept;
template void gather_rows(float*, std::int64_t, const float*, std::int64_t, const std::int32_t*, std::int64_t,
                          std::int64_t, float) noexcept;
template void gather_rows(bfloat16*, std::int64_t, const bfloat16*, std::int64_t, const std::int32_t*,
                          std::int64_t, std::int64_t, float) noexcept;
template void scatter_add_rows(float*, std::int64_t, const float*, std::int64_t, const std::int32_t*,
                               std::int64_t, std::int64_t, float) noexcept;
template void scatter_add_rows(float*, std::int64_t, const bfloat16*, std::int64_t, const std::int32_t*,
                               std::int64_t, std::int64_t, float) noexcept;

}  // namespace outcrop::kernels
