#include "tensor/matrix.h"

#include <vector>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(Matrix, ViewsKeepTheStrideOfTheWhole) {
  std::vector<float> storage(12);
  for (std::size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<float>(i);
  const Matrix<float> whole(storage.data(), 3, 4);
  const Matrix<float> part = whole.columns(1, 2).row_range(1, 2);
  EXPECT_EQ(part.rows, 2);
  EXPECT_EQ(part.cols, 2);
  EXPECT_EQ(part.stride, 4);
  EXPECT_EQ(part.row(0)[0], 5.0F);
  EXPECT_EQ(part.row(1)[1], 10.0F);
}

TEST(Matrix, BecomesAMatrixOfConst) {
  std::vector<float> storage(6, 2.0F);
  const Matrix<const float> view = Matrix<float>(storage.data(), 2, 2, 3);
  EXPECT_EQ(view.row(1)[0], 2.0F);
  EXPECT_EQ(view.stride, 3);
}

}  // namespace
}  // namespace outcrop
