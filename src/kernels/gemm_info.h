#pragma once
// Which GEMM library runs, for --version and doctor.

#include <string_view>

namespace outcrop::kernels {

/// "oneDNN 2.6.3"
std::string_view gemm_library_version() noexcept;
/// Whether bfloat16 products run natively; otherwise they go through float.
bool gemm_has_native_bfloat16() noexcept;

}  // namespace outcrop::kernels
