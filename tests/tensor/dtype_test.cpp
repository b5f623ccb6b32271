#include "tensor/dtype.h"

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(DType, NamesAreThoseOfSafetensorsAndReadBack) {
  for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16,
                            DType::i8, DType::u8, DType::boolean}) {
    EXPECT_EQ(dtype_from_name(to_string(dtype)), dtype);
  }
  EXPECT_EQ(to_string(DType::bf16), "BF16");
  EXPECT_EQ(to_string(DType::boolean), "BOOL");
}

TEST(DType, UnknownNameIsNone) {
  EXPECT_EQ(dtype_from_name("bf16"), std::nullopt);
  EXPECT_EQ(dtype_from_name(""), std::nullopt);
}

TEST(DType, SizesAreInBytes) {
  EXPECT_EQ(size_of(DType::f64), 8U);
  EXPECT_EQ(size_of(DType::bf16), 2U);
  EXPECT_EQ(size_of(DType::boolean), 1U);
}

}  // namespace
}  // namespace outcrop
