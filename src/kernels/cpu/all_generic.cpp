#include "kernels/cpu/all.inl.h"

namespace outcrop::kernels::cpu {

template struct Norm<Isa::generic, float>;
template struct Norm<Isa::generic, Bf16>;
template struct Rope<Isa::generic, float>;
template struct Rope<Isa::generic, Bf16>;
template struct Gated<Isa::generic, float>;
template struct Gated<Isa::generic, Bf16>;
template struct Loss<Isa::generic, float>;
template struct Loss<Isa::generic, Bf16>;
template struct Elementwise<Isa::generic, float>;
template struct Elementwise<Isa::generic, Bf16>;
template struct Optimizer<Isa::generic>;

}  // namespace outcrop::kernels::cpu
