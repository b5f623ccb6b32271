// aws-chunked bodies from strangers: no crash, no data beyond what is declared, and the same answer however the
// body is cut. The first byte picks signatures and trailer, the next two the declared length, the fourth the
// pieces.

#include "base/check.h"
#include "crypto/aws_chunked.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace outcrop;
using namespace outcrop::crypto;

std::optional<ChunkSignatures> signatures(bool wanted) {
  if (!wanted) return std::nullopt;
  const CredentialScope scope{"20130524", "us-east-1", "s3"};
  return ChunkSignatures(signing_key("secret", scope), "20130524T000000Z", scope, std::string(kEmptySha256));
}

struct Setting {
  bool signed_chunks;
  bool trailer;
  std::uint64_t declared;

  AwsChunkedOptions options() const {
    AwsChunkedOptions options{
        .signatures = signatures(signed_chunks), .trailer = trailer, .decoded_bytes = declared};
    if (trailer) options.announced = {"x-amz-checksum-crc32c"};
    return options;
  }
};

struct Outcome {
  std::optional<ChunkedProblem> problem;
  std::string data;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(const Setting& setting, std::string_view body, std::size_t piece_bytes) {
  AwsChunkedDecoder decoder(setting.options());
  Outcome outcome;
  while (!body.empty()) {
    std::span<const std::byte> rest = std::as_bytes(std::span(body.substr(0, piece_bytes)));
    body.remove_prefix(rest.size());
    while (!rest.empty()) {
      const auto step = decoder.next(rest);
      if (!step) {
        CHECK(!step.error().message.empty(), "an error without a message");
        outcome.problem = step.error().problem;
        return outcome;
      }
      CHECK(step->consumed > 0 && step->consumed <= rest.size(), "a step does not move on");
      outcome.data.append(reinterpret_cast<const char*>(step->data.data()), step->data.size());
      rest = rest.subspan(step->consumed);
    }
  }
  if (const auto end = decoder.end(); !end) outcome.problem = end.error().problem;
  return outcome;
}

void check_round_trip(const Setting& setting, std::string_view data, std::size_t chunk_bytes) {
  const auto checksum = setting.trailer ? std::optional(ChecksumKind::crc32c) : std::nullopt;
  AwsChunkedEncoder encoder(signatures(setting.signed_chunks), checksum);
  std::string body;
  for (std::size_t at = 0; at < data.size(); at += chunk_bytes)
    body += encoder.encode(data.substr(at, chunk_bytes));
  body += encoder.finish();
  CHECK(body.size() ==
            AwsChunkedEncoder::encoded_bytes(data.size(), chunk_bytes, setting.signed_chunks, checksum),
        "a body is longer or shorter than foretold");
  const Outcome outcome = decode({setting.signed_chunks, setting.trailer, data.size()}, body, chunk_bytes);
  CHECK(!outcome.problem && outcome.data == data, "our own body is not read back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const Setting setting{(data[0] & 1) != 0, (data[0] & 2) != 0, data[1] + 256ULL * data[2]};
  const std::size_t piece_bytes = data[3] % 64 + 1U;
  const std::string_view body(reinterpret_cast<const char*>(data + 4), size - 4);
  const Outcome whole = decode(setting, body, std::max<std::size_t>(1, body.size()));
  CHECK(whole.data.size() <= setting.declared, "more data than declared");
  CHECK(whole.problem || whole.data.size() == setting.declared, "less data than declared");
  CHECK(whole == decode(setting, body, piece_bytes), "the answer depends on how the body is cut");
  check_round_trip(setting, body, piece_bytes + 32);  // each chunk costs two signatures
  return 0;
}
