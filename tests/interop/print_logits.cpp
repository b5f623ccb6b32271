// Prints what an installed model computes, for comparison with other programs.
//
//   print_logits HOME MODEL REQUEST.json LOGITS.f32
//
// REQUEST: {"rows": [[id, …], …], "adapter": "PEFT folder", "conversations": [[{"role", "content"}, …], …],
// "texts": ["…", …]}, every member optional. LOGITS gets [tokens of all rows, V] floats, native byte order.
// Standard output gets a line of JSON: {"vocabulary": V, "prompts": [{"ids": […], "text": "…"}, …]}, a prompt
// for each conversation and then for each text, which is encoded without a template and begins as the
// tokenizer wants it.

#include "base/files.h"
#include "json/json.h"
#include "model/decoder.h"
#include "model/library.h"
#include "tokenizer/conversation.h"

#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

constexpr std::int64_t kMostTokens = 4096;

Result<std::vector<TokenId>> read_row(const Json& row, std::int64_t vocabulary) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::int64_t id = row[i].as_int().value_or(-1);
    if (id < 0 || id >= vocabulary) return fail(Code::invalid_argument, fmt::format("token id {}", id));
    ids.push_back(static_cast<TokenId>(id));
  }
  if (ids.empty()) return fail(Code::invalid_argument, "an empty row");
  return ids;
}

Status write_logits(Decoder& decoder, const Json& rows, AtomicFile file) {
  const std::int64_t vocabulary = decoder.model().config().vocab_size;
  const auto cache = decoder.new_cache(kMostTokens);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    OUTCROP_TRY(const std::vector<TokenId> ids, read_row(rows[i], vocabulary));
    if (ids.size() > kMostTokens) return fail(Code::invalid_argument, "a row is too long");
    std::vector<float> logits(ids.size() * static_cast<std::size_t>(vocabulary));
    cache->truncate(0);
    const DecoderInput input{cache.get(), ids};
    decoder.forward_all({&input, 1}, {logits.data(), static_cast<std::int64_t>(ids.size()), vocabulary});
    OUTCROP_CHECK_OK(file.write(std::as_bytes(std::span(logits))));
  }
  return file.commit();
}

Result<std::vector<ChatMessage>> read_conversation(const Json& json) {
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < json.size(); ++i) {
    OUTCROP_TRY(const std::string role, json[i].require_string("role", "message"));
    OUTCROP_TRY(std::string content, json[i].require_string("content", "message"));
    const Role known = role == "system" ? Role::system : role == "user" ? Role::user : Role::assistant;
    messages.push_back({known, std::move(content)});
  }
  return messages;
}

Json prompt_of(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  Json ids = Json::array();
  for (const TokenId id : tokens) ids.push_back(static_cast<std::int64_t>(id));
  return Json::object({{"ids", std::move(ids)}, {"text", tokenizer.decode(tokens, /*keep_specials=*/true)}});
}

Result<std::vector<TokenId>> encode_chat(const TextSide& text, const Json& conversation) {
  OUTCROP_TRY(const std::vector<ChatMessage> messages, read_conversation(conversation));
  if (!text.chat_template) return fail(Code::unsupported, "the model has no chat template");
  OUTCROP_TRY(EncodedConversation encoded,
              encode_conversation(text.tokenizer, *text.chat_template, messages, Ending::generation_prompt));
  return std::move(encoded.ids);
}

Result<Json> render(const TextSide& text, const Json& request) {
  Json prompts = Json::array();
  const Json& conversations = request["conversations"];
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    OUTCROP_TRY(const std::vector<TokenId> ids, encode_chat(text, conversations[i]));
    prompts.push_back(prompt_of(text.tokenizer, ids));
  }
  const Json& texts = request["texts"];
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<TokenId> ids = text.tokenizer.prefix_ids();
    const std::string_view plain = texts[i].as_string().value_or("");
    OUTCROP_TRY(const std::vector<TokenId> rest, text.tokenizer.encode(plain, Tokenizer::Specials::plain));
    ids.insert(ids.end(), rest.begin(), rest.end());
    prompts.push_back(prompt_of(text.tokenizer, ids));
  }
  return prompts;
}

Status run(const Path& home, const char* id, const Path& request_file, const Path& out) {
  OUTCROP_TRY(const std::string text, read_file(request_file));
  OUTCROP_TRY(const Json request, Json::parse(text));
  OUTCROP_TRY(const Library library, Library::open(home));
  OUTCROP_TRY(LoadedModel loaded, library.load(id));
  if (const auto adapter = request["adapter"].as_string()) {
    OUTCROP_TRY(loaded.adapter, load_adapter(Path(*adapter), loaded.model->config()));
  }
  const auto decoder = make_decoder(loaded.model, loaded.adapter);
  OUTCROP_TRY(AtomicFile file, AtomicFile::create(out));
  OUTCROP_CHECK_OK(write_logits(*decoder, request["rows"], std::move(file)));
  OUTCROP_TRY(Json prompts, render(*loaded.model->text(), request));
  const Json answer =
      Json::object({{"vocabulary", loaded.model->config().vocab_size}, {"prompts", std::move(prompts)}});
  std::printf("%s\n", answer.dump().c_str());
  return {};
}

}  // namespace
}  // namespace outcrop::model

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: print_logits HOME MODEL REQUEST.json LOGITS.f32\n");
    return 2;
  }
  const auto done = outcrop::model::run(argv[1], argv[2], argv[3], argv[4]);
  if (!done) std::fprintf(stderr, "print_logits: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
