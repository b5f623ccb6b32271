#pragma once
// A frozen product with LoRA, for training, as one GEMM: the ranks extend the inner dimension.
//
//   forward    x_ext = [x | x Aᵀ]                       [T, in + R]
//              y     = x_ext [W | s B]ᵀ                 the adapter costs R/in more work, no second pass
//   backward   [dx | dxa] = dy [W | s B]                both in one product
//              dx += dxa A,   dA = dxaᵀ x,   dB = s dyᵀ (x Aᵀ)
//
// With several modules in one fused product (query, key, value) R is the sum of their ranks and s B is
// block-diagonal: each module's rows see only its own ranks. With B = 0 the extension adds exact zeros.

#include "base/page_buffer.h"
#include "model/lora_group.h"
#include "tensor/matrix.h"

#include <cstdint>
#include <span>
#include <vector>

namespace outcrop::model {

/// The adapter's input dropout for one product of one row; one mask for all modules of the group.
struct DropoutMask {
  float p = 0.0F;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

/// Scratch that all products of a trainer share, sized for the largest.
template <class T>
struct AdapterScratch {
  T* input = nullptr;         // [T, max in]
  float* gradient = nullptr;  // [max R, max(in, out)]
};

/// One fused product of one layer. Pointers are borrowed from the trainer's arena.
template <class T>
class AdaptedLinear {
 public:
  AdaptedLinear() = default;
  /// With ranks it copies W into the arena (unless the arena only counts); without any it borrows W.
  AdaptedLinear(Arena& arena, Matrix<const T> weight, LoraGroup group, float scaling);

  /// Refreshes A and s B from the adapter's float buffer.
  void load(std::span<const float> adapter);

  std::int64_t in() const noexcept { return in_; }
  std::int64_t out() const noexcept { return out_; }
  std::int64_t rank() const noexcept { return group_.rank; }
  /// Columns of x_ext and dx_ext.
  std::int64_t extended() const noexcept { return in_ + group_.rank; }

  /// y = x W ᵀ + adapter. x_ext: [T, in + R] with x in its first columns; the rest is filled here.
  void forward(Matrix<T> y, Matrix<T> x_ext, const DropoutMask& mask, const AdapterScratch<T>& scratch) const;

  /// dx_ext: [T, in + R]; its first columns become dx unless want_dx is false. Adds the adapter's gradients.
  void backward(Matrix<T> dx_ext, Matrix<const T> dy, Matrix<const T> x_ext, std::span<float> gradients,
                const DropoutMask& mask, const AdapterScratch<T>& scratch, bool want_dx) const;

 private:
  void backward_adapter(Matrix<T> dx, Matrix<const T> dxa, Matrix<const T> dy, Matrix<const T> x_ext,
                        std::span<float> gradients, const DropoutMask& mask, const AdapterScratch<T>& scratch,
                        bool want_dx) const;

  std::int64_t in_ = 0;
  std::int64_t out_ = 0;
  float scaling_ = 0.0F;
  LoraGroup group_;
  Matrix<const T> weight_;  // [out, in + R]: W | s B
  T* owned_ = nullptr;      // weight_.data when it is a copy
  Matrix<T> a_;             // [R, in]
};

}  // namespace outcrop::model
