// pinfo doctor: what works on this machine, and how to enable the rest.
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/preload_path.h"
#include "collector/source/bpf_source.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

struct Check {
  std::string name;
  bool works = false;
  std::string detail;  // what was found; where it does not work, what to do
};

Check CheckKernel() {
  utsname name{};
  uname(&name);
  return {
      .name = "kernel", .works = true, .detail = fmt::format("{} {}", name.sysname, name.release)};
}

// Loads and attaches everything for a moment, following no process.
std::vector<Check> CheckBpf() {
  std::vector<Check> checks;
  Result<std::unique_ptr<BpfSource>> source = BpfSource::Open(BpfOptions{});
  if (!source) {
    checks.push_back({.name = "attach (eBPF)", .works = false, .detail = source.error().message});
    return checks;
  }
  const bool sockets = (*source)->mode() == "ebpf-socket";
  checks.push_back({.name = "attach (eBPF)",
                    .works = true,
                    .detail = sockets ? "socket tracepoints: only sockets of followed processes pay"
                                      : "system call probes: every system call pays a little"});
  if ((*source)->sees_tls()) {
    checks.push_back({.name = "attach (eBPF), TLS",
                      .works = true,
                      .detail = "uprobes: requests over OpenSSL's libssl are seen in plaintext"});
  }
  for (const std::string& note : (*source)->notes()) {
    checks.push_back({.name = "attach (eBPF), in part", .works = false, .detail = note});
  }
  return checks;
}

Check CheckPreload() {
  Result<std::string> path = FindPreloadLibrary();
  if (!path) {
    return {.name = "run (preload)", .works = false, .detail = path.error().message};
  }
  return {.name = "run (preload)", .works = true, .detail = *path};
}

Check CheckDatabase(const std::string& path) {
  Check check{.name = "database", .works = true, .detail = path};
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    check.detail = path + " does not exist yet: the first capture makes it";
    return check;
  }
  if (auto reader = OpenSqliteReader(path); !reader) {
    check.works = false;
    check.detail = reader.error().message;
  }
  return check;
}

void Print(const Check& check, bool json) {
  if (json) {
    fmt::print(
        "{}\n",
        nlohmann::json{{"check", check.name}, {"works", check.works}, {"detail", check.detail}}
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{:<4} {:<23} {}\n", check.works ? "ok" : "no", check.name, check.detail);
  }
}

}  // namespace

void RegisterDoctor(CLI::App& app, const GlobalOptions& global) {
  CLI::App* command =
      app.add_subcommand("doctor", "Say what works on this machine and how to enable the rest");
  command->callback([&global] {
    std::vector<Check> checks{CheckKernel()};
    for (Check& check : CheckBpf()) {
      checks.push_back(std::move(check));
    }
    checks.push_back(CheckPreload());
    checks.push_back(CheckDatabase(global.database));
    bool capture_works = false;
    for (const Check& check : checks) {
      Print(check, global.json);
      capture_works |=
          check.works && (check.name.starts_with("attach") || check.name.starts_with("run"));
    }
    if (!capture_works) {
      ReportError("neither attach nor run works here");
    }
  });
}

}  // namespace pinfo::cli
