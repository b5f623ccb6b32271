#pragma once
// A model's chat template (Jinja, rendered by minijinja through the bridge): the same object renders for
// training and for serving, and its fingerprint goes into every artifact.

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop {

enum class Role : std::uint8_t { system, user, assistant };
std::string_view to_string(Role role) noexcept;

struct ChatMessage {
  Role role;
  std::string content;
};

/// Immutable, thread-safe.
class ChatTemplate {
 public:
  struct SpecialTokens {
    std::string bos;
    std::string eos;
  };
  /// Compiles the template; the error gives line and reason.
  static Result<ChatTemplate> compile(std::string_view source, SpecialTokens tokens);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// raise_exception in the template becomes invalid_argument with its text. strftime_now uses the local
  /// clock. trim_blocks and lstrip_blocks are on, as in Transformers.
  Result<std::string> render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const;

  const std::string& source() const noexcept;
  /// Hash of source and special tokens.
  std::uint64_t fingerprint() const noexcept;

 private:
  struct State;
  explicit ChatTemplate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace outcrop
