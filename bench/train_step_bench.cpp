// train_step_bench lora|full [STEPS [MODEL]]: seconds of an optimizer step on 2 x 512 tokens in bfloat16,
// beside the GEMM rate of the same run, and the peak of memory. MODEL is an imported SmolLM2-135M's folder;
// without it the weights are random, which changes nothing in speed but keeps them in memory that is not a
// file's.

#include "base/page_buffer.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "kernels/gemm.h"
#include "kernels/optimizer.h"
#include "model/trainable.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <sys/resource.h>

namespace {

using namespace outcrop;
using namespace outcrop::model;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

DecoderConfig smollm2_135m() {
  DecoderConfig c;
  c.architecture = "llama";
  c.vocab_size = 49152;
  c.width = 576;
  c.heads = 9;
  c.kv_heads = 3;
  c.head_width = 64;
  c.ffn_width = 1536;
  c.context_length = 8192;
  c.attention_scale = 0.125F;
  c.ropes = {RopeConfig{.theta = 100000.0}};
  c.layers.assign(30, LayerConfig{});
  return c;
}

std::shared_ptr<const Model> random_model(const DecoderConfig& config) {
  const std::int64_t count = make_layout(config).elements;
  auto buffer = std::make_shared<PageBuffer<bfloat16>>(*PageBuffer<bfloat16>::allocate(count));
  parallel_for(count, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
    Random random(1, static_cast<std::uint64_t>(begin));
    for (std::int64_t i = begin; i < end; ++i) buffer->data()[i] = bfloat16(0.04F * (random.uniform() - 0.5F));
  });
  return std::make_shared<const Model>(config, DType::bf16, buffer, buffer->data(), nullptr, Path());
}

/// Rate of the model's own products in one type, GFLOP/s.
template <class T>
double gemm_rate_of() {
  struct Shape {
    std::int64_t m, n, k;
  };
  std::vector<T> a(std::size_t{1024} * 1536, T(0.5F));
  std::vector<T> b(std::size_t{3072} * 1536, T(0.5F));
  std::vector<float> c(std::size_t{1024} * 3072);
  double work = 0.0;
  double seconds = 0.0;
  for (const Shape s : {Shape{1024, 960, 576}, {1024, 576, 576}, {1024, 3072, 576}, {1024, 576, 1536}}) {
    std::vector<double> times;
    for (int i = 0; i < 15; ++i) {
      const double start = now();
      kernels::gemm<T, float>(c.data(), s.n, {a.data(), s.k}, {b.data(), s.k, kernels::Transpose::yes}, s.m,
                              s.n, s.k, false);
      times.push_back(now() - start);
    }
    work += 2.0 * static_cast<double>(s.m * s.n * s.k);
    seconds += median(times);
  }
  return work / seconds / 1e9;
}

/// What the processor can do: where it has no bfloat16 instructions, oneDNN's float product is the limit.
double gemm_rate() {
  return std::max(gemm_rate_of<bfloat16>(), gemm_rate_of<float>());
}

/// Floating-point operations of the matrix products that the method cannot do without.
double step_work(const DecoderConfig& c, bool full) {
  const double weights = static_cast<double>(make_layout(c).elements);
  return 1024.0 * 2.0 * weights * (full ? 3.0 : 2.0);
}

int fail_with(const Error& error) {
  std::fprintf(stderr, "train_step_bench: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool full = argc > 1 && std::strcmp(argv[1], "full") == 0;
  const int steps = argc > 2 ? std::atoi(argv[2]) : 7;
  const DecoderConfig config = smollm2_135m();
  TrainableOptions options;
  options.max_row_tokens = 1024;
  options.train_full = full;
  if (!full) options.lora = LoraAdapter::initial(LoraConfig{}, config, 1);
  auto model = argc > 3 ? Model::open(argv[3]) : Result<std::shared_ptr<const Model>>(random_model(config));
  if (!model) return fail_with(model.error());
  if ((*model)->dtype() != DType::bf16) return fail_with({Code::invalid_argument, "the model is not bfloat16"});
  auto made = make_trainable(*std::move(model), options);
  if (!made) return fail_with(made.error());
  Trainable& trainable = **made;
  const auto count = static_cast<std::int64_t>(trainable.parameters().size());
  std::vector<float> m(static_cast<std::size_t>(count));
  std::vector<float> v(static_cast<std::size_t>(count));

  Random random(7);
  std::vector<TokenId> tokens(1024);
  for (TokenId& t : tokens) t = static_cast<TokenId>(random.below(49000));
  std::vector<std::int32_t> targets(tokens.begin() + 1, tokens.end());
  targets.push_back(kNoTarget);
  targets[511] = kNoTarget;
  const std::vector<std::int32_t> starts{0, 512, 1024};

  std::vector<double> times;
  double loss = 0.0;
  for (int step = 1; step <= steps; ++step) {
    const double start = now();
    std::memset(trainable.gradients().data(), 0, static_cast<std::size_t>(count) * sizeof(float));
    loss = trainable.forward_backward({tokens, targets, starts}, 1.0F / 1022.0F, 0).loss_sum / 1022.0;
    const double norm = std::sqrt(kernels::sum_of_squares(trainable.gradients().data(), count));
    kernels::adamw(trainable.parameters().data(), m.data(), v.data(), trainable.gradients().data(), count,
                   {.learning_rate = 1e-4F,
                    .beta1 = 0.9F,
                    .beta2 = 0.999F,
                    .eps = 1e-8F,
                    .weight_decay = 0.0F,
                    .gradient_scale = static_cast<float>(std::min(1.0, 1.0 / norm)),
                    .step = step});
    trainable.parameters_changed();
    times.push_back(now() - start);
  }
  times.erase(times.begin());
  const double seconds = median(times);
  const double rate = gemm_rate();
  const double roofline_seconds = step_work(config, full) / (rate * 1e9);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const int threads = compute_pool().size();
  std::printf(
      "%s step %.3f s  tokens/core-s %.0f  gemm %.0f GFLOP/s  roofline share %.3f  peak %.2f GB  loss %.3f\n",
      full ? "full" : "lora", seconds, 1024.0 / seconds / threads, rate, roofline_seconds / seconds,
      static_cast<double>(usage.ru_maxrss) / 1e6, loss);
  return 0;
}
