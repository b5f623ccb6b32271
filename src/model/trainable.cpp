#include "model/trainable.h"

#include "model/transformer_trainer.h"

#include <algorithm>

namespace outcrop::model {
namespace {

/// Elements of everything that the adapter adds to a token's saved inputs: the ranks of the four products.
std::int64_t ranks_of_layer(const LoraLayout& layout, std::int64_t layer) {
  std::int64_t sum = 0;
  for (const LoraMatrices& m : layout.matrices) {
    if (m.layer == layer) sum += m.rank;
  }
  return sum;
}

template <class T>
std::int64_t activation_bytes(const DecoderConfig& c, const TrainableOptions& options) {
  const std::int64_t rows = options.max_row_tokens;
  std::int64_t bytes = 0;
  for (std::int64_t i = 0; i < c.layer_count(); ++i) {
    const std::int64_t ranks = options.lora ? ranks_of_layer(options.lora->layout, i) : 0;
    const std::int64_t wide = 4 * c.width + c.qkv_width() * (c.qk_norm ? 2 : 1) + c.query_width() +
                              3 * c.ffn_width + (c.sandwich_norms ? 2 * c.width : 0) + ranks;
    const std::int64_t floats =
        c.heads + 2 + (c.qk_norm ? c.heads + c.kv_heads : 0) + (c.sandwich_norms ? 2 : 0);
    bytes += rows * (wide * static_cast<std::int64_t>(sizeof(T)) + floats * 4);
  }
  return bytes;
}

template <class T>
std::int64_t workspace_bytes(const DecoderConfig& c, const TrainableOptions& options) {
  const auto element = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t rows = options.max_row_tokens;
  const std::int64_t chunk = std::min(rows, options.loss_chunk_tokens);
  const std::int64_t extended = std::max({c.width, c.query_width(), c.ffn_width}) + 64;
  const std::int64_t blocks = rows * (4 * c.width + c.qkv_width() + extended) * element;
  const std::int64_t logits = chunk * c.vocab_size * (4 + element);
  // oneDNN keeps a float product of each thread's part of the widest output.
  const std::int64_t products = rows * std::max(2 * c.ffn_width, c.qkv_width()) * 4;
  return blocks + logits + products;
}

template <class T>
TrainableMemory plan(const DecoderConfig& c, const TrainableOptions& options) {
  const ModelLayout layout = make_layout(c);
  const auto element = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t trained = options.lora ? options.lora->layout.elements : layout.elements;
  TrainableMemory memory;
  memory.weights = layout.elements * element;
  if (options.lora) {
    // Each weight is in memory once, copied beside its adapter or mapped; B is part of the copy, A apart.
    memory.weights += trained * element;
  } else if (sizeof(T) == sizeof(float)) {
    memory.weights = 0;  // the masters are the weights
  }
  memory.masters = trained * 4;
  memory.gradients = trained * 4;
  memory.activations = activation_bytes<T>(c, options);
  memory.workspace = workspace_bytes<T>(c, options);
  return memory;
}

}  // namespace

TrainableMemory plan_trainable(const DecoderConfig& config, DType dtype, const TrainableOptions& options) {
  return dtype == DType::f32 ? plan<float>(config, options) : plan<bfloat16>(config, options);
}

Result<std::unique_ptr<Trainable>> make_trainable(std::shared_ptr<const Model> model,
                                                  TrainableOptions options) {
  if (options.lora.has_value() == options.train_full) {
    return fail(Code::invalid_argument, "training needs either an adapter or all weights, not both or neither");
  }
  if (options.max_row_tokens < 1 || options.loss_chunk_tokens < 1) {
    return fail(Code::invalid_argument, "max_row_tokens and loss_chunk_tokens must be at least 1");
  }
  if (model->dtype() == DType::f32)
    return TransformerTrainer<float>::create(std::move(model), std::move(options));
  return TransformerTrainer<bfloat16>::create(std::move(model), std::move(options));
}

}  // namespace outcrop::model
