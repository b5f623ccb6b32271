#pragma once
// Result<T>: a value or an Error. Used by every function that can fail for a reason outside the program.

#include "base/error.h"

#include <utility>

#include <tl/expected.hpp>

namespace outcrop {

/// tl::expected 1.0.0 is not [[nodiscard]] as a class; this is, so a dropped error does not compile.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

/// An error to return: `return fail(Code::not_found, fmt::format("model '{}' is not installed", id));`
[[nodiscard]] inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

/// The error of a failed result, to be returned from a function of another type.
template <class T>
[[nodiscard]] tl::unexpected<Error> forward_error(Result<T>& failed) {
  return tl::unexpected<Error>(std::move(failed).error());
}

/// The same with the caller's context in front.
template <class T>
[[nodiscard]] tl::unexpected<Error> forward_error(Result<T>& failed, std::string_view context) {
  return tl::unexpected<Error>(std::move(failed).error().within(context));
}

}  // namespace outcrop

#define OUTCROP_JOIN_(a, b) a##b
#define OUTCROP_JOIN(a, b) OUTCROP_JOIN_(a, b)
#define OUTCROP_TRY_(result, declaration, ...)          \
  auto result = (__VA_ARGS__);                          \
  if (!result) return ::outcrop::forward_error(result); \
  declaration = *std::move(result)

/// OUTCROP_TRY(auto file, File::open(path)): declares file, or returns the error of open.
#define OUTCROP_TRY(declaration, ...) \
  OUTCROP_TRY_(OUTCROP_JOIN(outcrop_try_, __COUNTER__), declaration, __VA_ARGS__)

/// OUTCROP_CHECK_OK(write(...)): returns the error of a Status, or goes on.
#define OUTCROP_CHECK_OK(...)                                                                                  \
  do {                                                                                                         \
    if (auto outcrop_status = (__VA_ARGS__); !outcrop_status) return ::outcrop::forward_error(outcrop_status); \
  } while (false)
