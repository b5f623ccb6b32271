#include "store/page.h"

#include "crypto/sha256.h"

#include <charconv>

#include <fmt/format.h>

namespace outcrop::store {
namespace {

constexpr std::size_t kNumberDigits = 16;
constexpr std::size_t kCheckDigits = 16;
constexpr int kMaxItems = 1000;

std::string check_digits(std::string_view place, std::string_view query) {
  return crypto::sha256_hex(fmt::format("{}|{}", place, query)).substr(0, kCheckDigits);
}

std::int64_t parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  // The check digits have matched, so these are the digits that encode_page_token wrote.
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::string encode_page_token(PagePlace place, std::string_view query) {
  const std::string digits = fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(place.created_ms),
                                         static_cast<std::uint64_t>(place.number));
  return digits + check_digits(digits, query);
}

Result<PagePlace> decode_page_token(std::string_view token, std::string_view query) {
  const bool whole = token.size() == 2 * kNumberDigits + kCheckDigits;
  const std::string_view digits = token.substr(0, 2 * kNumberDigits);
  if (!whole || token.substr(2 * kNumberDigits) != check_digits(digits, query)) {
    return fail(Code::invalid_argument,
                "the page token is not one that a list with this filter and order gave");
  }
  return PagePlace{parse_hex(digits.substr(0, kNumberDigits)), parse_hex(digits.substr(kNumberDigits))};
}

Status check_page_request(const PageRequest& page) {
  if (page.max_items < 1 || page.max_items > kMaxItems) {
    return fail(Code::invalid_argument,
                fmt::format("a page has 1 to {} items, {} were asked for", kMaxItems, page.max_items));
  }
  return {};
}

}  // namespace outcrop::store
