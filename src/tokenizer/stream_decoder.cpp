#include "base/text.h"
#include "tokenizer/border/lossy_utf8.h"
#include "tokenizer/tokenizer.h"

namespace outcrop {

std::string StreamDecoder::push(TokenId id) {
  std::string_view bytes = tokenizer_->token_bytes(id);
  if (first_ && !bytes.empty()) {
    first_ = false;
    if (tokenizer_->strips_first_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  }
  pending_.append(bytes);
  const std::size_t certain = complete_utf8_prefix(pending_);
  std::string text;
  append_lossy_utf8(text, std::string_view(pending_).substr(0, certain));
  pending_.erase(0, certain);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  append_lossy_utf8(text, pending_);
  pending_.clear();
  first_ = true;
  return text;
}

}  // namespace outcrop
