#pragma once
// Large zeroed buffers straight from the operating system: page-aligned, on huge pages where the kernel
// grants them, touched only as far as they are used. For weights, activations and key-value caches.

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace outcrop {

/// The bytes of `count` values of T. The largest size_t, which no allocation grants, stands for what cannot be
/// counted: a negative count or a product that wraps around.
template <class T>
constexpr std::size_t bytes_of(std::int64_t count) noexcept {
  std::size_t bytes = 0;
  if (count < 0 || __builtin_mul_overflow(static_cast<std::size_t>(count), sizeof(T), &bytes)) return SIZE_MAX;
  return bytes;
}

/// Owns `bytes` of zeroed memory. Movable.
class PageMemory {
 public:
  PageMemory() = default;
  static Result<PageMemory> allocate(std::size_t bytes);
  PageMemory(PageMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  PageMemory& operator=(PageMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~PageMemory();
  void* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The same as an array of T, which must be fine with all-zero bytes.
template <class T>
requires std::is_trivially_copyable_v<T>
class PageBuffer {
 public:
  PageBuffer() = default;
  static Result<PageBuffer> allocate(std::int64_t count) {
    PageBuffer buffer;
    auto memory = PageMemory::allocate(bytes_of<T>(count));
    if (!memory) return forward_error(memory);
    buffer.memory_ = *std::move(memory);
    buffer.count_ = count;
    return buffer;
  }
  T* data() const noexcept { return static_cast<T*>(memory_.data()); }
  std::int64_t size() const noexcept { return count_; }
  std::span<T> span() const noexcept { return {data(), static_cast<std::size_t>(count_)}; }

 private:
  PageMemory memory_;
  std::int64_t count_ = 0;
};

/// Hands out aligned pieces of one PageMemory, never gives any back. Plan with a null arena first: the same
/// sequence of take() calls on an arena without memory counts the bytes that it will need; past the largest
/// size_t the count stays there.
class Arena {
 public:
  Arena() = default;  ///< counts only
  explicit Arena(PageMemory memory) : memory_(std::move(memory)) {}

  template <class T>
  T* take(std::int64_t count) {
    return static_cast<T*>(take_bytes(bytes_of<T>(count)));
  }
  std::size_t used() const noexcept { return used_; }

 private:
  void* take_bytes(std::size_t bytes);
  PageMemory memory_;
  std::size_t used_ = 0;
};

}  // namespace outcrop
