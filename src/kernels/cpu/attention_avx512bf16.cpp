#include "kernels/cpu/attention_backward.inl.h"
#include "kernels/cpu/attention_forward.inl.h"

namespace outcrop::kernels::cpu {

template void attention_forward<Isa::avx512bf16, Bf16>(const AttentionForwardBlock<Bf16>&, float*) noexcept;
template void attention_backward<Isa::avx512bf16, Bf16>(const AttentionBackwardBlock<Bf16>&, float*) noexcept;

}  // namespace outcrop::kernels::cpu
