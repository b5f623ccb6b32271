#include "kernels/isa.h"

#include "base/check.h"

#include <atomic>
#include <cstdlib>

namespace outcrop::kernels {
namespace {

Isa detect() noexcept {
#if defined(__x86_64__)
  // These look at the operating system's support (XGETBV) too. Every processor with AVX2 has F16C.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && __builtin_cpu_supports("avx512bf16")) return Isa::avx512bf16;
  if (avx512) return Isa::avx512;
  if (avx2) return Isa::avx2;
#endif
  return Isa::generic;
}

Isa from_environment() noexcept {
  const char* wanted = std::getenv("OUTCROP_ISA");
  if (wanted == nullptr) return best_isa();
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512bf16}) {
    if (to_string(isa) == wanted && isa <= best_isa()) return isa;
  }
  return best_isa();
}

// Relaxed: a level is a value of its own, nothing else is published with it.
std::atomic<Isa>& selected() noexcept {
  static std::atomic<Isa> isa{from_environment()};
  return isa;
}

}  // namespace

Isa best_isa() noexcept {
  static const Isa best = detect();
  return best;
}

Isa selected_isa() noexcept {
  return selected().load(std::memory_order_relaxed);
}

void force_isa(Isa isa) noexcept {
  CHECK(isa <= best_isa(), "force_isa: this processor lacks the level");
  selected().store(isa, std::memory_order_relaxed);
}

std::string_view to_string(Isa isa) noexcept {
  switch (isa) {
    case Isa::generic:
      return "generic";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512bf16:
      return "avx512bf16";
  }
  return "unknown";
}

}  // namespace outcrop::kernels
