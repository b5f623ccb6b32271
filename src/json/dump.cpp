#include "base/text.h"
#include "json/json.h"
#include "json/node.h"

#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace outcrop {
namespace {

void break_line(std::string& out, int indent, std::size_t depth) {
  if (indent < 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * depth, ' ');
}

/// Shortest text that reads back as the same double, and as a double. JSON has no infinities.
void dump_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const std::string text = fmt::format("{}", value);
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

void dump_value(std::string& out, const Json& value, int indent, std::size_t depth);

void dump_array(std::string& out, const Json& value, int indent, std::size_t depth) {
  out += '[';
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (i > 0) out += ',';
    break_line(out, indent, depth + 1);
    dump_value(out, value[i], indent, depth + 1);
  }
  if (value.size() > 0) break_line(out, indent, depth);
  out += ']';
}

void dump_object(std::string& out, const Json& value, int indent, std::size_t depth) {
  out += '{';
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto [key, held] = value.member(i);
    if (i > 0) out += ',';
    break_line(out, indent, depth + 1);
    out += json_quote(key);
    out += indent < 0 ? ":" : ": ";
    dump_value(out, held, indent, depth + 1);
  }
  if (value.size() > 0) break_line(out, indent, depth);
  out += '}';
}

void dump_integer(std::string& out, const Json& value) {
  if (const auto number = value.as_int()) {
    fmt::format_to(std::back_inserter(out), "{}", *number);
  } else {
    fmt::format_to(std::back_inserter(out), "{}", *value.as_uint());
  }
}

void dump_value(std::string& out, const Json& value, int indent, std::size_t depth) {
  switch (value.kind()) {
    case Json::Kind::null:
      out += "null";
      return;
    case Json::Kind::boolean:
      out += *value.as_bool() ? "true" : "false";
      return;
    case Json::Kind::integer:
      dump_integer(out, value);
      return;
    case Json::Kind::number:
      dump_double(out, *value.as_double());
      return;
    case Json::Kind::string:
      out += json_quote(*value.as_string());
      return;
    case Json::Kind::array:
      dump_array(out, value, indent, depth);
      return;
    case Json::Kind::object:
      dump_object(out, value, indent, depth);
      return;
  }
}

}  // namespace

std::string Json::dump(int indent) const {
  std::string out;
  dump_value(out, *this, indent, 0);
  return out;
}

}  // namespace outcrop
