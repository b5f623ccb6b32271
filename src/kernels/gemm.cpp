#include "kernels/gemm.h"

#include "base/check.h"
#include "base/thread_pool.h"
#include "kernels/gemm_info.h"
#include "kernels/gemm_widened.h"

#include <algorithm>
#include <compare>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

// From the OpenMP runtime that oneDNN is built on; <omp.h> would need a compiler switch.
extern "C" void omp_set_num_threads(int threads);

namespace outcrop::kernels {
namespace {

using dnnl::memory;

template <class T>
constexpr memory::data_type data_type_of() {
  return sizeof(T) == sizeof(float) ? memory::data_type::f32 : memory::data_type::bf16;
}

/// Everything that a primitive is specialised for.
struct Problem {
  std::int64_t m, n, k;
  std::int64_t a_row, a_col, b_row, b_col, c_row;  // strides in elements
  memory::data_type in, out;
  bool accumulate;
  auto operator<=>(const Problem&) const = default;
};

struct Product {
  dnnl::matmul primitive;
  memory::desc a, b, c, scratchpad;
};

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

Product make_product(const Problem& p) {
  Product product;
  product.a = memory::desc({p.m, p.k}, p.in, memory::dims{p.a_row, p.a_col});
  product.b = memory::desc({p.k, p.n}, p.in, memory::dims{p.b_row, p.b_col});
  product.c = memory::desc({p.m, p.n}, p.out, memory::dims{p.c_row, 1});
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (p.accumulate) {
    dnnl::post_ops operations;
    operations.append_sum(1.0F);
    attributes.set_post_ops(operations);
  }
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc description(cpu_engine(), product.a, product.b, product.c, attributes);
#else
  const dnnl::matmul::primitive_desc description({product.a, product.b, product.c}, attributes, cpu_engine());
#endif
  product.primitive = dnnl::matmul(description);
  product.scratchpad = description.scratchpad_desc();
  return product;
}

/// Primitives by problem. Ragged rows bring ever new shapes: the cache starts anew when it is full.
class ProductCache {
 public:
  Product get(const Problem& problem) {
    const std::lock_guard lock(mutex_);
    if (const auto found = products_.find(problem); found != products_.end()) return found->second;
    if (products_.size() >= kCapacity) products_.clear();
    return products_.emplace(problem, make_product(problem)).first->second;
  }

 private:
  static constexpr std::size_t kCapacity = 4096;
  std::mutex mutex_;
  std::map<Problem, Product> products_;  // guarded by mutex_
};

void run_product(const Problem& problem, void* c, const void* a, const void* b) {
  static ProductCache cache;
  thread_local std::vector<std::byte> scratch;
  thread_local const bool one_thread = [] {
    omp_set_num_threads(1);  // the work is split over our own pool
    return true;
  }();
  CHECK(one_thread, "library threads are off");
  const Product product = cache.get(problem);
  if (scratch.size() < product.scratchpad.get_size()) scratch.resize(product.scratchpad.get_size());
  dnnl::stream stream(cpu_engine());
  const auto borrow = [](const memory::desc& desc, const void* data) {
    return memory(desc, cpu_engine(), const_cast<void*>(data));
  };
  product.primitive.execute(stream, {{DNNL_ARG_SRC, borrow(product.a, a)},
                                     {DNNL_ARG_WEIGHTS, borrow(product.b, b)},
                                     {DNNL_ARG_DST, borrow(product.c, c)},
                                     {DNNL_ARG_SCRATCHPAD, borrow(product.scratchpad, scratch.data())}});
}

/// How a product is cut over the pool: along n or m, in multiples of the register block.
struct Cut {
  bool along_n;
  std::int64_t piece;
  std::int64_t pieces;
};

Cut cut_for(std::int64_t m, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kBlock = 16;
  constexpr double kSmall = 4e5;  // multiply-adds below which a parallel region costs more than it saves
  const bool along_n = n >= m;
  const std::int64_t extent = along_n ? n : m;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const std::int64_t threads = work < kSmall ? 1 : compute_pool().size();
  const std::int64_t piece =
      std::max(kBlock, ((extent + threads - 1) / threads + kBlock - 1) / kBlock * kBlock);
  return {along_n, piece, (extent + piece - 1) / piece};
}

template <class In, class Out>
void gemm_native(Out* c, std::int64_t c_stride, GemmOperand<In> a, GemmOperand<In> b, std::int64_t m,
                 std::int64_t n, std::int64_t k, bool accumulate) {
  const bool a_flip = a.transpose == Transpose::yes;
  const bool b_flip = b.transpose == Transpose::yes;
  Problem problem{.m = m,
                  .n = n,
                  .k = k,
                  .a_row = a_flip ? 1 : a.stride,
                  .a_col = a_flip ? a.stride : 1,
                  .b_row = b_flip ? 1 : b.stride,
                  .b_col = b_flip ? b.stride : 1,
                  .c_row = c_stride,
                  .in = data_type_of<In>(),
                  .out = data_type_of<Out>(),
                  .accumulate = accumulate};
  const Cut cut = cut_for(m, n, k);
  parallel_for(cut.pieces, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t begin = i * cut.piece;
      Problem part = problem;
      if (cut.along_n) {
        part.n = std::min(cut.piece, n - begin);
        run_product(part, c + begin, a.data, b.data + begin * problem.b_col);
      } else {
        part.m = std::min(cut.piece, m - begin);
        run_product(part, c + begin * c_stride, a.data + begin * problem.a_row, b.data);
      }
    }
  });
}

/// oneDNN has no bfloat16 products below AVX-512; asking once tells.
bool probe_native_bfloat16() {
  try {
    const Problem probe{16, 16, 16, 16, 1, 1, 16, 16, memory::data_type::bf16, memory::data_type::bf16, false};
    make_product(probe);
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

}  // namespace

std::string_view gemm_library_version() noexcept {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch);
  }();
  return text;
}

bool gemm_has_native_bfloat16() noexcept {
  static const bool native = probe_native_bfloat16();
  return native;
}

template <class In, class Out>
void gemm(Out* c, std::int64_t c_stride, GemmOperand<In> a, GemmOperand<In> b, std::int64_t m, std::int64_t n,
          std::int64_t k, bool accumulate) noexcept {
  if constexpr (sizeof(In) == sizeof(bfloat16)) {
    if (!gemm_has_native_bfloat16()) {
      gemm_widened(c, c_stride, a, b, m, n, k, accumulate);
      return;
    }
  }
  gemm_native(c, c_stride, a, b, m, n, k, accumulate);
}

template void gemm(float*, std::int64_t, GemmOperand<float>, GemmOperand<float>, std::int64_t, std::int64_t,
                   std::int64_t, bool) noexcept;
template void gemm(bfloat16*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>, std::int64_t,
                   std::int64_t, std::int64_t, bool) noexcept;
template void gemm(float*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>, std::int64_t,
                   std::int64_t, std::int64_t, bool) noexcept;

}  // namespace outcrop::kernels
