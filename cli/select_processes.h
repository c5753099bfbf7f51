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
};

[[nodiscard]] bool NothingSelected(const ProcessSelection& selection);

void AddSelectionOptions(CLI::App& command, ProcessSelection& selection);

// The processes, each once. Fails where an id names no process, a kernel thread or pinfo itself, or
// where a choice matches no process.
Result<std::vector<Pid>> SelectProcesses(const ProcessSelection& selection);

}  // namespace pinfo::cli
