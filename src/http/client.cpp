#include "http/client.h"

#include "base/check.h"

#include <array>
#include <mutex>

#include <curl/curl.h>
#include <fmt/format.h>

namespace outcrop::http {
namespace {

struct EasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using FieldList = std::unique_ptr<curl_slist, ListDeleter>;

/// What the callbacks of one transfer share.
struct Transfer {
  const ClientRequest& request;
  ClientResponse response;
  std::size_t body_sent = 0;
  std::optional<Error> error;  // of source, sink or a limit
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view bytes(data, size);
  if (transfer.request.sink) {
    if (auto status = transfer.request.sink(bytes); !status) {
      transfer.error = std::move(status).error();
      return 0;
    }
  } else if (bytes.size() > transfer.request.max_body_bytes - transfer.response.body.size()) {
    transfer.error = Error{Code::quota_exceeded,
                           fmt::format("the answer has more than {} bytes", transfer.request.max_body_bytes)};
    return 0;
  } else {
    transfer.response.body += bytes;
  }
  return size;
}

// libcurl gives each line of each head, those of redirects and of 100 too: a status line starts anew.
std::size_t take_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    transfer.response.headers = {};
    return size;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  value = first == std::string_view::npos ? std::string_view() : value.substr(first);
  value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
  transfer.response.headers.add(line.substr(0, colon), value);
  return size;
}

std::size_t give_body(char* out, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.request.source) {
    const std::size_t n = transfer.request.body.copy(out, size, transfer.body_sent);
    transfer.body_sent += n;
    return n;
  }
  auto given = transfer.request.source({out, size});
  if (given) return *given;
  transfer.error = std::move(given).error();
  return CURL_READFUNC_ABORT;
}

// Redirects and reused connections that turn out closed send the body again; a source cannot.
int rewind_body(void* user, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.request.source || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  transfer.body_sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int watch_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->request.stop.stop_requested() ? 1 : 0;
}

Code code_of(CURLcode result) {
  switch (result) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return Code::invalid_argument;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
      return Code::unavailable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Code::permission_denied;
    case CURLE_OUT_OF_MEMORY:
      return Code::out_of_memory;
    default:
      return Code::io;
  }
}

void append(FieldList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  CHECK(longer != nullptr, "out of memory");
  (void)list.release();
  list.reset(longer);
}

Result<FieldList> field_list(const Headers& headers) {
  FieldList list;
  for (const Header& field : headers) {
    if (!is_token(field.name) || !is_field_value(field.value)) {
      return fail(Code::invalid_argument, "a request header has a name or value that cannot be sent");
    }
    // "Name:" would remove a header of libcurl's own; "Name;" sends one without a value.
    append(list, field.value.empty() ? field.name + ";" : field.name + ": " + field.value);
  }
  for (const char* own : {"Expect", "Accept", "Content-Type"}) {
    if (!headers.contains(own)) append(list, std::string(own) + ":");
  }
  return list;
}

std::string_view scheme_of(std::string_view url) {
  if (url.size() >= 8 && equal_ignoring_case(url.substr(0, 8), "https://")) return "https";
  if (url.size() >= 7 && equal_ignoring_case(url.substr(0, 7), "http://")) return "http";
  return "";
}

void set_body(CURL* easy, Transfer& transfer) {
  const ClientRequest& request = transfer.request;
  const bool has_body =
      request.source || !request.body.empty() || request.method == "PUT" || request.method == "POST";
  if (!has_body) {
    if (request.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool chunked = request.source && !request.source_length;
  const std::uint64_t size = request.source ? request.source_length.value_or(0) : request.body.size();
  curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
  curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, chunked ? curl_off_t{-1} : static_cast<curl_off_t>(size));
}

}  // namespace

struct Client::Impl {
  ClientOptions options;
  std::unique_ptr<CURL, EasyDeleter> easy;
  std::array<char, CURL_ERROR_SIZE> reason{};

  void prepare(Transfer& transfer, const FieldList& fields, std::string_view scheme);
};

void Client::Impl::prepare(Transfer& transfer, const FieldList& fields, std::string_view scheme) {
  const ClientRequest& request = transfer.request;
  CURL* handle = easy.get();
  const auto set = [handle](CURLoption option, auto value) {
    CHECK(curl_easy_setopt(handle, option, value) == CURLE_OK,
          "libcurl lacks an option that it is known to have");
  };
  curl_easy_reset(handle);  // keeps connections
  reason.front() = '\0';
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, std::string(scheme).c_str());
  set(CURLOPT_FOLLOWLOCATION, request.max_redirects > 0 ? 1L : 0L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(request.max_redirects));
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, "outcrop");
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout.count()));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, watch_stop);
  set(CURLOPT_XFERINFODATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_HTTPHEADER, fields.get());
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  set_body(handle, transfer);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>()) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  impl_->options = std::move(options);
  impl_->easy.reset(curl_easy_init());
  CHECK(impl_->easy != nullptr, "libcurl cannot start");
}

Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<ClientResponse> Client::send(const ClientRequest& request) {
  const std::string_view scheme = scheme_of(request.url);
  if (scheme.empty()) return fail(Code::invalid_argument, "the URL does not begin with http:// or https://");
  if (!is_token(request.method)) return fail(Code::invalid_argument, "the method is no token");
  OUTCROP_TRY(const FieldList fields, field_list(request.headers));
  Transfer transfer{request, {}, 0, std::nullopt};
  impl_->prepare(transfer, fields, scheme);
  const CURLcode result = curl_easy_perform(impl_->easy.get());
  if (transfer.error) return tl::unexpected<Error>(*std::move(transfer.error));
  if (result == CURLE_ABORTED_BY_CALLBACK) return fail(Code::cancelled, "the request was stopped");
  if (result != CURLE_OK) {
    const std::string_view reason = impl_->reason.data();
    return fail(code_of(result), fmt::format("{} request failed: {}", request.method,
                                             reason.empty() ? curl_easy_strerror(result) : reason));
  }
  long status = 0;
  curl_easy_getinfo(impl_->easy.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  return std::move(transfer.response);
}

}  // namespace outcrop::http
