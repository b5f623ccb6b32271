#include "http/server.h"

#include "base/log.h"
#include "http/exchange/core.h"
#include "http/net/session.h"
#include "http/net/tls_context.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace outcrop::http {
namespace {

using Tcp = asio::ip::tcp;

// Out of descriptors: accepting fails at once, again and again, until a connection ends.
constexpr std::chrono::milliseconds kAcceptPause{50};

Status check_options(const ServerOptions& options) {
  if (options.io_threads == 0 || options.workers == 0) {
    return fail(Code::invalid_argument, fmt::format("{} I/O threads and {} workers: both are at least 1",
                                                    options.io_threads, options.workers));
  }
  if (options.limits.buffer_bytes < 1024) {
    return fail(Code::invalid_argument,
                fmt::format("buffers of {} bytes: at least 1024", options.limits.buffer_bytes));
  }
  return {};
}

Result<Tcp::acceptor> listen(asio::io_context& context, const ServerOptions& options) {
  ErrorCode error;
  const asio::ip::address address = asio::ip::make_address(options.address, error);
  if (error) return fail(Code::invalid_argument, fmt::format("'{}' is no IP address", options.address));
  const Tcp::endpoint endpoint(address, options.port);
  Tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(Code::io,
                fmt::format("cannot listen on {} port {}: {}", options.address, options.port, error.message()));
  }
  return acceptor;
}

/// The connections that are open. Thread-safe.
class Registry {
 public:
  explicit Registry(const Limits& limits) : limits_(limits) {}

  /// false when the limits leave no room for it.
  bool add(const std::shared_ptr<Session>& session) {
    const std::lock_guard lock(mu_);
    if (sessions_.size() >= limits_.connections) return false;
    std::size_t& same = per_address_[session->remote_address()];
    if (limits_.connections_per_address > 0 && same >= limits_.connections_per_address) return false;
    ++same;
    sessions_.emplace(session.get(), session);
    return true;
  }
  void remove(const Session& session) {
    const std::lock_guard lock(mu_);
    if (--per_address_[session.remote_address()] == 0) per_address_.erase(session.remote_address());
    sessions_.erase(&session);
    if (sessions_.empty()) none_left_.notify_all();
  }
  /// Calls a member function of each session on its I/O thread.
  void post_to_all(void (Session::*function)()) {
    const std::lock_guard lock(mu_);
    for (const auto& [address, weak] : sessions_) {
      if (const auto session = weak.lock()) {
        asio::post(session->context(), [session, function] { (session.get()->*function)(); });
      }
    }
  }
  bool wait_until_none(Clock::time_point deadline) {
    std::unique_lock lock(mu_);
    return none_left_.wait_until(lock, deadline, [this] { return sessions_.empty(); });
  }

 private:
  const Limits limits_;
  std::mutex mu_;
  std::condition_variable none_left_;
  // guarded by mu_
  std::unordered_map<const Session*, std::weak_ptr<Session>> sessions_;
  std::map<std::string, std::size_t> per_address_;
};

/// One thread that runs the connections given to it.
struct IoThread {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::jthread thread;
};

}  // namespace

class Server::Impl {
 public:
  static Result<std::unique_ptr<Impl>> start(ServerOptions options, Handler handler);
  ~Impl() { shutdown(std::chrono::milliseconds(0)); }
  void shutdown(std::chrono::milliseconds patience);
  std::uint16_t port() const noexcept { return port_; }

 private:
  Impl(ServerOptions options, Handler handler)
      : registry_(options.limits), core_(std::make_unique<Core>(std::move(options), std::move(handler))) {}
  Task<void> accept();
  void begin_session(Tcp::socket socket, asio::io_context& context);

  // Connections refer to the core, and workers post to the threads' contexts: shutdown() ends them in that
  // order.
  std::vector<std::unique_ptr<IoThread>> threads_;
  Registry registry_;
  std::unique_ptr<Core> core_;
  std::optional<Tcp::acceptor> acceptor_;  // of the first thread
  std::optional<TlsContext> tls_;          // likewise
  std::uint16_t port_ = 0;
  std::mutex shutdown_mutex_;
  bool ended_ = false;  // guarded by shutdown_mutex_
};

Result<std::unique_ptr<Server::Impl>> Server::Impl::start(ServerOptions options, Handler handler) {
  OUTCROP_CHECK_OK(check_options(options));
  const std::size_t threads = options.io_threads;
  std::unique_ptr<Impl> impl(new Impl(std::move(options), std::move(handler)));
  const ServerOptions& kept = impl->core_->options;
  if (kept.tls) {
    OUTCROP_TRY(impl->tls_, TlsContext::load(*kept.tls));
  }
  for (std::size_t i = 0; i < threads; ++i) impl->threads_.push_back(std::make_unique<IoThread>());
  OUTCROP_TRY(impl->acceptor_, listen(impl->threads_.front()->context, kept));
  ErrorCode error;
  impl->port_ = impl->acceptor_->local_endpoint(error).port();
  asio::co_spawn(impl->threads_.front()->context, impl->accept(), asio::detached);
  for (const auto& thread : impl->threads_) {
    thread->thread = std::jthread([&context = thread->context] { context.run(); });
  }
  return impl;
}

Task<void> Server::Impl::accept() {
  for (std::size_t next = 0;; next = (next + 1) % threads_.size()) {
    asio::io_context& context = threads_[next]->context;
    auto [error, socket] = co_await acceptor_->async_accept(context, kNoThrow);
    if (!acceptor_->is_open()) co_return;
    if (error) {
      log::warning("cannot accept a connection", {{"reason", error.message()}});
      asio::steady_timer pause(threads_.front()->context, kAcceptPause);
      co_await pause.async_wait(kNoThrow);
      continue;
    }
    begin_session(std::move(socket), context);
  }
}

void Server::Impl::begin_session(Tcp::socket socket, asio::io_context& context) {
  ErrorCode error;
  const Tcp::endpoint client = socket.remote_endpoint(error);
  if (error) return;
  socket.set_option(Tcp::no_delay(true), error);
  std::unique_ptr<Transport> transport = tls_ ? make_tls_transport(Socket(std::move(socket)), tls_->current())
                                              : make_plain_transport(Socket(std::move(socket)));
  const auto session =
      std::make_shared<Session>(context, *core_, std::move(transport), client.address().to_string());
  if (!registry_.add(session)) {
    log::warning("connection refused: too many are open", {{"client", session->remote_address()}});
    return;
  }
  asio::co_spawn(context, session->run(), [this, session](std::exception_ptr thrown) {
    if (thrown) {  // memory ran out: only this connection ends
      log::error("a connection failed");
      session->close();
    }
    registry_.remove(*session);
  });
}

void Server::Impl::shutdown(std::chrono::milliseconds patience) {
  const std::lock_guard lock(shutdown_mutex_);
  if (std::exchange(ended_, true) || threads_.empty() || !acceptor_) return;
  const Clock::time_point deadline = Clock::now() + patience;
  asio::post(threads_.front()->context, [this] {
    ErrorCode ignored;
    acceptor_->close(ignored);
  });
  registry_.post_to_all(&Session::drain);
  while (!registry_.wait_until_none(deadline)) {
    registry_.post_to_all(&Session::close);
    if (registry_.wait_until_none(Clock::now() + std::chrono::milliseconds(100))) break;
  }
  core_->join_workers();
  for (const auto& thread : threads_) thread->context.stop();
  for (const auto& thread : threads_) {
    if (thread->thread.joinable()) thread->thread.join();
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  OUTCROP_TRY(std::unique_ptr<Impl> impl, Impl::start(std::move(options), std::move(handler)));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const noexcept {
  return impl_->port();
}

void Server::shutdown(std::chrono::milliseconds patience) {
  impl_->shutdown(patience);
}

}  // namespace outcrop::http
