#include "store/sqlite/rows.h"

#include "crypto/sha256.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {

Json read_json(std::string_view text) {
  Result<Json> parsed = Json::parse(text);
  return parsed ? *std::move(parsed) : Json();
}

std::string write_map(const std::map<std::string, std::string>& map) {
  Json object = Json::object();
  for (const auto& [key, value] : map) object.set(key, Json(value));
  return object.dump();
}

std::map<std::string, std::string> read_map(std::string_view text) {
  std::map<std::string, std::string> map;
  const Json object = read_json(text);
  for (std::size_t i = 0; i < object.size(); ++i) {
    const auto [key, value] = object.member(i);
    map.emplace(key, value.as_string().value_or(""));
  }
  return map;
}

std::string request_hash(std::initializer_list<std::string_view> parts) {
  crypto::Sha256 digest;
  for (const std::string_view part : parts) {
    digest.update(fmt::format("{}:", part.size()));
    digest.update(part);
  }
  return digest.finish_hex();
}

tl::unexpected<Error> insert_failure(Result<std::int64_t>& inserted, std::string_view what,
                                     std::string_view account) {
  if (inserted.error().code == Code::conflict) {
    return fail(Code::not_found, fmt::format("{}: there is no account '{}'", what, account));
  }
  return forward_error(inserted, what);
}

void Where::begin() {
  sql_ += sql_.empty() ? " WHERE " : " AND ";
}

std::string Where::argument(Value value) {
  arguments_.push_back(std::move(value));
  return fmt::format("?{}", arguments_.size());
}

void Where::add(std::string_view condition, Value value, std::string_view rest) {
  begin();
  sql_ += condition;
  sql_ += argument(std::move(value));
  sql_ += rest;
}

void Where::add_any_of(std::string_view column, const Values& values) {
  if (values.empty()) return;
  begin();
  sql_ += column;
  sql_ += " IN (";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) sql_ += ", ";
    sql_ += argument(values[i]);
  }
  sql_ += ')';
}

void Where::add_after(PagePlace place, SortOrder order) {
  begin();
  const std::string created = argument(place.created_ms);
  const std::string number = argument(place.number);
  sql_ += fmt::format("(created_at, number) {} ({}, {})", order == SortOrder::ascending ? '>' : '<', created,
                      number);
}

std::string_view order_by_creation(SortOrder order) {
  return order == SortOrder::ascending ? " ORDER BY created_at, number"
                                       : " ORDER BY created_at DESC, number DESC";
}

}  // namespace outcrop::store::sqlite
