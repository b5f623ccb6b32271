#include "kernels/cpu/matvec.inl.h"

namespace outcrop::kernels::cpu {

template struct Matvec<Isa::avx512bf16, float, float>;
template struct Matvec<Isa::avx512bf16, Bf16, float>;
template struct Matvec<Isa::avx512bf16, Bf16, Bf16>;

}  // namespace outcrop::kernels::cpu
