#include "kernels/cpu/matvec.inl.h"

namespace outcrop::kernels::cpu {

template struct Matvec<Isa::generic, float, float>;
template struct Matvec<Isa::generic, Bf16, float>;
template struct Matvec<Isa::generic, Bf16, Bf16>;

}  // namespace outcrop::kernels::cpu
