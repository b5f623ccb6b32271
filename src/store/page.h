#pragma once
// Pages of a list. A token names the place after the last item (keyset pagination), so that items which come or
// go between two pages neither repeat nor hide others, and a page costs the same wherever it lies.

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store {

enum class SortOrder : std::uint8_t { ascending, descending };

struct PageRequest {
  int max_items = 100;  ///< 1 … 1,000
  std::string token{};  ///< next_token of the page before; empty: the first page
};

template <class T>
struct Page {
  std::vector<T> items{};
  std::string next_token{};  ///< empty: this was the last page
};

/// A place in a list that is sorted by time of creation and then by the row's number.
struct PagePlace {
  std::int64_t created_ms = 0;
  std::int64_t number = 0;
};

/// Opaque to callers: hexadecimal digits of the place and of a check over it and `query`, a text that stands
/// for the filter and the order. The check finds accidents, it is no protection: a token opens nothing that the
/// filter does not.
std::string encode_page_token(PagePlace place, std::string_view query);

/// invalid_argument for a token that is malformed or belongs to a list with another filter or order.
Result<PagePlace> decode_page_token(std::string_view token, std::string_view query);

/// invalid_argument unless 1 <= max_items <= 1,000.
Status check_page_request(const PageRequest& page);

}  // namespace outcrop::store
