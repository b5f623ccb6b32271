#include "crypto/amz_date.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outcrop::crypto {
namespace {

using namespace std::chrono;

/// The value of `count` digits at `at`, or -1 where another character stands.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<sys_seconds> make_time(int year_number, int month_number, int day_number, int hour, int minute,
                                     int second) {
  if (year_number < 0 || month_number < 0 || day_number < 0) return std::nullopt;
  const year_month_day date =
      year{year_number} / month{static_cast<unsigned>(month_number)} / day{static_cast<unsigned>(day_number)};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
    return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
}

}  // namespace

std::string format_amz_date(sys_seconds time) {
  const auto midnight = floor<days>(time);
  const year_month_day date(midnight);
  const hh_mm_ss clock(time - midnight);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::optional<sys_seconds> parse_amz_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  return make_time(digits(text, 0, 4), digits(text, 4, 2), digits(text, 6, 2), digits(text, 9, 2),
                   digits(text, 11, 2), digits(text, 13, 2));
}

std::optional<sys_seconds> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // Sun, 30 Aug 2015 12:36:00 GMT
  // 0    5  8   12   17 20 23 26
  if (text.size() < 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
      text[19] != ':' || text[22] != ':' ||
      (text.substr(25) != " GMT" && text.substr(25) != " +0000" && text.substr(25) != " -0000"))
    return std::nullopt;
  const auto* const named = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (named == kMonths.end()) return std::nullopt;
  return make_time(digits(text, 12, 4), static_cast<int>(named - kMonths.begin()) + 1, digits(text, 5, 2),
                   digits(text, 17, 2), digits(text, 20, 2), digits(text, 23, 2));
}

}  // namespace outcrop::crypto
