#include "kernels/cpu/gemm_widened.inl.h"

namespace outcrop::kernels::cpu {

template struct WidenedGemm<Isa::avx512bf16>;

}  // namespace outcrop::kernels::cpu
