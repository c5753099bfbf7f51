#include "html/mask.h"

#include <gtest/gtest.h>

namespace pinfo::html {
namespace {

TEST(MaskQueryValuesTest, KeepsKeysAndHidesValues) {
  EXPECT_EQ(MaskQueryValues("/a?q=secret&page=2"), "/a?q=...&page=...");
  EXPECT_EQ(MaskQueryValues("/a?q=1;token=abc"), "/a?q=...;token=...");
  EXPECT_EQ(MaskQueryValues("http://h/x?k=v"), "http://h/x?k=...");
}

TEST(MaskQueryValuesTest, LeavesATargetWithoutAQuery) {
  EXPECT_EQ(MaskQueryValues("/a=b&c"), "/a=b&c");
  EXPECT_EQ(MaskQueryValues(""), "");
  EXPECT_EQ(MaskQueryValues("/a?"), "/a?");
}

TEST(MaskQueryValuesTest, HidesABareToken) {
  EXPECT_EQ(MaskQueryValues("/reset?s3cr3t"), "/reset?...");
}

TEST(MaskQueryValuesTest, HidesWhatFollowsTheFirstEqualsOrQuestionMark) {
  EXPECT_EQ(MaskQueryValues("/a?t=ab=cd=="), "/a?t=...");
  EXPECT_EQ(MaskQueryValues("/a?u=http://x/?p=1"), "/a?u=...");
  EXPECT_EQ(MaskQueryValues("/a?&&q=&"), "/a?&&q=...&");
}

TEST(ShortenTest, CutsBetweenCharacters) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdef", 3), "abc\u2026");
  EXPECT_EQ(Shorten("ab\u00fcd", 3), "ab\u2026");
}

TEST(ShortenTest, EndsOnNothingButContinuationBytes) {
  EXPECT_EQ(Shorten(std::string(10, '\x80'), 5), "\u2026");
}

}  // namespace
}  // namespace pinfo::html
