// A database in a directory of its own, and rows to fill it with.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collector/store/sqlite_store.h"

namespace pinfo {

// The error's message; empty where there is none.
template <typename T>
std::string MessageOf(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr int64_t kEpoch = 1'700'000'000 * kSecond;  // when the tests' requests begin

class StoreFixture : public testing::Test {
 protected:
  StoreFixture();
  ~StoreFixture() override;

  std::unique_ptr<Store> OpenStore();
  std::unique_ptr<Reader> OpenReader();
  std::vector<RequestRow> Requests(const RequestFilter& filter = {});

  std::filesystem::path directory_;
  std::string path_;  // of the database, in directory_
};

// A complete GET of 1 ms whose time is known, at kEpoch + id seconds.
RequestRow MakeRequest(int64_t id);
ProcessRow MakeProcess(uint32_t pid);
StatusRow MakeStatus(ProcessId process, int64_t wall_ns, int64_t rss_bytes = 0,
                     int32_t threads = 0);
FrameRow MakeFrame(const std::string& function, int32_t line = 0);

// Writes rows in one batch.
void AddRequests(Store& store, const std::vector<RequestRow>& rows);

}  // namespace pinfo
