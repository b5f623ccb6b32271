#pragma once
// Key material in memory, and comparisons that do not tell where they differ.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace outcrop::crypto {

/// Bytes that are overwritten before their memory is given back. Moves, never copies by accident; never
/// written to a log. Immutable and thread-safe after construction.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes);
  explicit Secret(std::span<const std::byte> bytes)
      : Secret(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) {}
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  Secret clone() const { return Secret(view()); }
  std::string_view view() const noexcept { return {bytes_.get(), size_}; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  void wipe() noexcept;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

/// Overwrites memory that held key material; the compiler does not take this write away.
void wipe(std::span<std::byte> bytes) noexcept;

/// Whether both are the same bytes, in a time that depends on their sizes only.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace outcrop::crypto
