#pragma once
// Loops over a constant count that the compiler must unroll: arrays indexed this way stay in registers.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {
namespace {

template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

/// Calls f(Constant<0>{}) … f(Constant<kCount - 1>{}).
template <int kCount, class F>
OUTCROP_INLINE void unroll(F&& f) {
  if constexpr (kCount > 0) {
    unroll<kCount - 1>(f);
    f(Constant<kCount - 1>{});
  }
}

}  // namespace
}  // namespace outcrop::kernels::cpu
