#pragma once
// The two ways in which a signed request writes its time. Seconds, UTC.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::crypto {

/// "20150830T123600Z": ISO 8601 basic format, as X-Amz-Date has it.
std::string format_amz_date(std::chrono::sys_seconds time);

/// Nothing unless format_amz_date would write just this text.
std::optional<std::chrono::sys_seconds> parse_amz_date(std::string_view text);

/// "Sun, 30 Aug 2015 12:36:00 GMT": the fixed form of RFC 9110, section 5.6.7, as the Date header has it. The
/// name of the day is not held against the date.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace outcrop::crypto
