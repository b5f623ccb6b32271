#include "base/page_buffer.h"

#include "base/check.h"

#include <fmt/format.h>
#include <sys/mman.h>

namespace outcrop {

Result<PageMemory> PageMemory::allocate(std::size_t bytes) {
  PageMemory memory;
  if (bytes == 0) return memory;
  void* data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return fail(Code::out_of_memory, fmt::format("cannot get {} bytes of memory", bytes));
  ::madvise(data, bytes, MADV_HUGEPAGE);  // advice: refusal changes speed only
  memory.data_ = data;
  memory.bytes_ = bytes;
  return memory;
}

PageMemory::~PageMemory() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

void* Arena::take_bytes(std::size_t bytes) {
  constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector
  const std::size_t at = used_;
  if (__builtin_add_overflow(used_, bytes, &used_) || used_ > SIZE_MAX - kAlignment) {
    used_ = SIZE_MAX;
  } else {
    used_ = (used_ + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (memory_.data() == nullptr) return nullptr;
  CHECK(used_ <= memory_.bytes(), "arena is smaller than its plan");
  return static_cast<std::byte*>(memory_.data()) + at;
}

}  // namespace outcrop
