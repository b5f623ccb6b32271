#pragma once
// The bytes of HTTP/1.1 answers.

#include "http/headers.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace outcrop::http {

/// Status line and headers with the empty line. Names and values have been checked where they were set.
std::string format_head(int status, const Headers& headers);

/// The line in front of a chunk of that size.
std::string format_chunk_line(std::size_t bytes);

/// The last chunk with its trailers.
std::string format_last_chunk(const Headers& trailers);

}  // namespace outcrop::http
