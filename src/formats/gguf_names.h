#pragma once
// Numbers and names of GGUF tensor types. Private to this room.

#include "formats/gguf.h"

#include <cstdint>
#include <optional>
#include <string>

namespace outcrop::formats {

/// The supported type with this number in the file.
std::optional<GgufType> gguf_type_from_number(std::uint32_t number) noexcept;

/// "10 (Q2_K)" for a type that exists but is not supported, else "77".
std::string gguf_type_label(std::uint32_t number);

/// "F32, F16, …"
std::string known_gguf_types();

}  // namespace outcrop::formats
