#include "http/response.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::http {
namespace {

constexpr std::size_t kFilePiece = std::size_t{128} << 10;

/// A file open for reading, closed at the end of its scope.
class OpenFile {
 public:
  static Result<OpenFile> open(const Path& path) {
    OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.descriptor_ < 0) {
      const Code code = errno == ENOENT || errno == ENOTDIR ? Code::not_found : Code::io;
      return fail(code, fmt::format("{}: {}", path.string(), std::strerror(errno)));
    }
    struct stat status {};
    if (::fstat(file.descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      return fail(Code::io, fmt::format("{}: not a regular file", path.string()));
    }
    file.size_ = static_cast<std::uint64_t>(status.st_size);
    return file;
  }
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  std::uint64_t size() const noexcept { return size_; }
  ssize_t read_at(char* out, std::size_t bytes, std::uint64_t offset) const noexcept {
    return ::pread(descriptor_, out, bytes, static_cast<off_t>(offset));
  }

 private:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  std::uint64_t size_ = 0;
};

Status check_headers(const Headers& headers) {
  for (const Header& field : headers) {
    if (!is_token(field.name) || !is_field_value(field.value)) {
      return fail(Code::invalid_argument,
                  fmt::format("response header '{}' has a name or value that cannot be sent",
                              is_token(field.name) ? field.name : "?"));
    }
  }
  return {};
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    // clang-format off
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 424: return "Failed Dependency";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
      // clang-format on
  }
}

Status ResponseWriter::start(int status) {
  if (started_) return fail(Code::conflict, "the answer to this request has started already");
  if (status < 200 || status > 599) {
    return fail(Code::invalid_argument, fmt::format("{} is no status of a final answer (200 to 599)", status));
  }
  OUTCROP_CHECK_OK(check_headers(headers_));
  started_ = true;
  return {};
}

Status ResponseWriter::send(int status, std::string body) {
  OUTCROP_CHECK_OK(start(status));
  return sink_->send(status, std::move(headers_), std::move(body));
}

Status ResponseWriter::send(int status, std::string_view content_type, std::string body) {
  headers_.set("Content-Type", content_type);
  return send(status, std::move(body));
}

Result<ResponseStream> ResponseWriter::stream(int status, std::optional<std::uint64_t> length) {
  OUTCROP_CHECK_OK(start(status));
  OUTCROP_CHECK_OK(sink_->begin(status, std::move(headers_), length));
  return ResponseStream(*sink_);
}

Status ResponseWriter::send_file(int status, const FileRange& range) {
  OUTCROP_TRY(const OpenFile file, OpenFile::open(range.path));
  if (range.offset > file.size() || range.length.value_or(0) > file.size() - range.offset) {
    return fail(Code::invalid_argument,
                fmt::format("{}: {} bytes from {} are asked for, the file has {}", range.path.string(),
                            range.length.value_or(0), range.offset, file.size()));
  }
  std::uint64_t left = range.length.value_or(file.size() - range.offset);
  std::uint64_t offset = range.offset;
  OUTCROP_TRY(ResponseStream out, stream(status, left));
  std::vector<char> piece(kFilePiece);
  while (left > 0) {
    const ssize_t n = file.read_at(piece.data(), std::min<std::uint64_t>(left, piece.size()), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Code::io, fmt::format("{}: cannot be read at {}", range.path.string(), offset));
    OUTCROP_CHECK_OK(out.write({piece.data(), static_cast<std::size_t>(n)}));
    left -= static_cast<std::uint64_t>(n);
    offset += static_cast<std::uint64_t>(n);
  }
  return out.finish();
}

Status ResponseStream::finish(Headers trailers) {
  OUTCROP_CHECK_OK(check_headers(trailers));
  return sink_->finish(std::move(trailers));
}

Status RecordedResponse::begin(int new_status, Headers new_headers, std::optional<std::uint64_t>) {
  status = new_status;
  headers = std::move(new_headers);
  return {};
}

Status RecordedResponse::send(int new_status, Headers new_headers, std::string new_body) {
  OUTCROP_CHECK_OK(begin(new_status, std::move(new_headers), new_body.size()));
  body = std::move(new_body);
  finished = true;
  return {};
}

Status RecordedResponse::write(std::string_view bytes) {
  if (client_gone) return fail(Code::cancelled, "the client has gone");
  body += bytes;
  return {};
}

Status RecordedResponse::finish(Headers new_trailers) {
  trailers = std::move(new_trailers);
  finished = true;
  return {};
}

}  // namespace outcrop::http
