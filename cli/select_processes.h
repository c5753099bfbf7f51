// Which processes a command is about: by id, name, listen port or control group.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "collector/base/ids.h"
#include "collector/base/result.h"

namespace pinfo::cli {

struct ProcessSelection {
  std::vector<uint32_t> pids;
  std::vector<std::string> comms;
  std::vector<uint16_t> ports;
  std::vector<std::string> cgroups;
  bool all_servers = false;
  std::vector<std::string> except;  // names that all_servers leaves out
};

[[nodiscard]] bool NothingSelected(const ProcessSelection& selection);

void AddSelectionOptions(CLI::App& command, ProcessSelection& selection);

// The processes that match now, each once, but for all_servers: who listens is the source's to
// find. Fails where an id names no process or a kernel thread; that a choice by port, name or group
// matches none yet is no failure.
Result<std::vector<Pid>> SelectProcesses(const ProcessSelection& selection);

// "processes that listen on TCP port 80 or are named nginx": what is followed once it starts; empty
// where processes were chosen by id alone.
std::string DescribeLater(const ProcessSelection& selection);

}  // namespace pinfo::cli
