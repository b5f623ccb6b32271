#include "http/net/tls_context.h"

#include "base/log.h"

#include <array>
#include <string_view>

#include <boost/asio/ssl.hpp>
#include <fmt/format.h>

namespace outcrop::http {
namespace {

constexpr std::chrono::seconds kLookAgain{1};

// RFC 7301: names with their length in front, the server's preference first.
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  unsigned char* chosen = nullptr;
  const int found =
      ::SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kProtocols.data()),
                              static_cast<unsigned>(kProtocols.size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<std::shared_ptr<asio::ssl::context>> make_context(const TlsOptions& options) {
  using asio::ssl::context;
  auto made = std::make_shared<context>(context::tls_server);
  ErrorCode error;
  const auto refuse = [&](const Path& path) {
    return fail(Code::invalid_argument, fmt::format("{}: {}", path.string(), error.message()));
  };
  made->set_options(context::no_sslv2 | context::no_sslv3 | context::no_tlsv1 | context::no_tlsv1_1 |
                    context::no_compression);
  ::SSL_CTX_set_options(made->native_handle(), SSL_OP_NO_RENEGOTIATION);
  if (made->use_certificate_chain_file(options.certificate.string(), error); error) {
    return refuse(options.certificate);
  }
  if (made->use_private_key_file(options.key.string(), context::pem, error); error) return refuse(options.key);
  if (::SSL_CTX_check_private_key(made->native_handle()) != 1) {
    return fail(Code::invalid_argument, fmt::format("{}: does not belong to the certificate {}",
                                                    options.key.string(), options.certificate.string()));
  }
  ::SSL_CTX_set_alpn_select_cb(made->native_handle(), choose_protocol, nullptr);
  return made;
}

bool file_differs(const struct stat& a, const struct stat& b) noexcept {
  return a.st_ino != b.st_ino || a.st_size != b.st_size || a.st_mtim.tv_sec != b.st_mtim.tv_sec ||
         a.st_mtim.tv_nsec != b.st_mtim.tv_nsec;
}

}  // namespace

bool TlsContext::Stamp::differs(const Stamp& other) const noexcept {
  return file_differs(certificate, other.certificate) || file_differs(key, other.key);
}

// stat follows links, and a file that is away for a moment gives zeros: it differs, loading fails, the old one
// stays.
TlsContext::Stamp TlsContext::read_stamp() const {
  Stamp stamp;
  if (::stat(options_.certificate.c_str(), &stamp.certificate) != 0) stamp.certificate = {};
  if (::stat(options_.key.c_str(), &stamp.key) != 0) stamp.key = {};
  return stamp;
}

Result<TlsContext> TlsContext::load(TlsOptions options) {
  TlsContext loaded(std::move(options));
  loaded.stamp_ = loaded.read_stamp();
  loaded.looked_ = Clock::now();
  OUTCROP_TRY(loaded.context_, make_context(loaded.options_));
  return loaded;
}

std::shared_ptr<asio::ssl::context> TlsContext::current() {
  if (Clock::now() - looked_ < kLookAgain) return context_;
  looked_ = Clock::now();
  const Stamp stamp = read_stamp();
  if (!stamp.differs(stamp_)) return context_;
  auto made = make_context(options_);
  if (made) {
    stamp_ = stamp;
    context_ = *std::move(made);
    log::info("certificate reloaded", {{"certificate", options_.certificate.string()}});
  } else {
    log::warning("certificate not reloaded; the one before stays", {{"reason", made.error().message}});
  }
  return context_;
}

}  // namespace outcrop::http
