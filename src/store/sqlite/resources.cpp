#include "store/sqlite/resources.h"

#include "crypto/random_bytes.h"
#include "store/sqlite/rows.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

constexpr std::size_t kIdLength = 12;

constexpr std::string_view kColumns =
    "number, account, kind, parent, id, arn, name, status, body, revision, created_at, updated_at";

Resource read_resource(const Query& row) {
  Resource resource;
  resource.number = row.integer(0);
  resource.scope = {row.text(1), row.text(2), row.text(3)};
  resource.id = row.text(4);
  resource.arn = row.text(5);
  resource.name = row.text(6);
  resource.status = row.text(7);
  resource.body = read_json(row.view(8));
  resource.revision = row.integer(9);
  resource.created = row.time(10);
  resource.updated = row.time(11);
  return resource;
}

Where in_scope(const ResourceScope& scope) {
  Where where("account = ", scope.account);
  where.add("kind = ", scope.kind);
  where.add("parent = ", scope.parent);
  return where;
}

Where with_id(const ResourceScope& scope, std::string_view id) {
  Where where = in_scope(scope);
  where.add("id = ", id);
  return where;
}

Result<std::optional<Resource>> find_where(Connection& connection, const Where& where) {
  return first(
      connection.query(fmt::format("SELECT {} FROM resources{}", kColumns, where.sql()), where.arguments()),
      read_resource);
}

tl::unexpected<Error> no_such(const ResourceScope& scope, std::string_view id) {
  return fail(Code::not_found, fmt::format("there is no {} '{}'", scope.kind, id));
}

/// The resource that an earlier request with this token made.
Result<std::optional<Resource>> made_before(Connection& connection, const NewResource& resource,
                                            std::string_view hash) {
  if (resource.request_token.empty()) return std::optional<Resource>();
  Where where = in_scope(resource.scope);
  where.add("request_token = ", resource.request_token);
  OUTCROP_TRY(std::optional<Resource> found, find_where(connection, where));
  if (!found) return found;
  where.add("request_hash = ", hash);
  OUTCROP_TRY(const std::optional<Resource> same, find_where(connection, where));
  if (same) return found;
  return fail(Code::conflict,
              fmt::format("the client request token of {} '{}' was used for another request, '{}'",
                          resource.scope.kind, resource.name, found->name));
}

bool is_member_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

Result<Where> where_of(const ResourceFilter& filter) {
  Where where("account = ", filter.scope.account);
  where.add("kind = ", filter.scope.kind);
  if (!filter.any_parent) where.add("parent = ", filter.scope.parent);
  Values statuses;
  for (const std::string& status : filter.statuses) statuses.emplace_back(status);
  where.add_any_of("status", statuses);
  if (!filter.name_contains.empty()) where.add("instr(name, ", filter.name_contains, ") > 0");
  for (const auto& [member, text] : filter.body_equals) {
    // The name becomes part of the statement.
    if (!is_member_name(member)) {
      return fail(Code::invalid_argument, fmt::format("'{}' is not the name of a member to filter by", member));
    }
    where.add(fmt::format("json_extract(body, '$.{}') = ", member), text);
  }
  if (filter.created_from) where.add("created_at >= ", *filter.created_from);
  if (filter.created_to) where.add("created_at <= ", *filter.created_to);
  return where;
}

std::string describe(const ResourceFilter& filter) {
  std::string text =
      fmt::format("resources|{}|{}|{}|{}|{}|{}|", filter.scope.account, filter.scope.kind, filter.scope.parent,
                  filter.any_parent, filter.name_contains, static_cast<int>(filter.order));
  for (const std::string& status : filter.statuses) text += status + ',';
  for (const auto& [member, value] : filter.body_equals) text += fmt::format("{}={},", member, value);
  if (filter.created_from) text += fmt::format("from{}", to_milliseconds(*filter.created_from));
  if (filter.created_to) text += fmt::format("to{}", to_milliseconds(*filter.created_to));
  return text;
}

}  // namespace

Result<Resource> SqliteResources::create(const NewResource& resource) {
  const ResourceScope& scope = resource.scope;
  if (scope.kind.empty()) return fail(Code::invalid_argument, "a resource needs a kind");
  const std::string body = resource.body.dump();
  const std::string hash = request_hash({resource.name, body});
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(std::optional<Resource> earlier, made_before(*writer, resource, hash));
  if (earlier) return *std::move(earlier);
  const std::string id = resource.id.empty() ? crypto::random_id(kIdLength) : resource.id;
  auto inserted = writer->run(
      "INSERT INTO resources (account, kind, parent, id, arn, name, status, body, request_token, request_hash, "
      "created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
      {scope.account, scope.kind, scope.parent, id, null_if_empty(resource.arn), null_if_empty(resource.name),
       resource.status, body, null_if_empty(resource.request_token), hash, clock_()});
  if (!inserted) {
    return insert_failure(inserted,
                          fmt::format("{} '{}'", scope.kind, resource.name.empty() ? id : resource.name),
                          scope.account);
  }
  OUTCROP_TRY(std::optional<Resource> made, find_where(*writer, Where("number = ", writer->last_insert_id())));
  OUTCROP_CHECK_OK(writer.commit());
  return *std::move(made);
}

Result<Resource> SqliteResources::get(const ResourceScope& scope, std::string_view id) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(std::optional<Resource> found, find_where(*reader, with_id(scope, id)));
  if (!found) return no_such(scope, id);
  return *std::move(found);
}

Result<Resource> SqliteResources::find(const ResourceScope& scope, std::string_view identifier) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  for (const std::string_view column : {"id = ", "arn = ", "name = "}) {
    Where where = in_scope(scope);
    where.add(column, identifier);
    OUTCROP_TRY(std::optional<Resource> found, find_where(*reader, where));
    if (found) return *std::move(found);
  }
  return no_such(scope, identifier);
}

Result<Resource> SqliteResources::find_by_arn(std::string_view account, std::string_view arn) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  Where where("account = ", account);
  where.add("arn = ", arn);
  OUTCROP_TRY(std::optional<Resource> found, find_where(*reader, where));
  if (!found) return fail(Code::not_found, fmt::format("there is no resource '{}'", arn));
  return *std::move(found);
}

Result<Page<Resource>> SqliteResources::list(const ResourceFilter& filter, const PageRequest& page) {
  OUTCROP_CHECK_OK(check_page_request(page));
  const std::string query = describe(filter);
  OUTCROP_TRY(Where where, where_of(filter));
  if (!page.token.empty()) {
    OUTCROP_TRY(const PagePlace place, decode_page_token(page.token, query));
    where.add_after(place, filter.order);
  }
  const std::string limit = where.argument(page.max_items + 1);
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(std::vector<Resource> rows,
              collect(reader->query(fmt::format("SELECT {} FROM resources{}{} LIMIT {}", kColumns, where.sql(),
                                                order_by_creation(filter.order), limit),
                                    where.arguments()),
                      read_resource));
  return cut_page(std::move(rows), page.max_items, query);
}

Result<Resource> SqliteResources::update(const ResourceScope& scope, std::string_view id,
                                         const ResourceChange& change) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(std::optional<Resource> found, find_where(*writer, with_id(scope, id)));
  if (!found) return no_such(scope, id);
  if (change.expected_revision && *change.expected_revision != found->revision) {
    return fail(Code::conflict, fmt::format("{} '{}' has revision {}, the change was made for {}", scope.kind,
                                            id, found->revision, *change.expected_revision));
  }
  Resource changed = *std::move(found);
  if (change.name) changed.name = *change.name;
  if (change.status) changed.status = *change.status;
  if (change.body) changed.body = *change.body;
  changed.updated = clock_();
  ++changed.revision;
  auto updated = writer->run(
      "UPDATE resources SET name = ?2, status = ?3, body = ?4, revision = ?5, updated_at = ?6 WHERE number = "
      "?1",
      {changed.number, null_if_empty(changed.name), changed.status, changed.body.dump(), changed.revision,
       changed.updated});
  if (!updated) return forward_error(updated, fmt::format("{} '{}'", scope.kind, id));
  OUTCROP_CHECK_OK(writer.commit());
  return changed;
}

Status SqliteResources::remove(const ResourceScope& scope, std::string_view id) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(const std::optional<Resource> found, find_where(*writer, with_id(scope, id)));
  if (!found) return no_such(scope, id);
  OUTCROP_TRY(
      const std::optional<std::int64_t> children,
      writer->integer("SELECT count(*) FROM resources WHERE account = ?1 AND parent = ?2 AND parent <> ''",
                      {scope.account, id}));
  if (children.value_or(0) > 0) {
    return fail(Code::conflict,
                fmt::format("{} '{}' still has {} resources under it", scope.kind, id, *children));
  }
  OUTCROP_CHECK_OK(
      writer->run("DELETE FROM tags WHERE account = ?1 AND arn = ?2", {scope.account, found->arn}));
  OUTCROP_CHECK_OK(writer->run("DELETE FROM resources WHERE number = ?1", {found->number}));
  return writer.commit();
}

}  // namespace outcrop::store::sqlite
