// The border between C++ and the Rust libraries: tokenizers, minijinja (chat templates) and llguidance
// (grammars). Called by src/tokenizer only.
//
// Rules of the border. Text goes in as pointer and size, need not end in zero, and is UTF-8 (anything else
// is refused, never trusted). What the bridge allocates, the bridge frees. A function that can fail returns
// an outcrop_bridge_status, and on failure fills *error with a message that the caller frees; a panic of the
// Rust side arrives as OUTCROP_BRIDGE_INTERNAL. Objects are immutable after construction: every function
// that takes a const object may run on many threads at once.
#ifndef OUTCROP_BRIDGE_H
#define OUTCROP_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum outcrop_bridge_status {
  OUTCROP_BRIDGE_OK = 0,
  OUTCROP_BRIDGE_INVALID_ARGUMENT = 1,
  OUTCROP_BRIDGE_CORRUPT_DATA = 2,
  OUTCROP_BRIDGE_UNSUPPORTED = 3,
  OUTCROP_BRIDGE_INTERNAL = 4
} outcrop_bridge_status;

/// Borrowed bytes; data may be null when size is 0.
typedef struct outcrop_bridge_text {
  const char* data;
  size_t size;
} outcrop_bridge_text;

/// Bytes that the bridge allocated. Zero-initialise before use; free with outcrop_bridge_buffer_free.
typedef struct outcrop_bridge_buffer {
  char* data;
  size_t size;
} outcrop_bridge_buffer;

/// Token ids that the bridge allocated; free with outcrop_bridge_ids_free.
typedef struct outcrop_bridge_ids {
  int32_t* data;
  size_t size;
} outcrop_bridge_ids;

void outcrop_bridge_buffer_free(outcrop_bridge_buffer buffer);
void outcrop_bridge_ids_free(outcrop_bridge_ids ids);

// Tokenizers -------------------------------------------------------------------------------------------

typedef struct outcrop_tokenizer outcrop_tokenizer;

enum { OUTCROP_TOKEN_PRESENT = 1, OUTCROP_TOKEN_SPECIAL = 2 };

/// What a tokenizer knows about its tokens, as flat tables that live as long as the tokenizer.
typedef struct outcrop_tokenizer_tables {
  size_t count;                  ///< highest id + 1
  const uint8_t* flags;          ///< [count]: OUTCROP_TOKEN_… bits
  const uint32_t* text_offsets;  ///< [count + 1] into texts
  const char* texts;             ///< tokens as the vocabulary spells them
  const uint32_t* byte_offsets;  ///< [count + 1] into bytes
  const char* bytes;             ///< what the tokens stand for; nothing for special tokens
  const int32_t* prefix_ids;     ///< [prefix_count]: what the post-processor puts in front
  size_t prefix_count;
  uint64_t fingerprint;
  int32_t strips_first_space;
  /// 1: decoding is the joined `bytes` of the tokens; 0: only outcrop_tokenizer_decode does it right.
  int32_t decodes_by_table;
} outcrop_tokenizer_tables;

outcrop_bridge_status outcrop_tokenizer_new(outcrop_bridge_text json, outcrop_tokenizer** tokenizer,
                                            outcrop_bridge_buffer* error);
void outcrop_tokenizer_free(outcrop_tokenizer* tokenizer);
outcrop_tokenizer_tables outcrop_tokenizer_describe(const outcrop_tokenizer* tokenizer);
/// recognise_specials 0: special tokens inside the text stay ordinary text. Adds no prefix or suffix.
outcrop_bridge_status outcrop_tokenizer_encode(const outcrop_tokenizer* tokenizer, outcrop_bridge_text text,
                                               int32_t recognise_specials, outcrop_bridge_ids* ids,
                                               outcrop_bridge_buffer* error);
outcrop_bridge_status outcrop_tokenizer_decode(const outcrop_tokenizer* tokenizer, const int32_t* ids,
                                               size_t count, int32_t keep_specials, outcrop_bridge_buffer* text,
                                               outcrop_bridge_buffer* error);
/// The id of a token, or -1.
int32_t outcrop_tokenizer_id_of(const outcrop_tokenizer* tokenizer, outcrop_bridge_text token);

// Chat templates ---------------------------------------------------------------------------------------

typedef struct outcrop_template outcrop_template;

typedef struct outcrop_bridge_message {
  outcrop_bridge_text role;
  outcrop_bridge_text content;
} outcrop_bridge_message;

/// Writes the local time by a strftime format into out and returns the length, 0 when it does not fit.
/// `format` ends in zero.
typedef size_t (*outcrop_bridge_clock)(const char* format, char* out, size_t capacity);

outcrop_bridge_status outcrop_template_new(outcrop_bridge_text source, outcrop_bridge_text bos,
                                           outcrop_bridge_text eos, outcrop_bridge_clock clock,
                                           outcrop_template** compiled, outcrop_bridge_buffer* error);
void outcrop_template_free(outcrop_template* compiled);
outcrop_bridge_status outcrop_template_render(const outcrop_template* compiled,
                                              const outcrop_bridge_message* messages, size_t count,
                                              int32_t add_generation_prompt, outcrop_bridge_buffer* text,
                                              outcrop_bridge_buffer* error);

// Grammars ---------------------------------------------------------------------------------------------

/// Compiles a JSON schema to a grammar and drops it: OK means that decoding can be held to the schema.
outcrop_bridge_status outcrop_grammar_check_json_schema(outcrop_bridge_text schema,
                                                        outcrop_bridge_buffer* error);

// The border itself ------------------------------------------------------------------------------------

/// Panics inside, so that a test can see the panic arrive as OUTCROP_BRIDGE_INTERNAL.
outcrop_bridge_status outcrop_bridge_panic_for_test(outcrop_bridge_buffer* error);

#ifdef __cplusplus
}
#endif

#endif  // OUTCROP_BRIDGE_H
