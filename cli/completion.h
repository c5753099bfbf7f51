// Completion scripts for shells, written from the commands and options themselves, so that they
// cannot fall behind. Pure.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace pinfo::cli {

// What each shell sources or puts into its folder of completions:
// bash: bash(1), Programmable Completion; zsh: zshcompsys(1); fish: fish-completions(7).
std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace pinfo::cli
