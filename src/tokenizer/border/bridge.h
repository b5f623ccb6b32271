#pragma once
// What the room's files share when they talk to the Rust bridge: views in, buffers and errors out.

#include "base/result.h"
#include "outcrop_bridge.h"

#include <memory>
#include <string>
#include <string_view>

namespace outcrop::bridge {

inline outcrop_bridge_text view(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

/// Owns a buffer of the bridge.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { outcrop_bridge_buffer_free(raw_); }

  outcrop_bridge_buffer* out() noexcept { return &raw_; }
  std::string text() const { return raw_.data == nullptr ? std::string() : std::string(raw_.data, raw_.size); }

 private:
  outcrop_bridge_buffer raw_{};
};

/// The error of a status that is not OK.
[[nodiscard]] tl::unexpected<Error> fail_with(outcrop_bridge_status status, const Buffer& message);

/// Frees an object of the bridge.
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using TokenizerHandle = std::unique_ptr<outcrop_tokenizer, Deleter<outcrop_tokenizer_free>>;
using TemplateHandle = std::unique_ptr<outcrop_template, Deleter<outcrop_template_free>>;

}  // namespace outcrop::bridge
