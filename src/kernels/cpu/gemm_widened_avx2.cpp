#include "kernels/cpu/gemm_widened.inl.h"

namespace outcrop::kernels::cpu {

template struct WidenedGemm<Isa::avx2>;

}  // namespace outcrop::kernels::cpu
