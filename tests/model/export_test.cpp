// What goes out comes back: every export imported again, and the parts of it that others read.

#include "model/export_gguf.h"
#include "model/export_huggingface.h"
#include "model/library.h"
#include "model/model_folder.h"
#include "model/tiny_model.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kBase = "test.tiny-v1:0";
constexpr const char* kAdapted = "mine";

std::vector<float> weights_of(const LoadedModel& loaded) {
  return test::to_floats(loaded.model->weights<float>().data, loaded.model->layout().elements);
}

/// W + alpha / r B A, in double.
std::vector<double> merged_by_hand(const std::vector<float>& base, const LoraAdapter& adapter,
                                   const DecoderConfig& config) {
  std::vector<double> values(base.begin(), base.end());
  const ModelLayout layout = make_layout(config);
  const double scale = adapter.config.alpha / static_cast<double>(adapter.config.rank);
  for (const LoraMatrices& at : adapter.layout.matrices) {
    const Parameter* parameter =
        layout.find(fmt::format("model.layers.{}.{}.weight", at.layer, module_path(at.module)));
    for (std::int64_t row = 0; row < at.out; ++row) {
      for (std::int64_t col = 0; col < at.in; ++col) {
        double delta = 0.0;
        for (std::int64_t r = 0; r < at.rank; ++r) {
          delta += static_cast<double>(adapter.values[static_cast<std::size_t>(at.b + row * at.rank + r)]) *
                   static_cast<double>(adapter.values[static_cast<std::size_t>(at.a + r * at.in + col)]);
        }
        values[static_cast<std::size_t>(parameter->offset + row * at.in + col)] += scale * delta;
      }
    }
  }
  return values;
}

/// A home with a tiny model in F32, and an adapter on it that changes something.
class Export : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    build(std::string_view(GetParam()) == "llama" ? test::tiny_llama() : test::tiny_gemma());
  }

  void build(const DecoderConfig& config) {
    config_ = config;
    values_ = test::tiny_values(config_);
    test::write_huggingface(folder_ / "source", config_, test::tensors_of(config_, values_));
    import(folder_ / "source", kBase);
    LoraConfig lora;
    lora.rank = 3;
    adapter_ = LoraAdapter::initial(lora, config_, 5);
    Random random(6);
    for (float& value : adapter_.values) value += 0.05F * random.normal();
    Library::CustomModel custom;
    custom.name = kAdapted;
    custom.base = kBase;
    custom.method = "lora";
    custom.adapter = &adapter_;
    const auto added = library_.add_custom(custom);
    ASSERT_TRUE(added) << added.error().message;
  }

  void import(const Path& source, std::string id) const {
    ImportOptions options;
    options.id = std::move(id);
    options.dtype = DType::f32;
    const auto imported = library_.import(source, options);
    ASSERT_TRUE(imported) << imported.error().message;
  }

  Result<ExportReport> write(std::string_view id, ExportFormat format, std::string type = "f32") const {
    std::filesystem::remove_all(out());
    ExportOptions options;
    options.format = format;
    options.gguf_type = std::move(type);
    return library_.export_model(id, out(), options);
  }

  /// The GGUF file of an export, imported again.
  Result<LoadedModel> through_gguf(std::string_view id, const std::string& type) const {
    OUTCROP_TRY(const ExportReport report, write(id, ExportFormat::gguf, type));
    EXPECT_EQ(report.files.size(), 1U);
    import(report.files.front(), "back-" + type);
    return library_.load("back-" + type);
  }

  void expect_near_merged(const std::vector<float>& got) const {
    const std::vector<double> wanted = merged_by_hand(values_, adapter_, config_);
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(got[i]), wanted[i], 1e-6 * std::max(1.0, std::abs(wanted[i]))) << i;
    }
  }

  Path out() const { return folder_ / "out"; }

  test::TestFolder folder_;
  DecoderConfig config_;
  std::vector<float> values_;
  LoraAdapter adapter_;
  Library library_ = *Library::open(folder_ / "home");
};

TEST_P(Export, HuggingfaceFolderComesBackToTheBit) {
  const auto report = write(kBase, ExportFormat::huggingface);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->merged);
  std::vector<std::string> names;
  for (const Path& file : report->files) names.push_back(file.filename().string());
  EXPECT_THAT(names, ElementsAre("config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
                                 "tokenizer_config.json"));
  import(out(), "back");
  const auto back = library_.load("back");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(weights_of(*back), values_);
  EXPECT_EQ(back->model->config(), config_);
  const auto original = library_.load(kBase);
  EXPECT_EQ(back->info.tokenizer_fingerprint, original->info.tokenizer_fingerprint);
  EXPECT_EQ(back->info.template_fingerprint, original->info.template_fingerprint);
  EXPECT_EQ(back->model->text()->stop_ids, original->model->text()->stop_ids);
}

TEST_P(Export, PlainGgufTypesComeBackToTheBit) {
  for (const char* type : {"f32", "bf16"}) {
    const auto back = through_gguf(kBase, type);
    ASSERT_TRUE(back) << back.error().message;
    const std::vector<float> got = weights_of(*back);
    for (const Parameter& parameter : back->model->layout().parameters) {
      const std::vector<float> ours = test::slice(values_, parameter);
      const std::vector<float> theirs = test::slice(got, parameter);
      // Gemma's norms gain and lose one in float.
      const float slack = parameter.is_vector && config_.norm_weight_offset > 0.0F ? 3e-7F : 0.0F;
      for (std::size_t i = 0; i < ours.size(); ++i) ASSERT_NEAR(theirs[i], ours[i], slack) << parameter.name;
    }
    EXPECT_EQ(back->model->config(), config_);
    const auto original = library_.load(kBase);
    EXPECT_EQ(back->info.template_fingerprint, original->info.template_fingerprint);
    EXPECT_EQ(
        *back->model->text()->tokenizer.encode("Hi there,  <|im_end|>!\n", Tokenizer::Specials::recognise),
        *original->model->text()->tokenizer.encode("Hi there,  <|im_end|>!\n", Tokenizer::Specials::recognise));
  }
}

TEST_P(Export, RoundingGgufTypesStayWithinTheirBlockStep) {
  for (const auto& [type, bits] : {std::pair{"f16", 11}, std::pair{"q8_0", 7}, std::pair{"q4_0", 3}}) {
    const auto back = through_gguf(kBase, type);
    ASSERT_TRUE(back) << back.error().message;
    const std::vector<float> got = weights_of(*back);
    float largest = 0.0F;
    for (const float value : values_) largest = std::max(largest, std::abs(value));
    const float step = largest * std::ldexp(1.0F, -bits);
    float error = 0.0F;
    for (std::size_t i = 0; i < got.size(); ++i) error = std::max(error, std::abs(got[i] - values_[i]));
    EXPECT_LE(error, step) << type;
    // The values fit BF16; within F16's range it holds them too.
    if (bits < 11) {
      EXPECT_GT(error, 0.0F) << type << " did not round at all";
    }
  }
}

TEST_P(Export, MergesTheAdapterInFloat) {
  const auto report = write(kAdapted, ExportFormat::huggingface);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->merged);
  EXPECT_LT(report->max_logit_delta, 1e-3);
  EXPECT_LT(report->mean_kl, 1e-6);
  import(out(), "back");
  expect_near_merged(weights_of(*library_.load("back")));
}

TEST_P(Export, MergesTheAdapterIntoGguf) {
  const auto back = through_gguf(kAdapted, "f32");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->adapter, nullptr);
  expect_near_merged(weights_of(*back));
}

TEST_P(Export, TellsHowFarRoundingMovedTheOutputs) {
  const auto exact = write(kAdapted, ExportFormat::gguf, "f32");
  const auto rounded = write(kAdapted, ExportFormat::gguf, "q4_0");
  ASSERT_TRUE(exact);
  ASSERT_TRUE(rounded);
  EXPECT_GT(rounded->max_logit_delta, 10.0 * exact->max_logit_delta);
  EXPECT_GT(rounded->mean_kl, exact->mean_kl);
}

TEST_P(Export, PeftFolderIsTheAdapterToTheBit) {
  const auto report = write(kAdapted, ExportFormat::peft);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->merged);
  const auto back = load_adapter(out(), config_);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ((*back)->values, adapter_.values);
  const auto text = read_file(out() / "adapter_config.json");
  EXPECT_THAT(*text, HasSubstr(kBase));
}

TEST_P(Export, RefusesWhatItCannotDo) {
  EXPECT_EQ(write(kBase, ExportFormat::peft).error().code, Code::unsupported);
  const auto type = write(kBase, ExportFormat::gguf, "q2_k");
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().code, Code::invalid_argument);
  EXPECT_THAT(type.error().message, HasSubstr("f32, f16, bf16, q8_0, q4_0"));
  EXPECT_EQ(write("nothing", ExportFormat::gguf).error().code, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_P(Export, NeverWritesOverWhatIsThere) {
  std::filesystem::create_directories(out());
  test::write(out() / "mine.txt", "precious");
  const auto full = library_.export_model(kBase, out(), {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::already_exists);
  EXPECT_EQ(*read_file(out() / "mine.txt"), "precious");
  EXPECT_EQ(library_.export_model(kBase, out() / "mine.txt", {}).error().code, Code::already_exists);
  std::filesystem::remove(out() / "mine.txt");
  EXPECT_TRUE(library_.export_model(kBase, out(), {})) << "an empty folder gives way";
}

TEST_P(Export, KeepsNothingOfAnExportThatWasStopped) {
  for (const ExportFormat format : {ExportFormat::huggingface, ExportFormat::gguf}) {
    ExportOptions options;
    options.format = format;
    options.progress = [](std::int64_t done, std::int64_t total) { return done < total / 2; };
    const auto stopped = library_.export_model(kBase, folder_ / "elsewhere" / "out", options);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Code::cancelled);
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "elsewhere"));
  }
}

TEST_P(Export, LeavesOutTokensThatHaveNoRow) {
  DecoderConfig small = config_;
  small.vocab_size = 258;  // <|im_end|> has none
  std::filesystem::remove_all(folder_ / "source");
  test::write_huggingface(folder_ / "source", small, test::tensors_of(small, test::tiny_values(small)));
  import(folder_ / "source", "small");
  const auto report = write("small", ExportFormat::gguf);
  ASSERT_TRUE(report) << report.error().message;
  const auto file = formats::Gguf::open(report->files.front());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->texts("tokenizer.ggml.tokens")->size(), 258U);
  EXPECT_FALSE(file->integer("tokenizer.ggml.eos_token_id"));
}

INSTANTIATE_TEST_SUITE_P(Tiny, Export, testing::Values("llama", "gemma3"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace outcrop::model
