#pragma once
// Causal grouped-query attention of one segment in double, with its backward pass.

#include "kernels/reference/values.h"

#include <algorithm>
#include <cmath>

namespace outcrop::kernels::reference {

/// One segment: q [queries, heads, K], k and v [keys, kv_heads, K]; query i stands at keys - queries + i.
struct AttentionProblem {
  std::int64_t queries;
  std::int64_t keys;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_width;
  double scale;
  std::int64_t window;  ///< 0: none

  std::int64_t position(std::int64_t query) const { return keys - queries + query; }
  std::int64_t first_key(std::int64_t query) const {
    return window == 0 ? 0 : std::max<std::int64_t>(0, position(query) - window + 1);
  }
  std::int64_t kv_head(std::int64_t head) const { return head / (heads / kv_heads); }
  std::size_t q_at(std::int64_t query, std::int64_t head, std::int64_t i) const {
    return at(query * heads + head, head_width, i);
  }
  std::size_t kv_at(std::int64_t key, std::int64_t head, std::int64_t i) const {
    return at(key * kv_heads + kv_head(head), head_width, i);
  }
};

struct AttentionProbabilities {
  std::int64_t first_key;
  Values values;  ///< of keys first_key … position
  double logsumexp;
};

/// softmax over the visible keys of scale q·k.
inline AttentionProbabilities attention_probabilities(const AttentionProblem& p, const Values& q,
                                                      const Values& k, std::int64_t query, std::int64_t head) {
  AttentionProbabilities result{p.first_key(query), {}, 0.0};
  for (std::int64_t key = result.first_key; key <= p.position(query); ++key) {
    double score = 0.0;
    for (std::int64_t i = 0; i < p.head_width; ++i)
      score += q[p.q_at(query, head, i)] * k[p.kv_at(key, head, i)];
    result.values.push_back(score * p.scale);
  }
  const double shift = *std::max_element(result.values.begin(), result.values.end());
  double total = 0.0;
  for (double& value : result.values) total += value = std::exp(value - shift);
  for (double& value : result.values) value /= total;
  result.logsumexp = std::log(total) + shift;
  return result;
}

struct AttentionResult {
  Values out;        ///< [queries, heads, K]
  Values logsumexp;  ///< [heads, queries]
};

inline AttentionResult attention(const AttentionProblem& p, const Values& q, const Values& k, const Values& v) {
  AttentionResult result{Values(q.size()), Values(static_cast<std::size_t>(p.heads * p.queries))};
  for (std::int64_t head = 0; head < p.heads; ++head) {
    for (std::int64_t query = 0; query < p.queries; ++query) {
      const AttentionProbabilities weights = attention_probabilities(p, q, k, query, head);
      result.logsumexp[at(head, p.queries, query)] = weights.logsumexp;
      for (std::size_t j = 0; j < weights.values.size(); ++j) {
        const std::int64_t key = weights.first_key + static_cast<std::int64_t>(j);
        for (std::int64_t i = 0; i < p.head_width; ++i) {
          result.out[p.q_at(query, head, i)] += weights.values[j] * v[p.kv_at(key, head, i)];
        }
      }
    }
  }
  return result;
}

struct AttentionGradients {
  Values dq;
  Values dk;
  Values dv;
};

/// dv = Pᵀ dout;  dS = P ∘ (dout vᵀ - rowsum(dout ∘ out));  dq = scale dS k;  dk = scale dSᵀ q.
inline AttentionGradients attention_backward(const AttentionProblem& p, const Values& dout, const Values& q,
                                             const Values& k, const Values& v) {
  AttentionGradients gradient{Values(q.size()), Values(k.size()), Values(v.size())};
  for (std::int64_t head = 0; head < p.heads; ++head) {
    for (std::int64_t query = 0; query < p.queries; ++query) {
      const AttentionProbabilities weights = attention_probabilities(p, q, k, query, head);
      Values dweights(weights.values.size());
      double expected = 0.0;  // rowsum(dout ∘ out) = Σ_j P_j dP_j
      for (std::size_t j = 0; j < dweights.size(); ++j) {
        const std::int64_t key = weights.first_key + static_cast<std::int64_t>(j);
        for (std::int64_t i = 0; i < p.head_width; ++i) {
          dweights[j] += dout[p.q_at(query, head, i)] * v[p.kv_at(key, head, i)];
          gradient.dv[p.kv_at(key, head, i)] += weights.values[j] * dout[p.q_at(query, head, i)];
        }
        expected += weights.values[j] * dweights[j];
      }
      for (std::size_t j = 0; j < dweights.size(); ++j) {
        const std::int64_t key = weights.first_key + static_cast<std::int64_t>(j);
        const double dscore = weights.values[j] * (dweights[j] - expected) * p.scale;
        for (std::int64_t i = 0; i < p.head_width; ++i) {
          gradient.dq[p.q_at(query, head, i)] += dscore * k[p.kv_at(key, head, i)];
          gradient.dk[p.kv_at(key, head, i)] += dscore * q[p.q_at(query, head, i)];
        }
      }
    }
  }
  return gradient;
}

}  // namespace outcrop::kernels::reference
