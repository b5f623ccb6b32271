#pragma once
// Text to token ids and back, by the model's own tokenizer.json (through the Rust bridge's `tokenizers`).

#include "base/files.h"
#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop {

using TokenId = std::int32_t;

/// Immutable, thread-safe.
class Tokenizer {
 public:
  /// From the text of a tokenizer.json. Truncation and padding settings in the file are ignored.
  static Result<Tokenizer> from_json(std::string_view json_text);
  static Result<Tokenizer> open(const Path& tokenizer_json);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  enum class Specials : std::uint8_t {
    recognise,  ///< text such as <|im_end|> becomes its control token: for rendered templates
    plain,      ///< it stays ordinary text: for what a user typed
  };
  /// No BOS or EOS is added. `text` must be UTF-8.
  Result<std::vector<TokenId>> encode(std::string_view text, Specials specials) const;
  /// Many at once, in parallel.
  Result<std::vector<std::vector<TokenId>>> encode_batch(std::span<const std::string> texts,
                                                         Specials specials) const;
  /// The ids that the tokenizer's own post-processor adds in front (BOS), for models that want them.
  std::vector<TokenId> prefix_ids() const;

  /// Control tokens are left out unless keep_specials. Bytes that are no UTF-8 yet become U+FFFD.
  std::string decode(std::span<const TokenId> ids, bool keep_specials = false) const;
  /// The exact bytes one token stands for (byte-level and byte-fallback decoded), for streaming and for
  /// stop sequences across token borders. Empty for control tokens.
  std::string_view token_bytes(TokenId id) const;
  /// Whether decode() strips the leading space of the first token (SentencePiece-style models).
  bool strips_first_space() const;

  std::int32_t vocab_size() const;  ///< highest id + 1, added tokens included
  std::optional<TokenId> id_of(std::string_view token) const;
  std::string token_text(TokenId id) const;  ///< as the vocabulary spells it; empty when there is none
  bool is_special(TokenId id) const;
  /// A special token spelled out in a text.
  struct SpecialMatch {
    std::size_t begin;  ///< byte
    std::size_t end;
    TokenId id;
  };
  /// What encode() would recognise in `text`: leftmost, then longest, in order, without overlaps.
  std::vector<SpecialMatch> find_specials(std::string_view text) const;

  /// SHA-256-free identity of vocabulary, merges and added tokens: equal for byte-identical tokenizers.
  std::uint64_t fingerprint() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Decodes a growing list of tokens to text that never splits a UTF-8 character.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}
  /// The text that became certain with this token; may be empty.
  std::string push(TokenId id);
  /// What is left, incomplete bytes as U+FFFD.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  std::string pending_;
  bool first_ = true;
};

}  // namespace outcrop
