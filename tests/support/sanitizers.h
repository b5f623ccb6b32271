#pragma once
// For tests of memory that a sanitizer's own memory would spoil.

namespace outcrop::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace outcrop::test
