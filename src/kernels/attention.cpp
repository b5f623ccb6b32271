#include "kernels/attention.h"

#include "base/check.h"
#include "base/thread_pool.h"
#include "kernels/cpu/attention_block.h"
#include "kernels/isa.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace outcrop::kernels {
namespace {

/// What the kernel files take for T: bfloat16 as its bits.
template <class T>
using Raw = std::conditional_t<std::is_same_v<T, bfloat16>, std::uint16_t, T>;

template <class T>
const Raw<T>* raw(const T* pointer) noexcept {
  return reinterpret_cast<const Raw<T>*>(pointer);
}

template <class T>
Raw<T>* raw(T* pointer) noexcept {
  return reinterpret_cast<Raw<T>*>(pointer);
}

/// This thread's scratch of at least `count` floats, at a 64-byte boundary. Kept between calls.
float* scratch(std::int64_t count) {
  struct Free {
    void operator()(float* p) const noexcept { ::operator delete (p, std::align_val_t{64}); }
  };
  thread_local std::unique_ptr<float, Free> memory;
  thread_local std::int64_t size = 0;
  if (count > size) {
    memory.reset(static_cast<float*>(
        ::operator new (static_cast<std::size_t>(count) * sizeof(float), std::align_val_t{64})));
    size = count;
  }
  return memory.get();
}

cpu::AttentionGeometry geometry_of(const AttentionShape& shape) noexcept {
  return {.group = shape.heads / shape.kv_heads,
          .head_width = shape.head_width,
          .q_stride = shape.q_stride,
          .k_stride = shape.k_stride,
          .v_stride = shape.v_stride,
          .out_stride = shape.out_stride,
          .scale = shape.scale,
          .window = shape.window};
}

/// Calls f.template operator()<isa>() with the level whose code T takes.
template <class T, class F>
void with_attention_isa(F&& f) {
  with_isa([&]<Isa isa>() {
    constexpr bool has_own = !(isa == Isa::avx512bf16 && std::is_same_v<T, float>);
    f.template operator()<has_own ? isa : Isa::avx512>();
  });
}

struct ForwardTask {
  std::int64_t segment;
  std::int64_t kv_head;
  std::int64_t query;
  std::int64_t queries;
};

template <class T>
cpu::AttentionForwardBlock<Raw<T>> forward_block(const AttentionSegment<T>& segment,
                                                 const cpu::AttentionGeometry& geometry,
                                                 const ForwardTask& task) {
  const std::int64_t head = task.kv_head * geometry.group;
  const std::int64_t position = segment.keys - segment.queries + task.query;
  const std::int64_t begin =
      geometry.window > 0 ? std::max<std::int64_t>(0, position - geometry.window + 1) : 0;
  float* logsumexp =
      segment.logsumexp == nullptr ? nullptr : segment.logsumexp + head * segment.logsumexp_stride + task.query;
  return {.geometry = geometry,
          .q = raw(segment.q + task.query * geometry.q_stride + head * geometry.head_width),
          .k = raw(segment.k + task.kv_head * geometry.head_width),
          .v = raw(segment.v + task.kv_head * geometry.head_width),
          .out = raw(segment.out + task.query * geometry.out_stride + head * geometry.head_width),
          .logsumexp = logsumexp,
          .logsumexp_stride = segment.logsumexp_stride,
          .queries = task.queries,
          .position = position,
          .key_begin = begin,
          .key_end = position + task.queries};
}

template <class T>
cpu::AttentionBackwardBlock<Raw<T>> backward_block(const AttentionSegment<T>& segment,
                                                   const AttentionGradient<T>& gradient,
                                                   const cpu::AttentionGeometry& geometry,
                                                   std::int64_t kv_head) {
  const std::int64_t q = kv_head * geometry.group * geometry.head_width;
  const std::int64_t k = kv_head * geometry.head_width;
  return {.geometry = geometry,
          .q = raw(segment.q + q),
          .k = raw(segment.k + k),
          .v = raw(segment.v + k),
          .out = raw(static_cast<const T*>(segment.out) + q),
          .logsumexp = segment.logsumexp + kv_head * geometry.group * segment.logsumexp_stride,
          .logsumexp_stride = segment.logsumexp_stride,
          .dout = raw(gradient.dout + q),
          .dq = raw(gradient.dq + q),
          .dk = raw(gradient.dk + k),
          .dv = raw(gradient.dv + k),
          .tokens = segment.queries};
}

}  // namespace

namespace cpu {

std::int64_t attention_forward_scratch(const AttentionGeometry& geometry) noexcept {
  const std::int64_t rows = queries_per_block(geometry.group) * geometry.group + kColumnQuantum;
  const std::int64_t columns = padded_columns(geometry.head_width);
  const std::int64_t strips = 2 * kColumnQuantum * kKeyTile;
  return 2 * rows * columns + 2 * kKeyTile * columns + strips + 2 * (rows + 2 * kColumnQuantum) + 256;
}

std::int64_t attention_backward_scratch(const AttentionGeometry& geometry, std::int64_t tokens) noexcept {
  const std::int64_t rows = queries_per_block(geometry.group) * geometry.group + kColumnQuantum;
  const std::int64_t columns = padded_columns(geometry.head_width);
  const std::int64_t tile_tokens = (tokens + kKeyTile - 1) / kKeyTile * kKeyTile;
  const std::int64_t strips = 3 * kColumnQuantum * kKeyTile;
  return 5 * tile_tokens * columns + 5 * rows * columns + 2 * rows * kKeyTile + strips + 2 * rows + 512;
}

}  // namespace cpu

template <class T>
void attention(std::span<const AttentionSegment<T>> segments, const AttentionShape& shape) noexcept {
  const cpu::AttentionGeometry geometry = geometry_of(shape);
  const std::int64_t step = cpu::queries_per_block(geometry.group);
  std::vector<ForwardTask> tasks;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    for (std::int64_t query = 0; query < segments[i].queries; query += step) {
      for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
        tasks.push_back(
            {static_cast<std::int64_t>(i), head, query, std::min(step, segments[i].queries - query)});
      }
    }
  }
  const std::int64_t size = cpu::attention_forward_scratch(geometry);
  with_attention_isa<T>([&]<Isa isa>() {
    parallel_for(std::ssize(tasks), 1, [&](std::int64_t begin, std::int64_t end) {
      float* memory = scratch(size);
      for (std::int64_t i = begin; i < end; ++i) {
        const ForwardTask& task = tasks[static_cast<std::size_t>(i)];
        const auto block = forward_block(segments[static_cast<std::size_t>(task.segment)], geometry, task);
        cpu::attention_forward<isa, Raw<T>>(block, memory);
      }
    });
  });
}

template <class T>
void attention_backward(std::span<const AttentionSegment<T>> segments,
                        std::span<const AttentionGradient<T>> gradients, const AttentionShape& shape) noexcept {
  CHECK(segments.size() == gradients.size(), "attention_backward: one gradient for each segment");
  const cpu::AttentionGeometry geometry = geometry_of(shape);
  for (const AttentionSegment<T>& segment : segments) {
    CHECK(segment.queries == segment.keys, "attention_backward: queries and keys of one segment differ");
    CHECK(segment.logsumexp != nullptr, "attention_backward: the forward pass kept no logsumexp");
  }
  with_attention_isa<T>([&]<Isa isa>() {
    parallel_for(std::ssize(segments) * shape.kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto s = static_cast<std::size_t>(i / shape.kv_heads);
        const auto block = backward_block(segments[s], gradients[s], geometry, i % shape.kv_heads);
        cpu::attention_backward<isa, Raw<T>>(block,
                                             scratch(cpu::attention_backward_scratch(geometry, block.tokens)));
      }
    });
  });
}

template void attention(std::span<const AttentionSegment<float>>, const AttentionShape&) noexcept;
template void attention(std::span<const AttentionSegment<bfloat16>>, const AttentionShape&) noexcept;
template void attention_backward(std::span<const AttentionSegment<float>>,
                                 std::span<const AttentionGradient<float>>, const AttentionShape&) noexcept;
template void attention_backward(std::span<const AttentionSegment<bfloat16>>,
                                 std::span<const AttentionGradient<bfloat16>>, const AttentionShape&) noexcept;

}  // namespace outcrop::kernels
