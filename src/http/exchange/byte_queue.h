#pragma once
// Bytes in order: appended at the end, consumed at the front. Not thread-safe.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace outcrop::http {

class ByteQueue {
 public:
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  std::string_view view() const noexcept { return {bytes_.data() + begin_, size()}; }

  void append(std::string_view bytes) {
    const std::span<char> room = prepare(bytes.size());
    std::ranges::copy(bytes, room.begin());
    commit(bytes.size());
  }
  void append(std::string&& bytes) {
    if (!empty()) {
      append(std::string_view(bytes));
      return;
    }
    begin_ = 0;
    end_ = bytes.size();
    bytes_ = std::move(bytes);
  }

  /// Room for `count` bytes behind the last; commit() makes them part of the queue. In between, consume() is
  /// allowed.
  std::span<char> prepare(std::size_t count) {
    if (begin_ > 0 && bytes_.size() - end_ < count) {
      bytes_.erase(0, begin_);
      end_ -= std::exchange(begin_, 0);
    }
    if (bytes_.size() - end_ < count) bytes_.resize(end_ + count);
    return {bytes_.data() + end_, count};
  }
  void commit(std::size_t count) noexcept { end_ += count; }

  void consume(std::size_t count) noexcept { begin_ += count; }

  /// Moves up to out.size() bytes out; how many.
  std::size_t take(std::span<char> out) noexcept {
    const std::size_t n = std::min(out.size(), size());
    std::copy_n(bytes_.data() + begin_, n, out.data());
    consume(n);
    return n;
  }

  void clear() noexcept {
    bytes_.clear();
    begin_ = end_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;  // bytes_ may be longer: room that was prepared
};

}  // namespace outcrop::http
