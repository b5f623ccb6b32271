#pragma once
// Made-up models on disk for the library's tests: configurations, weights, and the files that Hugging Face
// and llama.cpp would keep them in. GGUF names and row orders are spelled out here a second time, so that a
// mistake in the source does not cancel itself.

#include "base/random.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "model/architecture.h"
#include "model/layout.h"
#include "tokenizer/gguf_vocabulary.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outcrop::model::test {

/// A folder of this test alone, removed at the end.
class TestFolder {
 public:
  TestFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = Path(testing::TempDir()) / fmt::format("outcrop-{}-{}", info->test_suite_name(), info->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() { std::filesystem::remove_all(path_); }
  Path operator/(std::string_view name) const { return path_ / name; }
  const Path& path() const { return path_; }

 private:
  Path path_;
};

/// 256 byte tokens in GPT-2's alphabet, then three control tokens.
inline GgufVocabulary tiny_vocabulary() {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "smollm";
  const auto utf8 = [](unsigned code) {
    if (code < 0x80) return std::string(1, static_cast<char>(code));
    return std::string{static_cast<char>(0xC0U | (code >> 6U)), static_cast<char>(0x80U | (code & 0x3FU))};
  };
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    vocabulary.tokens.push_back(utf8(printable ? byte : next++));
    vocabulary.types.push_back(1);
  }
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    vocabulary.tokens.emplace_back(control);
    vocabulary.types.push_back(3);
  }
  vocabulary.eos = 258;
  vocabulary.bos = 257;
  return vocabulary;
}

inline constexpr const char* kTinyTemplate =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

inline DecoderConfig tiny_llama() {
  DecoderConfig c;
  c.architecture = "llama";
  c.vocab_size = 259;
  c.width = 32;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_width = 8;
  c.ffn_width = 64;
  c.context_length = 128;
  c.attention_scale = static_cast<float>(1.0 / std::sqrt(8.0));
  c.ropes = {RopeConfig{}};
  c.layers = {LayerConfig{}, LayerConfig{}};
  c.bos_token = 257;
  c.eos_tokens = {258};
  return c;
}

inline DecoderConfig tiny_gemma() {
  DecoderConfig c = tiny_llama();
  c.architecture = "gemma3";
  c.norm_eps = 1e-6F;
  c.norm_weight_offset = 1.0F;
  c.sandwich_norms = true;
  c.qk_norm = true;
  c.activation = kernels::Activation::gelu_tanh;
  c.embedding_scale = static_cast<float>(std::sqrt(32.0));
  RopeConfig global;
  global.theta = 1e6;
  c.ropes = {global, RopeConfig{}};
  c.layers.assign(7, LayerConfig{8, 1});
  c.layers[5] = LayerConfig{0, 0};
  return c;
}

/// Seeded values that BF16 holds exactly, so that an import changes nothing.
inline std::vector<float> tiny_values(const DecoderConfig& config, std::uint64_t seed = 7) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(make_layout(config).elements));
  for (float& value : values) value = static_cast<float>(bfloat16(0.2F * random.normal()));
  return values;
}

/// A parameter's values out of the flat buffer.
inline std::vector<float> slice(const std::vector<float>& values, const Parameter& parameter) {
  const auto begin = values.begin() + parameter.offset;
  return {begin, begin + parameter.elements()};
}

inline std::vector<std::int64_t> shape_of(const Parameter& parameter) {
  if (parameter.is_vector) return {parameter.cols};
  return {parameter.rows, parameter.cols};
}

inline std::string config_json(const DecoderConfig& config) {
  const auto architecture = find_architecture(config.architecture);
  return (*architecture)->to_config_json(config, "float32").dump(2);
}

inline void write(const Path& path, std::string_view text) {
  ASSERT_TRUE(write_file_atomic(path, text));
}

/// One tensor to be written, for tests that bend a file.
struct StoredTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

inline std::vector<StoredTensor> tensors_of(const DecoderConfig& config, const std::vector<float>& values) {
  std::vector<StoredTensor> tensors;
  for (const Parameter& parameter : make_layout(config).parameters) {
    tensors.push_back({parameter.name, shape_of(parameter), slice(values, parameter)});
  }
  return tensors;
}

inline void write_safetensors(const Path& path, const std::vector<StoredTensor>& tensors) {
  std::vector<formats::SafetensorsWriter::Declaration> declarations;
  for (const StoredTensor& tensor : tensors) declarations.push_back({tensor.name, DType::f32, tensor.shape});
  auto writer = formats::SafetensorsWriter::create(path, declarations);
  ASSERT_TRUE(writer);
  for (const StoredTensor& tensor : tensors) {
    ASSERT_TRUE(writer->write(std::as_bytes(std::span(tensor.values))));
  }
  ASSERT_TRUE(writer->finish());
}

inline void write_text_files(const Path& folder) {
  const auto tokenizer = tokenizer_json_from_gguf(tiny_vocabulary());
  ASSERT_TRUE(tokenizer);
  write(folder / "tokenizer.json", *tokenizer);
  Json config = Json::object({{"bos_token", "<|im_start|>"},
                              {"eos_token", Json::object({{"content", "<|im_end|>"}})},
                              {"tokenizer_class", "PreTrainedTokenizerFast"}});
  config.set("chat_template", Json::array({Json::object({{"name", "tools"}, {"template", "{{ 0 }}"}}),
                                           Json::object({{"name", "default"}, {"template", kTinyTemplate}})}));
  write(folder / "tokenizer_config.json", config.dump());
  write(folder / "generation_config.json", R"({"eos_token_id": [258, 42]})");
}

/// A Hugging Face folder in F32.
inline void write_huggingface(const Path& folder, const DecoderConfig& config,
                              const std::vector<StoredTensor>& tensors) {
  std::filesystem::create_directories(folder);
  write(folder / "config.json", config_json(config));
  write_text_files(folder);
  write_safetensors(folder / "model.safetensors", tensors);
}

inline std::string gguf_name(const std::string& architecture, const std::string& name) {
  if (name == "model.embed_tokens.weight") return "token_embd.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  if (name == "lm_head.weight") return "output.weight";
  const std::string rest = name.substr(std::string("model.layers.").size());
  const std::string layer = rest.substr(0, rest.find('.'));
  const std::string what = rest.substr(rest.find('.') + 1);
  const bool gemma = architecture == "gemma3";
  const std::map<std::string, std::string> names{
      {"input_layernorm.weight", "attn_norm"},
      {"self_attn.q_proj.weight", "attn_q"},
      {"self_attn.k_proj.weight", "attn_k"},
      {"self_attn.v_proj.weight", "attn_v"},
      {"self_attn.o_proj.weight", "attn_output"},
      {"self_attn.q_norm.weight", "attn_q_norm"},
      {"self_attn.k_norm.weight", "attn_k_norm"},
      {"post_attention_layernorm.weight", gemma ? "post_attention_norm" : "ffn_norm"},
      {"pre_feedforward_layernorm.weight", "ffn_norm"},
      {"post_feedforward_layernorm.weight", "post_ffw_norm"},
      {"mlp.gate_proj.weight", "ffn_gate"},
      {"mlp.up_proj.weight", "ffn_up"},
      {"mlp.down_proj.weight", "ffn_down"}};
  return fmt::format("blk.{}.{}.weight", layer, names.at(what));
}

/// llama.cpp's converter: reshape(heads, 2, K/2, in), swap the middle two, flatten.
inline std::vector<float> interleave(const std::vector<float>& rows, std::int64_t head_width,
                                     std::int64_t cols) {
  std::vector<float> result;
  const std::int64_t heads = static_cast<std::int64_t>(rows.size()) / (head_width * cols);
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t i = 0; i < head_width / 2; ++i) {
      for (std::int64_t side = 0; side < 2; ++side) {
        const auto begin = rows.begin() + (head * head_width + side * (head_width / 2) + i) * cols;
        result.insert(result.end(), begin, begin + cols);
      }
    }
  }
  return result;
}

/// As llama.cpp's converter would store them.
inline std::vector<StoredTensor> gguf_tensors(const DecoderConfig& config, const std::vector<float>& values) {
  std::vector<StoredTensor> tensors = tensors_of(config, values);
  for (StoredTensor& tensor : tensors) {
    const bool q_or_k =
        tensor.name.find("q_proj") != std::string::npos || tensor.name.find("k_proj") != std::string::npos;
    if (config.architecture == "llama" && q_or_k) {
      tensor.values = interleave(tensor.values, config.head_width, config.width);
    }
    if (config.architecture == "gemma3" && tensor.shape.size() == 1) {
      for (float& value : tensor.values) value += 1.0F;
    }
    tensor.name = gguf_name(config.architecture, tensor.name);
  }
  return tensors;
}

using Keys = std::vector<formats::GgufWriter::KeyValue>;

inline Keys gguf_keys(const DecoderConfig& config) {
  const std::string a = config.architecture;
  const auto u = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  Keys keys{{"general.architecture", a},
            {a + ".context_length", u(config.context_length)},
            {a + ".embedding_length", u(config.width)},
            {a + ".block_count", u(config.layer_count())},
            {a + ".feed_forward_length", u(config.ffn_width)},
            {a + ".attention.head_count", u(config.heads)},
            {a + ".attention.head_count_kv", u(config.kv_heads)},
            {a + ".attention.key_length", u(config.head_width)},
            {a + ".attention.value_length", u(config.head_width)},
            {a + ".attention.layer_norm_rms_epsilon", config.norm_eps},
            {a + ".rope.freq_base", static_cast<float>(config.ropes.front().theta)}};
  if (a == "gemma3") keys.push_back({"gemma3.attention.sliding_window", u(8)});
  const GgufVocabulary vocabulary = tiny_vocabulary();
  keys.push_back({"tokenizer.ggml.model", vocabulary.model});
  keys.push_back({"tokenizer.ggml.pre", vocabulary.pre});
  keys.push_back({"tokenizer.ggml.tokens", vocabulary.tokens});
  keys.push_back({"tokenizer.ggml.token_type", vocabulary.types});
  keys.push_back({"tokenizer.ggml.merges", std::vector<std::string>{}});
  keys.push_back({"tokenizer.ggml.bos_token_id", std::uint32_t{257}});
  keys.push_back({"tokenizer.ggml.eos_token_id", std::uint32_t{258}});
  keys.push_back({"tokenizer.chat_template", std::string(kTinyTemplate)});
  return keys;
}

inline void write_gguf(const Path& path, const Keys& keys, const std::vector<StoredTensor>& tensors) {
  std::vector<formats::GgufWriter::Declaration> declarations;
  for (const StoredTensor& tensor : tensors) {
    declarations.push_back({tensor.name, formats::GgufType::f32, tensor.shape});
  }
  auto writer = formats::GgufWriter::create(path, keys, declarations);
  ASSERT_TRUE(writer) << writer.error().message;
  for (const StoredTensor& tensor : tensors) {
    ASSERT_TRUE(writer->write(std::as_bytes(std::span(tensor.values))));
  }
  ASSERT_TRUE(writer->finish());
}

inline void write_gguf(const Path& path, const DecoderConfig& config, const std::vector<float>& values) {
  write_gguf(path, gguf_keys(config), gguf_tensors(config, values));
}

template <class T>
std::vector<float> to_floats(const T* data, std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(data[i]));
  return values;
}

}  // namespace outcrop::model::test
