#pragma once
// The instruction-set levels, apart from isa.h so that kernel files compiled for one level can name it
// without including anything of the standard library that has code.

#include <cstdint>

namespace outcrop::kernels {

/// generic: the compiler's baseline (SSE2 on x86-64).  avx2: with FMA and F16C.  avx512: F, BW, DQ, VL.
/// avx512bf16: avx512 and the bfloat16 conversions and dot products.
enum class Isa : std::uint8_t { generic, avx2, avx512, avx512bf16 };

}  // namespace outcrop::kernels
