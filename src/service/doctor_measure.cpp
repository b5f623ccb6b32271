#include "service/doctor_measure.h"

#include "base/page_buffer.h"
#include "base/thread_pool.h"
#include "kernels/gemm.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace outcrop::service {
namespace {

constexpr double kSeconds = 0.3;

/// Best time of one call, over as many as fit in kSeconds after a first one for warming up.
template <class F>
double best_seconds(F&& work) {
  using Clock = std::chrono::steady_clock;
  work();
  double best = 1e9;
  const Clock::time_point until =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kSeconds));
  do {
    const Clock::time_point start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < until);
  return std::max(best, 1e-9);
}

/// A product of a training step's size: 1024 tokens through a 1024 x 1024 layer.
template <class T>
double measure_gflops() {
  constexpr std::int64_t n = 1024;
  std::vector<T> a(n * n, T(0.5F));
  std::vector<T> b(n * n, T(0.25F));
  std::vector<T> c(n * n);
  const double seconds = best_seconds([&] {
    kernels::gemm(c.data(), n, kernels::GemmOperand<T>{a.data(), n},
                  kernels::GemmOperand<T>{b.data(), n, kernels::Transpose::yes}, n, n, n, /*accumulate=*/false);
  });
  return 2.0 * static_cast<double>(n * n * n) / seconds * 1e-9;
}

}  // namespace

double measure_float_gflops() {
  return measure_gflops<float>();
}

double measure_bfloat16_gflops() {
  return measure_gflops<bfloat16>();
}

double measure_memory_gb_per_second() {
  constexpr std::int64_t words = std::int64_t{1} << 24;  // 128 MiB, beyond the caches
  auto buffer = PageBuffer<std::uint64_t>::allocate(words);
  if (!buffer) return 0.0;
  std::uint64_t* data = buffer->data();
  // A page that was never written is the kernel's one zero page, and stays in the cache.
  parallel_for(words, 1 << 16,
               [&](std::int64_t begin, std::int64_t end) { std::fill(data + begin, data + end, 1U); });
  std::atomic<std::uint64_t> sum{0};  // relaxed: only keeps the reads from being optimised away
  const double seconds = best_seconds([&] {
    parallel_for(words, 1 << 18, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t sums[8] = {};  // independent, so that the additions do not wait for each other
      for (std::int64_t i = begin; i < end; i += 8) {
        for (std::int64_t lane = 0; lane < 8; ++lane) sums[lane] += data[i + lane];
      }
      for (const std::uint64_t lane_sum : sums) sum.fetch_add(lane_sum, std::memory_order_relaxed);
    });
  });
  return static_cast<double>(words) * 8.0 / seconds * 1e-9;
}

}  // namespace outcrop::service
