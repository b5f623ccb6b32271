#include "model/import_gguf.h"

#include "model/library.h"
#include "model/tiny_model.h"

#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::model {
namespace {

using testing::HasSubstr;

ImportOptions as_f32(std::string id = "a") {
  ImportOptions options;
  options.id = std::move(id);
  options.dtype = DType::f32;
  return options;
}

/// A tiny GGUF file that a test may bend before it is imported.
class GgufImport : public testing::Test {
 protected:
  void SetUp() override { rewrite(test::tiny_llama()); }

  void rewrite(const DecoderConfig& config) {
    config_ = config;
    values_ = test::tiny_values(config);
    keys_ = test::gguf_keys(config);
    tensors_ = test::gguf_tensors(config, values_);
  }

  template <class T>
  void set_key(std::string_view key, T value) {
    for (auto& entry : keys_) {
      if (entry.key == key) entry.value = std::move(value);
    }
  }

  void drop_key(std::string_view key) {
    std::erase_if(keys_, [&](const auto& entry) { return entry.key == key; });
  }

  Result<ModelInfo> import(std::string id = "a") const {
    test::write_gguf(file(), keys_, tensors_);
    return library_.import(file(), as_f32(std::move(id)));
  }

  Error import_error() const {
    auto imported = import();
    EXPECT_FALSE(imported);
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "home/models")) << "something was left behind";
    if (imported) return {};
    EXPECT_THAT(imported.error().message, HasSubstr("tiny.gguf"));
    return imported.error();
  }

  Path file() const { return folder_ / "tiny.gguf"; }

  test::TestFolder folder_;
  DecoderConfig config_;
  std::vector<float> values_;
  test::Keys keys_;
  std::vector<test::StoredTensor> tensors_;
  Library library_ = *Library::open(folder_ / "home");
};

TEST_F(GgufImport, UndoesTheRowOrderOfLlamaToTheBit) {
  const auto imported = import();
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->source_format, "gguf");
  EXPECT_EQ(imported->source, "tiny.gguf");
  const auto loaded = library_.load("a");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(test::to_floats(loaded->model->weights<float>().data, loaded->model->layout().elements), values_);
  EXPECT_EQ(loaded->model->config(), config_);
}

TEST_F(GgufImport, TakesTheOneOffGemmasNorms) {
  rewrite(test::tiny_gemma());
  ASSERT_TRUE(import());
  const auto loaded = library_.load("a");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto got = test::to_floats(loaded->model->weights<float>().data, loaded->model->layout().elements);
  ASSERT_EQ(got.size(), values_.size());
  for (const Parameter& parameter : loaded->model->layout().parameters) {
    for (std::int64_t i = parameter.offset; i < parameter.offset + parameter.elements(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      // Adding one and taking it away again rounds twice, to float.
      const float slack = parameter.is_vector ? 2.0F * std::numeric_limits<float>::epsilon() : 0.0F;
      ASSERT_NEAR(got[at], values_[at], slack) << parameter.name;
    }
  }
  EXPECT_EQ(loaded->model->config(), config_);
}

TEST_F(GgufImport, TakesTokenizerTemplateAndStopIdsOfTheMetadata) {
  ASSERT_TRUE(import());
  const auto loaded = library_.load("a");
  ASSERT_TRUE(loaded);
  const TextSide& text = *loaded->model->text();
  EXPECT_EQ(text.tokenizer.vocab_size(), 259);
  EXPECT_EQ(text.tokenizer.id_of("<|im_end|>"), 258);
  ASSERT_TRUE(text.chat_template);
  EXPECT_EQ(text.chat_template->source(), test::kTinyTemplate);
  EXPECT_EQ(text.stop_ids, (std::vector<TokenId>{256, 258}));
}

TEST_F(GgufImport, ReadsAHeadOfItsOwn) {
  DecoderConfig untied = test::tiny_llama();
  untied.tied_embeddings = false;
  rewrite(untied);
  ASSERT_TRUE(import());
  EXPECT_EQ(library_.load("a")->model->config(), untied);
}

TEST_F(GgufImport, NamesAnUnknownArchitectureAndTheKnownOnes) {
  set_key("general.architecture", std::string("mamba"));
  const Error error = import_error();
  EXPECT_EQ(error.code, Code::unsupported);
  EXPECT_THAT(error.message, HasSubstr("'mamba'"));
  EXPECT_THAT(error.message, HasSubstr("llama, gemma3"));
}

TEST_F(GgufImport, NamesAnUnknownTensorTypeAndTheKnownOnes) {
  test::write_gguf(file(), keys_, tensors_);
  std::string bytes = *read_file(file());
  // The type stands after the tensor's name, the number of dimensions and two sizes.
  const std::string name = "blk.0.attn_q.weight";
  const std::size_t type = bytes.find(name) + name.size() + 4 + 16;
  for (const auto& [number, label] : {std::pair{char{10}, "Q2_K"}, std::pair{char{99}, "99"}}) {
    bytes[type] = number;
    test::write(file(), bytes);
    const auto imported = library_.import(file(), as_f32());
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code, Code::unsupported);
    EXPECT_THAT(imported.error().message, HasSubstr(name));
    EXPECT_THAT(imported.error().message, HasSubstr(label));
    for (const char* known : {"F32", "BF16", "Q4_0", "Q6_K"}) {
      EXPECT_THAT(imported.error().message, HasSubstr(known));
    }
  }
}

TEST_F(GgufImport, ListsMissingSurplusAndMisshapenTensorsTogether) {
  tensors_[1].name = "blk.0.attn_q.bias";
  std::swap(tensors_[3].shape[0], tensors_[3].shape[1]);
  const Error error = import_error();
  EXPECT_EQ(error.code, Code::corrupt_data);
  EXPECT_THAT(error.message, HasSubstr("3 problems"));
  EXPECT_THAT(error.message, HasSubstr("'blk.0.attn_q.bias' is not part of a llama model"));
  EXPECT_THAT(error.message, HasSubstr("'blk.0.attn_norm.weight' [32] is missing"));
  EXPECT_THAT(error.message, HasSubstr("'blk.0.attn_k.weight' has shape [32, 16]"));
}

TEST_F(GgufImport, ListsAHundredProblemsAndCountsTheRest) {
  set_key("llama.block_count", std::uint32_t{20});
  const Error error = import_error();
  EXPECT_THAT(error.message, HasSubstr("162 problems"));
  EXPECT_THAT(error.message, HasSubstr("and 62 more"));
}

TEST_F(GgufImport, NamesATensorWithValuesThatAreNotFinite) {
  tensors_[3].values[9] = std::numeric_limits<float>::infinity();
  const Error error = [this] {
    auto imported = import();
    EXPECT_FALSE(imported);
    return imported ? Error{} : imported.error();
  }();
  EXPECT_EQ(error.code, Code::corrupt_data);
  EXPECT_THAT(error.message, HasSubstr("k_proj"));
}

TEST_F(GgufImport, NamesTheKeyThatIsMissingOrWrong) {
  const test::Keys whole = keys_;
  for (const char* key : {"llama.embedding_length", "llama.block_count", "llama.attention.head_count",
                          "llama.feed_forward_length", "llama.context_length"}) {
    keys_ = whole;
    drop_key(key);
    EXPECT_THAT(import_error().message, HasSubstr(key));
    keys_ = whole;
    set_key(key, std::string("many"));
    EXPECT_THAT(import_error().message, HasSubstr(key));
    keys_ = whole;
    set_key(key, std::uint32_t{0});
    import_error();
  }
  keys_ = whole;
  drop_key("general.architecture");
  EXPECT_THAT(import_error().message, HasSubstr("general.architecture"));
}

TEST_F(GgufImport, RefusesAVocabularyThatCannotBe) {
  const test::Keys whole = keys_;
  drop_key("tokenizer.ggml.tokens");
  EXPECT_THAT(import_error().message, HasSubstr("vocabulary"));
  keys_ = whole;
  std::vector<std::string> tokens = test::tiny_vocabulary().tokens;
  tokens.emplace_back("one too many");
  set_key("tokenizer.ggml.tokens", tokens);
  EXPECT_THAT(import_error().message, HasSubstr("260"));
  keys_ = whole;
  set_key("tokenizer.ggml.model", std::string("rwkv"));
  EXPECT_THAT(import_error().message, HasSubstr("rwkv"));
  keys_ = whole;
  set_key("tokenizer.ggml.pre", std::string("who-knows"));
  EXPECT_THAT(import_error().message, HasSubstr("who-knows"));
  keys_ = whole;
  set_key("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1});
  import_error();
  keys_ = whole;
  set_key("tokenizer.chat_template", std::string("{% for %}"));
  const auto imported = import();
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().message, HasSubstr("chat template"));
}

TEST_F(GgufImport, RefusesFilesThatHoldNoModel) {
  keys_.push_back({"general.type", std::string("adapter")});
  EXPECT_THAT(import_error().message, HasSubstr("GGUF adapter"));
  test::write(file(), "PK\x03\x04 whatever this is");
  EXPECT_FALSE(library_.import(file(), as_f32()));
  test::write(file(), "");
  EXPECT_FALSE(library_.import(file(), as_f32()));
}

TEST_F(GgufImport, RefusesATruncatedFile) {
  test::write_gguf(file(), keys_, tensors_);
  const std::string whole = *read_file(file());
  for (std::size_t size = 1; size < whole.size(); size += whole.size() / 37) {
    test::write(file(), std::string_view(whole).substr(0, size));
    const auto imported = library_.import(file(), as_f32());
    ASSERT_FALSE(imported) << size;
    EXPECT_EQ(imported.error().code, Code::corrupt_data) << imported.error().message;
  }
}

}  // namespace
}  // namespace outcrop::model
