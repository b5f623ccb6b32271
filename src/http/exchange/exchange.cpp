#include "http/exchange/exchange.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::http {
namespace {

tl::unexpected<Error> gone() {
  return fail(Code::cancelled, "the client has gone");
}

}  // namespace

Exchange::Exchange(ExchangeOptions options, std::function<void()> wake)
    : options_(options), wake_(std::move(wake)) {}

// One call of wake_ announces every change up to the next woken().
void Exchange::wake(std::unique_lock<std::mutex>& lock) {
  const bool pending = std::exchange(wake_pending_, true);
  lock.unlock();
  if (!pending) wake_();
}

void Exchange::woken() {
  const std::lock_guard lock(mu_);
  wake_pending_ = false;
}

Result<std::size_t> Exchange::read_body(std::span<char> out) {
  std::unique_lock lock(mu_);
  if (!std::exchange(body_wanted_, true)) {
    wake(lock);
    lock.lock();
  }
  changed_.wait(lock, [this] { return !body_.empty() || body_ended_ || body_error_ || gone_; });
  if (body_.empty()) {
    if (body_error_) return tl::unexpected<Error>(*body_error_);
    if (body_ended_) return std::size_t{0};
    return gone();
  }
  const std::size_t n = body_.take(out);
  body_read_ += n;
  if (body_read_ >= options_.buffer_bytes / 4 || body_.empty()) wake(lock);
  return n;
}

Status Exchange::begin(int status, Headers headers, std::optional<std::uint64_t> length) {
  std::unique_lock lock(mu_);
  if (gone_) return gone();
  begun_ = true;
  head_ = ResponseHead{status, std::move(headers), length};
  output_left_ = length;
  wake(lock);
  return {};
}

Status Exchange::send(int status, Headers headers, std::string body) {
  std::unique_lock lock(mu_);
  if (gone_) return gone();
  begun_ = true;
  finished_ = true;
  head_ = ResponseHead{status, std::move(headers), body.size()};
  output_.append(std::move(body));
  wake(lock);
  return {};
}

Status Exchange::write(std::string_view bytes) {
  std::unique_lock lock(mu_);
  if (!begun_ || finished_) return fail(Code::conflict, "the answer is not open for writing");
  if (output_left_ && bytes.size() > *output_left_) {
    return fail(Code::invalid_argument, fmt::format("{} bytes are written, {} are left of the stated length",
                                                    bytes.size(), *output_left_));
  }
  if (output_left_) *output_left_ -= bytes.size();
  while (!bytes.empty()) {
    changed_.wait(lock, [this] { return output_.size() < options_.buffer_bytes || gone_; });
    if (gone_) return gone();
    const std::size_t n = std::min(bytes.size(), options_.buffer_bytes - output_.size());
    const bool was_empty = output_.empty();
    output_.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (!was_empty) continue;
    wake(lock);
    lock.lock();
  }
  return {};
}

Status Exchange::finish(Headers trailers) {
  std::unique_lock lock(mu_);
  if (!begun_ || finished_) return fail(Code::conflict, "the answer is not open for writing");
  if (gone_) return gone();
  if (output_left_.value_or(0) > 0) {
    return fail(Code::invalid_argument,
                fmt::format("the answer ends {} bytes short of its stated length", *output_left_));
  }
  finished_ = true;
  response_trailers_ = std::move(trailers);
  wake(lock);
  return {};
}

bool Exchange::closed() const {
  const std::lock_guard lock(mu_);
  return gone_ || stop_.stop_requested();
}

bool Exchange::abandoned() const {
  const std::lock_guard lock(mu_);
  return gone_;
}

bool Exchange::handler_returned() {
  std::unique_lock lock(mu_);
  if (!begun_) return gone_;
  if (!finished_) {
    aborted_ = true;
    wake(lock);
  }
  return true;
}

void Exchange::push_body(std::string_view bytes) {
  const std::lock_guard lock(mu_);
  body_.append(bytes);
  changed_.notify_all();
}

bool Exchange::body_full() const {
  const std::lock_guard lock(mu_);
  return body_.size() >= options_.buffer_bytes;
}

void Exchange::end_body(Headers trailers) {
  const std::lock_guard lock(mu_);
  request_trailers_ = std::move(trailers);
  body_ended_ = true;
  changed_.notify_all();
}

int Exchange::status_of_silence() const {
  const std::lock_guard lock(mu_);
  return body_status_;
}

void Exchange::fail_body(Error error, int status) {
  const std::lock_guard lock(mu_);
  if (body_ended_ || body_error_) return;
  body_error_ = std::move(error);
  body_status_ = status;
  changed_.notify_all();
}

std::size_t Exchange::take_body_read() {
  const std::lock_guard lock(mu_);
  return std::exchange(body_read_, 0);
}

bool Exchange::take_continue() {
  const std::lock_guard lock(mu_);
  if (!options_.expects_continue || !body_wanted_ || begun_) return false;
  return !std::exchange(continue_taken_, true);
}

void Exchange::client_gone() {
  {
    const std::lock_guard lock(mu_);
    gone_ = true;
    output_.clear();
    changed_.notify_all();
  }
  stop_.request_stop();
}

bool Exchange::has_head() const {
  const std::lock_guard lock(mu_);
  return head_.has_value();
}

std::optional<ResponseHead> Exchange::take_head() {
  const std::lock_guard lock(mu_);
  return std::exchange(head_, std::nullopt);
}

Exchange::Output Exchange::output() const {
  const std::lock_guard lock(mu_);
  if (gone_ || aborted_) return Output::aborted;
  if (!output_.empty()) return Output::ready;
  return finished_ ? Output::finished : Output::empty;
}

// The writer is let in again at half a buffer, so that it does not wake for every few bytes.
void Exchange::after_output_taken() {
  if (output_.size() <= options_.buffer_bytes / 2) changed_.notify_all();
}

std::size_t Exchange::take_output(std::span<char> out) {
  const std::lock_guard lock(mu_);
  const std::size_t n = output_.take(out);
  after_output_taken();
  return n;
}

std::string Exchange::take_output(std::size_t max_bytes) {
  const std::lock_guard lock(mu_);
  std::string piece(output_.view().substr(0, max_bytes));
  output_.consume(piece.size());
  after_output_taken();
  return piece;
}

Headers Exchange::take_response_trailers() {
  const std::lock_guard lock(mu_);
  return std::move(response_trailers_);
}

Result<std::size_t> ExchangeBody::read(std::span<char> out) {
  const auto too_large = [this](std::uint64_t bytes, std::string_view more) {
    return fail(Code::quota_exceeded,
                fmt::format("the request body has {}{} bytes, the limit is {}", bytes, more, limit_));
  };
  if (length().value_or(0) > limit_) return too_large(*length(), "");
  OUTCROP_TRY(const std::size_t n, exchange_->read_body(out));
  read_ += n;
  if (read_ > limit_) return too_large(read_, " or more");
  return n;
}

}  // namespace outcrop::http
