#include "crypto/amz_date.h"

#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

using namespace std::chrono;

constexpr sys_seconds kTime = sys_days(year{2015} / August / 30) + 12h + 36min + 5s;

TEST(AmzDate, ReadsWhatItWrites) {
  EXPECT_EQ(format_amz_date(kTime), "20150830T123605Z");
  EXPECT_EQ(parse_amz_date("20150830T123605Z"), kTime);
  EXPECT_EQ(parse_amz_date("20240229T000000Z"), sys_days(year{2024} / February / 29));
  EXPECT_EQ(parse_amz_date("99991231T235959Z"), sys_days(year{10000} / January / 1) - 1s);
}

TEST(AmzDate, RefusesTimesThatDoNotExistAndOtherForms) {
  for (const char* text : {"", "20150830T123605", "2015-08-30T12:36:05Z", "20150830t123605Z",
                           "20150230T000000Z", "20150001T000000Z", "20150830T240000Z", "20150830T126000Z",
                           "20150830T123660Z", "2015083 T123605Z", "-0150830T123605Z", "20150830T123605Z "})
    EXPECT_EQ(parse_amz_date(text), std::nullopt) << text;
}

TEST(HttpDate, ReadsTheFixedForm) {
  for (const char* zone : {"GMT", "+0000", "-0000"})
    EXPECT_EQ(parse_http_date(std::string("Sun, 30 Aug 2015 12:36:05 ") + zone), kTime) << zone;
  for (const char* text :
       {"", "Sunday, 30-Aug-15 12:36:05 GMT", "Sun Aug 30 12:36:05 2015", "Sun, 30 AUG 2015 12:36:05 GMT",
        "Sun, 31 Feb 2015 12:36:05 GMT", "Sun, 30 Aug 2015 12:36:05 UTC", "Sun, 30 Aug 2015 12:36:05 +0100",
        "Sun, 30 Aug 2015 12:36:05", "Sun, 30 Aug 2015 12-36:05 GMT"})
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

}  // namespace
}  // namespace outcrop::crypto
