#pragma once
// Instruction-set levels and the one place where a level is chosen. Kernel files named *_generic.cpp,
// *_avx2.cpp, *_avx512.cpp and *_avx512bf16.cpp are compiled for that level (cmake/rooms.cmake).

#include "kernels/isa_level.h"

#include <string_view>

namespace outcrop::kernels {

/// The best level of this processor, or the lower one that OUTCROP_ISA names (generic, avx2, avx512,
/// avx512bf16). Naming a level that the processor lacks falls back to the best it has.
Isa selected_isa() noexcept;

/// The best level of this processor, whatever OUTCROP_ISA says.
Isa best_isa() noexcept;

/// For tests: forces a level at or below best_isa() for the whole process until called again.
/// Not while a kernel runs.
void force_isa(Isa isa) noexcept;

std::string_view to_string(Isa isa) noexcept;

/// The only dispatch point: with_isa([&]<Isa isa>() { cpu::rms_norm<isa>(…); });
template <class F>
decltype(auto) with_isa(F&& f) {
#if defined(__x86_64__)
  switch (selected_isa()) {
    case Isa::avx512bf16:
      return f.template operator()<Isa::avx512bf16>();
    case Isa::avx512:
      return f.template operator()<Isa::avx512>();
    case Isa::avx2:
      return f.template operator()<Isa::avx2>();
    case Isa::generic:
      break;
  }
#endif
  return f.template operator()<Isa::generic>();
}

}  // namespace outcrop::kernels
