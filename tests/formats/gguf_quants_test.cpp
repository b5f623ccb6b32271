// Blocks of every tensor type against the gguf package of the llama.cpp project (tools/golden/gguf_blocks.py),
// and by hand where the package has no word: values that do not fit.

#include "base/files.h"
#include "formats/gguf.h"
#include "formats/half.h"
#include "formats/images.h"
#include "json/json.h"
#include "kernels/bfloat16.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace outcrop::formats {
namespace {

using testing::Each;
using testing::ElementsAreArray;

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::vector<float> floats_from_hex(std::string_view hex) {
  const auto bytes = from_hex(hex);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::optional<GgufType> type_of(std::string_view name) {
  for (const GgufType type :
       {GgufType::f32, GgufType::f16, GgufType::bf16, GgufType::q4_0, GgufType::q4_1, GgufType::q5_0,
        GgufType::q5_1, GgufType::q8_0, GgufType::q4_k, GgufType::q5_k, GgufType::q6_k}) {
    if (to_string(type) == name) return type;
  }
  return std::nullopt;
}

const Json& golden() {
  static const Json json = [] {
    const auto text = read_file(OUTCROP_TEST_DATA "/golden/formats/gguf_blocks.json");
    auto parsed = Json::parse(text.value_or(""));
    return parsed ? *std::move(parsed) : Json();
  }();
  return json;
}

GgufTensor tensor_of(GgufType type, std::span<const std::byte> bytes) {
  const GgufBlock block = block_of(type);
  const auto blocks = static_cast<std::int64_t>(bytes.size()) / block.bytes;
  return {"t", type, {blocks * block.elements}, bytes};
}

TEST(GgufBlocks, UnpackToTheGoldenValuesExactly) {
  const Json& cases = golden()["unpack"];
  ASSERT_EQ(cases.size(), 11U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto name = *cases[i]["type"].as_string();
    const auto type = type_of(name);
    ASSERT_TRUE(type) << name;
    const auto bytes = from_hex(*cases[i]["blocks"].as_string());
    const auto expected = floats_from_hex(*cases[i]["values"].as_string());
    const GgufTensor tensor = tensor_of(*type, bytes);
    ASSERT_EQ(static_cast<std::size_t>(tensor.elements()), expected.size()) << name;
    std::vector<float> got(expected.size());
    dequantize(tensor, 0, got);
    EXPECT_THAT(got, ElementsAreArray(expected)) << name;
  }
}

TEST(GgufBlocks, PackToTheGoldenBytesExactly) {
  const Json& cases = golden()["pack"];
  ASSERT_EQ(cases.size(), 5U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto name = *cases[i]["type"].as_string();
    const auto values = floats_from_hex(*cases[i]["values"].as_string());
    const auto got = quantize(*type_of(name), values);
    const auto expected = from_hex(*cases[i]["blocks"].as_string());
    ASSERT_EQ(got.size(), expected.size()) << name;
    const GgufBlock block = block_of(*type_of(name));
    for (std::size_t at = 0; at < got.size(); ++at) {
      ASSERT_EQ(got[at], expected[at]) << name << ", byte " << at % static_cast<std::size_t>(block.bytes)
                                       << " of block " << at / static_cast<std::size_t>(block.bytes);
    }
  }
}

// d = 2 and quants 0, 1, 2, … in the low nibbles, 15, 14, … in the high ones.
TEST(GgufBlocks, Q4_0ByHand) {
  std::string block = test::raw(half_from_float(2.0F));
  for (int i = 0; i < 16; ++i) block += static_cast<char>((15 - i) << 4 | i);
  std::vector<float> values(32);
  dequantize(tensor_of(GgufType::q4_0, test::bytes_of(block)), 0, values);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(values[static_cast<std::size_t>(i)], 2.0F * static_cast<float>(i - 8));
    EXPECT_EQ(values[static_cast<std::size_t>(16 + i)], 2.0F * static_cast<float>(7 - i));
  }
}

TEST(GgufBlocks, UnpackAnyRangeOfBlocks) {
  std::vector<float> values(8 * 32);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 100.0F;
  const auto bytes = quantize(GgufType::q8_0, values);
  const GgufTensor tensor = tensor_of(GgufType::q8_0, bytes);
  std::vector<float> all(values.size());
  dequantize(tensor, 0, all);
  std::vector<float> some(3 * 32);
  dequantize(tensor, 2 * 32, some);
  EXPECT_THAT(some, ElementsAreArray(std::span(all).subspan(2 * 32, 3 * 32)));
  dequantize(tensor, 8 * 32, {});
}

TEST(GgufBlocks, UnpackManyAsTheyUnpackOne) {
  constexpr std::size_t kBlocks = 5000;  // more than one piece of the compute pool
  std::string bytes;
  for (std::size_t b = 0; b < kBlocks; ++b) bytes += test::raw(static_cast<float>(b));
  std::vector<float> values(kBlocks);
  dequantize(tensor_of(GgufType::f32, test::bytes_of(bytes)), 0, values);
  for (std::size_t b = 0; b < kBlocks; ++b) ASSERT_EQ(values[b], static_cast<float>(b));
}

TEST(GgufBlocksDeathTest, DieOnARangeThatCutsABlockOrLeavesTheTensor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string bytes(34 * 2, '\0');
  const GgufTensor tensor = tensor_of(GgufType::q8_0, test::bytes_of(bytes));
  std::vector<float> out(96);
  EXPECT_DEATH(dequantize(tensor, 1, std::span(out).first(32)), "cuts a block");
  EXPECT_DEATH(dequantize(tensor, 0, std::span(out).first(31)), "cuts a block");
  EXPECT_DEATH(dequantize(tensor, 0, out), "leaves the tensor");
  EXPECT_DEATH(dequantize(tensor, -32, std::span(out).first(32)), "leaves the tensor");
}

TEST(GgufBlocksDeathTest, DieOnTypesThatAreReadOnly) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::vector<float> values(256);
  for (const GgufType type :
       {GgufType::q4_1, GgufType::q5_0, GgufType::q5_1, GgufType::q4_k, GgufType::q5_k, GgufType::q6_k}) {
    EXPECT_DEATH((void)quantize(type, values), "can be read, not written") << to_string(type);
  }
  EXPECT_DEATH((void)quantize(GgufType::q8_0, std::span(values).first(33)), "do not fill whole blocks");
}

/// What a block of these values unpacks to after packing.
std::vector<float> there_and_back(GgufType type, const std::vector<float>& values) {
  const auto bytes = quantize(type, values);
  std::vector<float> back(values.size());
  dequantize(tensor_of(type, bytes), 0, back);
  return back;
}

TEST(GgufBlocks, PackedValuesComeBackWithinHalfAStep) {
  std::vector<float> values(32);
  for (std::size_t i = 0; i < 32; ++i) values[i] = std::sin(static_cast<float>(i));
  // The scale is rounded to binary16 too, which moves the outermost value by 2^-11 of itself.
  const auto q8 = there_and_back(GgufType::q8_0, values);
  const auto q4 = there_and_back(GgufType::q4_0, values);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_NEAR(q8[i], values[i], 0.5 / 127 + 0x1p-11) << i;
    // One end of the range has no code of its own: it may lie a whole step away.
    EXPECT_NEAR(q4[i], values[i], 1.0 / 8 + 0x1p-11) << i;
  }
}

/// The reciprocal of a scale this small is infinite; the scale itself is zero in binary16.
TEST(GgufBlocks, PackValuesTooSmallForTheScaleAsZeros) {
  std::vector<float> values(32, 1e-44F);
  values[3] = -2e-40F;
  for (const GgufType type : {GgufType::q8_0, GgufType::q4_0}) {
    EXPECT_THAT(there_and_back(type, values), Each(testing::Eq(0.0F))) << to_string(type);
  }
}

/// Nothing sensible can come of these; what comes must be the same everywhere, and not undefined.
TEST(GgufBlocks, PackWhatIsNotFiniteAsTheMiddleQuant) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float odd : {std::nanf(""), kInfinity, -kInfinity}) {
    std::vector<float> values(32, 1.0F);
    values[5] = odd;
    const auto q8 = quantize(GgufType::q8_0, values);
    EXPECT_EQ(static_cast<int>(q8[2 + 5]), 0) << odd;
    const auto q4 = quantize(GgufType::q4_0, values);
    EXPECT_EQ(static_cast<int>(q4[2 + 5]) & 15, 8) << odd;
  }
}

}  // namespace
}  // namespace outcrop::formats
