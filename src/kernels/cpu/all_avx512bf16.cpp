#include "kernels/cpu/all.inl.h"

namespace outcrop::kernels::cpu {

template struct Norm<Isa::avx512bf16, float>;
template struct Norm<Isa::avx512bf16, Bf16>;
template struct Rope<Isa::avx512bf16, float>;
template struct Rope<Isa::avx512bf16, Bf16>;
template struct Gated<Isa::avx512bf16, float>;
template struct Gated<Isa::avx512bf16, Bf16>;
template struct Loss<Isa::avx512bf16, float>;
template struct Loss<Isa::avx512bf16, Bf16>;
template struct Elementwise<Isa::avx512bf16, float>;
template struct Elementwise<Isa::avx512bf16, Bf16>;
template struct Optimizer<Isa::avx512bf16>;

}  // namespace outcrop::kernels::cpu
