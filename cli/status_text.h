// What `pinfo status` prints. Pure: no I/O.
#pragma once

#include <string>

#include "cli/overview.h"

namespace pinfo::cli {

// For people. database: its path, fit for a terminal.
std::string StatusText(const Overview& overview, const std::string& database, bool terminal);

// One object a line: type totals, system, site, process, session.
std::string StatusJsonLines(const Overview& overview);

}  // namespace pinfo::cli
