#pragma once
// The error that every fallible function of the project returns. Made by fail() in base/result.h.

#include <cstdint>
#include <string>
#include <string_view>

namespace outcrop {

/// What kind of thing went wrong. Each door (command line, API) maps it in one switch without default.
enum class Code : std::uint8_t {
  invalid_argument,   ///< the caller's input breaks a rule
  not_found,          ///< a named thing does not exist
  already_exists,     ///< a named thing exists and may not be replaced
  conflict,           ///< the state of the thing forbids this now
  permission_denied,  ///< the caller may not do this
  quota_exceeded,     ///< a stated limit is reached
  unavailable,        ///< try again later
  cancelled,          ///< the caller or the user stopped it
  corrupt_data,       ///< bytes that do not follow their format
  io,                 ///< the operating system refused or failed
  out_of_memory,      ///< does not fit
  unsupported,        ///< well-formed, but this version does not do it
  internal,           ///< a fault of the program itself
};

std::string_view to_string(Code code) noexcept;

/// message: lower-case start, no period, names the object and the numbers
/// ("x.safetensors: header says 40 bytes, file has 12").
struct Error {
  Code code;
  std::string message;

  /// Adds the caller's context in front: "loading adapter a1: short read".
  Error within(std::string_view context) &&;
};

}  // namespace outcrop
