#include "model/transformer_decoder.h"

#include "base/check.h"
#include "kernels/attention.h"
#include "kernels/elementwise.h"

#include <algorithm>
#include <cstring>

namespace outcrop::model {
namespace {

template <class T>
AdapterProduct<T> make_adapter_product(Group group, std::int64_t layer, const LoraAdapter& adapter,
                                       const DecoderConfig& config) {
  AdapterProduct<T> result;
  result.group = make_lora_group(group, layer, adapter.layout, config);
  const std::int64_t in = group_shape(group, config).in;
  std::int64_t b_elements = 0;
  for (const LoraMember& m : result.group.members) b_elements += m.out * m.rank;
  result.a.resize(static_cast<std::size_t>(result.group.rank * in));
  result.b.resize(static_cast<std::size_t>(b_elements));
  T* b = result.b.data();
  for (const LoraMember& m : result.group.members) {
    kernels::scaled_copy(result.a.data() + m.rank_begin * in, in, adapter.values.data() + m.a, in, m.rank, in,
                         1.0F);
    kernels::scaled_copy(b, m.rank, adapter.values.data() + m.b, m.rank, m.out, m.rank,
                         adapter.config.scaling());
    b += m.out * m.rank;
  }
  return result;
}

}  // namespace

template <class T>
LayerCache<T>::LayerCache(const DecoderConfig& config, std::int64_t capacity)
    : width_(config.kv_width()), capacity_(capacity) {
  auto memory = PageBuffer<T>::allocate(2 * config.layer_count() * capacity * width_);
  // Address space only: pages are taken as tokens arrive.
  CHECK(memory.has_value(), "no address space for a key-value cache");
  memory_ = *std::move(memory);
}

template <class T>
void LayerCache<T>::truncate(std::int64_t length) noexcept {
  length_ = std::min(length_, std::max<std::int64_t>(0, length));
}

template <class T>
TransformerDecoder<T>::TransformerDecoder(std::shared_ptr<const Model> model,
                                          std::shared_ptr<const LoraAdapter> adapter)
    : model_(std::move(model)), weights_(model_->weights<T>()) {
  ropes_.resize(model_->config().ropes.size());
  if (adapter == nullptr) return;
  for (std::int64_t layer = 0; layer < model_->config().layer_count(); ++layer) {
    for (const Group group : {Group::qkv, Group::o, Group::gate_up, Group::down}) {
      adapters_.push_back(make_adapter_product<T>(group, layer, *adapter, model_->config()));
    }
  }
}

template <class T>
std::unique_ptr<KvCache> TransformerDecoder<T>::new_cache(std::int64_t capacity) const {
  return std::make_unique<LayerCache<T>>(model_->config(), capacity);
}

template <class T>
std::int64_t TransformerDecoder<T>::cache_bytes_per_token() const noexcept {
  const DecoderConfig& c = model_->config();
  return 2 * c.layer_count() * c.kv_width() * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
Matrix<T> TransformerDecoder<T>::buffer(std::vector<T>& memory, std::int64_t rows, std::int64_t cols) {
  const auto wanted = static_cast<std::size_t>(rows * cols);
  if (memory.size() < wanted) memory.resize(wanted);
  return Matrix<T>(memory.data(), rows, cols);
}

template <class T>
void TransformerDecoder<T>::reserve(std::int64_t tokens, std::int64_t positions) {
  const DecoderConfig& c = model_->config();
  ids_.resize(static_cast<std::size_t>(tokens));
  positions_.resize(static_cast<std::size_t>(tokens));
  if (ropes_.empty() || ropes_[0].positions >= positions) return;
  // Doubling keeps the rebuilds few; short conversations never pay for the whole context.
  const std::int64_t longer =
      std::min(std::max(positions, 2 * std::max<std::int64_t>(256, ropes_[0].positions)),
               std::max(positions, c.context_length));
  for (std::size_t i = 0; i < ropes_.size(); ++i)
    ropes_[i] = make_rope_tables(c.ropes[i], c.head_width, longer);
}

template <class T>
void TransformerDecoder<T>::product(Matrix<T> y, Matrix<const T> x, Matrix<const T> weight, std::int64_t layer,
                                    Group group) {
  ops::linear<T, T>(y, x, weight);
  if (adapters_.empty()) return;
  const AdapterProduct<T>& adapter =
      adapters_[static_cast<std::size_t>(layer * 4) + static_cast<std::size_t>(group)];
  if (adapter.group.rank == 0) return;
  const Matrix<T> ranks = buffer(ranks_, x.rows, adapter.group.rank);
  ops::linear<T, T>(ranks, x, Matrix<const T>(adapter.a.data(), adapter.group.rank, x.cols));
  const T* b = adapter.b.data();
  for (const LoraMember& m : adapter.group.members) {
    const Matrix<T> part = buffer(part_, x.rows, m.out);
    ops::linear<T, T>(part, ranks.columns(m.rank_begin, m.rank), Matrix<const T>(b, m.out, m.rank));
    const Matrix<T> target = y.columns(m.out_begin, m.out);
    ops::add<T>(target, target, part);
    b += m.out * m.rank;
  }
}

template <class T>
void TransformerDecoder<T>::norm_heads(Matrix<T> qkv, const LayerView<const T>& weights) {
  const DecoderConfig& c = model_->config();
  if (!c.qk_norm) return;
  for (std::int64_t head = 0; head < c.heads + c.kv_heads; ++head) {
    const Matrix<T> x = qkv.columns(head * c.head_width, c.head_width);
    ops::rms_norm<T>(x, {}, x, head < c.heads ? weights.q_norm : weights.k_norm,
                     {c.norm_eps, c.norm_weight_offset});
  }
}

template <class T>
void TransformerDecoder<T>::attend(std::int64_t layer, Matrix<T> qkv, Matrix<T> out,
                                   std::span<const DecoderInput> inputs) {
  const DecoderConfig& c = model_->config();
  std::vector<kernels::AttentionSegment<T>> segments;
  std::int64_t at = 0;
  for (const DecoderInput& input : inputs) {
    auto& cache = static_cast<LayerCache<T>&>(*input.cache);
    const auto count = static_cast<std::int64_t>(input.tokens.size());
    const std::int64_t past = cache.length();
    T* keys = cache.keys(layer);
    T* values = cache.values(layer);
    for (std::int64_t i = 0; i < count; ++i) {
      const T* row = qkv.row(at + i) + c.query_width();
      const auto bytes = static_cast<std::size_t>(c.kv_width()) * sizeof(T);
      std::memcpy(keys + (past + i) * c.kv_width(), row, bytes);
      std::memcpy(values + (past + i) * c.kv_width(), row + c.kv_width(), bytes);
    }
    segments.push_back({.q = qkv.row(at),
                        .k = keys,
                        .v = values,
                        .out = out.row(at),
                        .logsumexp = nullptr,
                        .logsumexp_stride = 0,
                        .queries = count,
                        .keys = past + count});
    at += count;
  }
  kernels::attention<T>(segments, {.heads = c.heads,
                                   .kv_heads = c.kv_heads,
                                   .head_width = c.head_width,
                                   .q_stride = qkv.stride,
                                   .k_stride = c.kv_width(),
                                   .v_stride = c.kv_width(),
                                   .out_stride = out.stride,
                                   .scale = c.attention_scale,
                                   .window = c.layers[static_cast<std::size_t>(layer)].window});
}

template <class T>
void TransformerDecoder<T>::run_layer(std::int64_t layer, Matrix<T> x, std::span<const DecoderInput> inputs) {
  const DecoderConfig& c = model_->config();
  const auto index = static_cast<std::size_t>(layer);
  const LayerView<const T> w = view_layer<const T>(weights_.data, model_->layout().layers[index], c);
  const ops::RmsNorm norm{c.norm_eps, c.norm_weight_offset};
  const RopeTables& rope = ropes_[static_cast<std::size_t>(c.layers[index].rope)];
  const std::int64_t n = x.rows;

  const Matrix<T> normed = buffer(normed_, n, c.width);
  ops::rms_norm<T>(normed, {}, x, w.input_norm, norm);
  const Matrix<T> qkv = buffer(qkv_, n, c.qkv_width());
  product(qkv, normed, w.qkv, layer, Group::qkv);
  norm_heads(qkv, w);
  ops::rope<T>(qkv.columns(0, c.query_width() + c.kv_width()), c.head_width,
               {Matrix<const float>(rope.cos.data(), rope.positions, rope.half),
                Matrix<const float>(rope.sin.data(), rope.positions, rope.half)},
               positions_, ops::Rotation::forward);
  const Matrix<T> attended = buffer(attended_, n, c.query_width());
  attend(layer, qkv, attended, inputs);
  const Matrix<T> branch = buffer(branch_, n, c.width);
  const auto join = [&](std::span<const T> post_norm) {
    if (c.sandwich_norms) {
      const Matrix<T> post = buffer(post_, n, c.width);
      ops::rms_norm<T>(post, {}, branch, post_norm, norm);
      ops::add<T>(x, x, post);
    } else {
      ops::add<T>(x, x, branch);
    }
  };
  product(branch, attended, w.o, layer, Group::o);
  join(w.post_attention_norm);

  ops::rms_norm<T>(normed, {}, x, w.ffn_norm, norm);
  const Matrix<T> gate_up = buffer(gate_up_, n, 2 * c.ffn_width);
  product(gate_up, normed, w.gate_up, layer, Group::gate_up);
  const Matrix<T> h = buffer(h_, n, c.ffn_width);
  ops::gated_activation<T>(h, gate_up, c.activation);
  product(branch, h, w.down, layer, Group::down);
  join(w.post_ffn_norm);
}

template <class T>
Matrix<T> TransformerDecoder<T>::run(std::span<const DecoderInput> inputs) {
  const DecoderConfig& c = model_->config();
  std::int64_t tokens = 0;
  std::int64_t positions = 0;
  for (const DecoderInput& input : inputs) {
    const auto count = static_cast<std::int64_t>(input.tokens.size());
    CHECK(count > 0, "a sequence brought no token");
    CHECK(input.cache->length() + count <= input.cache->capacity(), "tokens exceed the cache's capacity");
    tokens += count;
    positions = std::max(positions, input.cache->length() + count);
  }
  reserve(tokens, positions);
  std::size_t at = 0;
  for (const DecoderInput& input : inputs) {
    for (std::size_t i = 0; i < input.tokens.size(); ++i, ++at) {
      ids_[at] = input.tokens[i];
      positions_[at] = static_cast<std::int32_t>(input.cache->length()) + static_cast<std::int32_t>(i);
    }
  }
  const Matrix<T> x = buffer(x_, tokens, c.width);
  const Matrix<const T> table(weights_.data + model_->layout().embedding, c.vocab_size, c.width);
  ops::embedding<T>(x, table, ids_, c.embedding_scale);
  for (std::int64_t layer = 0; layer < c.layer_count(); ++layer) run_layer(layer, x, inputs);
  for (const DecoderInput& input : inputs) {
    static_cast<LayerCache<T>&>(*input.cache).grow(static_cast<std::int64_t>(input.tokens.size()));
  }
  return x;
}

template <class T>
void TransformerDecoder<T>::head(Matrix<T> hidden, Matrix<float> logits) {
  const DecoderConfig& c = model_->config();
  const ModelLayout& layout = model_->layout();
  const Matrix<T> normed = buffer(normed_, hidden.rows, c.width);
  ops::rms_norm<T>(normed, {}, hidden, {weights_.data + layout.final_norm, static_cast<std::size_t>(c.width)},
                   {c.norm_eps, c.norm_weight_offset});
  ops::linear<T, float>(logits, normed, Matrix<const T>(weights_.data + layout.head, c.vocab_size, c.width));
}

template <class T>
void TransformerDecoder<T>::forward(std::span<const DecoderInput> inputs, Matrix<float> logits) {
  CHECK(logits.rows == static_cast<std::int64_t>(inputs.size()), "logits need one row for each input");
  if (inputs.empty()) return;
  const Matrix<T> hidden = run(inputs);
  const Matrix<T> rows = buffer(rows_, logits.rows, hidden.cols);
  std::int64_t end = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    end += static_cast<std::int64_t>(inputs[i].tokens.size());
    std::memcpy(rows.row(static_cast<std::int64_t>(i)), hidden.row(end - 1),
                static_cast<std::size_t>(hidden.cols) * sizeof(T));
  }
  head(rows, logits);
}

template <class T>
void TransformerDecoder<T>::forward_all(std::span<const DecoderInput> inputs, Matrix<float> logits) {
  if (inputs.empty()) return;
  const Matrix<T> hidden = run(inputs);
  CHECK(logits.rows == hidden.rows, "logits need one row for each token");
  head(hidden, logits);
}

template class LayerCache<float>;
template class LayerCache<bfloat16>;
template class TransformerDecoder<float>;
template class TransformerDecoder<bfloat16>;

std::unique_ptr<Decoder> make_decoder(std::shared_ptr<const Model> model,
                                      std::shared_ptr<const LoraAdapter> adapter) {
  if (model->dtype() == DType::f32) {
    return std::make_unique<TransformerDecoder<float>>(std::move(model), std::move(adapter));
  }
  return std::make_unique<TransformerDecoder<bfloat16>>(std::move(model), std::move(adapter));
}

}  // namespace outcrop::model
