#include "html/render_pool.h"

#include <atomic>

#include <gtest/gtest.h>

namespace pinfo::html {
namespace {

TEST(RenderPoolTest, RunsWhatItWasGiven) {
  std::atomic<int> done = 0;
  RenderPool pool;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(pool.Add([&done] {
      ++done;
      return Status();
    }));
  }
  EXPECT_TRUE(pool.Finish());
  EXPECT_EQ(done, 1000);
}

TEST(RenderPoolTest, TheFirstFailureEndsIt) {
  std::atomic<int> done = 0;
  RenderPool pool;
  ASSERT_TRUE(pool.Add([]() -> Status { return Fail("the disk is full"); }));
  const Status first = pool.Finish();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().message, "the disk is full");
  EXPECT_FALSE(pool.Add([&done] {
    ++done;
    return Status();
  }));
  EXPECT_FALSE(pool.Finish());
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace pinfo::html
