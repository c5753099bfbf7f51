// Prints what inserts cost; fails only if rows are missing, as a busy machine says nothing about
// the code.
#include <chrono>
#include <cstdio>

#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

class ThroughputTest : public StoreFixture {};

TEST_F(ThroughputTest, RequestRows) {
  constexpr int kBatch = 5000;
  constexpr int kBatches = 60;
  const std::unique_ptr<Store> store = OpenStore();
  RequestRow row = MakeRequest(0);
  const auto start = std::chrono::steady_clock::now();
  for (int64_t batch = 0; batch < kBatches; ++batch) {
    ASSERT_TRUE(store->Begin());
    for (int64_t i = 0; i < kBatch; ++i) {
      row.id.value += 1;
      row.start_wall_ns += 20'000;
      ASSERT_TRUE(store->AddRequest(row));
    }
    ASSERT_TRUE(store->Commit());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%d rows in %.2f s: %.0f rows/s\n", kBatch * kBatches, took.count(),
              kBatch * kBatches / took.count());
  EXPECT_EQ(OpenReader()->GetTotals()->request_rows, kBatch * kBatches);
}

}  // namespace
}  // namespace pinfo
