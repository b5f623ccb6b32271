#pragma once
// What all connections of a server share: options, handler and workers.

#include "http/exchange/exchange.h"
#include "http/exchange/worker_pool.h"
#include "http/request.h"
#include "http/server.h"

#include <memory>
#include <string>
#include <string_view>

namespace outcrop::http {

/// Thread-safe.
class Core {
 public:
  Core(ServerOptions server_options, Handler handler);

  /// Has a worker run the handler; answers 503 itself when all are busy and the line is full.
  void submit(std::shared_ptr<Exchange> exchange, Request request);

  /// Waits until every handler has returned; takes no more.
  void join_workers() { workers_.join(); }

  std::string make_request_id() const;

  /// What every answer carries: Date, the request's id; and drops what is the connection's business.
  void complete(ResponseHead& head, const std::string& request_id) const;

  const ServerOptions options;

 private:
  void run(Exchange& exchange, Request& request) const;
  const Handler handler_;
  WorkerPool workers_;
};

/// An answer of the server itself, in the shape of the APIs behind it: {"message":"…"}.
void send_error(Exchange& exchange, int status, std::string_view message);

/// "Sun, 06 Nov 1994 08:49:37 GMT" of now; formatted once a second and thread.
std::string_view http_date();

}  // namespace outcrop::http
