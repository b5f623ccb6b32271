#pragma once
// Finds the handler of a request by method and path.
//
//   router.add("POST", "/model/{modelId}/converse", converse, {.max_body_bytes = 25'000'000});
//   router.add("GET", "/objects/{bucket}/{key+}", get_object);

#include "base/result.h"
#include "http/response.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace outcrop::http {

struct RouteOptions {
  /// What the handler can read of a body; beyond it, BodyReader gives quota_exceeded and the handler chooses
  /// the status.
  std::uint64_t max_body_bytes = 25'000'000;
};

/// Routes on the path as sent and decodes each segment afterwards, so that a name may hold an encoded '/' (an
/// ARN). A segment is a text, or a {name} that takes one non-empty segment, or, last, a {name+} that takes all
/// that is left (its own '/' and "%2F" are then the same). A text goes before a {name}, a {name} before a
/// {name+}. A '/' at the end is part of a route. HEAD is answered by the GET route where it has none. Build it
/// first; a built one is immutable and may be used by all threads.
class Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  /// invalid_argument for a malformed pattern, already_exists when the same requests have a handler.
  Status add(std::string_view method, std::string_view pattern, Handler handler,
             const RouteOptions& options = {});

  /// For paths without a route; a plain 404 when there is none. A path with routes of other methods only gets
  /// 405.
  void set_fallback(Handler handler);

  /// Answers one request: by its route's handler, or 404, 405 with Allow, or 400 for a malformed escape.
  void route(Request& request, ResponseWriter& response) const;

  /// route() as a Handler. The router must outlive it.
  Handler handler() const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  Handler fallback_;
};

}  // namespace outcrop::http
