#pragma once
// A borrowed row-major matrix: what operations take. Never owns.

#include "base/check.h"

#include <cstdint>
#include <type_traits>

namespace outcrop {

template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< elements between rows, >= cols

  Matrix() = default;
  Matrix(T* d, std::int64_t r, std::int64_t c) : Matrix(d, r, c, c) {}
  Matrix(T* d, std::int64_t r, std::int64_t c, std::int64_t s) : data(d), rows(r), cols(c), stride(s) {}
  /// Matrix<T> passes for Matrix<const T>.
  Matrix(const Matrix<std::remove_const_t<T>>& other) requires std::is_const_v<T>
      : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}
  Matrix(const Matrix&) = default;
  Matrix& operator=(const Matrix&) = default;

  T* row(std::int64_t r) const noexcept { return data + r * stride; }
  Matrix columns(std::int64_t begin, std::int64_t count) const {
    DCHECK(begin >= 0 && count >= 0 && begin + count <= cols, "column range outside the matrix");
    return {data + begin, rows, count, stride};
  }
  Matrix row_range(std::int64_t begin, std::int64_t count) const {
    DCHECK(begin >= 0 && count >= 0 && begin + count <= rows, "row range outside the matrix");
    return {data + begin * stride, count, cols, stride};
  }
};

}  // namespace outcrop
