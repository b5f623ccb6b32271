#include "tokenizer/tokenizer.h"

#include "base/check.h"
#include "base/thread_pool.h"
#include "tokenizer/border/bridge.h"
#include "tokenizer/border/lossy_utf8.h"
#include "tokenizer/border/special_index.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace outcrop {

struct Tokenizer::State {
  explicit State(bridge::TokenizerHandle owned) : handle(std::move(owned)) {
    tables = outcrop_tokenizer_describe(handle.get());
    for (std::size_t id = 0; id < tables.count; ++id) {
      const auto token = static_cast<TokenId>(id);
      if ((tables.flags[id] & OUTCROP_TOKEN_SPECIAL) != 0) specials.add(text(token), token);
    }
  }

  bool holds(TokenId id) const noexcept { return id >= 0 && static_cast<std::size_t>(id) < tables.count; }
  std::uint8_t flags(TokenId id) const noexcept { return holds(id) ? tables.flags[id] : std::uint8_t{0}; }
  std::string_view text(TokenId id) const noexcept { return slice(tables.texts, tables.text_offsets, id); }
  std::string_view bytes(TokenId id) const noexcept { return slice(tables.bytes, tables.byte_offsets, id); }

  std::string_view slice(const char* data, const std::uint32_t* offsets, TokenId id) const noexcept {
    if (!holds(id)) return {};
    const auto i = static_cast<std::size_t>(id);
    return {data + offsets[i], offsets[i + 1] - offsets[i]};
  }

  bridge::TokenizerHandle handle;
  outcrop_tokenizer_tables tables{};
  SpecialIndex specials;
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::from_json(std::string_view json_text) {
  bridge::Buffer error;
  outcrop_tokenizer* raw = nullptr;
  const auto status = outcrop_tokenizer_new(bridge::view(json_text), &raw, error.out());
  if (status != OUTCROP_BRIDGE_OK) {
    auto failed = bridge::fail_with(status, error);
    // The library panics on some broken files: the file is at fault, not the caller.
    if (failed.value().code == Code::internal) {
      return fail(Code::corrupt_data, std::move(failed.value()).within("tokenizer.json").message);
    }
    return failed;
  }
  return Tokenizer(std::make_unique<State>(bridge::TokenizerHandle(raw)));
}

Result<Tokenizer> Tokenizer::open(const Path& tokenizer_json) {
  OUTCROP_TRY(const MappedFile file, MappedFile::open(tokenizer_json));
  auto tokenizer = from_json(file.text());
  if (!tokenizer) return forward_error(tokenizer, tokenizer_json.string());
  return tokenizer;
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, Specials specials) const {
  bridge::Buffer error;
  outcrop_bridge_ids ids{};
  const auto status = outcrop_tokenizer_encode(state_->handle.get(), bridge::view(text),
                                               specials == Specials::recognise ? 1 : 0, &ids, error.out());
  if (status != OUTCROP_BRIDGE_OK) return bridge::fail_with(status, error);
  std::vector<TokenId> result(ids.data, ids.data + ids.size);
  outcrop_bridge_ids_free(ids);
  return result;
}

Result<std::vector<std::vector<TokenId>>> Tokenizer::encode_batch(std::span<const std::string> texts,
                                                                  Specials specials) const {
  std::vector<std::vector<TokenId>> encoded(texts.size());
  std::mutex mutex;
  std::size_t failed_index =
      texts.size();                   // guarded by mutex; the first text that fails, whichever thread sees it
  Error failure{Code::internal, {}};  // guarded by mutex
  constexpr std::int64_t kTextsAPiece = 8;
  parallel_for(static_cast<std::int64_t>(texts.size()), kTextsAPiece,
               [&](std::int64_t begin, std::int64_t end) {
                 for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
                   auto ids = encode(texts[i], specials);
                   if (ids) {
                     encoded[i] = *std::move(ids);
                     continue;
                   }
                   const std::lock_guard lock(mutex);
                   if (i < failed_index) {
                     failed_index = i;
                     failure = std::move(ids).error();
                   }
                 }
               });
  if (failed_index < texts.size()) {
    return tl::unexpected<Error>(std::move(failure).within("text " + std::to_string(failed_index)));
  }
  return encoded;
}

std::vector<TokenId> Tokenizer::prefix_ids() const {
  return {state_->tables.prefix_ids, state_->tables.prefix_ids + state_->tables.prefix_count};
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_specials) const {
  if (state_->tables.decodes_by_table == 0) {
    bridge::Buffer text;
    bridge::Buffer error;
    const auto status = outcrop_tokenizer_decode(state_->handle.get(), ids.data(), ids.size(),
                                                 keep_specials ? 1 : 0, text.out(), error.out());
    if (status == OUTCROP_BRIDGE_OK) return text.text();
    // What the library cannot decode still has its tokens' bytes.
  }
  std::string bytes;
  for (const TokenId id : ids) {
    const bool special = (state_->flags(id) & OUTCROP_TOKEN_SPECIAL) != 0;
    if (special && keep_specials) bytes.append(state_->text(id));
    if (!special) bytes.append(state_->bytes(id));
  }
  std::string_view rest = bytes;
  if (strips_first_space() && rest.starts_with(' ')) rest.remove_prefix(1);
  std::string text;
  text.reserve(rest.size());
  append_lossy_utf8(text, rest);
  return text;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  return state_->bytes(id);
}

bool Tokenizer::strips_first_space() const {
  return state_->tables.strips_first_space != 0;
}

std::int32_t Tokenizer::vocab_size() const {
  return static_cast<std::int32_t>(state_->tables.count);
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const TokenId id = outcrop_tokenizer_id_of(state_->handle.get(), bridge::view(token));
  if (id < 0) return std::nullopt;
  return id;
}

std::string Tokenizer::token_text(TokenId id) const {
  return std::string(state_->text(id));
}

bool Tokenizer::is_special(TokenId id) const {
  return (state_->flags(id) & OUTCROP_TOKEN_SPECIAL) != 0;
}

std::vector<Tokenizer::SpecialMatch> Tokenizer::find_specials(std::string_view text) const {
  std::vector<SpecialMatch> matches;
  for (std::size_t at = 0; at < text.size();) {
    const auto [length, id] = state_->specials.longest(text.substr(at));
    if (length > 0) matches.push_back({at, at + length, id});
    at += std::max<std::size_t>(length, 1);
  }
  return matches;
}

std::uint64_t Tokenizer::fingerprint() const {
  return state_->tables.fingerprint;
}

}  // namespace outcrop
