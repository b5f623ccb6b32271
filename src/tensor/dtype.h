#pragma once
// Element types of stored tensors.

#include <cstdint>
#include <optional>
#include <string_view>

namespace outcrop {

enum class DType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t size_of(DType dtype) noexcept;
/// The safetensors spelling: "F32", "BF16", …
std::string_view to_string(DType dtype) noexcept;
std::optional<DType> dtype_from_name(std::string_view name) noexcept;

}  // namespace outcrop
