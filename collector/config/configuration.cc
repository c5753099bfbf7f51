#include "collector/config/configuration.h"

namespace pinfo {

const char* LevelName(Level level) {
  switch (level) {
    case Level::kFine:
      return "fine";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
    case Level::kUnknown:
      break;
  }
  return "unknown";
}

const char* MetricKindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kTiming:
      return "timing";
    case MetricKind::kSet:
      break;
  }
  return "set";
}

const char* ChartKindName(ChartKind chart) {
  switch (chart) {
    case ChartKind::kLine:
      return "line";
    case ChartKind::kBars:
      return "bars";
    case ChartKind::kNumber:
      break;
  }
  return "number";
}

int Severity(Level level) {
  switch (level) {
    case Level::kFine:
      return 0;
    case Level::kUnknown:
      return 1;
    case Level::kWarning:
      return 2;
    case Level::kProblem:
      break;
  }
  return 3;
}

}  // namespace pinfo
