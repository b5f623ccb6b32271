#include "kernels/cpu/attention_backward.inl.h"
#include "kernels/cpu/attention_forward.inl.h"

namespace outcrop::kernels::cpu {

template void attention_forward<Isa::avx2, float>(const AttentionForwardBlock<float>&, float*) noexcept;
template void attention_backward<Isa::avx2, float>(const AttentionBackwardBlock<float>&, float*) noexcept;
template void attention_forward<Isa::avx2, Bf16>(const AttentionForwardBlock<Bf16>&, float*) noexcept;
template void attention_backward<Isa::avx2, Bf16>(const AttentionBackwardBlock<Bf16>&, float*) noexcept;

}  // namespace outcrop::kernels::cpu
