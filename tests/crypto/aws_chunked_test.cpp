#include "crypto/aws_chunked.h"

#include "base/random.h"
#include "crypto/amz_date.h"
#include "crypto/sigv4_sign.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kChecksum = "x-amz-checksum-crc32c";
const CredentialScope kScope = {"20130524", "us-east-1", "s3"};

ChunkSignatures chain(std::string seed) {
  return {signing_key(kSecret, kScope), "20130524T000000Z", kScope, std::move(seed)};
}

/// Decodes a body that is fed in the pieces that `cut` gives the sizes of.
template <class Cut>
ChunkedResult<std::string> decode(AwsChunkedDecoder& decoder, std::string_view body, const Cut& cut) {
  std::string decoded;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, std::max<std::size_t>(1, cut()));
    body.remove_prefix(piece.size());
    std::span<const std::byte> rest = std::as_bytes(std::span(piece));
    while (!rest.empty()) {
      auto step = decoder.next(rest);
      if (!step) return tl::unexpected(step.error());
      EXPECT_GT(step->consumed, 0U);
      decoded.append(reinterpret_cast<const char*>(step->data.data()), step->data.size());
      rest = rest.subspan(step->consumed);
    }
  }
  if (auto end = decoder.end(); !end) return tl::unexpected(end.error());
  return decoded;
}

ChunkedResult<std::string> decode(AwsChunkedOptions options, std::string_view body) {
  AwsChunkedDecoder decoder(std::move(options));
  return decode(decoder, body, [&] { return body.size(); });
}

std::string with_trailer(std::string_view lines) {
  return "4\r\nWiki\r\n0\r\n" + std::string(lines) + "\r\n";
}

AwsChunkedOptions unsigned_options(std::uint64_t bytes) {
  return {.trailer = true, .announced = {std::string(kChecksum)}, .decoded_bytes = bytes};
}

const std::string kWikiChecksum = [] {
  Checksum checksum(ChecksumKind::crc32c);
  checksum.update("Wiki");
  return checksum.finish_base64();
}();

void expect_problem(const ChunkedResult<std::string>& result, ChunkedProblem problem) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().problem, problem) << result.error().message;
  EXPECT_FALSE(result.error().message.empty());
}

// The example of the S3 API reference: 65 KiB of 'a' in a chunk of 64 KiB and one of 1 KiB.
TEST(ChunkSignatures, AreThePublishedOnes) {
  const std::vector<HeaderField> headers = {{"Host", "s3.amazonaws.com"},
                                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                            {"Content-Encoding", "aws-chunked"},
                                            {"x-amz-decoded-content-length", "66560"},
                                            {"Content-Length", "66824"}};
  const auto request =
      sign_headers({"PUT", "/examplebucket/chunkObject.txt", "", headers}, {"AKIAIOSFODNN7EXAMPLE", kSecret},
                   {.region = "us-east-1",
                    .service = "s3",
                    .time = *parse_amz_date("20130524T000000Z"),
                    .payload_hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                    .path = PathStyle::once,
                    .add_payload_header = true});
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->value, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  AwsChunkedEncoder encoder(chain(request->value), std::nullopt);
  std::string body = encoder.encode(std::string(65536, 'a'));
  EXPECT_TRUE(body.starts_with(
      "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"));
  const std::string second = encoder.encode(std::string(1024, 'a'));
  EXPECT_TRUE(second.starts_with(
      "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"));
  const std::string last = encoder.finish();
  EXPECT_EQ(last, "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
  body += second + last;
  EXPECT_EQ(body.size(), 66824U);
  EXPECT_EQ(decode({.signatures = chain(request->value), .decoded_bytes = 66560}, body),
            std::string(66560, 'a'));
}

// The same with a trailer: "Signature Calculations ... Including Trailing Headers".
TEST(ChunkSignatures, AreThePublishedOnesWithATrailer) {
  const std::string seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  AwsChunkedEncoder encoder(chain(seed), ChecksumKind::crc32c);
  std::string body = encoder.encode(std::string(65536, 'a'));
  EXPECT_NE(body.find("b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"), std::string::npos);
  body += encoder.encode(std::string(1024, 'a'));
  EXPECT_NE(body.find("1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"), std::string::npos);
  const std::string last = encoder.finish();
  EXPECT_EQ(last,
            "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
            "x-amz-checksum-crc32c:sOO8/Q==\r\n"
            "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n");
  EXPECT_EQ(decode({.signatures = chain(seed),
                    .trailer = true,
                    .announced = {std::string(kChecksum)},
                    .decoded_bytes = 66560},
                   body + last),
            std::string(66560, 'a'));
}

TEST(AwsChunked, ReadsWhatItWritesInPiecesOfAnySize) {
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    const bool signed_chunks = round % 2 == 0;
    const auto kind = static_cast<ChecksumKind>(random.below(5));
    const std::size_t chunk_bytes = 1 + random.below(300);
    std::string data(random.below(1000), '\0');
    for (char& c : data) c = static_cast<char>(random.next_u32());
    const auto signatures = [&] { return signed_chunks ? std::optional(chain("seed")) : std::nullopt; };
    AwsChunkedEncoder encoder(signatures(), kind);
    std::string body;
    for (std::size_t at = 0; at < data.size(); at += chunk_bytes)
      body += encoder.encode(std::string_view(data).substr(at, chunk_bytes));
    body += encoder.finish();
    EXPECT_EQ(body.size(), AwsChunkedEncoder::encoded_bytes(data.size(), chunk_bytes, signed_chunks, kind));
    AwsChunkedDecoder decoder({.signatures = signatures(),
                               .trailer = true,
                               .announced = {std::string(checksum_header(kind))},
                               .decoded_bytes = data.size()});
    const std::uint64_t largest = 1 + random.below(200);
    const auto decoded = decode(decoder, body, [&] { return 1 + random.below(largest); });
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, data);
    EXPECT_TRUE(decoder.finished());
    EXPECT_EQ(decoder.decoded_bytes(), data.size());
    EXPECT_EQ(decoder.trailers().size(), 1U);
  }
}

TEST(AwsChunked, ReadsAnEmptyBody) {
  EXPECT_EQ(decode({}, "0\r\n\r\n"), "");
  EXPECT_EQ(decode(unsigned_options(0), "0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n"), "");
}

TEST(AwsChunked, ReadsTrailersWithWhiteSpaceAndOfAnyCase) {
  EXPECT_EQ(decode(unsigned_options(4), with_trailer("X-Amz-Checksum-CRC32C: " + kWikiChecksum + " \r\n")),
            "Wiki");
}

TEST(AwsChunked, NamesEveryFault) {
  const auto options = [] { return AwsChunkedOptions{.decoded_bytes = 4}; };
  using enum ChunkedProblem;
  expect_problem(decode(options(), "\r\n"), malformed_chunk);
  expect_problem(decode(options(), "x\r\n"), malformed_chunk);
  expect_problem(decode(options(), "+4\r\nWiki\r\n0\r\n\r\n"), malformed_chunk);
  expect_problem(decode(options(), "00000000000000004\r\nWiki\r\n0\r\n\r\n"), malformed_chunk);
  expect_problem(decode(options(), "4\nWiki\r\n0\r\n\r\n"), malformed_chunk);
  expect_problem(decode(options(), "4;a=b\r\nWiki\r\n0\r\n\r\n"), malformed_chunk);
  expect_problem(decode(options(), "3\r\nWiki\r\n0\r\n\r\n"), malformed_chunk);
  expect_problem(decode(options(), "4\r\nWiki\n0\r\n\r\n"), malformed_chunk);
  expect_problem(decode(options(), std::string(300, '0')), header_too_long);
  expect_problem(decode(options(), "5\r\nWikis\r\n0\r\n\r\n"), too_much_data);
  expect_problem(decode(options(), "4\r\nWiki\r\n1\r\nx\r\n0\r\n\r\n"), too_much_data);
  expect_problem(decode(options(), "ffffffffffffffff\r\n"), chunk_too_large);
  expect_problem(decode(options(), "3\r\nWik\r\n0\r\n\r\n"), too_little_data);
  expect_problem(decode(options(), "4\r\nWi"), truncated);
  expect_problem(decode(options(), "4\r\nWiki\r\n0\r\n"), truncated);
  expect_problem(decode(options(), ""), truncated);
  expect_problem(decode(options(), "4\r\nWiki\r\n0\r\n\r\nx"), data_after_end);
}

TEST(AwsChunked, NamesEveryFaultOfATrailer) {
  const std::string line = std::string(kChecksum) + ":" + kWikiChecksum + "\r\n";
  using enum ChunkedProblem;
  EXPECT_EQ(decode(unsigned_options(4), with_trailer(line)), "Wiki");
  expect_problem(decode(unsigned_options(4), with_trailer("")), missing_trailer);
  expect_problem(decode(unsigned_options(4), with_trailer(line + line)), malformed_trailer);
  expect_problem(decode(unsigned_options(4), with_trailer(line + "x-amz-meta-a:b\r\n")), malformed_trailer);
  expect_problem(decode(unsigned_options(4), with_trailer("no colon\r\n")), malformed_trailer);
  expect_problem(decode(unsigned_options(4), with_trailer(":no name\r\n")), malformed_trailer);
  expect_problem(decode(unsigned_options(4), with_trailer("x:y\n")), malformed_trailer);
  expect_problem(decode({.decoded_bytes = 4}, with_trailer(line)), malformed_trailer);
  expect_problem(decode(unsigned_options(4), with_trailer(std::string(kChecksum) + ":AAAAAA==\r\n")),
                 checksum_mismatch);
  expect_problem(decode(unsigned_options(4), with_trailer(std::string(kChecksum) + ":\r\n")),
                 checksum_mismatch);
  expect_problem(decode(unsigned_options(4), with_trailer("a:" + std::string(20'000, 'x') + "\r\n")),
                 trailer_too_long);
  AwsChunkedOptions many = unsigned_options(4);
  many.announced = {"a", "b"};
  many.max_trailer_bytes = 100;
  expect_problem(decode(std::move(many),
                        with_trailer("a:" + std::string(60, 'x') + "\r\nb:" + std::string(60, 'x') + "\r\n")),
                 trailer_too_long);
}

/// A signed body with a trailer, and its data.
struct SignedBody {
  std::string data = "Wikipedia in two chunks";
  std::string text;

  SignedBody() {
    AwsChunkedEncoder encoder(chain("seed"), ChecksumKind::crc32c);
    text = encoder.encode(data.substr(0, 9));
    text += encoder.encode(data.substr(9));
    text += encoder.finish();
  }
  AwsChunkedOptions options() const {
    return {.signatures = chain("seed"),
            .trailer = true,
            .announced = {std::string(kChecksum)},
            .decoded_bytes = data.size()};
  }
};

TEST(AwsChunked, RefusesEveryChangeOfASignedBody) {
  const SignedBody body;
  ASSERT_EQ(decode(body.options(), body.text), body.data);
  for (std::size_t bit = 0; bit < body.text.size() * 8; ++bit) {
    std::string changed = body.text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    // Names of trailers and digits of sizes have no case.
    const bool case_only = bit % 8 == 5 && std::isalpha(static_cast<unsigned char>(body.text[bit / 8])) != 0;
    EXPECT_TRUE(!decode(body.options(), changed) || case_only) << "bit " << bit;
  }
  for (std::size_t size = 0; size < body.text.size(); ++size)
    EXPECT_FALSE(decode(body.options(), body.text.substr(0, size))) << size;
}

TEST(AwsChunked, WantsItsChunksInTheirOrder) {
  AwsChunkedEncoder encoder(chain("seed"), std::nullopt);
  const std::string first = encoder.encode("aaaa");
  const std::string second = encoder.encode("bbbb");
  const std::string last = encoder.finish();
  EXPECT_TRUE(decode({.signatures = chain("seed"), .decoded_bytes = 8}, first + second + last));
  expect_problem(decode({.signatures = chain("seed"), .decoded_bytes = 8}, second + first + last),
                 ChunkedProblem::signature_mismatch);
  expect_problem(decode({.signatures = chain("seed"), .decoded_bytes = 8}, first + first + last),
                 ChunkedProblem::signature_mismatch);
  expect_problem(decode({.signatures = chain("other"), .decoded_bytes = 8}, first + second + last),
                 ChunkedProblem::signature_mismatch);
}

TEST(AwsChunked, WantsSignaturesWhereTheyArePromised) {
  const SignedBody body;
  expect_problem(decode(body.options(), "9\r\nWikipedia\r\n0\r\n\r\n"), ChunkedProblem::missing_signature);
  expect_problem(decode(body.options(), "9;chunk-signature=00\r\n"), ChunkedProblem::malformed_chunk);
  const std::string without = body.text.substr(0, body.text.find("x-amz-trailer-signature")) + "\r\n";
  expect_problem(decode(body.options(), without), ChunkedProblem::missing_signature);
  std::string wrong = body.text;
  wrong[wrong.find("x-amz-trailer-signature:") + 24] ^= 1;
  expect_problem(decode(body.options(), wrong), ChunkedProblem::signature_mismatch);
}

}  // namespace
}  // namespace outcrop::crypto
