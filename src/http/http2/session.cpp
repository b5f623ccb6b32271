#include "http/http2/session.h"

#include "base/check.h"
#include "http/http2/stream.h"

#include <array>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

namespace outcrop::http {
namespace {

using TimePoint = Http2Session::TimePoint;

constexpr std::int32_t kConnectionWindow = 1 << 20;
// A head so far beyond the limit is no mistake; reading it to its end would be work for nothing.
constexpr std::size_t kHopelessFactor = 4;
// Between the warning of a shutdown and the last stream that is taken: requests under way arrive.
constexpr std::chrono::milliseconds kDrainNotice{100};

struct SessionDeleter {
  void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
};
struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const noexcept {
    nghttp2_session_callbacks_del(callbacks);
  }
};
struct OptionDeleter {
  void operator()(nghttp2_option* option) const noexcept { nghttp2_option_del(option); }
};

std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::string lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// Fields as nghttp2 takes them; it copies the bytes on submission.
class FieldList {
 public:
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void add(const Headers& headers) {
    for (const Header& field : headers) add(lower_case(field.name), field.value);
  }
  std::vector<nghttp2_nv> list() {
    std::vector<nghttp2_nv> list;
    list.reserve(fields_.size());
    for (Header& field : fields_) {
      list.push_back({reinterpret_cast<std::uint8_t*>(field.name.data()),
                      reinterpret_cast<std::uint8_t*>(field.value.data()), field.name.size(),
                      field.value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return list;
  }

 private:
  std::vector<Header> fields_;
};

}  // namespace

struct Http2Session::Impl {
  Impl(Core& core_given, Http2Peer peer_given, std::function<void(std::int32_t)> wake_given);

  // nghttp2 calls these while it reads or writes.
  int on_begin_headers(const nghttp2_frame& frame);
  int on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  int on_frame(const nghttp2_frame& frame);
  int on_data(std::int32_t id, std::string_view bytes);
  int on_frame_sent(const nghttp2_frame& frame);
  int on_stream_closed(std::int32_t id);
  ssize_t read_output(std::int32_t id, std::span<char> out, std::uint32_t& flags);

  void open_session();
  Http2Stream* find(std::int32_t id);
  void begin_request(Http2Stream& stream);
  Request make_request(Http2Stream& stream) const;
  void end_request(Http2Stream& stream);
  void advance(Http2Stream& stream);
  void submit_answer(Http2Stream& stream);
  void submit_trailers(Http2Stream& stream);
  void check_stream(Http2Stream& stream, std::chrono::nanoseconds since_last);
  int misbehaved();

  Core& core;
  const Http2Peer peer;
  const std::function<void(std::int32_t)> wake;
  std::unique_ptr<nghttp2_session, SessionDeleter> session;
  std::map<std::int32_t, std::unique_ptr<Http2Stream>> streams;
  TimePoint now = std::chrono::steady_clock::now();
  TimePoint last_tick = now;
  TimePoint last_activity = now;
  std::optional<TimePoint> head_since;  // a header block is incomplete since then
  std::optional<TimePoint> draining_since;
  bool last_word_said = false;  // the final GOAWAY
  bool broken = false;
  TokenBucket abandoned;
  TokenBucket controls;
};

Http2Session::Impl::Impl(Core& core_given, Http2Peer peer_given, std::function<void(std::int32_t)> wake_given)
    : core(core_given),
      peer(std::move(peer_given)),
      wake(std::move(wake_given)),
      abandoned(core.options.limits.reset_burst, core.options.limits.resets_per_second),
      controls(core.options.limits.control_burst, core.options.limits.controls_per_second) {
  open_session();
}

void Http2Session::Impl::open_session() {
  const Limits& limits = core.options.limits;
  nghttp2_session_callbacks* made_callbacks = nullptr;
  CHECK(nghttp2_session_callbacks_new(&made_callbacks) == 0, "out of memory");
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(made_callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      made_callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return static_cast<Impl*>(user)->on_begin_headers(*frame);
      });
  nghttp2_session_callbacks_set_on_header_callback(
      made_callbacks,
      [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
        return static_cast<Impl*>(user)->on_header(*frame, view(name, name_size), view(value, value_size));
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      made_callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return static_cast<Impl*>(user)->on_frame(*frame);
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      made_callbacks,
      [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
         void* user) { return static_cast<Impl*>(user)->on_data(id, view(data, size)); });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      made_callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return static_cast<Impl*>(user)->on_frame_sent(*frame);
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      made_callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
        return static_cast<Impl*>(user)->on_stream_closed(id);
      });

  nghttp2_option* made_option = nullptr;
  CHECK(nghttp2_option_new(&made_option) == 0, "out of memory");
  const std::unique_ptr<nghttp2_option, OptionDeleter> option(made_option);
  nghttp2_option_set_no_auto_window_update(made_option, 1);
  nghttp2_option_set_no_closed_streams(made_option, 1);

  nghttp2_session* made = nullptr;
  CHECK(nghttp2_session_server_new2(&made, made_callbacks, this, made_option) == 0, "out of memory");
  session.reset(made);
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(limits.buffer_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2Stream* Http2Session::Impl::find(std::int32_t id) {
  const auto found = streams.find(id);
  return found == streams.end() ? nullptr : found->second.get();
}

int Http2Session::Impl::misbehaved() {
  nghttp2_session_terminate_session(session.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  return 0;
}

// --- what the client sends ---

int Http2Session::Impl::on_begin_headers(const nghttp2_frame& frame) {
  head_since = now;
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  const std::int32_t id = frame.hd.stream_id;
  streams.emplace(id, std::make_unique<Http2Stream>(id, core.options.timeouts));
  return 0;
}

int Http2Session::Impl::on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value) {
  Http2Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  const Limits& limits = core.options.limits;
  if (!stream->add_field(name, value, limits)) stream->fields_refused = true;
  const bool hopeless = stream->field_bytes > kHopelessFactor * limits.head_bytes;
  return hopeless ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2Session::Impl::on_frame(const nghttp2_frame& frame) {
  last_activity = now;
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: {
      head_since.reset();
      Http2Stream* stream = find(frame.hd.stream_id);
      if (stream == nullptr) return 0;
      if (!stream->exchange) begin_request(*stream);
      if (ends) end_request(*stream);
      return 0;
    }
    case NGHTTP2_DATA: {
      Http2Stream* stream = find(frame.hd.stream_id);
      if (stream != nullptr && ends) end_request(*stream);
      const bool empty = frame.hd.length == 0 && !ends;
      return empty && !controls.take(now) ? misbehaved() : 0;
    }
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
      return !ack && !controls.take(now) ? misbehaved() : 0;
    default:
      return 0;
  }
}

int Http2Session::Impl::on_data(std::int32_t id, std::string_view bytes) {
  nghttp2_session_consume_connection(session.get(), bytes.size());
  Http2Stream* stream = find(id);
  if (stream == nullptr || !stream->exchange) return 0;
  stream->waits_for_continue = false;  // a client that sends waits no longer
  stream->pace.received(bytes.size());
  stream->exchange->push_body(bytes);
  return 0;
}

void Http2Session::Impl::begin_request(Http2Stream& stream) {
  stream.request_id = core.make_request_id();
  stream.progress = now;
  ExchangeOptions options{.buffer_bytes = core.options.limits.buffer_bytes};
  // nghttp2 has checked that it is one number.
  if (const auto length = stream.headers.find("content-length")) {
    options.request_length = std::strtoull(std::string(*length).c_str(), nullptr, 10);
  }
  options.expects_continue = equal_ignoring_case(stream.headers.get("expect"), "100-continue");
  stream.waits_for_continue = options.expects_continue;
  stream.exchange = std::make_shared<Exchange>(options, [wake = wake, id = stream.id] { wake(id); });
  if (stream.fields_refused) {
    send_error(*stream.exchange, 431, "the request's headers are larger or more than this server takes");
  } else if (stream.method == "CONNECT") {
    send_error(*stream.exchange, 501, "this server is no proxy");
  } else {
    core.submit(stream.exchange, make_request(stream));
  }
}

Request Http2Session::Impl::make_request(Http2Stream& stream) const {
  Request request;
  request.method = stream.method;
  request.target = std::move(stream.target);
  request.version = Version::http_2;
  request.authority = stream.authority.empty() ? std::string(stream.headers.get("host")) : stream.authority;
  request.headers = std::move(stream.headers);
  request.body = std::make_unique<ExchangeBody>(stream.exchange);
  request.id = stream.request_id;
  request.remote_address = peer.remote_address;
  request.encrypted = peer.encrypted;
  request.stop = stream.exchange->stop_token();
  return request;
}

void Http2Session::Impl::end_request(Http2Stream& stream) {
  stream.request_ended = true;
  stream.exchange->end_body(std::move(stream.trailers));
}

int Http2Session::Impl::on_stream_closed(std::int32_t id) {
  const auto found = streams.find(id);
  if (found == streams.end()) return 0;
  const std::unique_ptr<Http2Stream> stream = std::move(found->second);
  streams.erase(found);
  last_activity = now;
  if (stream->answer_ended) {
    // The answer is out; a handler may still be reading what does not come any more.
    stream->exchange->fail_body({Code::cancelled, "the answer was sent before the body had come"}, 400);
    return 0;
  }
  if (stream->exchange) stream->exchange->client_gone();
  // Whoever made the reset necessary: a client that has much begun and little ended costs more than it pays.
  return abandoned.take(now) ? 0 : misbehaved();
}

// --- what the handlers answer ---

void Http2Session::Impl::advance(Http2Stream& stream) {
  if (!stream.exchange) return;
  Exchange& exchange = *stream.exchange;
  exchange.woken();
  const std::size_t read = exchange.take_body_read();
  if (read > 0) nghttp2_session_consume_stream(session.get(), stream.id, read);
  if (exchange.take_continue() && stream.waits_for_continue) {
    stream.waits_for_continue = false;
    FieldList fields;
    fields.add(":status", "100");
    const auto list = fields.list();
    nghttp2_submit_headers(session.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, list.data(), list.size(),
                           nullptr);
  }
  if (exchange.has_head()) {
    submit_answer(stream);
  } else if (stream.head_sent) {
    nghttp2_session_resume_data(session.get(), stream.id);
  }
}

void Http2Session::Impl::submit_answer(Http2Stream& stream) {
  ResponseHead head = stream.exchange->take_head().value_or(ResponseHead{});
  core.complete(head, stream.request_id);
  FieldList fields;
  fields.add(":status", std::to_string(head.status));
  fields.add(head.headers);
  const bool no_content = head.status == 204 || head.status == 304;
  if (head.length && !no_content) fields.add("content-length", std::to_string(*head.length));
  const auto list = fields.list();
  nghttp2_data_provider provider{};
  provider.read_callback = [](nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t size,
                              std::uint32_t* flags, nghttp2_data_source*, void* user) {
    return static_cast<Impl*>(user)->read_output(id, {reinterpret_cast<char*>(out), size}, *flags);
  };
  const bool bodyless = no_content || stream.method == "HEAD" || head.length == std::uint64_t{0};
  const int submitted = nghttp2_submit_response(session.get(), stream.id, list.data(), list.size(),
                                                bodyless ? nullptr : &provider);
  stream.head_sent = true;
  stream.progress = now;
  if (submitted != 0)
    nghttp2_submit_rst_stream(session.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_INTERNAL_ERROR);
}

ssize_t Http2Session::Impl::read_output(std::int32_t id, std::span<char> out, std::uint32_t& flags) {
  Http2Stream* stream = find(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  std::size_t taken = 0;
  Exchange::Output output = stream->exchange->output();
  if (output == Exchange::Output::ready) {
    taken = stream->exchange->take_output(out);
    stream->progress = now;
    output = stream->exchange->output();
  }
  switch (output) {
    case Exchange::Output::ready:
      return static_cast<ssize_t>(taken);
    case Exchange::Output::empty:
      return taken > 0 ? static_cast<ssize_t>(taken) : static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED);
    case Exchange::Output::aborted:
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream: the client sees a cut answer
    case Exchange::Output::finished:
      break;
  }
  flags |= NGHTTP2_DATA_FLAG_EOF;
  FieldList fields;
  fields.add(stream->exchange->take_response_trailers());
  if (const auto list = fields.list(); !list.empty()) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session.get(), id, list.data(), list.size());
  }
  return static_cast<ssize_t>(taken);
}

int Http2Session::Impl::on_frame_sent(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends || (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS)) return 0;
  Http2Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  stream->answer_ended = true;
  // RFC 9113, section 8.1: the rest of the request is not needed.
  if (!stream->request_ended) {
    nghttp2_submit_rst_stream(session.get(), NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

// --- time ---

void Http2Session::Impl::check_stream(Http2Stream& stream, std::chrono::nanoseconds since_last) {
  if (!stream.exchange) return;
  const bool awaits_body = !stream.request_ended && !stream.waits_for_continue && !stream.exchange->body_full();
  if (awaits_body) {
    stream.pace.waited(since_last);
    if (stream.pace.used_up()) stream.exchange->fail_body({Code::cancelled, "the body came too slowly"}, 408);
  }
  const bool held_up = stream.head_sent && stream.exchange->output() == Exchange::Output::ready;
  if (!held_up) stream.progress = now;
  if (now - stream.progress > core.options.timeouts.write_stall) {
    nghttp2_submit_rst_stream(session.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
  }
}

Http2Session::Http2Session(Core& core, Http2Peer peer, std::function<void(std::int32_t)> wake)
    : impl_(std::make_unique<Impl>(core, std::move(peer), std::move(wake))) {}

Http2Session::~Http2Session() {
  abandon_streams();
}

bool Http2Session::receive(std::string_view bytes, TimePoint now) {
  impl_->now = now;
  const ssize_t used = nghttp2_session_mem_recv(
      impl_->session.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) impl_->broken = true;
  return !impl_->broken;
}

void Http2Session::produce(std::string& out, std::size_t max_bytes) {
  while (out.size() < max_bytes) {
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(impl_->session.get(), &frame);
    if (size < 0) impl_->broken = true;
    if (size <= 0) return;
    out.append(view(frame, static_cast<std::size_t>(size)));
  }
}

void Http2Session::on_wake(std::int32_t stream) {
  if (Http2Stream* found = impl_->find(stream)) impl_->advance(*found);
}

void Http2Session::tick(TimePoint now) {
  Impl& impl = *impl_;
  impl.now = now;
  const Timeouts& timeouts = impl.core.options.timeouts;
  const auto since_last = now - std::exchange(impl.last_tick, now);
  for (const auto& [id, stream] : impl.streams) impl.check_stream(*stream, since_last);
  if (impl.head_since && now - *impl.head_since > timeouts.head) impl.misbehaved();
  const bool idle = impl.streams.empty() && now - impl.last_activity > timeouts.idle;
  if (idle) nghttp2_session_terminate_session(impl.session.get(), NGHTTP2_NO_ERROR);
  const bool notice_over = impl.draining_since && now - *impl.draining_since >= kDrainNotice;
  if (notice_over && !std::exchange(impl.last_word_said, true)) {
    const std::int32_t last = nghttp2_session_get_last_proc_stream_id(impl.session.get());
    nghttp2_submit_goaway(impl.session.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  }
}

void Http2Session::drain(TimePoint now) {
  if (impl_->draining_since) return;
  impl_->draining_since = now;
  nghttp2_submit_shutdown_notice(impl_->session.get());
}

void Http2Session::abandon_streams() {
  for (const auto& [id, stream] : impl_->streams) {
    if (stream->exchange) stream->exchange->client_gone();
  }
}

bool Http2Session::finished() const {
  nghttp2_session* session = impl_->session.get();
  const bool drained =
      impl_->last_word_said && impl_->streams.empty() && nghttp2_session_want_write(session) == 0;
  const bool over = nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
  return impl_->broken || drained || over;
}

std::size_t Http2Session::backlog() const {
  return nghttp2_session_get_outbound_queue_size(impl_->session.get());
}

}  // namespace outcrop::http
