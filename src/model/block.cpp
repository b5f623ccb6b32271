#include "model/block.h"

#include "kernels/attention.h"

#include <algorithm>

namespace outcrop::model {
namespace {

constexpr Group kGroups[] = {Group::qkv, Group::o, Group::gate_up, Group::down};

std::span<float> rows_of(float* values, std::int64_t count) {
  return {values, static_cast<std::size_t>(count)};
}

template <class T>
std::vector<kernels::AttentionSegment<T>> segments_of(const BlockActivations<T>& saved, const RowContext& row,
                                                      const DecoderConfig& c, std::int64_t out_stride) {
  std::vector<kernels::AttentionSegment<T>> segments;
  for (std::size_t i = 0; i + 1 < row.segment_starts.size(); ++i) {
    const std::int64_t begin = row.segment_starts[i];
    const std::int64_t count = row.segment_starts[i + 1] - begin;
    const std::int64_t at = begin * c.qkv_width();
    segments.push_back({.q = saved.qkv + at,
                        .k = saved.qkv + at + c.query_width(),
                        .v = saved.qkv_raw + at + c.query_width() + c.kv_width(),
                        .out = saved.attended + begin * out_stride,
                        .logsumexp = saved.logsumexp + begin,
                        .logsumexp_stride = row.capacity,
                        .queries = count,
                        .keys = count});
  }
  return segments;
}

kernels::AttentionShape attention_shape(const DecoderConfig& c, std::int64_t layer, std::int64_t out_stride) {
  return {.heads = c.heads,
          .kv_heads = c.kv_heads,
          .head_width = c.head_width,
          .q_stride = c.qkv_width(),
          .k_stride = c.qkv_width(),
          .v_stride = c.qkv_width(),
          .out_stride = out_stride,
          .scale = c.attention_scale,
          .window = c.layers[static_cast<std::size_t>(layer)].window};
}

}  // namespace

template <class T>
Block<T>::Block(Arena& arena, const DecoderConfig& config, std::int64_t index, LayerView<const T> weights,
                LayerView<float> gradients, const LoraConfig* lora, const LoraLayout* lora_layout)
    : config_(&config),
      index_(index),
      norm_{config.norm_eps, config.norm_weight_offset},
      weights_(weights),
      gradients_(gradients),
      full_(lora == nullptr) {
  const Matrix<const T>* matrices[] = {&weights_.qkv, &weights_.o, &weights_.gate_up, &weights_.down};
  for (std::size_t p = 0; p < 4; ++p) {
    LoraGroup group;
    if (lora != nullptr) group = make_lora_group(kGroups[p], index, *lora_layout, config);
    // While planning there are no weights, only shapes.
    const GroupShape shape = group_shape(kGroups[p], config);
    const Matrix<const T> weight(matrices[p]->data, shape.out, shape.in);
    products_[p] = AdaptedLinear<T>(arena, weight, std::move(group), lora == nullptr ? 0.0F : lora->scaling());
  }
}

template <class T>
void Block<T>::load_adapter(std::span<const float> adapter) {
  for (AdaptedLinear<T>& product : products_) product.load(adapter);
}

template <class T>
BlockActivations<T> Block<T>::take_activations(Arena& arena, std::int64_t rows) const {
  const DecoderConfig& c = *config_;
  BlockActivations<T> saved;
  saved.x = arena.take<T>(rows * c.width);
  saved.n1 = arena.take<T>(rows * products_[kQkv].extended());
  saved.qkv_raw = arena.take<T>(rows * c.qkv_width());
  saved.qkv = c.qk_norm ? arena.take<T>(rows * c.qkv_width()) : saved.qkv_raw;
  saved.attended = arena.take<T>(rows * products_[kO].extended());
  saved.mid = arena.take<T>(rows * c.width);
  saved.n2 = arena.take<T>(rows * products_[kGateUp].extended());
  saved.gate_up = arena.take<T>(rows * 2 * c.ffn_width);
  saved.h = arena.take<T>(rows * products_[kDown].extended());
  saved.logsumexp = arena.take<float>(rows * c.heads);
  saved.rms1 = arena.take<float>(rows);
  saved.rms2 = arena.take<float>(rows);
  if (c.qk_norm) saved.rms_heads = arena.take<float>(rows * (c.heads + c.kv_heads));
  if (c.sandwich_norms) {
    saved.projected = arena.take<T>(rows * c.width);
    saved.ffn = arena.take<T>(rows * c.width);
    saved.rms_post1 = arena.take<float>(rows);
    saved.rms_post2 = arena.take<float>(rows);
  }
  return saved;
}

template <class T>
std::int64_t Block<T>::max_extended() const noexcept {
  std::int64_t most = 0;
  for (const AdaptedLinear<T>& p : products_) most = std::max(most, p.extended());
  return most;
}

template <class T>
std::int64_t Block<T>::max_adapter_gradient() const noexcept {
  std::int64_t most = 0;
  for (const AdaptedLinear<T>& p : products_) most = std::max(most, p.rank() * std::max(p.in(), p.out()));
  return most;
}

template <class T>
Matrix<T> Block<T>::input_of(Product product, const BlockActivations<T>& saved, std::int64_t tokens) const {
  T* const inputs[] = {saved.n1, saved.attended, saved.n2, saved.h};
  return Matrix<T>(inputs[product], tokens, products_[product].extended());
}

template <class T>
DropoutMask Block<T>::mask_of(Product product, const RowContext& row) const {
  return {.p = row.dropout,
          .seed = row.dropout_seed,
          .stream = static_cast<std::uint64_t>(index_) * 4 + static_cast<std::uint64_t>(product)};
}

template <class T>
Matrix<T> Block<T>::heads_of(T* qkv, std::int64_t head, std::int64_t tokens) const {
  return Matrix<T>(qkv + head * config_->head_width, tokens, config_->head_width, config_->qkv_width());
}

template <class T>
std::span<float> Block<T>::rms_of_head(const BlockActivations<T>& saved, std::int64_t head,
                                       const RowContext& row) const {
  return rows_of(saved.rms_heads + head * row.capacity, row.tokens);
}

template <class T>
void Block<T>::forward_heads(const BlockActivations<T>& saved, const RowContext& row) const {
  const DecoderConfig& c = *config_;
  if (c.qk_norm) {
    for (std::int64_t head = 0; head < c.heads + c.kv_heads; ++head) {
      ops::rms_norm<T>(heads_of(saved.qkv, head, row.tokens), rms_of_head(saved, head, row),
                       heads_of(saved.qkv_raw, head, row.tokens),
                       head < c.heads ? weights_.q_norm : weights_.k_norm, norm_);
    }
  }
  const Matrix<T> rotated(saved.qkv, row.tokens, c.query_width() + c.kv_width(), c.qkv_width());
  ops::rope<T>(rotated, c.head_width, row.rope, row.positions, ops::Rotation::forward);
}

template <class T>
void Block<T>::forward_attention(const BlockActivations<T>& saved, const RowContext& row) const {
  const std::int64_t out_stride = products_[kO].extended();
  const auto segments = segments_of(saved, row, *config_, out_stride);
  kernels::attention<T>(segments, attention_shape(*config_, index_, out_stride));
}

template <class T>
void Block<T>::forward(Matrix<T> out, const BlockActivations<T>& saved, const RowContext& row,
                       const BlockScratch<T>& scratch) const {
  const DecoderConfig& c = *config_;
  const std::int64_t n = row.tokens;
  const Matrix<T> x(saved.x, n, c.width);
  const Matrix<T> mid(saved.mid, n, c.width);
  const Matrix<T> branch(scratch.branch, n, c.width);

  const Matrix<T> n1 = input_of(kQkv, saved, n);
  ops::rms_norm<T>(n1.columns(0, c.width), rows_of(saved.rms1, n), x, weights_.input_norm, norm_);
  products_[kQkv].forward(Matrix<T>(saved.qkv_raw, n, c.qkv_width()), n1, mask_of(kQkv, row), scratch.adapter);
  forward_heads(saved, row);
  forward_attention(saved, row);
  const Matrix<T> projected = c.sandwich_norms ? Matrix<T>(saved.projected, n, c.width) : branch;
  products_[kO].forward(projected, input_of(kO, saved, n), mask_of(kO, row), scratch.adapter);
  if (c.sandwich_norms) {
    ops::rms_norm<T>(branch, rows_of(saved.rms_post1, n), projected, weights_.post_attention_norm, norm_);
  }
  ops::add<T>(mid, x, branch);

  const Matrix<T> n2 = input_of(kGateUp, saved, n);
  ops::rms_norm<T>(n2.columns(0, c.width), rows_of(saved.rms2, n), mid, weights_.ffn_norm, norm_);
  const Matrix<T> gate_up(saved.gate_up, n, 2 * c.ffn_width);
  products_[kGateUp].forward(gate_up, n2, mask_of(kGateUp, row), scratch.adapter);
  const Matrix<T> h = input_of(kDown, saved, n);
  ops::gated_activation<T>(h.columns(0, c.ffn_width), gate_up, c.activation);
  const Matrix<T> ffn = c.sandwich_norms ? Matrix<T>(saved.ffn, n, c.width) : branch;
  products_[kDown].forward(ffn, h, mask_of(kDown, row), scratch.adapter);
  if (c.sandwich_norms) {
    ops::rms_norm<T>(branch, rows_of(saved.rms_post2, n), ffn, weights_.post_ffn_norm, norm_);
  }
  ops::add<T>(out, mid, branch);
}

template <class T>
Matrix<T> Block<T>::backward_product(Product product, Matrix<const T> dy, const BlockActivations<T>& saved,
                                     const RowContext& row, const BlockScratch<T>& scratch,
                                     std::span<float> adapter_gradients, bool want_dx) const {
  const AdaptedLinear<T>& linear = products_[product];
  const Matrix<T> input = input_of(product, saved, row.tokens);
  if (full_) {
    const Matrix<float>* const dw[] = {&gradients_.qkv, &gradients_.o, &gradients_.gate_up, &gradients_.down};
    ops::linear_backward_weight<T>(*dw[product], dy, input, ops::Write::accumulate);
  }
  const Matrix<T> d_in(scratch.d_in, row.tokens, linear.extended());
  linear.backward(d_in, dy, input, adapter_gradients, mask_of(product, row), scratch.adapter, want_dx);
  return d_in.columns(0, linear.in());
}

template <class T>
void Block<T>::backward_ffn(Matrix<T> d, const BlockActivations<T>& saved, const RowContext& row,
                            const BlockScratch<T>& scratch, std::span<float> adapter_gradients) const {
  const DecoderConfig& c = *config_;
  const std::int64_t n = row.tokens;
  Matrix<const T> d_ffn = d;
  if (c.sandwich_norms) {
    const Matrix<T> branch(scratch.branch, n, c.width);
    ops::rms_norm_backward<T>(branch, gradients_.post_ffn_norm, d, Matrix<T>(saved.ffn, n, c.width),
                              weights_.post_ffn_norm, rows_of(saved.rms_post2, n), norm_,
                              ops::Write::overwrite);
    d_ffn = branch;
  }
  const Matrix<T> dh = backward_product(kDown, d_ffn, saved, row, scratch, adapter_gradients, true);
  const Matrix<T> gate_up(saved.gate_up, n, 2 * c.ffn_width);
  ops::gated_activation_backward<T>(gate_up, dh, gate_up, c.activation);
  const Matrix<T> dn2 = backward_product(kGateUp, gate_up, saved, row, scratch, adapter_gradients, true);
  ops::rms_norm_backward<T>(d, gradients_.ffn_norm, dn2, Matrix<T>(saved.mid, n, c.width), weights_.ffn_norm,
                            rows_of(saved.rms2, n), norm_, ops::Write::accumulate);
}

template <class T>
void Block<T>::backward_heads(Matrix<T> d_qkv, const BlockActivations<T>& saved, const RowContext& row) const {
  const DecoderConfig& c = *config_;
  ops::rope<T>(d_qkv.columns(0, c.query_width() + c.kv_width()), c.head_width, row.rope, row.positions,
               ops::Rotation::inverse);
  if (!c.qk_norm) return;
  for (std::int64_t head = 0; head < c.heads + c.kv_heads; ++head) {
    const bool query = head < c.heads;
    const Matrix<T> dx = heads_of(d_qkv.data, head, row.tokens);
    ops::rms_norm_backward<T>(
        dx, query ? gradients_.q_norm : gradients_.k_norm, dx, heads_of(saved.qkv_raw, head, row.tokens),
        query ? weights_.q_norm : weights_.k_norm, rms_of_head(saved, head, row), norm_, ops::Write::overwrite);
  }
}

template <class T>
void Block<T>::backward_attention(Matrix<T> d_qkv, Matrix<const T> d_attended, const BlockActivations<T>& saved,
                                  const RowContext& row) const {
  const DecoderConfig& c = *config_;
  const std::int64_t out_stride = products_[kO].extended();
  const auto segments = segments_of(saved, row, c, out_stride);
  std::vector<kernels::AttentionGradient<T>> gradients;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::int64_t begin = row.segment_starts[i];
    T* d = d_qkv.row(begin);
    gradients.push_back({.dout = d_attended.row(begin),
                         .dq = d,
                         .dk = d + c.query_width(),
                         .dv = d + c.query_width() + c.kv_width()});
  }
  kernels::attention_backward<T>(segments, gradients, attention_shape(c, index_, out_stride));
}

template <class T>
void Block<T>::backward(Matrix<T> d, const BlockActivations<T>& saved, const RowContext& row,
                        const BlockScratch<T>& scratch, std::span<float> adapter_gradients,
                        bool want_dx) const {
  const DecoderConfig& c = *config_;
  const std::int64_t n = row.tokens;
  backward_ffn(d, saved, row, scratch, adapter_gradients);

  Matrix<const T> d_projected = d;
  if (c.sandwich_norms) {
    const Matrix<T> branch(scratch.branch, n, c.width);
    ops::rms_norm_backward<T>(branch, gradients_.post_attention_norm, d, Matrix<T>(saved.projected, n, c.width),
                              weights_.post_attention_norm, rows_of(saved.rms_post1, n), norm_,
                              ops::Write::overwrite);
    d_projected = branch;
  }
  const Matrix<T> d_attended = backward_product(kO, d_projected, saved, row, scratch, adapter_gradients, true);
  const Matrix<T> d_qkv(scratch.wide, n, c.qkv_width());
  backward_attention(d_qkv, d_attended, saved, row);
  backward_heads(d_qkv, saved, row);
  const Matrix<T> dn1 = backward_product(kQkv, d_qkv, saved, row, scratch, adapter_gradients, want_dx);
  if (!want_dx) return;
  ops::rms_norm_backward<T>(d, gradients_.input_norm, dn1, Matrix<T>(saved.x, n, c.width), weights_.input_norm,
                            rows_of(saved.rms1, n), norm_, ops::Write::accumulate);
}

template class Block<float>;
template class Block<bfloat16>;

}  // namespace outcrop::model
