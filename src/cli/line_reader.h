#pragma once
// Lines from standard input for `chat`, interruptible by a signal.

#include <cstdint>
#include <string>

namespace outcrop::cli {

class LineReader {
 public:
  enum class Event : std::uint8_t { line, end, interrupted };

  /// `interrupt`: a descriptor that becomes readable when waiting should end.
  explicit LineReader(int interrupt) : interrupt_(interrupt) {}

  /// Waits for a whole line (the last one may lack its newline); `line` is without it.
  Event read(std::string& line);

 private:
  int interrupt_;
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace outcrop::cli
