// Reads the configuration: one TOML file, or every *.toml of a folder, as if they were one. docs/
// monitoring.md describes its tables for users.
#pragma once

#include <string>

#include "collector/base/result.h"
#include "collector/config/configuration.h"

namespace pinfo {

// $PINFO_CONFIG; else, where they exist, ~/.config/pinfo ($XDG_CONFIG_HOME) or /etc/pinfo, the
// latter first for root. Empty where there is none.
std::string DefaultConfigPath();

// Fails with every problem found, each with file, line and column. An empty path is the empty
// configuration; a folder without *.toml files too.
Result<Configuration> LoadConfiguration(const std::string& path);

// The same of a text, for tests and tools; name stands for the file in messages.
Result<Configuration> ParseConfiguration(const std::string& text, const std::string& name);

}  // namespace pinfo
