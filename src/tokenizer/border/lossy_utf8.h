#pragma once
// Bytes to text where some bytes may be no UTF-8: each broken stretch becomes one U+FFFD.

#include <string>
#include <string_view>

namespace outcrop {

/// Appends `bytes` to `out`. A broken stretch is the longest prefix of some character that the next byte
/// cannot continue (Unicode 15, section 3.9, "U+FFFD substitution of maximal subparts").
void append_lossy_utf8(std::string& out, std::string_view bytes);

}  // namespace outcrop
