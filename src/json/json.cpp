#include "json/json.h"

#include "base/check.h"
#include "base/text.h"
#include "json/node.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace outcrop {
namespace {

const Json& null_value() noexcept {
  static const Json value;
  return value;
}

/// The value as an error message shows it.
std::string shown(const Json& value) {
  return shorten(value.dump(), 60);
}

tl::unexpected<Error> fail_member(std::string_view where, std::string_view key, std::string_view rule,
                                  const Json& object) {
  if (!object.is_object()) {
    return fail(Code::invalid_argument, fmt::format("{}: must be an object, found {}", where, shown(object)));
  }
  if (!object.contains(key)) {
    return fail(Code::invalid_argument, fmt::format("{}: '{}' is missing, it must be {}", where, key, rule));
  }
  return fail(Code::invalid_argument,
              fmt::format("{}: '{}' must be {}, found {}", where, key, rule, shown(object[key])));
}

bool equal_objects(const JsonObject& a, const JsonObject& b) noexcept {
  if (a.members.size() != b.members.size()) return false;
  return std::all_of(a.members.begin(), a.members.end(), [&](const auto& member) {
    const std::size_t at = b.find(member.first);
    return at < b.members.size() && b.members[at].second == member.second;
  });
}

}  // namespace

std::size_t JsonObject::find(std::string_view key) const noexcept {
  if (sorted.empty()) {
    const auto it = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == key; });
    return static_cast<std::size_t>(it - members.begin());
  }
  const auto it = std::lower_bound(sorted.begin(), sorted.end(), key,
                                   [&](std::uint32_t i, std::string_view k) { return members[i].first < k; });
  return it != sorted.end() && members[*it].first == key ? *it : members.size();
}

void JsonObject::append(std::string key, Json value) {
  CHECK(members.size() < std::numeric_limits<std::uint32_t>::max(), "object with 2^32 members");
  const auto position = static_cast<std::uint32_t>(members.size());
  members.emplace_back(std::move(key), std::move(value));
  if (sorted.empty()) {
    if (members.size() > kLinear) build_index();
    return;
  }
  const std::string_view added = members.back().first;
  const auto it = std::lower_bound(sorted.begin(), sorted.end(), added,
                                   [&](std::uint32_t i, std::string_view k) { return members[i].first < k; });
  sorted.insert(it, position);
}

void JsonObject::build_index() {
  sorted.resize(members.size());
  std::iota(sorted.begin(), sorted.end(), std::uint32_t{0});
  // Equal keys (only while parsing, before they are refused) stay in their order.
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return members[a].first < members[b].first; });
}

Json::Json() = default;
Json::Json(bool value) : node_(new Node{value}) {}
Json::Json(int value) : Json(static_cast<std::int64_t>(value)) {}
Json::Json(std::int64_t value) : node_(new Node{value}) {}
Json::Json(std::uint64_t value) : node_(new Node{value}) {}
Json::Json(double value) : node_(new Node{value}) {}
Json::Json(const char* text) : Json(std::string_view(text)) {}
Json::Json(std::string_view text) : node_(new Node{std::string(text)}) {}
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json::Json(const Json& other) {
  if (other.node_ == nullptr) return;
  const auto copy = [](const auto& held) -> Node::Value {
    if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::unique_ptr<JsonObject>>) {
      return std::make_unique<JsonObject>(*held);
    } else {
      return held;
    }
  };
  node_ = std::make_unique<Node>(Node{std::visit(copy, other.node_->value)});
}

Json& Json::operator=(const Json& other) {
  if (this != &other) *this = Json(other);
  return *this;
}

Json Json::array(std::vector<Json> elements) {
  Json json;
  json.node_ = std::make_unique<Node>(Node{std::move(elements)});
  return json;
}

Json Json::object(std::vector<std::pair<std::string, Json>> members) {
  Json json;
  json.node_ = std::make_unique<Node>(Node{std::make_unique<JsonObject>()});
  for (auto& [key, value] : members) json.set(key, std::move(value));
  return json;
}

Json::Kind Json::kind() const noexcept {
  if (node_ == nullptr) return Kind::null;
  constexpr Kind kinds[] = {Kind::boolean, Kind::integer, Kind::integer, Kind::number,
                            Kind::string,  Kind::array,   Kind::object};
  return kinds[node_->value.index()];
}

std::optional<bool> Json::as_bool() const noexcept {
  if (node_ == nullptr) return std::nullopt;
  const bool* held = std::get_if<bool>(&node_->value);
  return held == nullptr ? std::nullopt : std::optional(*held);
}

std::optional<std::int64_t> Json::as_int() const noexcept {
  if (node_ == nullptr) return std::nullopt;
  if (const auto* held = std::get_if<std::int64_t>(&node_->value)) return *held;
  const auto* held = std::get_if<std::uint64_t>(&node_->value);
  if (held == nullptr || *held > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
  return static_cast<std::int64_t>(*held);
}

std::optional<std::uint64_t> Json::as_uint() const noexcept {
  if (node_ == nullptr) return std::nullopt;
  if (const auto* held = std::get_if<std::uint64_t>(&node_->value)) return *held;
  const auto* held = std::get_if<std::int64_t>(&node_->value);
  if (held == nullptr || *held < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*held);
}

std::optional<double> Json::as_double() const noexcept {
  if (node_ == nullptr) return std::nullopt;
  if (const auto* held = std::get_if<double>(&node_->value)) return *held;
  if (const auto* held = std::get_if<std::int64_t>(&node_->value)) return static_cast<double>(*held);
  if (const auto* held = std::get_if<std::uint64_t>(&node_->value)) return static_cast<double>(*held);
  return std::nullopt;
}

std::optional<std::string_view> Json::as_string() const noexcept {
  if (node_ == nullptr) return std::nullopt;
  const auto* held = std::get_if<std::string>(&node_->value);
  return held == nullptr ? std::nullopt : std::optional<std::string_view>(*held);
}

std::size_t Json::size() const noexcept {
  if (node_ == nullptr) return 0;
  if (const auto* elements = std::get_if<std::vector<Json>>(&node_->value)) return elements->size();
  const JsonObject* object = node_->object();
  return object == nullptr ? 0 : object->members.size();
}

const Json& Json::operator[](std::size_t index) const noexcept {
  if (node_ == nullptr) return null_value();
  const auto* elements = std::get_if<std::vector<Json>>(&node_->value);
  return elements == nullptr || index >= elements->size() ? null_value() : (*elements)[index];
}

const Json& Json::operator[](std::string_view key) const noexcept {
  const JsonObject* object = node_ == nullptr ? nullptr : node_->object();
  if (object == nullptr) return null_value();
  const std::size_t at = object->find(key);
  return at < object->members.size() ? object->members[at].second : null_value();
}

bool Json::contains(std::string_view key) const noexcept {
  const JsonObject* object = node_ == nullptr ? nullptr : node_->object();
  return object != nullptr && object->find(key) < object->members.size();
}

std::pair<std::string_view, const Json&> Json::member(std::size_t index) const noexcept {
  const JsonObject* object = node_ == nullptr ? nullptr : node_->object();
  CHECK(object != nullptr && index < object->members.size(), "no such member");
  const auto& [key, value] = object->members[index];
  return {key, value};
}

void Json::set(std::string_view key, Json value) {
  if (node_ == nullptr) node_ = std::make_unique<Node>(Node{std::make_unique<JsonObject>()});
  JsonObject* object = node_->object();
  CHECK(object != nullptr, "set() on a value that is not an object");
  const std::size_t at = object->find(key);
  if (at < object->members.size()) {
    object->members[at].second = std::move(value);
  } else {
    object->append(std::string(key), std::move(value));
  }
}

void Json::push_back(Json value) {
  if (node_ == nullptr) node_ = std::make_unique<Node>(Node{std::vector<Json>()});
  auto* elements = std::get_if<std::vector<Json>>(&node_->value);
  CHECK(elements != nullptr, "push_back() on a value that is not an array");
  elements->push_back(std::move(value));
}

bool Json::operator==(const Json& other) const noexcept {
  if (is_number() && other.is_number()) {
    if (kind() != other.kind()) return as_double() == other.as_double();
    if (kind() == Kind::number) return as_double() == other.as_double();
    return as_int() == other.as_int() && as_uint() == other.as_uint();
  }
  if (kind() != other.kind()) return false;
  if (node_ == nullptr) return true;
  if (const JsonObject* object = node_->object()) return equal_objects(*object, *other.node_->object());
  if (const auto text = as_string()) return text == other.as_string();
  if (const auto flag = as_bool()) return flag == other.as_bool();
  return std::get<std::vector<Json>>(node_->value) == std::get<std::vector<Json>>(other.node_->value);
}

Result<std::string> Json::require_string(std::string_view key, std::string_view where) const {
  const auto text = (*this)[key].as_string();
  if (!text) return fail_member(where, key, "a string", *this);
  return std::string(*text);
}

Result<std::int64_t> Json::require_int(std::string_view key, std::string_view where) const {
  const auto number = (*this)[key].as_int();
  if (!number) return fail_member(where, key, "an integer", *this);
  return *number;
}

Result<double> Json::require_number(std::string_view key, std::string_view where) const {
  const auto number = (*this)[key].as_double();
  if (!number) return fail_member(where, key, "a number", *this);
  return *number;
}

}  // namespace outcrop
