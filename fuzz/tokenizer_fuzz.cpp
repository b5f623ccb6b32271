// Tokenizer files, chat templates and texts from strangers: nothing may crash, hang or break UTF-8.
//
// The input is cut at its first and second zero byte into a tokenizer.json, a chat template and a text; a
// first byte below 0x20 picks the small real tokenizer in place of the first part, to get past the parser.

#include "base/check.h"
#include "base/text.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/conversation.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace outcrop;

constexpr std::string_view kSmall =
    R"({"version":"1.0","added_tokens":[{"id":4,"content":"<e>","special":true},{"id":5,"content":"<t>"}],)"
    R"("normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)"
    R"("use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":false,)"
    R"("trim_offsets":true,"use_regex":true},"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"Ġ":3},)"
    R"("merges":["a b"]}})";

std::string_view take_part(std::string_view& input) {
  const auto end = input.find('\0');
  const std::string_view part = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return part;
}

void check_utf8(std::string_view text) {
  CHECK(valid_utf8_prefix(text) == text.size(), "decoded text is not UTF-8");
}

void use_tokenizer(const Tokenizer& tokenizer, std::string_view text) {
  for (const auto mode : {Tokenizer::Specials::recognise, Tokenizer::Specials::plain}) {
    const auto ids = tokenizer.encode(text, mode);
    CHECK(ids.has_value() || !ids.error().message.empty(), "an error without a message");
    if (!ids) continue;
    check_utf8(tokenizer.decode(*ids));
    check_utf8(tokenizer.decode(*ids, /*keep_specials=*/true));
    StreamDecoder decoder(tokenizer);
    for (const TokenId id : *ids) check_utf8(decoder.push(id));
    check_utf8(decoder.finish());
  }
}

/// The first bytes of each token, as a GGUF vocabulary of either model would hold them.
void use_vocabulary(std::string_view text) {
  GgufVocabulary vocabulary;
  vocabulary.model = text.size() % 2 == 0 ? "llama" : "gpt2";
  vocabulary.pre = "default";
  for (std::size_t at = 0; at < text.size() && vocabulary.tokens.size() < 64;
       at += vocabulary.tokens.size() % 4 + 1) {
    vocabulary.tokens.emplace_back(text.substr(at, vocabulary.tokens.size() % 4 + 1));
    vocabulary.types.push_back(static_cast<std::uint8_t>(text[at]) % 7);
    vocabulary.scores.push_back(static_cast<float>(text[at]));
  }
  const auto json = tokenizer_json_from_gguf(vocabulary);
  if (!json) return;
  if (const auto tokenizer = Tokenizer::from_json(*json)) use_tokenizer(*tokenizer, text);
}

}  // namespace

/// The tokenizers library keeps a word cache per thread and tokenizer, which looks like a leak after every
/// input and costs a search of the whole heap. The unit tests look for leaks.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool small = !input.empty() && static_cast<std::uint8_t>(input.front()) < 0x20;
  if (small) input.remove_prefix(1);
  const std::string_view json = small ? kSmall : take_part(input);
  const std::string_view source = take_part(input);
  const std::string_view text = input;

  const auto tokenizer = Tokenizer::from_json(json);
  CHECK(tokenizer.has_value() || !tokenizer.error().message.empty(), "an error without a message");
  if (tokenizer) use_tokenizer(*tokenizer, text);
  use_vocabulary(text);

  const auto chat_template = ChatTemplate::compile(source, {.bos = "<b>", .eos = "<e>"});
  if (!chat_template) return 0;
  const std::vector<ChatMessage> messages = {{Role::user, std::string(text)}, {Role::assistant, "b <e>"}};
  if (const auto rendered = chat_template->render(messages, /*add_generation_prompt=*/true))
    check_utf8(*rendered);
  if (tokenizer) (void)encode_conversation(*tokenizer, *chat_template, messages, Ending::complete).has_value();
  return 0;
}
