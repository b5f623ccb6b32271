// Signed requests from strangers: whatever they hold, the verifier answers, and it agrees with our signer.
//
// The input is method, path, query and then header names and values, each ending at a newline. It is checked as
// it is; then it is signed by us in both forms, which must be accepted.

#include "base/check.h"
#include "crypto/amz_date.h"
#include "crypto/sigv4_sign.h"
#include "crypto/sigv4_verify.h"
#include "crypto/uri.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace outcrop;
using namespace outcrop::crypto;

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::array kServices = {kBedrockRules, kS3Rules};
constexpr std::chrono::sys_seconds kNow = std::chrono::sys_days(std::chrono::year{2015} / 8 / 30);

std::optional<Secret> lookup(std::string_view id, std::string_view) {
  return id == "AKIDEXAMPLE" ? std::optional<Secret>(Secret(kSecret)) : std::nullopt;
}

SigV4Result<SignedIdentity> verify(const SignableRequest& request) {
  auto result =
      verify_signature(request, {.now = kNow, .services = kServices, .body_sha256 = kEmptySha256}, lookup);
  CHECK(result.has_value() || !result.error().message.empty(), "an error without a message");
  return result;
}

std::string_view take_line(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return line;
}

void check_canonical_forms(std::string_view path, std::string_view query) {
  const std::string encoded = canonical_query(query);
  CHECK(canonical_query(encoded) == encoded, "a canonical query is not its own canonical form");
  CHECK(percent_decode(percent_encode(path)) == path, "encoding loses bytes");
  const std::string normal = normalise_path(path);
  CHECK(normalise_path(normal) == normal, "a normal path is not its own normal form");
  const std::string complete = canonical_path(path, PathStyle::once);
  CHECK(canonical_path(complete, PathStyle::once) == complete,
        "a canonical path is not its own canonical form");
}

void check_round_trip(SignableRequest request, const ServiceRules& rules) {
  const SigningOptions options{.region = "us-east-1",
                               .service = rules.name,
                               .time = kNow,
                               .path = rules.path,
                               .add_payload_header = true};
  std::vector<HeaderField> headers(request.headers.begin(), request.headers.end());
  if (const auto by_header = sign_headers(request, {"AKIDEXAMPLE", kSecret}, options)) {
    for (const auto& [name, value] : by_header->added) headers.push_back({name, value});
    SignableRequest signed_request = request;
    signed_request.headers = headers;
    const auto result = verify(signed_request);
    // What the signer does not look for: a second signature, a second host, an unknown form of a date.
    CHECK(result || result.error().problem != SigV4Problem::signature_mismatch, "our own signature is refused");
  }
  SigningOptions presign = options;
  if (rules.payload_markers) presign.payload_hash = payload_marker(PayloadKind::unsigned_payload);
  if (const auto by_query = presign_query(request, {"AKIDEXAMPLE", kSecret}, presign)) {
    request.query = by_query->query;
    const auto result = verify(request);
    CHECK(result || result.error().problem != SigV4Problem::signature_mismatch ||
              canonical_query(request.query).find("X-Amz-Content-Sha256") != std::string::npos,
          "our own presigned query is refused");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view method = take_line(input);
  const std::string_view path = take_line(input);
  const std::string_view query = take_line(input);
  std::vector<HeaderField> headers;
  while (!input.empty() && headers.size() < 32) {
    const std::string_view name = take_line(input);
    headers.push_back({name, take_line(input)});
  }
  const SignableRequest request{method, path, query, headers};
  // Nobody finds a signature by chance: what is accepted here came from a seed.
  if (const auto identity = verify(request))
    CHECK(identity->access_key_id == "AKIDEXAMPLE", "a key that is not known");
  check_canonical_forms(path, query);
  for (const ServiceRules& rules : kServices) check_round_trip(request, rules);
  return 0;
}
