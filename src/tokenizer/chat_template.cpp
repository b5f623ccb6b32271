#include "tokenizer/chat_template.h"

#include "tokenizer/border/bridge.h"

#include <ctime>
#include <utility>

namespace outcrop {

namespace {

std::size_t local_time(const char* format, char* out, std::size_t capacity) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (localtime_r(&now, &parts) == nullptr) return 0;
    // The format comes from the model's template, as in Transformers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return std::strftime(out, capacity, format, &parts);
#pragma GCC diagnostic pop
}

/// FNV-1a over length and bytes.
std::uint64_t mix(std::uint64_t hash, std::string_view bytes) noexcept {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  for (std::uint64_t size = bytes.size(), i = 0; i < 8; ++i, size >>= 8) hash = (hash ^ (size & 0xff)) * kPrime;
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
  return hash;
}

}  // namespace

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::system:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
  }
  return "unknown";
}

struct ChatTemplate::State {
  bridge::TemplateHandle handle;
  std::string source;
  std::uint64_t fingerprint;
};

ChatTemplate::ChatTemplate(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::compile(std::string_view source, SpecialTokens tokens) {
  bridge::Buffer error;
  outcrop_template* raw = nullptr;
  const auto status = outcrop_template_new(bridge::view(source), bridge::view(tokens.bos),
                                           bridge::view(tokens.eos), local_time, &raw, error.out());
  if (status != OUTCROP_BRIDGE_OK) return bridge::fail_with(status, error);
  constexpr std::uint64_t kOffsetBasis = 0xcbf29ce484222325;
  const std::uint64_t fingerprint = mix(mix(mix(kOffsetBasis, source), tokens.bos), tokens.eos);
  return ChatTemplate(
      std::make_unique<State>(State{bridge::TemplateHandle(raw), std::string(source), fingerprint}));
}

Result<std::string> ChatTemplate::render(const std::vector<ChatMessage>& messages,
                                         bool add_generation_prompt) const {
  std::vector<outcrop_bridge_message> views;
  views.reserve(messages.size());
  for (const ChatMessage& message : messages) {
    views.push_back({bridge::view(to_string(message.role)), bridge::view(message.content)});
  }
  bridge::Buffer text;
  bridge::Buffer error;
  const auto status = outcrop_template_render(state_->handle.get(), views.data(), views.size(),
                                              add_generation_prompt ? 1 : 0, text.out(), error.out());
  if (status != OUTCROP_BRIDGE_OK) return bridge::fail_with(status, error);
  return text.text();
}

const std::string& ChatTemplate::source() const noexcept {
  return state_->source;
}

std::uint64_t ChatTemplate::fingerprint() const noexcept {
  return state_->fingerprint;
}

}  // namespace outcrop
