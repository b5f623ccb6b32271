#pragma once
// Between columns and values that several tables have: JSON, maps of text, WHERE clauses that grow. Private to
// the SQLite implementation.

#include "json/json.h"
#include "store/page.h"
#include "store/sqlite/connection.h"

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace outcrop::store::sqlite {

/// JSON that this program wrote: null when it cannot be read, which integrity checks would have found.
Json read_json(std::string_view text);

std::string write_map(const std::map<std::string, std::string>& map);
std::map<std::string, std::string> read_map(std::string_view text);

/// SHA-256 over the parts with their lengths: whether a request with a known token is the same request.
std::string request_hash(std::initializer_list<std::string_view> parts);

/// What a failed INSERT into a table whose only foreign key is the account means: not_found for an account that
/// is not there, already_exists for a value that is taken.
tl::unexpected<Error> insert_failure(Result<std::int64_t>& inserted, std::string_view what,
                                     std::string_view account);

/// Conditions with numbered arguments:
///   Where where("account = ", account);
///   where.and_if(!kind.empty(), "kind = ", kind);
class Where {
 public:
  Where(std::string_view condition, Value argument) { add(condition, std::move(argument)); }

  /// "condition" is followed by the argument's place.
  void add(std::string_view condition, Value argument) { add(condition, std::move(argument), ""); }
  /// … and by the rest.
  void add(std::string_view condition, Value argument, std::string_view rest);
  /// "column IN (…)"; nothing when the list is empty.
  void add_any_of(std::string_view column, const Values& values);
  /// Rows after `place` in the order of (created_at, number).
  void add_after(PagePlace place, SortOrder order);
  /// An argument outside of the conditions; gives its place.
  std::string argument(Value value);

  const std::string& sql() const noexcept { return sql_; }  ///< " WHERE …"
  const Values& arguments() const noexcept { return arguments_; }

 private:
  void begin();
  std::string sql_;
  Values arguments_;
};

/// "created_at, number" in this order.
std::string_view order_by_creation(SortOrder order);

/// A page of rows that were read with a limit of one more than it holds: the extra one tells that others
/// follow.
template <class T>
Page<T> cut_page(std::vector<T> rows, int max_items, std::string_view query) {
  Page<T> page{std::move(rows), {}};
  if (page.items.size() <= static_cast<std::size_t>(max_items)) return page;
  page.items.resize(static_cast<std::size_t>(max_items));
  const T& last = page.items.back();
  page.next_token = encode_page_token({to_milliseconds(last.created), last.number}, query);
  return page;
}

}  // namespace outcrop::store::sqlite
