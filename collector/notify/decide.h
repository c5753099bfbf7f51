// Who is to be told what. Pure: from the monitors as they are, the people, and whom was told what
// already.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collector/config/configuration.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

// What one person is told at once, and what is then to be remembered.
struct InstantDecision {
  std::string person;
  std::vector<MonitorRow> not_fine;
  std::vector<MonitorRow> fine_again;
};

// Of people whose mode for a monitor is instant: each that is not fine, unless they were told since
// it was fine last and the delay has not passed; each that is fine again, if they had been told.
std::vector<InstantDecision> DecideInstant(const Configuration& configuration,
                                           const std::map<std::string, MonitorRow>& monitors,
                                           const NotifiedMap& notified, int64_t now_wall_ns);

// Of people whose mode for a monitor is digest: all that are not fine. Nobody gets an empty one.
std::vector<std::pair<std::string, std::vector<MonitorRow>>> DecideDigest(
    const Configuration& configuration, const std::map<std::string, MonitorRow>& monitors);

// The channels that reach a person: "mail", "webhook", "command".
std::vector<std::string> ChannelsOf(const Person& person);

}  // namespace pinfo
