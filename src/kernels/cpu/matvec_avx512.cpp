#include "kernels/cpu/matvec.inl.h"

namespace outcrop::kernels::cpu {

template struct Matvec<Isa::avx512, float, float>;
template struct Matvec<Isa::avx512, Bf16, float>;
template struct Matvec<Isa::avx512, Bf16, Bf16>;

}  // namespace outcrop::kernels::cpu
