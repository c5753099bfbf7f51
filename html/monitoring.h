// Monitors and own metrics as the pages show them, where there are any.
#pragma once

#include <functional>
#include <memory>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/metric_store.h"
#include "collector/store/monitor_store.h"

namespace pinfo::html {

// Opens what is needed when it is needed. An empty one: there is nothing of it.
struct MonitoringSource {
  std::function<Result<std::unique_ptr<MonitorReader>>()> monitors = nullptr;
  std::function<Result<std::unique_ptr<MetricReader>>()> metrics = nullptr;
};

struct MonitoringPages {
  bool monitors = false;
  bool metrics = false;
};
Result<MonitoringPages> PagesOf(const MonitoringSource& source);

// The interfaces Monitoring and Metric of html/src/data.ts.
Result<nlohmann::json> MonitorsData(const MonitoringSource& source);
Result<nlohmann::json> MetricsData(const MonitoringSource& source);

}  // namespace pinfo::html
