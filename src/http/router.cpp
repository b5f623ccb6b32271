#include "http/router.h"

#include "http/request.h"
#include "http/target.h"

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace outcrop::http {
namespace {

struct Route {
  Handler handler;
  RouteOptions options;
  std::vector<std::string> names;  // of the parameters, in order
};

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);  // the first '/'
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

void send_message(ResponseWriter& response, int status, std::string_view message) {
  // The client may have gone: then nobody is left to tell.
  (void)response.send(status, "application/json", fmt::format("{{\"message\":\"{}\"}}", message));
}

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> texts;
  std::unique_ptr<Node> parameter;
  std::unique_ptr<Node> rest;
  std::map<std::string, Route, std::less<>> methods;

  /// The node for segments[at …] that has routes; the values of its parameters, undecoded, in `values`.
  const Node* find(const std::vector<std::string_view>& segments, const std::vector<std::string>& decoded,
                   std::size_t at, std::string_view path, std::vector<std::string_view>& values) const {
    if (at == segments.size()) return methods.empty() ? nullptr : this;
    if (const auto text = texts.find(decoded[at]); text != texts.end()) {
      if (const Node* found = text->second->find(segments, decoded, at + 1, path, values)) return found;
    }
    if (segments[at].empty() && at + 1 == segments.size()) return nullptr;
    const std::size_t depth = values.size();
    if (parameter && !segments[at].empty()) {
      values.push_back(segments[at]);
      if (const Node* found = parameter->find(segments, decoded, at + 1, path, values)) return found;
      values.resize(depth);
    }
    if (!rest) return nullptr;
    values.push_back(path.substr(static_cast<std::size_t>(segments[at].data() - path.data())));
    return rest.get();
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Status Router::add(std::string_view method, std::string_view pattern, Handler handler,
                   const RouteOptions& options) {
  const auto malformed = [&](std::string_view why) {
    return fail(Code::invalid_argument, fmt::format("route {} {}: {}", method, pattern, why));
  };
  if (!is_token(method)) return malformed("the method is no token");
  if (!pattern.starts_with('/')) return malformed("a pattern begins with '/'");
  Route route{std::move(handler), options, {}};
  Node* node = root_.get();
  const std::vector<std::string_view> segments = split(pattern);
  for (const std::string_view segment : segments) {
    std::unique_ptr<Node>* next = nullptr;
    if (segment.starts_with('{') && segment.ends_with('}') && segment.size() > 2) {
      std::string_view name = segment.substr(1, segment.size() - 2);
      const bool takes_rest = name.ends_with('+');
      if (takes_rest) name.remove_suffix(1);
      if (takes_rest && segment.data() != segments.back().data())
        return malformed("{name+} stands only at the end");
      if (!is_token(name)) return malformed("a parameter has no proper name");
      route.names.emplace_back(name);
      next = takes_rest ? &node->rest : &node->parameter;
    } else {
      if (segment.find_first_of("{}?#%") != std::string_view::npos)
        return malformed("a text segment holds one of {}?#%");
      next = &node->texts[std::string(segment)];
    }
    if (!*next) *next = std::make_unique<Node>();
    node = next->get();
  }
  if (!node->methods.try_emplace(std::string(method), std::move(route)).second) {
    return fail(Code::already_exists,
                fmt::format("route {} {}: the same requests have a handler", method, pattern));
  }
  return {};
}

void Router::set_fallback(Handler handler) {
  fallback_ = std::move(handler);
}

void Router::route(Request& request, ResponseWriter& response) const {
  const std::string path(request.path());
  const std::vector<std::string_view> segments =
      path.starts_with('/') ? split(path) : std::vector<std::string_view>();
  std::vector<std::string> decoded;
  for (const std::string_view segment : segments) {
    auto text = percent_decode(segment);
    if (!text) return send_message(response, 400, "the path has a malformed percent-escape");
    decoded.push_back(*std::move(text));
  }
  std::vector<std::string_view> values;
  const Node* node = segments.empty() ? nullptr : root_->find(segments, decoded, 0, path, values);
  if (node == nullptr) {
    if (fallback_) return fallback_(request, response);
    return send_message(response, 404, "there is nothing at this path");
  }
  auto found = node->methods.find(request.method);
  if (found == node->methods.end() && request.method == "HEAD") found = node->methods.find("GET");
  if (found == node->methods.end()) {
    std::string allowed;
    for (const auto& [method, route] : node->methods) allowed += (allowed.empty() ? "" : ", ") + method;
    response.headers().set("Allow", allowed);
    return send_message(response, 405, "this path does not have this method");
  }
  const Route& route = found->second;
  for (std::size_t i = 0; i < values.size(); ++i) {
    request.path_parameters.emplace_back(route.names[i], percent_decode(values[i]).value_or(""));
  }
  request.body->set_limit(route.options.max_body_bytes);
  route.handler(request, response);
}

Handler Router::handler() const {
  return [this](Request& request, ResponseWriter& response) { route(request, response); };
}

}  // namespace outcrop::http
