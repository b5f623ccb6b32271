#include "model/transformer_trainer.h"

#include "kernels/elementwise.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

void copy_out(float* out, const float* x, std::int64_t count) {
  std::memcpy(out, x, static_cast<std::size_t>(count) * sizeof(float));
}
void copy_out(float* out, const bfloat16* x, std::int64_t count) {
  kernels::convert(out, x, count);
}

}  // namespace

template <class T>
TransformerTrainer<T>::TransformerTrainer(std::shared_ptr<const Model> model, TrainableOptions options)
    : model_(std::move(model)), options_(std::move(options)) {
  const DecoderConfig& config = model_->config();
  if (options_.lora) lora_layout_ = options_.lora->layout;
  for (const RopeConfig& rope : config.ropes) {
    ropes_.push_back(make_rope_tables(rope, config.head_width, options_.max_row_tokens));
  }
}

template <class T>
Result<std::unique_ptr<Trainable>> TransformerTrainer<T>::create(std::shared_ptr<const Model> model,
                                                                 TrainableOptions options) {
  std::unique_ptr<TransformerTrainer> trainer(new TransformerTrainer(std::move(model), std::move(options)));
  OUTCROP_CHECK_OK(trainer->allocate_parameters());
  Arena counting;
  trainer->build(counting, nullptr);
  OUTCROP_TRY(PageMemory memory, PageMemory::allocate(counting.used()));
  trainer->arena_ = Arena(std::move(memory));
  trainer->build(trainer->arena_, trainer->weights_);
  // The weights that training reads were copied beside their adapters, or all of them in full fine-tuning. Of
  // the mapped file only the rest (embedding, norms, matrices without adapter) comes back into memory.
  trainer->model_->drop_resident_weights();
  trainer->name_tensors();
  trainer->parameters_changed();
  return std::unique_ptr<Trainable>(std::move(trainer));
}

template <class T>
Status TransformerTrainer<T>::allocate_parameters() {
  const Weights<T> weights = model_->weights<T>();
  const std::int64_t count = options_.lora ? lora_layout_.elements : model_->layout().elements;
  OUTCROP_TRY(master_memory_, PageBuffer<float>::allocate(count));
  OUTCROP_TRY(gradient_memory_, PageBuffer<float>::allocate(count));
  masters_ = master_memory_.span();
  gradients_ = gradient_memory_.span();
  if (options_.lora) {
    std::copy(options_.lora->values.begin(), options_.lora->values.end(), masters_.begin());
    frozen_ = weights;
    weights_ = weights.data;
    return {};
  }
  copy_out(masters_.data(), weights.data, count);
  if constexpr (sizeof(T) == sizeof(float)) {
    weights_ = masters_.data();
  } else {
    OUTCROP_TRY(compute_memory_, PageBuffer<T>::allocate(count));
    weights_ = compute_memory_.data();
  }
  return {};
}

template <class T>
void TransformerTrainer<T>::build(Arena& arena, const T* weights) {
  const DecoderConfig& config = model_->config();
  const ModelLayout& layout = model_->layout();
  const std::int64_t rows = options_.max_row_tokens;
  const LoraConfig* lora = options_.lora ? &options_.lora->config : nullptr;
  float* full_gradients = options_.lora ? nullptr : gradients_.data();

  blocks_.clear();
  saved_.clear();
  std::int64_t extended = 0;
  std::int64_t adapter_gradient = 0;
  for (std::int64_t i = 0; i < config.layer_count(); ++i) {
    const LayerOffsets& at = layout.layers[static_cast<std::size_t>(i)];
    blocks_.emplace_back(arena, config, i, view_layer<const T>(weights, at, config),
                         view_layer<float>(full_gradients, at, config), lora, &lora_layout_);
    saved_.push_back(blocks_.back().take_activations(arena, rows));
    extended = std::max(extended, blocks_.back().max_extended());
    adapter_gradient = std::max(adapter_gradient, blocks_.back().max_adapter_gradient());
  }
  scratch_.branch = arena.take<T>(rows * config.width);
  scratch_.wide = arena.take<T>(rows * config.qkv_width());
  scratch_.d_in = arena.take<T>(rows * extended);
  if (lora != nullptr && lora->dropout > 0.0) scratch_.adapter.input = arena.take<T>(rows * extended);
  scratch_.adapter.gradient = arena.take<float>(adapter_gradient);
  last_ = arena.take<T>(rows * config.width);
  gradient_ = arena.take<T>(rows * config.width);

  const std::int64_t d = config.width;
  const auto width = static_cast<std::size_t>(d);
  const std::span<const T> norm =
      weights == nullptr ? std::span<const T>() : std::span(weights + layout.final_norm, width);
  const Matrix<const T> table(weights == nullptr ? nullptr : weights + layout.head, config.vocab_size, d);
  std::span<float> d_norm;
  Matrix<float> d_table;
  if (full_gradients != nullptr) {
    d_norm = std::span(full_gradients + layout.final_norm, width);
    d_table = Matrix<float>(full_gradients + layout.head, config.vocab_size, d);
  }
  head_ = LossHead<T>(arena, config, norm, table, d_norm, d_table, rows, options_.loss_chunk_tokens);
}

template <class T>
void TransformerTrainer<T>::name_tensors() {
  if (!options_.lora) {
    for (const Parameter& p : model_->layout().parameters) {
      tensors_.push_back({p.name, p.offset, p.elements(), !p.is_vector});
    }
    return;
  }
  for (const LoraMatrices& m : lora_layout_.matrices) {
    const std::string module = fmt::format("model.layers.{}.{}", m.layer, module_path(m.module));
    tensors_.push_back({module + ".lora_A.weight", m.a, m.rank * m.in, true});
    tensors_.push_back({module + ".lora_B.weight", m.b, m.out * m.rank, false});
  }
}

template <class T>
void TransformerTrainer<T>::parameters_changed() {
  if (options_.lora) {
    for (Block<T>& block : blocks_) block.load_adapter(masters_);
  } else if constexpr (sizeof(T) != sizeof(float)) {
    kernels::convert(compute_memory_.data(), masters_.data(), static_cast<std::int64_t>(masters_.size()));
  }
}

template <class T>
LoraAdapter TransformerTrainer<T>::adapter() const {
  CHECK(options_.lora.has_value(), "this is no LoRA run");
  LoraAdapter adapter{options_.lora->config, lora_layout_, {}};
  adapter.values.assign(masters_.begin(), masters_.end());
  return adapter;
}

template <class T>
RowContext TransformerTrainer<T>::begin_row(const PackedRow& row) {
  const auto tokens = static_cast<std::int64_t>(row.tokens.size());
  CHECK(tokens > 0 && tokens <= options_.max_row_tokens, "row is empty or longer than planned");
  CHECK(row.targets.size() == row.tokens.size(), "targets and tokens differ in length");
  CHECK(row.segment_starts.size() >= 2 && row.segment_starts.back() == tokens, "segments do not cover the row");
  positions_.resize(row.tokens.size());
  for (std::size_t s = 0; s + 1 < row.segment_starts.size(); ++s) {
    for (std::int32_t t = row.segment_starts[s]; t < row.segment_starts[s + 1]; ++t) {
      positions_[static_cast<std::size_t>(t)] = t - row.segment_starts[s];
    }
  }
  RowContext context;
  context.tokens = tokens;
  context.capacity = options_.max_row_tokens;
  context.positions = positions_;
  context.segment_starts = row.segment_starts;
  return context;
}

template <class T>
RowContext TransformerTrainer<T>::at_layer(RowContext row, std::int64_t layer) const {
  const LayerConfig& config = model_->config().layers[static_cast<std::size_t>(layer)];
  const RopeTables& tables = ropes_[static_cast<std::size_t>(config.rope)];
  row.rope = {Matrix<const float>(tables.cos.data(), tables.positions, tables.half),
              Matrix<const float>(tables.sin.data(), tables.positions, tables.half)};
  return row;
}

template <class T>
Matrix<T> TransformerTrainer<T>::run_blocks(const PackedRow& row, const RowContext& context, bool keep) {
  const DecoderConfig& config = model_->config();
  const std::int64_t layers = config.layer_count();
  // Without backward all blocks share the first one's buffers: its input is free once its output is formed.
  const auto slot = [&](std::int64_t layer) -> BlockActivations<T>& {
    return saved_[keep ? static_cast<std::size_t>(layer) : 0];
  };
  const Matrix<const T> table(weights_ + model_->layout().embedding, config.vocab_size, config.width);
  ops::embedding<T>(Matrix<T>(slot(0).x, context.tokens, config.width), table, row.tokens,
                    config.embedding_scale);
  for (std::int64_t i = 0; i < layers; ++i) {
    T* out = i + 1 < layers ? slot(i + 1).x : last_;
    blocks_[static_cast<std::size_t>(i)].forward(Matrix<T>(out, context.tokens, config.width), slot(i),
                                                 at_layer(context, i), scratch_);
  }
  return Matrix<T>(last_, context.tokens, config.width);
}

template <class T>
RowLoss TransformerTrainer<T>::evaluate(const PackedRow& row) {
  const RowContext context = begin_row(row);
  const Matrix<T> hidden = run_blocks(row, context, /*keep=*/false);
  return head_.run(hidden, row.targets, 1.0F, Matrix<T>(), /*want_gradient=*/false);
}

template <class T>
RowLoss TransformerTrainer<T>::forward_backward(const PackedRow& row, float scale, std::uint64_t dropout_seed) {
  const DecoderConfig& config = model_->config();
  RowContext context = begin_row(row);
  if (options_.lora) context.dropout = static_cast<float>(options_.lora->config.dropout);
  context.dropout_seed = dropout_seed;
  const Matrix<T> hidden = run_blocks(row, context, /*keep=*/true);
  const Matrix<T> d(gradient_, context.tokens, config.width);
  const RowLoss loss = head_.run(hidden, row.targets, scale, d, /*want_gradient=*/true);
  const bool full = !options_.lora;
  const std::span<float> adapter_gradients = full ? std::span<float>() : gradients_;
  for (std::int64_t i = config.layer_count() - 1; i >= 0; --i) {
    // Below the first block only full fine-tuning has parameters.
    blocks_[static_cast<std::size_t>(i)].backward(d, saved_[static_cast<std::size_t>(i)], at_layer(context, i),
                                                  scratch_, adapter_gradients, /*want_dx=*/full || i > 0);
  }
  if (full) {
    const Matrix<float> d_table(gradients_.data() + model_->layout().embedding, config.vocab_size,
                                config.width);
    ops::embedding_backward<T>(d_table, d, row.tokens, config.embedding_scale);
  }
  return loss;
}

template class TransformerTrainer<float>;
template class TransformerTrainer<bfloat16>;

}  // namespace outcrop::model
