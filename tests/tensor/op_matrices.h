#pragma once
// Padded rows as the matrices that operations take.

#include "support/op_case.h"
#include "tensor/matrix.h"

#include <cstdint>

namespace outcrop::test {

template <class T>
Matrix<T> matrix(PaddedRows<T>& rows, std::int64_t count, std::int64_t cols) {
  return {rows.data(), count, cols, rows.stride()};
}

template <class T>
Matrix<const T> view(const PaddedRows<T>& rows, std::int64_t count, std::int64_t cols) {
  return {rows.data(), count, cols, rows.stride()};
}

}  // namespace outcrop::test
