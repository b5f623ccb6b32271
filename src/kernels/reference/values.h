#pragma once
// The reference kernels of this folder: plain loops in double over contiguous rows, each backward beside
// its forward, written to be read against the formula. Tests hold every fast kernel against them; nothing
// else includes them. Shapes as in the public header of the same name in kernels/.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace outcrop::kernels::reference {

using Values = std::vector<double>;

/// Element [r, c] of rows of `cols` elements.
constexpr std::size_t at(std::int64_t r, std::int64_t cols, std::int64_t c) {
  return static_cast<std::size_t>(r * cols + c);
}

}  // namespace outcrop::kernels::reference
