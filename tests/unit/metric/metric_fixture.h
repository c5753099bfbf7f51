// A database of metrics in a folder of its own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "collector/store/metric_store.h"

namespace pinfo {

class MetricFixture : public testing::Test {
 protected:
  MetricFixture() {
    std::string name = testing::TempDir() + "pinfo-metric-XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = (folder_ / "pinfo.db").string();
  }
  ~MetricFixture() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<MetricStore> OpenStore() const {
    auto store = OpenMetricStore(path_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<MetricReader> OpenReader() const {
    auto reader = OpenMetricReader(path_);
    EXPECT_TRUE(reader) << reader.error().message;
    return reader ? std::move(*reader) : nullptr;
  }

  std::filesystem::path folder_;
  std::string path_;
};

}  // namespace pinfo
