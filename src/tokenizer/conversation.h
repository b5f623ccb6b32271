#pragma once
// A conversation as token ids, the one way that training and serving share. The rendered template is cut at
// the start and the end of every assistant turn and the pieces are encoded one by one, so that the ids a
// model is trained on are the ids it will see and produce when it serves. Control-token text inside a
// message's content is encoded as ordinary text: a user cannot inject a turn.

#include "base/result.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <vector>

namespace outcrop {

/// Tokens [begin, end) that the assistant has to produce: its content and the end-of-turn token.
struct TokenSpan {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t message;  ///< index of the assistant message
};

struct EncodedConversation {
  std::vector<TokenId> ids;
  std::vector<TokenSpan> assistant;  ///< in order, one for each assistant message
};

enum class Ending : std::uint8_t {
  complete,           ///< as trained: ends after the last message
  generation_prompt,  ///< as served: the model answers next
};

/// Spans come from rendering prefixes: messages[:i] with the generation prompt against messages[:i+1].
/// invalid_argument when the template has no such prefix property or raises an exception. BOS as the
/// template writes it, or as the tokenizer's post-processor asks, never twice.
Result<EncodedConversation> encode_conversation(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                                                const std::vector<ChatMessage>& messages, Ending ending);

}  // namespace outcrop
