// What people are told, in every form it is sent in. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/config/configuration.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

struct Message {
  std::string kind;  // "instant", "recovery", "digest" or "test"
  std::string subject;
  std::string text;
  std::string html;
  std::string json;
};

// About these monitors, worst first. now_wall_ns: when it is said.
Message InstantMessage(std::vector<MonitorRow> monitors, int64_t now_wall_ns);
Message RecoveryMessage(std::vector<MonitorRow> monitors, int64_t now_wall_ns);
Message DigestMessage(std::vector<MonitorRow> monitors, int64_t now_wall_ns);
Message TestMessage(const std::string& person, int64_t now_wall_ns);

// Worst first, then by group and title.
void SortWorstFirst(std::vector<MonitorRow>& monitors);

}  // namespace pinfo
