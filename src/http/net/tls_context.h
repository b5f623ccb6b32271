#pragma once
// The server's certificate and key as an OpenSSL context that follows its files.

#include "base/result.h"
#include "http/net/asio.h"
#include "http/server.h"

#include <memory>

#include <sys/stat.h>

namespace boost::asio::ssl {
class context;
}

namespace outcrop::http {

/// Used by one thread, the one that accepts.
class TlsContext {
 public:
  static Result<TlsContext> load(TlsOptions options);

  /// The context for a new connection, with the files as they are now.
  std::shared_ptr<asio::ssl::context> current();

 private:
  /// Of both files: what changes when they are replaced or rewritten.
  struct Stamp {
    struct stat certificate {};
    struct stat key {};
    bool differs(const Stamp& other) const noexcept;
  };
  explicit TlsContext(TlsOptions options) : options_(std::move(options)) {}
  Stamp read_stamp() const;

  TlsOptions options_;
  Stamp stamp_;
  Clock::time_point looked_;
  std::shared_ptr<asio::ssl::context> context_;
};

}  // namespace outcrop::http
