// The block formats of GGUF tensors. In the layouts below d and m are binary16 scales, q packed integers.
//
//   Q4_0  {d; 16 bytes}                     x = d (q - 8); low nibbles are the first half of the block
//   Q4_1  {d, m; 16 bytes}                  x = d q + m
//   Q5_0  {d; u32 high bits; 16 bytes}      x = d (q - 16)
//   Q5_1  {d, m; u32; 16 bytes}             x = d q + m
//   Q8_0  {d; 32 int8}                      x = d q
//   Q4_K  {d, dmin; 12 bytes; 128 bytes}    8 sub-blocks of 32: x = d s q - dmin t; s, t 6 bits each
//   Q5_K  {d, dmin; 12; 32; 128}            the same with a fifth bit each
//   Q6_K  {128; 64; 16 int8 s; d}           16 sub-blocks of 16: x = d s (q - 32); 4 low bits, 2 high

#include "base/check.h"
#include "base/thread_pool.h"
#include "formats/gguf.h"
#include "formats/half.h"
#include "kernels/bfloat16.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace outcrop::formats {
namespace {

using Byte = unsigned char;

std::uint16_t read_u16(const Byte* p) {
  return static_cast<std::uint16_t>(p[0] | p[1] << 8);
}

std::uint32_t read_u32(const Byte* p) {
  return std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 | std::uint32_t{p[3]} << 24;
}

float scale_at(const Byte* p) {
  return float_from_half(read_u16(p));
}

/// Q4_0 and Q4_1.
void unpack_nibbles(float* out, const Byte* q, float d, float offset, float minimum) {
  for (int i = 0; i < 16; ++i) {
    out[i] = d * (static_cast<float>(q[i] & 15) - offset) + minimum;
    out[i + 16] = d * (static_cast<float>(q[i] >> 4) - offset) + minimum;
  }
}

/// Q5_0 and Q5_1: bit i of `high` is the fifth bit of element i.
void unpack_five_bits(float* out, const Byte* q, std::uint32_t high, float d, float offset, float minimum) {
  for (int i = 0; i < 16; ++i) {
    const std::uint32_t low = (q[i] & 15U) | (high >> i & 1U) << 4;
    const std::uint32_t upper = (static_cast<std::uint32_t>(q[i]) >> 4) | (high >> (i + 16) & 1U) << 4;
    out[i] = d * (static_cast<float>(low) - offset) + minimum;
    out[i + 16] = d * (static_cast<float>(upper) - offset) + minimum;
  }
}

struct SubScale {
  float scale;
  float minimum;
};

/// The j-th pair of 6-bit numbers in the 12 bytes of a K block.
SubScale sub_scale(const Byte* packed, int j) {
  if (j < 4) return {static_cast<float>(packed[j] & 63), static_cast<float>(packed[j + 4] & 63)};
  const int scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
  const int minimum = (packed[j + 4] >> 4) | (packed[j] >> 6) << 4;
  return {static_cast<float>(scale), static_cast<float>(minimum)};
}

/// Q4_K (high null) and Q5_K: pairs of sub-blocks share 32 bytes, the first in the low nibbles.
void unpack_k_block(float* out, const Byte* block, const Byte* high, const Byte* q) {
  const float d = scale_at(block);
  const float dmin = scale_at(block + 2);
  for (int j = 0; j < 8; ++j) {
    const SubScale sub = sub_scale(block + 4, j);
    const float scale = d * sub.scale;
    const float minimum = dmin * sub.minimum;
    const Byte* bytes = q + (j / 2) * 32;
    for (int i = 0; i < 32; ++i) {
      int value = j % 2 == 0 ? bytes[i] & 15 : bytes[i] >> 4;
      if (high != nullptr) value |= (high[i] >> j & 1) << 4;
      out[j * 32 + i] = scale * static_cast<float>(value) - minimum;
    }
  }
}

void unpack_q6_k(float* out, const Byte* block) {
  const float d = scale_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const Byte* low = block + half * 64;
    const Byte* high = block + 128 + half * 32;
    const auto* scales = reinterpret_cast<const signed char*>(block + 192 + half * 8);
    for (int quarter = 0; quarter < 4; ++quarter) {
      for (int i = 0; i < 32; ++i) {
        const Byte packed = low[(quarter % 2) * 32 + i];
        const int nibble = quarter < 2 ? packed & 15 : packed >> 4;
        const int value = nibble | (high[i] >> (2 * quarter) & 3) << 4;
        const int group = quarter * 2 + i / 16;
        const float scale = d * static_cast<float>(scales[group]);
        out[half * 128 + quarter * 32 + i] = scale * static_cast<float>(value - 32);
      }
    }
  }
}

void unpack_block(GgufType type, float* out, const Byte* block) {
  switch (type) {
    case GgufType::f32:
      std::memcpy(out, block, sizeof(float));
      return;
    case GgufType::f16:
      *out = scale_at(block);
      return;
    case GgufType::bf16:
      *out = static_cast<float>(bfloat16::from_bits(read_u16(block)));
      return;
    case GgufType::q4_0:
      unpack_nibbles(out, block + 2, scale_at(block), 8.0F, 0.0F);
      return;
    case GgufType::q4_1:
      unpack_nibbles(out, block + 4, scale_at(block), 0.0F, scale_at(block + 2));
      return;
    case GgufType::q5_0:
      unpack_five_bits(out, block + 6, read_u32(block + 2), scale_at(block), 16.0F, 0.0F);
      return;
    case GgufType::q5_1:
      unpack_five_bits(out, block + 8, read_u32(block + 4), scale_at(block), 0.0F, scale_at(block + 2));
      return;
    case GgufType::q8_0:
      for (int i = 0; i < 32; ++i) {
        out[i] = scale_at(block) * static_cast<float>(static_cast<signed char>(block[2 + i]));
      }
      return;
    case GgufType::q4_k:
      unpack_k_block(out, block, nullptr, block + 16);
      return;
    case GgufType::q5_k:
      unpack_k_block(out, block, block + 16, block + 48);
      return;
    case GgufType::q6_k:
      unpack_q6_k(out, block);
      return;
  }
}

void put_u16(std::byte* p, std::uint16_t value) {
  std::memcpy(p, &value, sizeof value);
}

/// 1 / d, or 0 for a d so small that its reciprocal is infinite: in binary16 it is zero long before.
float reciprocal(float d) {
  return std::fabs(d) < std::numeric_limits<float>::min() ? 0.0F : 1.0F / d;
}

/// Cuts the fraction off; what is not a number becomes `middle`.
int quant(float value, int least, int middle, int most) {
  if (std::isnan(value)) return middle;
  return static_cast<int>(std::clamp(value, static_cast<float>(least), static_cast<float>(most)));
}

void pack_q8_0(std::byte* block, const float* x) {
  float largest = 0.0F;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float d = largest / 127.0F;
  const float inverse = reciprocal(d);
  put_u16(block, half_from_float(d));
  for (int i = 0; i < 32; ++i)
    block[2 + i] = static_cast<std::byte>(quant(std::round(x[i] * inverse), -127, 0, 127) & 255);
}

/// The element of largest magnitude, with its sign, becomes -8.
void pack_q4_0(std::byte* block, const float* x) {
  float extreme = 0.0F;
  for (int i = 0; i < 32; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  const float d = extreme / -8.0F;
  const float inverse = reciprocal(d);
  put_u16(block, half_from_float(d));
  const auto nibble = [&](float value) { return quant(value * inverse + 8.5F, 0, 8, 15); };
  for (int i = 0; i < 16; ++i) block[2 + i] = static_cast<std::byte>(nibble(x[i]) | nibble(x[i + 16]) << 4);
}

void pack_block(GgufType type, std::byte* block, const float* x) {
  switch (type) {
    case GgufType::f32:
      std::memcpy(block, x, sizeof(float));
      return;
    case GgufType::f16:
      put_u16(block, half_from_float(*x));
      return;
    case GgufType::bf16:
      put_u16(block, bfloat16(*x).bits);
      return;
    case GgufType::q8_0:
      pack_q8_0(block, x);
      return;
    case GgufType::q4_0:
      pack_q4_0(block, x);
      return;
    default:
      CHECK(false, "this type can be read, not written");
  }
}

constexpr std::int64_t kBlocksOfTask = 2048;

}  // namespace

void dequantize(const GgufTensor& tensor, std::int64_t first, std::span<float> out) {
  const GgufBlock block = block_of(tensor.type);
  const auto count = static_cast<std::int64_t>(out.size());
  CHECK(first % block.elements == 0 && count % block.elements == 0, "a range cuts a block");
  CHECK(first >= 0 && first + count <= tensor.elements(), "a range leaves the tensor");
  const auto* blocks =
      reinterpret_cast<const Byte*>(tensor.bytes.data()) + first / block.elements * block.bytes;
  parallel_for(count / block.elements, kBlocksOfTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      unpack_block(tensor.type, out.data() + b * block.elements, blocks + b * block.bytes);
    }
  });
}

std::vector<std::byte> quantize(GgufType type, std::span<const float> values) {
  const GgufBlock block = block_of(type);
  const auto count = static_cast<std::int64_t>(values.size());
  CHECK(count % block.elements == 0, "values do not fill whole blocks");
  std::vector<std::byte> out(static_cast<std::size_t>(count / block.elements * block.bytes));
  parallel_for(count / block.elements, kBlocksOfTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      pack_block(type, out.data() + b * block.bytes, values.data() + b * block.elements);
    }
  });
  return out;
}

}  // namespace outcrop::formats
