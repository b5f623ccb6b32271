#pragma once
// A home with one tiny llama of random weights, imported as a person would import it.

#include "base/files.h"
#include "base/random.h"
#include "formats/safetensors.h"
#include "model/layout.h"
#include "service/models.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::service {

class TinyHome {
 public:
  static constexpr const char* kModel = "test.tiny-v1:0";
  static constexpr std::int64_t kContext = 128;

  TinyHome() {
    std::string name = (std::filesystem::temp_directory_path() / "outcrop-service-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    write_source();
    model::ImportOptions options;
    options.id = kModel;
    options.dtype = DType::f32;
    const auto imported = import_model(home(), folder_ / "source", options);
    EXPECT_TRUE(imported) << (imported ? "" : imported.error().message);
  }
  TinyHome(const TinyHome&) = delete;
  TinyHome& operator=(const TinyHome&) = delete;
  ~TinyHome() { std::filesystem::remove_all(folder_); }

  Path home() const { return folder_ / "home"; }
  Path file(std::string_view name) const { return folder_ / name; }
  Path write(std::string_view name, std::string_view content) const {
    EXPECT_TRUE(write_file_atomic(file(name), content));
    return file(name);
  }

 private:
  static model::DecoderConfig config() {
    model::DecoderConfig config;
    config.architecture = "llama";
    config.vocab_size = 421;
    config.width = 32;
    config.heads = 2;
    config.kv_heads = 1;
    config.head_width = 16;
    config.ffn_width = 48;
    config.context_length = kContext;
    config.ropes = {model::RopeConfig{}};
    config.layers.assign(2, model::LayerConfig{});
    return config;
  }

  void write_source() const {
    const Path source = folder_ / "source";
    EXPECT_TRUE(make_directories(source));
    std::filesystem::copy_file(Path(OUTCROP_TEST_DATA) / "golden/tokenizer/tiny_tokenizer.json",
                               source / "tokenizer.json");
    EXPECT_TRUE(write_file_atomic(
        source / "tokenizer_config.json",
        R"({"eos_token": "<|im_end|>", "chat_template": "{% for m in messages %}<|im_start|>{{ m['role'] }}\n)"
        R"({{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"})"));
    EXPECT_TRUE(write_file_atomic(
        source / "config.json",
        R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 421, "hidden_size": 32,)"
        R"( "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "intermediate_size": 48,)"
        R"( "num_hidden_layers": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,)"
        R"( "tie_word_embeddings": true, "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2})"));
    write_weights(source / "model.safetensors");
  }

  static void write_weights(const Path& path) {
    const model::ModelLayout layout = model::make_layout(config());
    std::vector<formats::SafetensorsWriter::Declaration> declarations;
    for (const auto& parameter : layout.parameters) {
      const std::vector<std::int64_t> shape =
          parameter.is_vector ? std::vector{parameter.cols} : std::vector{parameter.rows, parameter.cols};
      declarations.push_back({parameter.name, DType::f32, shape});
    }
    auto writer = formats::SafetensorsWriter::create(path, std::move(declarations));
    ASSERT_TRUE(writer);
    Random random(7);
    for (const auto& parameter : layout.parameters) {
      std::vector<float> values(static_cast<std::size_t>(parameter.rows * parameter.cols));
      for (float& value : values) value = parameter.is_vector ? 1.0F : 0.5F * random.normal();
      EXPECT_TRUE(writer->write(std::as_bytes(std::span(values))));
    }
    EXPECT_TRUE(writer->finish());
  }

  Path folder_;
};

}  // namespace outcrop::service
