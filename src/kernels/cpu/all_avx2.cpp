#include "kernels/cpu/all.inl.h"

namespace outcrop::kernels::cpu {

template struct Norm<Isa::avx2, float>;
template struct Norm<Isa::avx2, Bf16>;
template struct Rope<Isa::avx2, float>;
template struct Rope<Isa::avx2, Bf16>;
template struct Gated<Isa::avx2, float>;
template struct Gated<Isa::avx2, Bf16>;
template struct Loss<Isa::avx2, float>;
template struct Loss<Isa::avx2, Bf16>;
template struct Elementwise<Isa::avx2, float>;
template struct Elementwise<Isa::avx2, Bf16>;
template struct Optimizer<Isa::avx2>;

}  // namespace outcrop::kernels::cpu
