// Checks signed requests from standard input, for sigv4_peer.py. One request a line, fields split by tabs, each
// percent-encoded: service, time (X-Amz-Date form), method, path, query, body, then name and value of each
// header. Says for each on a line of its own "ok" or the number of the SigV4Problem and its message.

#include "crypto/amz_date.h"
#include "crypto/sha256.h"
#include "crypto/sigv4_verify.h"
#include "crypto/uri.h"

#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace outcrop;
using namespace outcrop::crypto;

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::array kServices = {kBedrockRules, kS3Rules};

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const std::size_t end = line.find('\t');
    fields.push_back(percent_decode(line.substr(0, end)));
    if (end == std::string_view::npos) return fields;
    line.remove_prefix(end + 1);
  }
}

std::optional<Secret> lookup(std::string_view id, std::string_view token) {
  if (id == "AKIDEXAMPLE" && token.empty()) return Secret(kSecret);
  if (id == "ASIATEMPORARY" && token == "a token/+=") return Secret(kSecret);
  return std::nullopt;
}

std::string answer(const std::vector<std::string>& fields) {
  if (fields.size() < 6 || fields.size() % 2 != 0) return "malformed line";
  const auto now = parse_amz_date(fields[1]);
  if (!now) return "malformed time";
  std::vector<HeaderField> headers;
  for (std::size_t i = 6; i < fields.size(); i += 2) headers.push_back({fields[i], fields[i + 1]});
  const std::string body = sha256_hex(fields[5]);
  const auto identity = verify_signature(
      {fields[2], fields[3], fields[4], headers},
      {.now = *now, .region = "us-east-1", .services = kServices, .body_sha256 = body}, lookup);
  if (!identity)
    return std::to_string(static_cast<int>(identity.error().problem)) + " " + identity.error().message;
  return identity->scope.service == fields[0] ? "ok" : "another service";
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) std::cout << answer(split(line)) << '\n';
}
