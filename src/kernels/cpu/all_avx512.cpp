#include "kernels/cpu/all.inl.h"

namespace outcrop::kernels::cpu {

template struct Norm<Isa::avx512, float>;
template struct Norm<Isa::avx512, Bf16>;
template struct Rope<Isa::avx512, float>;
template struct Rope<Isa::avx512, Bf16>;
template struct Gated<Isa::avx512, float>;
template struct Gated<Isa::avx512, Bf16>;
template struct Loss<Isa::avx512, float>;
template struct Loss<Isa::avx512, Bf16>;
template struct Elementwise<Isa::avx512, float>;
template struct Elementwise<Isa::avx512, Bf16>;
template struct Optimizer<Isa::avx512>;

}  // namespace outcrop::kernels::cpu
