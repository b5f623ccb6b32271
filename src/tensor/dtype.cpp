#include "tensor/dtype.h"

#include <array>
#include <cstddef>

namespace outcrop {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

// In the order of the enumeration, which indexes it.
constexpr std::array<Row, 10> kRows{{{DType::f64, "F64", 8},
                                     {DType::f32, "F32", 4},
                                     {DType::f16, "F16", 2},
                                     {DType::bf16, "BF16", 2},
                                     {DType::i64, "I64", 8},
                                     {DType::i32, "I32", 4},
                                     {DType::i16, "I16", 2},
                                     {DType::i8, "I8", 1},
                                     {DType::u8, "U8", 1},
                                     {DType::boolean, "BOOL", 1}}};

const Row& row_of(DType dtype) noexcept {
  return kRows[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::size_t size_of(DType dtype) noexcept {
  return row_of(dtype).size;
}

std::string_view to_string(DType dtype) noexcept {
  return row_of(dtype).name;
}

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

}  // namespace outcrop
