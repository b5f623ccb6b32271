#include "model/import_huggingface.h"

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

/// A tiny folder that a test may bend before it is imported.
class HuggingfaceImport : public testing::Test {
 protected:
  void SetUp() override { rewrite(test::tiny_llama()); }

  void rewrite(const DecoderConfig& config) {
    std::filesystem::remove_all(source());
    config_ = config;
    values_ = test::tiny_values(config_);
    tensors_ = test::tensors_of(config_, values_);
    test::write_huggingface(source(), config_, tensors_);
  }

  void rewrite_tensors() const { test::write_safetensors(source() / "model.safetensors", tensors_); }

  /// config.json with one member changed.
  void set_member(std::string_view key, Json value) const {
    Json json = *Json::parse(test::config_json(config_));
    json.set(key, std::move(value));
    test::write(source() / "config.json", json.dump());
  }

  Result<ModelInfo> import() const { return library_.import(source(), as_f32()); }

  Error import_error() const {
    auto imported = import();
    EXPECT_FALSE(imported);
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "home/models")) << "something was left behind";
    return imported ? Error{} : imported.error();
  }

  Path source() const { return folder_ / "source"; }

  test::TestFolder folder_;
  DecoderConfig config_;
  std::vector<float> values_;
  std::vector<test::StoredTensor> tensors_;
  Library library_ = *Library::open(folder_ / "home");
};

TEST_F(HuggingfaceImport, KeepsEveryBitOfFloats) {
  for (const DecoderConfig& config : {test::tiny_llama(), test::tiny_gemma()}) {
    rewrite(config);
    ImportOptions options = as_f32(config.architecture);
    ASSERT_TRUE(library_.import(source(), options));
    const auto loaded = library_.load(config.architecture);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(test::to_floats(loaded->model->weights<float>().data, loaded->model->layout().elements), values_);
    EXPECT_EQ(loaded->model->config(), config);
  }
}

TEST_F(HuggingfaceImport, TakesTemplateAndStopIdsOfTheFolder) {
  ASSERT_TRUE(import());
  const auto loaded = library_.load("a");
  ASSERT_TRUE(loaded);
  const TextSide& text = *loaded->model->text();
  ASSERT_TRUE(text.chat_template);
  EXPECT_EQ(text.chat_template->source(), test::kTinyTemplate);
  // config.json says 258, generation_config.json also 42; <|endoftext|> (256) ends a text anywhere.
  EXPECT_EQ(text.stop_ids, (std::vector<TokenId>{42, 256, 258}));
}

TEST_F(HuggingfaceImport, PrefersTheTemplateInItsOwnFile) {
  test::write(source() / "chat_template.jinja", "{{ messages[0]['content'] }}");
  ASSERT_TRUE(import());
  EXPECT_EQ(library_.load("a")->model->text()->chat_template->source(), "{{ messages[0]['content'] }}");
}

TEST_F(HuggingfaceImport, ReadsShardsAsOneModel) {
  test::write_safetensors(source() / "model-00001-of-00002.safetensors",
                          {tensors_.begin(), tensors_.begin() + 4});
  test::write_safetensors(source() / "model-00002-of-00002.safetensors",
                          {tensors_.begin() + 4, tensors_.end()});
  Json map = Json::object();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    map.set(tensors_[i].name, i < 4 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors");
  }
  test::write(source() / "model.safetensors.index.json", Json::object({{"weight_map", std::move(map)}}).dump());
  std::filesystem::remove(source() / "model.safetensors");
  const auto imported = import();
  ASSERT_TRUE(imported) << imported.error().message;
  const auto loaded = library_.load("a");
  EXPECT_EQ(test::to_floats(loaded->model->weights<float>().data, loaded->model->layout().elements), values_);
  std::filesystem::remove(source() / "model-00002-of-00002.safetensors");
  const auto missing = library_.import(source(), as_f32("b"));
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("model-00002-of-00002.safetensors"));
}

TEST_F(HuggingfaceImport, TakesTheLanguagePartOfAModelWithPictures) {
  for (test::StoredTensor& tensor : tensors_) {
    tensor.name = "model.language_model." + tensor.name.substr(std::string("model.").size());
  }
  tensors_.push_back({"model.vision_tower.patch.weight", {2, 2}, {1, 2, 3, 4}});
  rewrite_tensors();
  const auto imported = import();
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(test::to_floats(library_.load("a")->model->weights<float>().data,
                            static_cast<std::int64_t>(values_.size())),
            values_);
}

TEST_F(HuggingfaceImport, PassesOverTensorsThatSayNothingNew) {
  tensors_.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {4}, {1, 2, 3, 4}});
  tensors_.push_back({"lm_head.weight", tensors_.front().shape, tensors_.front().values});
  rewrite_tensors();
  EXPECT_TRUE(import());
}

TEST_F(HuggingfaceImport, ListsMissingSurplusAndMisshapenTensorsTogether) {
  tensors_[1].name = "model.layers.0.self_attn.q_proj.bias";
  std::swap(tensors_[3].shape[0], tensors_[3].shape[1]);  // keys: [16, 32]
  const std::string misshapen = tensors_[3].name;
  rewrite_tensors();
  const Error error = import_error();
  EXPECT_EQ(error.code, Code::corrupt_data);
  EXPECT_THAT(error.message, HasSubstr("problems"));
  EXPECT_THAT(error.message,
              HasSubstr("'model.layers.0.self_attn.q_proj.bias' is not part of this llama model"));
  EXPECT_THAT(error.message, HasSubstr("'model.layers.0.input_layernorm.weight' is missing"));
  EXPECT_THAT(error.message, HasSubstr(misshapen + "' has shape"));
}

TEST_F(HuggingfaceImport, ListsAHundredProblemsAndCountsTheRest) {
  DecoderConfig deep = test::tiny_llama();
  deep.layers.assign(20, LayerConfig{});
  test::write(source() / "config.json", test::config_json(deep));
  const Error error = import_error();
  // 18 layers of 9 tensors are missing.
  EXPECT_THAT(error.message, HasSubstr("162 problems"));
  EXPECT_THAT(error.message, HasSubstr("and 62 more"));
  EXPECT_EQ(std::count(error.message.begin(), error.message.end(), '\n'), 101);
}

TEST_F(HuggingfaceImport, NamesATensorWithValuesThatAreNotFinite) {
  tensors_[3].values[5] = std::numeric_limits<float>::quiet_NaN();
  rewrite_tensors();
  Error error = import_error();
  EXPECT_EQ(error.code, Code::corrupt_data);
  EXPECT_THAT(error.message, HasSubstr(tensors_[3].name));
  tensors_[3].values[5] = std::numeric_limits<float>::infinity();
  rewrite_tensors();
  EXPECT_EQ(import_error().code, Code::corrupt_data);
}

TEST_F(HuggingfaceImport, RefusesWeightsThatAreNoFloats) {
  std::vector<formats::SafetensorsWriter::Declaration> declarations;
  for (const test::StoredTensor& tensor : tensors_)
    declarations.push_back({tensor.name, DType::f32, tensor.shape});
  declarations[0].dtype = DType::i32;
  auto writer = formats::SafetensorsWriter::create(source() / "model.safetensors", declarations);
  ASSERT_TRUE(writer);
  for (const test::StoredTensor& tensor : tensors_)
    ASSERT_TRUE(writer->write(std::as_bytes(std::span(tensor.values))));
  ASSERT_TRUE(writer->finish());
  const Error error = import_error();
  EXPECT_THAT(error.message, HasSubstr("F32, F16 and BF16 can be imported"));
}

TEST_F(HuggingfaceImport, NamesAnUnknownArchitectureAndTheKnownOnes) {
  set_member("model_type", "mamba");
  const Error error = import_error();
  EXPECT_EQ(error.code, Code::unsupported);
  EXPECT_THAT(error.message, HasSubstr("'mamba'"));
  EXPECT_THAT(error.message, HasSubstr("llama, gemma3"));
}

TEST_F(HuggingfaceImport, NamesTheMemberOfAConfigurationThatIsWrong) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{{"hidden_size", "wide"},
                                                                            {"hidden_size", Json()},
                                                                            {"num_attention_heads", 0},
                                                                            {"num_key_value_heads", 3},
                                                                            {"num_hidden_layers", -1},
                                                                            {"num_hidden_layers", 1000000000},
                                                                            {"vocab_size", -259},
                                                                            {"vocab_size", 1.5},
                                                                            {"rms_norm_eps", 0.0},
                                                                            {"hidden_act", "relu"},
                                                                            {"rope_theta", -1.0},
                                                                            {"head_dim", 7}}) {
    set_member(key, value);
    const Error error = import_error();
    EXPECT_THAT(error.message, HasSubstr("config.json")) << key;
  }
}

TEST_F(HuggingfaceImport, RefusesJsonThatIsNone) {
  test::write(source() / "config.json", "{\"model_type\": \"llama\"");
  EXPECT_THAT(import_error().message, HasSubstr("config.json"));
  test::write(source() / "config.json", "[1, 2]");
  EXPECT_THAT(import_error().message, HasSubstr("model_type"));
  test::write(source() / "config.json", test::config_json(config_));
  test::write(source() / "tokenizer.json", "{\"version\": \"1.0\"}");
  import_error();
  test::write_text_files(source());
  test::write(source() / "tokenizer_config.json", "{,}");
  EXPECT_THAT(import_error().message, HasSubstr("tokenizer_config.json"));
  test::write_text_files(source());
  test::write(source() / "chat_template.jinja", "{% for %}");
  EXPECT_THAT(import_error().message, HasSubstr("chat template"));
}

TEST_F(HuggingfaceImport, SaysWhatAFolderLacks) {
  std::filesystem::remove(source() / "tokenizer.json");
  Error error = import_error();
  EXPECT_THAT(error.message, HasSubstr("tokenizer.json is missing"));
  test::write_text_files(source());
  std::filesystem::remove(source() / "model.safetensors");
  EXPECT_THAT(import_error().message, HasSubstr("safetensors"));
  std::filesystem::remove(source() / "config.json");
  EXPECT_EQ(import_error().code, Code::invalid_argument);
  test::write(source() / "adapter_config.json", "{}");
  EXPECT_THAT(import_error().message, HasSubstr("adapter"));
}

TEST_F(HuggingfaceImport, RefusesPickleFiles) {
  std::filesystem::rename(source() / "model.safetensors", source() / "pytorch_model.bin");
  const Error in_folder = import_error();
  EXPECT_EQ(in_folder.code, Code::unsupported);
  EXPECT_THAT(in_folder.message, HasSubstr("pytorch_model.bin"));
  for (const char* name : {"model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"}) {
    test::write(folder_ / name, "\x80\x02}q.");
    const auto imported = library_.import(folder_ / name, as_f32());
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code, Code::unsupported);
    EXPECT_THAT(imported.error().message, HasSubstr("pickle"));
  }
}

TEST_F(HuggingfaceImport, PointsFromAFileToItsFolder) {
  for (const char* name : {"model.safetensors", "config.json"}) {
    const auto imported = library_.import(source() / name, as_f32());
    ASSERT_FALSE(imported);
    EXPECT_THAT(imported.error().message, HasSubstr("folder"));
  }
  EXPECT_EQ(library_.import(folder_ / "nowhere", as_f32()).error().code, Code::not_found);
}

TEST_F(HuggingfaceImport, SurvivesATokenizerLargerThanTheEmbedding) {
  // Gemma's text models come with a token that has no row. It may be there; it must not be used.
  DecoderConfig small = test::tiny_llama();
  small.vocab_size = 258;
  rewrite(small);
  ASSERT_TRUE(import());
  EXPECT_EQ(library_.load("a")->model->text()->stop_ids, (std::vector<TokenId>{42, 256}));
}

TEST_F(HuggingfaceImport, RefusesATruncatedFileAtEveryPlaceThatMatters) {
  const auto whole = read_file(source() / "model.safetensors");
  ASSERT_TRUE(whole);
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{100},
                                 whole->size() / 2, whole->size() - 1}) {
    test::write(source() / "model.safetensors", std::string_view(*whole).substr(0, size));
    EXPECT_EQ(import_error().code, Code::corrupt_data) << size;
  }
}

}  // namespace
}  // namespace outcrop::model
