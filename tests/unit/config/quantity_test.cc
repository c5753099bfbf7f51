#include "collector/config/quantity.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(Quantity, HasTheUnitsOfItsDimension) {
  EXPECT_DOUBLE_EQ(*ParseQuantity("250ms", Dimension::kSeconds), 0.25);
  EXPECT_DOUBLE_EQ(*ParseQuantity("2h", Dimension::kSeconds), 7200);
  EXPECT_DOUBLE_EQ(*ParseQuantity("512MiB", Dimension::kBytes), 536'870'912);
  EXPECT_DOUBLE_EQ(*ParseQuantity("1.5 GB", Dimension::kBytes), 1.5e9);
  EXPECT_DOUBLE_EQ(*ParseQuantity("5%", Dimension::kPercent), 5);
  EXPECT_DOUBLE_EQ(*ParseQuantity("-3.5", Dimension::kPlain), -3.5);
  EXPECT_DOUBLE_EQ(*ParseQuantity("7", Dimension::kBytes), 7);
}

TEST(Quantity, HasNoOtherUnit) {
  EXPECT_FALSE(ParseQuantity("5%", Dimension::kSeconds));
  EXPECT_FALSE(ParseQuantity("5s", Dimension::kBytes));
  EXPECT_FALSE(ParseQuantity("5 MiB", Dimension::kPlain));
  EXPECT_FALSE(ParseQuantity("", Dimension::kPlain));
  EXPECT_FALSE(ParseQuantity("ms", Dimension::kSeconds));
  EXPECT_FALSE(ParseQuantity("inf", Dimension::kPlain));
  EXPECT_FALSE(ParseQuantity("1e999", Dimension::kPlain));
}

}  // namespace
}  // namespace pinfo
