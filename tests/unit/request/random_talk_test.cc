#include "tests/unit/request/random_talk.h"

#include <random>

#include <gtest/gtest.h>

namespace pinfo::testing {
namespace {

TEST(RandomTalk, NoRequestHasAnotherOnesAnswer) {
  for (uint32_t seed = 0; seed < 5'000; ++seed) {
    std::mt19937 random(seed);
    std::string bytes(200, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(random());
    }
    ASSERT_EQ(CheckTalk(bytes), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace pinfo::testing
