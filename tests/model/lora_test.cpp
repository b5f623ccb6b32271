#include "model/lora.h"

#include "formats/peft.h"
#include "model/tiny_model.h"

#include <gmock/gmock.h>

namespace outcrop::model {
namespace {

using testing::HasSubstr;

LoraAdapter random_adapter(const LoraConfig& lora, const DecoderConfig& config) {
  LoraAdapter adapter = LoraAdapter::initial(lora, config, 3);
  Random random(5);
  for (float& value : adapter.values) value = random.normal();
  return adapter;
}

TEST(Lora, LaysMatricesOutByLayerThenModule) {
  const DecoderConfig config = test::tiny_llama();
  LoraConfig lora;
  lora.rank = 4;
  lora.targets = {Module::down, Module::q};
  const LoraLayout layout = make_lora_layout(lora, config);
  ASSERT_EQ(layout.matrices.size(), 4U);
  EXPECT_EQ(layout.matrices[0].module, Module::q);
  EXPECT_EQ(layout.matrices[1].module, Module::down);
  EXPECT_EQ(layout.matrices[1].in, config.ffn_width);
  EXPECT_EQ(layout.matrices[1].out, config.width);
  EXPECT_EQ(layout.matrices[0].b, layout.matrices[0].a + 4 * config.width);
  EXPECT_EQ(layout.find(1, Module::down), &layout.matrices[3]);
  EXPECT_EQ(layout.find(0, Module::v), nullptr);
  EXPECT_EQ(layout.elements, 2 * 4 * (32 + 32 + 64 + 32));
}

TEST(Lora, ScalesByRankOrItsRoot) {
  LoraConfig lora;
  lora.rank = 16;
  lora.alpha = 32.0;
  EXPECT_EQ(lora.scaling(), 2.0F);
  lora.use_rslora = true;
  EXPECT_EQ(lora.scaling(), 8.0F);
}

TEST(Lora, StartsWithBoundedAZeroBAndTheSeed) {
  const DecoderConfig config = test::tiny_llama();
  const LoraAdapter adapter = LoraAdapter::initial({}, config, 11);
  EXPECT_EQ(adapter.values, LoraAdapter::initial({}, config, 11).values);
  EXPECT_NE(adapter.values, LoraAdapter::initial({}, config, 12).values);
  for (const LoraMatrices& at : adapter.layout.matrices) {
    const float bound = 1.0F / std::sqrt(static_cast<float>(at.in));
    float largest = 0.0F;
    for (std::int64_t i = 0; i < at.rank * at.in; ++i) {
      largest = std::max(largest, std::abs(adapter.values[static_cast<std::size_t>(at.a + i)]));
    }
    EXPECT_LE(largest, bound);
    EXPECT_GT(largest, 0.9F * bound);
    for (std::int64_t i = 0; i < at.rank * at.out; ++i) {
      EXPECT_EQ(adapter.values[static_cast<std::size_t>(at.b + i)], 0.0F);
    }
  }
}

TEST(Lora, ComesBackFromDiskBitForBit) {
  const test::TestFolder folder;
  const DecoderConfig config = test::tiny_gemma();
  LoraConfig lora;
  lora.rank = 3;
  lora.alpha = 5.0;
  lora.use_rslora = true;
  lora.dropout = 0.25;
  lora.targets = {Module::q, Module::v, Module::gate};
  const LoraAdapter adapter = random_adapter(lora, config);
  ASSERT_TRUE(save_adapter(folder / "adapter", adapter, "base-id"));
  const auto loaded = load_adapter(folder / "adapter", config);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->values, adapter.values);
  EXPECT_EQ((*loaded)->config.targets, lora.targets);
  EXPECT_EQ((*loaded)->config.scaling(), lora.scaling());
  EXPECT_EQ((*loaded)->config.dropout, 0.25);
  EXPECT_TRUE(std::filesystem::exists(folder / "adapter" / "README.md"));
}

/// An adapter folder on q_proj with bent ranks, tensors or settings.
void write_adapter(const Path& folder, const formats::PeftConfig& peft,
                   const std::vector<test::StoredTensor>& tensors) {
  std::filesystem::create_directories(folder);
  test::write(folder / "adapter_config.json", formats::render_peft_config(peft));
  test::write_safetensors(folder / "adapter_model.safetensors", tensors);
}

std::vector<test::StoredTensor> q_tensors(const DecoderConfig& config, const std::vector<std::int64_t>& ranks) {
  std::vector<test::StoredTensor> tensors;
  for (std::size_t layer = 0; layer < ranks.size(); ++layer) {
    const std::int64_t rank = ranks[layer];
    const auto index = static_cast<std::int64_t>(layer);
    tensors.push_back({formats::peft_key(index, "self_attn.q_proj", 'A'),
                       {rank, config.width},
                       std::vector<float>(static_cast<std::size_t>(rank * config.width), 0.5F)});
    tensors.push_back({formats::peft_key(index, "self_attn.q_proj", 'B'),
                       {config.query_width(), rank},
                       std::vector<float>(static_cast<std::size_t>(rank * config.query_width()), 2.0F)});
  }
  return tensors;
}

formats::PeftConfig q_config(std::int64_t rank) {
  formats::PeftConfig peft;
  peft.rank = rank;
  peft.alpha = 8;
  peft.target_modules = {"q_proj"};
  return peft;
}

/// s B A of one matrix entry.
float product(const LoraAdapter& adapter, std::int64_t layer) {
  const LoraMatrices& at = *adapter.layout.find(layer, Module::q);
  float sum = 0.0F;
  for (std::int64_t r = 0; r < at.rank; ++r) {
    sum += adapter.values[static_cast<std::size_t>(at.b + r)] *
           adapter.values[static_cast<std::size_t>(at.a + r * at.in)];
  }
  return sum * adapter.config.scaling();
}

TEST(Lora, FoldsRankAndAlphaPatternsIntoOneRank) {
  const test::TestFolder folder;
  const DecoderConfig config = test::tiny_llama();
  formats::PeftConfig peft = q_config(2);
  peft.rank_pattern = {{"layers.1.self_attn.q_proj", 4}};
  peft.alpha_pattern = {{"model.layers.1.self_attn.q_proj", 40.0}};
  write_adapter(folder / "a", peft, q_tensors(config, {2, 4}));
  const auto adapter = load_adapter(folder / "a", config);
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_EQ((*adapter)->config.rank, 4);
  EXPECT_FLOAT_EQ(product(**adapter, 0), 2 * 1.0F * 8.0F / 2.0F);
  EXPECT_FLOAT_EQ(product(**adapter, 1), 4 * 1.0F * 40.0F / 4.0F);
}

TEST(Lora, LeavesLayersAloneThatTheConfigurationLeavesOut) {
  const test::TestFolder folder;
  const DecoderConfig config = test::tiny_llama();
  formats::PeftConfig peft = q_config(2);
  peft.layers_to_transform = {0};
  write_adapter(folder / "a", peft, q_tensors(config, {2}));
  const auto adapter = load_adapter(folder / "a", config);
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_NE(product(**adapter, 0), 0.0F);
  EXPECT_EQ(product(**adapter, 1), 0.0F);
}

TEST(Lora, ListsEverythingThatDoesNotFitTheModel) {
  const test::TestFolder folder;
  const DecoderConfig config = test::tiny_llama();
  auto tensors = q_tensors(config, {2, 2});
  tensors[0].name = formats::peft_key(0, "self_attn.q_proj", 'C');
  tensors[2].shape = {1, 2 * config.width};
  tensors.push_back({"base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight", {1}, {0.0F}});
  write_adapter(folder / "a", q_config(2), tensors);
  const auto adapter = load_adapter(folder / "a", config);
  ASSERT_FALSE(adapter);
  EXPECT_EQ(adapter.error().code, Code::corrupt_data);
  EXPECT_THAT(adapter.error().message, HasSubstr("only one of its two matrices"));
  EXPECT_THAT(adapter.error().message, HasSubstr("shape [1, 64]"));
  EXPECT_THAT(adapter.error().message, HasSubstr("layers.9"));
}

TEST(Lora, RefusesALayerWithoutMatricesAndWildcardPatterns) {
  const test::TestFolder folder;
  const DecoderConfig config = test::tiny_llama();
  write_adapter(folder / "short", q_config(2), q_tensors(config, {2}));
  EXPECT_EQ(load_adapter(folder / "short", config).error().code, Code::corrupt_data);
  formats::PeftConfig peft = q_config(2);
  peft.rank_pattern = {{"layers.[01].*", 2}};
  write_adapter(folder / "wild", peft, q_tensors(config, {2, 2}));
  EXPECT_EQ(load_adapter(folder / "wild", config).error().code, Code::unsupported);
}

}  // namespace
}  // namespace outcrop::model
