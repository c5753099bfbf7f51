#include "collector/emit/marshal.h"

#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

using ::testing::HasSubstr;

std::string Bytes(std::string_view text) { return std::string(text); }

template <typename T>
T Parsed(std::string_view bytes) {
  const Result<MarshalValue::Pointer> value = ParseMarshal(bytes);
  EXPECT_TRUE(value) << value.error().message;
  return value ? std::get<T>((*value)->value) : T{};
}

std::string ErrorOf(std::string_view bytes) {
  const Result<MarshalValue::Pointer> value = ParseMarshal(bytes);
  return value ? "accepted" : value.error().message;
}

TEST(Marshal, IntegersSurviveTheRoundTrip) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const int64_t number : {int64_t{0}, int64_t{-1}, int64_t{1} << 31, (int64_t{1} << 31) - 1,
                               -(int64_t{1} << 31), -(int64_t{1} << 31) - 1, kMost, -kMost}) {
    MarshalWriter writer;
    writer.Int(number);
    EXPECT_EQ(Parsed<int64_t>(std::move(writer).Take()), number);
  }
}

TEST(Marshal, ReadsEveryKindOfString) {
  using std::string_literals::operator""s;
  for (const std::string& bytes :
       {"s\3\0\0\0abc"s, "t\3\0\0\0abc"s, "u\3\0\0\0abc"s, "a\3\0\0\0abc"s, "A\3\0\0\0abc"s,
        "z\3abc"s, "Z\3abc"s, "\xDA\3abc"s, "\xFA\3abc trailing bytes"s}) {
    EXPECT_EQ(Parsed<std::string>(bytes), "abc");
  }
}

TEST(Marshal, ReadsFloatsOfBothVersions) {
  MarshalWriter writer;
  writer.Float(0.125);
  EXPECT_EQ(Parsed<double>(std::move(writer).Take()), 0.125);
  EXPECT_EQ(Parsed<double>("f\5"
                           "1.5e3"),
            1500.0);
  EXPECT_THAT(ErrorOf("f\3"
                      "1.x"),
              HasSubstr("malformed float"));
}

TEST(Marshal, ReferencesShareOneValue) {
  using std::string_literals::operator""s;
  // (flagged 'ab', reference 1): number 0 is the flagged tuple itself.
  const auto tuple = Parsed<MarshalValue::Tuple>("\xA9\2\xFA\2abr\1\0\0\0"s);
  ASSERT_EQ(tuple.size(), 2U);
  EXPECT_EQ(tuple[0].get(), tuple[1].get());
}

TEST(Marshal, ReadsPython2InternedStrings) {
  using std::string_literals::operator""s;
  const auto tuple = Parsed<MarshalValue::Tuple>("(\2\0\0\0t\2\0\0\0abR\0\0\0\0"s);
  ASSERT_EQ(tuple.size(), 2U);
  EXPECT_EQ(std::get<std::string>(tuple[1]->value), "ab");
}

TEST(Marshal, RefusesHostileBytes) {
  using std::string_literals::operator""s;
  EXPECT_THAT(ErrorOf(""), HasSubstr("truncated at byte 0"));
  EXPECT_THAT(ErrorOf("0"), HasSubstr("no object"));
  EXPECT_THAT(ErrorOf("u\xFF\xFF\xFF\xFF"), HasSubstr("truncated"));
  EXPECT_THAT(ErrorOf("(\xFF\xFF\xFF\x7F"
                      "N"),
              HasSubstr("truncated"));
  EXPECT_THAT(ErrorOf(")\1"
                      "0"),
              HasSubstr("NULL in a tuple"));
  EXPECT_THAT(ErrorOf("{N0"), HasSubstr("key without a value"));
  EXPECT_THAT(ErrorOf("r\0\0\0\0"s), HasSubstr("reference to nothing"));
  EXPECT_THAT(ErrorOf("\xA9\1r\0\0\0\0"s), HasSubstr("reference to nothing"));  // to itself
  EXPECT_THAT(ErrorOf("c"), HasSubstr("type code 0x63"));
  EXPECT_THAT(ErrorOf("l\xFF\xFF\xFF\x7F"), HasSubstr("integer too large"));
  EXPECT_THAT(ErrorOf("l\0\0\0\x80"s), HasSubstr("integer too large"));
  EXPECT_THAT(ErrorOf("l\1\0\0\0\0\x80"s), HasSubstr("integer too large"));  // digit of 16 bits
  std::string nested;
  for (int i = 0; i < 100000; ++i) {
    nested += Bytes(")\1");
  }
  EXPECT_THAT(ErrorOf(nested), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace pinfo
