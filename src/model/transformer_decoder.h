#pragma once
// The Decoder of a decoder-only transformer, computing in T. Private to the room: see make_decoder.

#include "base/page_buffer.h"
#include "model/decoder.h"
#include "model/layer_weights.h"
#include "model/lora_group.h"
#include "model/rope_table.h"
#include "tensor/ops.h"

#include <memory>
#include <vector>

namespace outcrop::model {

/// Per layer: keys [capacity, Hkv K] and values beside them, row-major by token.
template <class T>
class LayerCache final : public KvCache {
 public:
  LayerCache(const DecoderConfig& config, std::int64_t capacity);
  std::int64_t length() const noexcept override { return length_; }
  std::int64_t capacity() const noexcept override { return capacity_; }
  void truncate(std::int64_t length) noexcept override;
  void grow(std::int64_t tokens) noexcept { length_ += tokens; }
  T* keys(std::int64_t layer) const noexcept { return memory_.data() + 2 * layer * capacity_ * width_; }
  T* values(std::int64_t layer) const noexcept { return keys(layer) + capacity_ * width_; }

 private:
  std::int64_t width_;  // Hkv K
  std::int64_t capacity_;
  std::int64_t length_ = 0;
  PageBuffer<T> memory_;
};

/// An adapter's matrices for one product of one layer, in the compute type.
template <class T>
struct AdapterProduct {
  LoraGroup group;
  std::vector<T> a;  // [R, in]
  std::vector<T> b;  // member by member: s B [out, rank]
};

template <class T>
class TransformerDecoder final : public Decoder {
 public:
  TransformerDecoder(std::shared_ptr<const Model> model, std::shared_ptr<const LoraAdapter> adapter);
  std::unique_ptr<KvCache> new_cache(std::int64_t capacity) const override;
  void forward(std::span<const DecoderInput> inputs, Matrix<float> logits) override;
  void forward_all(std::span<const DecoderInput> inputs, Matrix<float> logits) override;
  const Model& model() const noexcept override { return *model_; }
  std::int64_t cache_bytes_per_token() const noexcept override;

 private:
  void reserve(std::int64_t tokens, std::int64_t positions);
  /// Runs all blocks; the hidden states of all tokens, [tokens, D].
  Matrix<T> run(std::span<const DecoderInput> inputs);
  void run_layer(std::int64_t layer, Matrix<T> x, std::span<const DecoderInput> inputs);
  void attend(std::int64_t layer, Matrix<T> qkv, Matrix<T> out, std::span<const DecoderInput> inputs);
  void product(Matrix<T> y, Matrix<const T> x, Matrix<const T> weight, std::int64_t layer, Group group);
  void norm_heads(Matrix<T> qkv, const LayerView<const T>& weights);
  Matrix<T> buffer(std::vector<T>& memory, std::int64_t rows, std::int64_t cols);
  void head(Matrix<T> hidden, Matrix<float> logits);

  std::shared_ptr<const Model> model_;
  Weights<T> weights_;
  std::vector<AdapterProduct<T>> adapters_;  // [layer * 4 + group]; empty without an adapter
  std::vector<RopeTables> ropes_;
  std::vector<std::int32_t> ids_;
  std::vector<std::int32_t> positions_;
  std::vector<T> x_, normed_, qkv_, attended_, branch_, post_, gate_up_, h_, ranks_, part_, rows_;
};

}  // namespace outcrop::model
