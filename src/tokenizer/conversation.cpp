#include "tokenizer/conversation.h"

#include "base/text.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace outcrop {

namespace {

/// Bytes [begin, end) of the rendered text.
struct Range {
  std::size_t begin;
  std::size_t end;
};

struct Turn {
  Range text;
  std::int64_t message;
};

bool spells_specials(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages) {
  return std::any_of(messages.begin(), messages.end(),
                     [&](const ChatMessage& m) { return !tokenizer.find_specials(m.content).empty(); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\r\f\v";
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

/// A text that no template writes, to mark the place of a message's content: private-use characters.
std::string placeholder(std::size_t message) {
  return fmt::format("\xEE\x80\x80{}\xEE\x80\x81", message);
}

/// Where the messages' contents stand in `rendered`. Found by rendering the conversation once more with
/// placeholders; nothing when that does not explain the text (the template rewrites or reads the content).
Result<std::optional<std::vector<Range>>> content_ranges(const ChatTemplate& chat_template,
                                                         const std::vector<ChatMessage>& messages,
                                                         bool add_generation_prompt,
                                                         std::string_view rendered) {
  std::vector<ChatMessage> marked = messages;
  for (std::size_t i = 0; i < marked.size(); ++i) marked[i].content = placeholder(i);
  auto skeleton = chat_template.render(marked, add_generation_prompt);
  if (!skeleton) return std::nullopt;
  std::vector<Range> ranges;
  std::string_view rest = *skeleton;
  std::size_t at = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string mark = placeholder(i);
    const auto place = rest.find(mark);
    if (place == std::string_view::npos) return std::nullopt;
    if (rendered.substr(at, place) != rest.substr(0, place)) return std::nullopt;
    at += place;
    rest.remove_prefix(place + mark.size());
    // Templates put the content in as it is, or trimmed.
    const std::string_view tail = rendered.substr(at);
    std::string_view content = messages[i].content;
    const std::string_view next = rest.substr(0, rest.find("\xEE\x80\x80"));
    const auto fits = [&](std::string_view c) {
      return tail.starts_with(c) && tail.substr(c.size()).starts_with(next);
    };
    if (!fits(content)) content = trimmed(content);
    if (!fits(content)) return std::nullopt;
    ranges.push_back({at, at + content.size()});
    at += content.size();
  }
  if (rendered.substr(at) != rest) return std::nullopt;
  return ranges;
}

/// The special tokens that the template itself writes, not the contents of messages.
Result<std::vector<Tokenizer::SpecialMatch>> template_specials(const Tokenizer& tokenizer,
                                                               const ChatTemplate& chat_template,
                                                               const std::vector<ChatMessage>& messages,
                                                               bool add_generation_prompt,
                                                               std::string_view rendered) {
  if (!spells_specials(tokenizer, messages)) return tokenizer.find_specials(rendered);
  OUTCROP_TRY(const auto contents, content_ranges(chat_template, messages, add_generation_prompt, rendered));
  if (!contents) {
    return fail(
        Code::invalid_argument,
        "a message's content holds the text of a control token, and the chat template rewrites contents, so "
        "the two cannot be told apart");
  }
  std::vector<Tokenizer::SpecialMatch> specials;
  std::size_t at = 0;
  const auto take = [&](std::size_t end) {
    for (const auto& match : tokenizer.find_specials(rendered.substr(at, end - at))) {
      specials.push_back({match.begin + at, match.end + at, match.id});
    }
  };
  for (const Range& content : *contents) {
    take(content.begin);
    at = content.end;
  }
  take(rendered.size());
  return specials;
}

tl::unexpected<Error> no_prefix(std::size_t message) {
  return fail(Code::invalid_argument,
              fmt::format("chat template: message {} renders differently when later messages follow, so the "
                          "assistant's part cannot be told from the rest",
                          message));
}

/// The assistant's part of message `index`: from the generation prompt's end to its last control token.
Result<Turn> assistant_turn(const ChatTemplate& chat_template, const std::vector<ChatMessage>& messages,
                            std::size_t index, std::string_view rendered,
                            const std::vector<Tokenizer::SpecialMatch>& specials) {
  std::vector<ChatMessage> prefix(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(index));
  OUTCROP_TRY(const std::string before, chat_template.render(prefix, /*add_generation_prompt=*/true));
  prefix.push_back(messages[index]);
  OUTCROP_TRY(const std::string after, chat_template.render(prefix, /*add_generation_prompt=*/false));
  if (!rendered.starts_with(after) || !std::string_view(after).starts_with(before)) return no_prefix(index);
  Range text{before.size(), after.size()};
  for (const auto& special : specials) {
    // What follows the end-of-turn token (a line break) is the template's, not the assistant's.
    if (special.begin >= before.size() && special.end <= after.size()) text.end = special.end;
  }
  return Turn{text, static_cast<std::int64_t>(index)};
}

/// Encodes pieces of one rendered text, recognising only the given special tokens.
class PieceEncoder {
 public:
  PieceEncoder(const Tokenizer& tokenizer, std::string_view rendered,
               const std::vector<Tokenizer::SpecialMatch>& specials, bool only_template_specials)
      : tokenizer_(tokenizer), rendered_(rendered), specials_(specials), mixed_(only_template_specials) {}

  Status append(Range piece, std::vector<TokenId>& ids) const {
    if (!mixed_) return append_text(piece, Tokenizer::Specials::recognise, ids);
    std::size_t at = piece.begin;
    for (const auto& special : specials_) {
      if (special.begin < piece.begin || special.end > piece.end) continue;
      OUTCROP_CHECK_OK(append_text({at, special.begin}, Tokenizer::Specials::plain, ids));
      ids.push_back(special.id);
      at = special.end;
    }
    return append_text({at, piece.end}, Tokenizer::Specials::plain, ids);
  }

 private:
  Status append_text(Range text, Tokenizer::Specials specials, std::vector<TokenId>& ids) const {
    if (text.begin == text.end) return {};
    OUTCROP_TRY(const auto encoded,
                tokenizer_.encode(rendered_.substr(text.begin, text.end - text.begin), specials));
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    return {};
  }

  const Tokenizer& tokenizer_;
  std::string_view rendered_;
  const std::vector<Tokenizer::SpecialMatch>& specials_;
  bool mixed_;
};

/// The ids that the post-processor puts in front, unless the template wrote them already.
std::vector<TokenId> missing_prefix(const Tokenizer& tokenizer, const EncodedConversation& conversation) {
  std::vector<TokenId> prefix = tokenizer.prefix_ids();
  const auto& ids = conversation.ids;
  const bool present = prefix.size() <= ids.size() && std::equal(prefix.begin(), prefix.end(), ids.begin());
  return present ? std::vector<TokenId>{} : prefix;
}

Result<EncodedConversation> encode_turns(const PieceEncoder& encoder, const std::vector<Turn>& turns,
                                         std::size_t rendered_size) {
  EncodedConversation conversation;
  std::size_t at = 0;
  for (const Turn& turn : turns) {
    OUTCROP_CHECK_OK(encoder.append({at, turn.text.begin}, conversation.ids));
    const auto begin = static_cast<std::int64_t>(conversation.ids.size());
    OUTCROP_CHECK_OK(encoder.append(turn.text, conversation.ids));
    conversation.assistant.push_back({begin, static_cast<std::int64_t>(conversation.ids.size()), turn.message});
    at = turn.text.end;
  }
  OUTCROP_CHECK_OK(encoder.append({at, rendered_size}, conversation.ids));
  return conversation;
}

}  // namespace

Result<EncodedConversation> encode_conversation(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                                                const std::vector<ChatMessage>& messages, Ending ending) {
  const bool add_generation_prompt = ending == Ending::generation_prompt;
  OUTCROP_TRY(const std::string rendered, chat_template.render(messages, add_generation_prompt));
  OUTCROP_TRY(const auto specials,
              template_specials(tokenizer, chat_template, messages, add_generation_prompt, rendered));
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != Role::assistant) continue;
    OUTCROP_TRY(const Turn turn, assistant_turn(chat_template, messages, i, rendered, specials));
    if (!turns.empty() && turn.text.begin < turns.back().text.end) return no_prefix(i);
    turns.push_back(turn);
  }
  const PieceEncoder encoder(tokenizer, rendered, specials, spells_specials(tokenizer, messages));
  OUTCROP_TRY(EncodedConversation conversation, encode_turns(encoder, turns, rendered.size()));
  const std::vector<TokenId> prefix = missing_prefix(tokenizer, conversation);
  conversation.ids.insert(conversation.ids.begin(), prefix.begin(), prefix.end());
  for (TokenSpan& span : conversation.assistant) {
    span.begin += static_cast<std::int64_t>(prefix.size());
    span.end += static_cast<std::int64_t>(prefix.size());
  }
  return conversation;
}

}  // namespace outcrop
