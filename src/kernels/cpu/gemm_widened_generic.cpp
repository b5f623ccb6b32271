#include "kernels/cpu/gemm_widened.inl.h"

namespace outcrop::kernels::cpu {

template struct WidenedGemm<Isa::generic>;

}  // namespace outcrop::kernels::cpu
