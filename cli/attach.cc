// pinfo attach: eBPF probes on running processes.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/attach_lock.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/select_processes.h"
#include "cli/session_text.h"
#include "collector/process/cgroup.h"
#include "collector/process/proc_reader.h"
#include "collector/source/bpf_source.h"

namespace pinfo::cli {
namespace {

struct AttachOptions {
  ProcessSelection selection;
  CaptureOptions capture;
  std::string probes = "auto";
  int hz = 99;
  size_t ring_mb = 16;
  bool no_children = false;
  bool no_tls = false;
  bool kernel_stacks = false;
};

BpfOptions ToBpfOptions(const AttachOptions& options, int64_t off_cpu_min_ns) {
  BpfOptions bpf;
  bpf.off_cpu_min_ns = off_cpu_min_ns;
  bpf.probes = options.probes == "socket"    ? ProbeStrategy::kSocket
               : options.probes == "syscall" ? ProbeStrategy::kSyscall
                                             : ProbeStrategy::kAuto;
  bpf.hz = options.hz;
  bpf.follow_children = !options.no_children;
  bpf.tls = !options.no_tls;
  bpf.kernel_stacks = options.kernel_stacks;
  bpf.ring_bytes = options.ring_mb << 20;
  bpf.later.ports = options.selection.ports;
  bpf.later.names = options.selection.comms;
  bpf.later.all_servers = options.selection.all_servers;
  if (options.selection.all_servers) {
    bpf.later.except = options.selection.except;
    // A login's shell and all that is started from it are children of sshd.
    bpf.later.except.insert(bpf.later.except.end(), {"sshd", "pinfo"});
  }
  for (const std::string& group : options.selection.cgroups) {
    bpf.later.cgroups.push_back(NormalizeCgroup(group));
  }
  return bpf;
}

Status FollowAll(BpfSource& source, const std::vector<Pid>& pids, const AttachOptions& options) {
  for (const uint16_t port : options.selection.ports) {
    if (Status status = source.AddListenPort(port); !status) {
      return status;
    }
  }
  for (const Pid pid : pids) {
    if (Status status = source.Follow(pid); !status) {
      return status;
    }
  }
  source.FollowMatching();
  if (source.followed_count() == 0 && DescribeLater(options.selection).empty()) {
    return Fail("the process ended before pinfo was attached");
  }
  return {};
}

// Locks of processes that started after pinfo, as long as they live.
class LaterLocks {
 public:
  // first: those that were chosen at the start; their locks are held elsewhere.
  LaterLocks(const std::vector<Pid>& first, bool with_children)
      : first_(first), with_children_(with_children) {}

  Status Lock(Pid pid) {
    std::erase_if(held_, [](const auto& each) { return !ReadStartTicks(each.first); });
    std::vector<Pid> ours = first_;
    for (const auto& [each, locks] : held_) {
      ours.push_back(each);
    }
    Result<std::vector<AttachLock>> locks = LockProcesses({pid}, with_children_, ours);
    if (!locks) {
      return tl::unexpected(locks.error());
    }
    held_.emplace_back(pid, std::move(*locks));
    return {};
  }

 private:
  std::vector<Pid> first_;
  std::vector<std::pair<Pid, std::vector<AttachLock>>> held_;
  bool with_children_;
};

// Prints the source's notes but for those shown, which these then are too.
void ShowNotes(const BpfSource& source, std::set<std::string>& shown) {
  for (const std::string& note : source.notes()) {
    if (shown.insert(note).second) {
      Tell("pinfo: {}\n", note);
    }
  }
}

// "4711 4712", "all servers", "no process yet".
std::string DescribeChosen(const std::vector<Pid>& pids, size_t followed,
                           const ProcessSelection& selection) {
  std::vector<std::string> parts;
  for (const Pid pid : pids) {
    parts.push_back(std::to_string(pid.value));
  }
  if (selection.all_servers && followed > 0) {
    parts.emplace_back("all servers");
  }
  return parts.empty() ? "no process yet" : fmt::format("{}", fmt::join(parts, " "));
}

Status Attach(const AttachOptions& options, const GlobalOptions& global) {
  Result<std::vector<Pid>> pids = SelectProcesses(options.selection);
  if (!pids) {
    return tl::unexpected(pids.error());
  }
  Result<std::vector<AttachLock>> locks = LockProcesses(*pids, !options.no_children);
  if (!locks) {
    return tl::unexpected(locks.error());
  }
  Result<PreparedCapture> capture = PrepareCapture(options.capture, global, /*live=*/true);
  if (!capture) {
    return tl::unexpected(capture.error());
  }
  capture->pipeline.command = "attach";
  InstallStopSignals();
  const Result<int64_t> off_cpu_min_ns = OffCpuMinNs(options.capture);
  if (!off_cpu_min_ns) {
    return tl::unexpected(off_cpu_min_ns.error());
  }
  BpfOptions bpf = ToBpfOptions(options, *off_cpu_min_ns);
  LaterLocks later_locks(*pids, !options.no_children);
  bpf.may_follow = [&later_locks](Pid pid) { return later_locks.Lock(pid); };
  Result<std::unique_ptr<BpfSource>> source = BpfSource::Open(bpf);
  if (!source) {
    return tl::unexpected(source.error());
  }
  if (Status status = FollowAll(**source, *pids, options); !status) {
    return status;
  }
  if (Status status = StartMonitoring(*capture, global); !status) {
    return status;
  }
  std::set<std::string> notes_shown;
  ShowNotes(**source, notes_shown);
  const std::string later = DescribeLater(options.selection);
  // Users and scripts wait for this line.
  Tell("attached to {} ({}, {}, stacks at {} Hz); database {}\n",
       DescribeChosen(*pids, (*source)->followed_count(), options.selection),
       Count(static_cast<int64_t>((*source)->followed_count()), "process", "processes"),
       (*source)->mode(), options.hz, global.database);
  if (!later.empty()) {
    Tell("pinfo: waits for {}, until {}\n", later,
         options.capture.duration.empty() ? "Ctrl-C" : options.capture.duration + " have passed");
  }
  RunCapture(*capture, **source, global);  // reports its errors itself
  ShowNotes(**source, notes_shown);
  return {};
}

}  // namespace

void RegisterAttach(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<AttachOptions>();
  CLI::App* command = app.add_subcommand(
      "attach",
      "Time the requests of running processes by eBPF, until they end, --duration or "
      "Ctrl-C");
  AddSelectionOptions(*command, options->selection);
  command->add_option("--hz", options->hz, "Stack samples a second and CPU; 0 for none")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  command
      ->add_option("--probes", options->probes,
                   "How requests are seen: socket (Linux 6.3), syscall, or auto")
      ->check(CLI::IsMember({"auto", "socket", "syscall"}))
      ->capture_default_str();
  command->add_option("--ring-mb", options->ring_mb, "Size of the kernel's ring of records")
      ->check(CLI::IsMember({1, 2, 4, 8, 16, 32, 64, 128, 256, 512}))
      ->capture_default_str();
  command->add_flag("--no-children", options->no_children,
                    "Leave out processes that the chosen ones have started or will start");
  command->add_flag("--kernel-stacks", options->kernel_stacks,
                    "The kernel's part of a stack, too: functions with the mark _[k]");
  command->add_flag("--no-tls", options->no_tls,
                    "Put no probes on TLS libraries: requests over TLS are then turns of encrypted "
                    "bytes");
  AddOffCpuOptions(*command, options->capture);
  AddCaptureOptions(*command, options->capture, /*with_record=*/true);
  command->callback([options, &global] {
    if (NothingSelected(options->selection)) {
      ReportUsageError(
          "nothing to attach to: give process ids, --comm, --port, --cgroup or --all-servers");
      return;
    }
    if (Status status = Attach(*options, global); !status) {
      ReportError(status.error().message);
    }
  });
}

}  // namespace pinfo::cli
