#pragma once
// CHECK: a broken invariant is a bug of this program; print and abort. Never for user data.

namespace outcrop {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* message) noexcept;

}  // namespace outcrop

#define CHECK(condition, message)                                       \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::outcrop::check_failed(__FILE__, __LINE__, #condition, message); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition, message) \
  do {                             \
  } while (false)
#else
#define DCHECK(condition, message) CHECK(condition, message)
#endif
