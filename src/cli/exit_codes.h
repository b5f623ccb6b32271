#pragma once
// The exit status of the process: a promise to scripts. The table in --help and docs/howto/chat-and-batch.md
// says the same.

#include "base/error.h"

namespace outcrop::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;         ///< the command line itself is wrong
inline constexpr int kInvalidInput = 3;  ///< a file, record or setting breaks a rule
inline constexpr int kNotFound = 4;      ///< a named model or file does not exist
inline constexpr int kNoRoom = 5;        ///< memory, disk or a stated limit does not suffice
inline constexpr int kCancelled = 130;   ///< Ctrl-C, SIGTERM or SIGHUP

int exit_code(Code code) noexcept;

}  // namespace outcrop::cli
