#include "collector/source/bpf_skeleton.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collector/source/user_probe.h"

namespace pinfo {
namespace {

// What each program is for; named to the user when a kernel refuses it.
struct ProgramRole {
  std::string_view name;
  bool socket_strategy;
  bool syscall_strategy;
  bool essential;  // without it no request can be timed
  std::string_view feature;
};
constexpr std::string_view kSampler = "sample";
constexpr std::string_view kTlsFeature = "the plaintext of TLS connections";
constexpr std::string_view kSwitch = "sched_switch";
constexpr ProgramRole kPrograms[] = {
    {"sock_recv_length", true, false, true, "timing requests by the socket tracepoints"},
    {"sock_send_length", true, false, true, "timing requests by the socket tracepoints"},
    {"inet_sock_set_state", true, false, false, "queue time and the end of connections"},
    {"sys_exit", false, true, true, "timing requests by system calls"},
    {"inet_sock_set_state_table", false, true, false, "queue time and the end of connections"},
    {kSwitch, true, true, false, "the split into on-CPU, blocked and run queue time"},
    {"sched_wakeup", true, true, false, "telling run queue time from blocked time"},
    {"sched_waking", true, true, false, "following a request from thread to thread"},
    {"task_newtask", true, true, false, "following new processes and threads"},
    {"sched_process_exec", true, true, false, "noticing exec"},
    {"select_by_name", true, true, false, "following processes that take a chosen name later"},
    {"select_by_cgroup", true, true, false,
     "following at once what starts in a chosen control group"},
    {"sched_process_exit", true, true, false, "noticing the end of processes"},
    {kSampler, true, true, false, "stack samples"},
    {"tls_enter", true, true, false, kTlsFeature},
    {"tls_return", true, true, false, kTlsFeature},
    {"tls_state", true, true, false, kTlsFeature},
    {"tls_free", true, true, false, kTlsFeature},
};

bool IsWanted(std::string_view name, const BpfOptions& options) {
  return (name != "select_by_name" || !options.later.names.empty()) &&
         (name != "select_by_cgroup" || !options.later.cgroups.empty());
}

const ProgramRole* RoleOf(std::string_view name) {
  const auto* it = std::find_if(std::begin(kPrograms), std::end(kPrograms),
                                [&](const ProgramRole& role) { return role.name == name; });
  return it == std::end(kPrograms) ? nullptr : it;
}

// libbpf tells which program failed only through its log. It is one thread's business: loading
// happens once, before any other thread of pinfo exists.
std::string* g_libbpf_log = nullptr;

int CollectLog(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_DEBUG && g_libbpf_log != nullptr && g_libbpf_log->size() < 1 << 20) {
    char line[1024];
    vsnprintf(line, sizeof(line), format, arguments);
    *g_libbpf_log += line;
  }
  return 0;
}

// The program named in libbpf's "prog 'NAME': failed to ..." or "... load failed".
std::string FailedProgram(const std::string& log) {
  for (const ProgramRole& role : kPrograms) {
    const std::string prefix = fmt::format("prog '{}': ", role.name);
    for (size_t at = log.find(prefix); at != std::string::npos;
         at = log.find(prefix, at + prefix.size())) {
      const std::string_view rest = std::string_view(log).substr(at + prefix.size(), 48);
      if (rest.starts_with("failed to") || rest.starts_with("BPF program load failed")) {
        return std::string(role.name);
      }
    }
  }
  return {};
}

// libbpf's own last words, for an error that no program's name explains.
std::string LastLogLines(const std::string& log) {
  const size_t keep = std::min<size_t>(log.size(), 400);
  std::string tail = log.substr(log.size() - keep);
  std::replace(tail.begin(), tail.end(), '\n', ' ');
  return tail;
}

struct LoadAttempt {
  SkeletonPtr skeleton;
  std::string failed_program;
  std::string error;
};

// What a kernel may refuse; switched off one by one until it takes the rest.
struct Features {
  bool python = true;
  bool off_cpu = true;
  bool tls = true;
};

LoadAttempt TryLoad(const BpfOptions& options, bool socket_strategy, const Features& features,
                    const std::set<std::string, std::less<>>& left_out) {
  LoadAttempt attempt;
  std::string log;
  g_libbpf_log = &log;
  libbpf_set_print(CollectLog);
  SkeletonPtr skeleton(pinfo_bpf__open());
  if (!skeleton) {
    attempt.error = fmt::format("the BPF object cannot be opened: {}", strerror(errno));
    g_libbpf_log = nullptr;
    return attempt;
  }
  skeleton->rodata->knob_own_pid = static_cast<uint32_t>(getpid());
  skeleton->rodata->knob_follow_children = options.follow_children;
  skeleton->rodata->knob_stack_bytes = options.stack_bytes;
  skeleton->rodata->knob_python = features.python;
  skeleton->rodata->knob_kernel_stacks = options.kernel_stacks;
  skeleton->rodata->knob_tls = features.tls;
  skeleton->rodata->knob_all_listeners = options.later.all_servers;
  skeleton->rodata->knob_off_cpu_min_ns =
      features.off_cpu ? static_cast<uint64_t>(options.off_cpu_min_ns) : 0;
  skeleton->rodata->knob_sample_period_ns =
      options.hz > 0 ? 1'000'000'000 / static_cast<uint64_t>(options.hz) : 0;
  bpf_map__set_max_entries(skeleton->maps.ring, static_cast<uint32_t>(options.ring_bytes));
  bpf_map__set_max_entries(skeleton->maps.sample_ring,
                           static_cast<uint32_t>(options.sample_ring_bytes));
  bpf_map__set_max_entries(skeleton->maps.sample_scratch,
                           static_cast<uint32_t>(libbpf_num_possible_cpus()));
  bpf_map__set_autocreate(skeleton->maps.sockets, socket_strategy);
  bpf_map__set_autocreate(skeleton->maps.watched_names, !options.later.names.empty());
  bpf_map__set_autocreate(skeleton->maps.watched_cgroups,
                          !options.later.cgroups.empty() && !left_out.contains("select_by_cgroup"));
  bpf_map__set_autocreate(skeleton->maps.socket_table, !socket_strategy);
  bpf_map__set_autocreate(skeleton->maps.tls_sessions, features.tls);
  const bool multi_probes = features.tls && UserProbe::HasMulti();
  bpf_map__set_autocreate(skeleton->maps.unix_table, !socket_strategy);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    const char* name = bpf_program__name(program);
    const ProgramRole* role = RoleOf(name);
    bpf_program__set_autoload(
        program, role != nullptr && !left_out.contains(name) && IsWanted(name, options) &&
                     (features.tls || role->feature != kTlsFeature) &&
                     (socket_strategy ? role->socket_strategy : role->syscall_strategy));
    if (multi_probes && bpf_program__type(program) == BPF_PROG_TYPE_KPROBE) {
      UserProbe::PrepareForMulti(program);
    }
  }
  const int error = pinfo_bpf__load(skeleton.get());
  g_libbpf_log = nullptr;
  if (error != 0) {
    attempt.failed_program = FailedProgram(log);
    attempt.error = fmt::format("{} ({})", strerror(-error), LastLogLines(log));
    return attempt;
  }
  for (const bpf_map* free_slots :
       {skeleton->maps.free_blocked_slots, skeleton->maps.free_deep_blocked_slots}) {
    for (uint32_t slot = 0; slot < bpf_map__max_entries(free_slots); ++slot) {
      bpf_map_update_elem(bpf_map__fd(free_slots), nullptr, &slot, BPF_ANY);
    }
  }
  attempt.skeleton = std::move(skeleton);
  return attempt;
}

// Loads what the kernel takes; every refusal costs another try without that program.
Result<LoadedSkeleton> LoadStrategy(const BpfOptions& options, bool socket_strategy) {
  LoadedSkeleton loaded;
  loaded.socket_strategy = socket_strategy;
  std::set<std::string, std::less<>> left_out;
  Features features;
  features.tls = options.tls;
  features.off_cpu = options.off_cpu_min_ns > 0;
  for (size_t tries = 0; tries <= std::size(kPrograms) + 2; ++tries) {
    LoadAttempt attempt = TryLoad(options, socket_strategy, features, left_out);
    if (attempt.skeleton) {
      loaded.skeleton = std::move(attempt.skeleton);
      loaded.tls = features.tls;
      return loaded;
    }
    const ProgramRole* role = RoleOf(attempt.failed_program);
    if (role == nullptr) {
      return Fail("the kernel refused the BPF programs: " + attempt.error);
    }
    if (role->essential) {
      return Fail(fmt::format("the kernel refused the program {} ({}): {}", role->name,
                              role->feature, attempt.error));
    }
    if (role->name == kSampler && features.python) {
      features.python = false;  // the walk is the part that a verifier may find too long
      loaded.notes.emplace_back("Python frames are off: the kernel refused to walk them");
      continue;
    }
    if (role->name == kSwitch && features.off_cpu) {
      features.off_cpu = false;
      loaded.notes.emplace_back("stacks of waits are off: the kernel refused to copy them");
      continue;
    }
    left_out.insert(attempt.failed_program);
    features.tls = features.tls && role->feature != kTlsFeature;  // all of them or none
    loaded.notes.push_back(
        fmt::format("{} is off: the kernel refused the program {}", role->feature, role->name));
  }
  return Fail("the kernel refused every BPF program");
}

void AttachTracepoints(LoadedSkeleton& loaded, std::string& essential_failure) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, loaded.skeleton->obj) {
    // Those of sampling are attached to CPUs, those of TLS to files as processes map them.
    if (!bpf_program__autoload(program) || bpf_program__type(program) == BPF_PROG_TYPE_PERF_EVENT ||
        bpf_program__type(program) == BPF_PROG_TYPE_KPROBE) {
      continue;
    }
    bpf_link* link = bpf_program__attach(program);
    if (link != nullptr) {
      loaded.links.emplace_back(link);
      continue;
    }
    const ProgramRole* role = RoleOf(bpf_program__name(program));
    std::string note = fmt::format("{} is off: attaching {} failed: {}", role->feature, role->name,
                                   strerror(errno));
    if (role->essential) {
      essential_failure = note;
      return;
    }
    loaded.notes.push_back(std::move(note));
  }
}

void AttachSampler(LoadedSkeleton& loaded, int hz) {
  if (hz <= 0 || !bpf_program__autoload(loaded.skeleton->progs.sample)) {
    return;
  }
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = static_cast<uint64_t>(hz);
  const int cpus = libbpf_num_possible_cpus();
  int attached = 0;
  int last_error = 0;
  for (int cpu = 0; cpu < cpus; ++cpu) {
    UniqueFd fd(static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!fd) {
      last_error = errno;  // an offline CPU is no failure, unless all are
      continue;
    }
    bpf_link* link = bpf_program__attach_perf_event(loaded.skeleton->progs.sample, fd.get());
    if (link == nullptr) {
      last_error = errno;
      continue;
    }
    loaded.links.emplace_back(link);
    loaded.perf_events.push_back(std::move(fd));
    ++attached;
  }
  if (attached == 0) {
    loaded.notes.push_back(fmt::format("stack samples are off: perf_event_open of cpu-clock: {}",
                                       strerror(last_error)));
  }
}

}  // namespace

Result<LoadedSkeleton> LoadSkeleton(const BpfOptions& options) {
  utsname kernel{};
  uname(&kernel);
  const bool first_socket = TrySocketProbes(options.probes, ParseKernelVersion(kernel.release));
  Result<LoadedSkeleton> loaded = LoadStrategy(options, first_socket);
  if (loaded && !first_socket && options.probes == ProbeStrategy::kAuto) {
    loaded->notes.push_back(fmt::format(
        "system calls are watched, which costs more: before Linux 6.5 (this is {}) the socket "
        "tracepoints do not see sendfile",
        kernel.release));
  }
  if (!loaded && first_socket && options.probes == ProbeStrategy::kAuto) {
    const std::string why = loaded.error().message;
    loaded = LoadStrategy(options, false);
    if (loaded) {
      loaded->notes.push_back(
          "the socket tracepoints (Linux 6.3) are missing here, system calls "
          "are watched instead, which costs more: " +
          why);
    }
  }
  if (!loaded) {
    return loaded;
  }
  std::string essential_failure;
  AttachTracepoints(*loaded, essential_failure);
  if (!essential_failure.empty()) {
    return Fail(essential_failure);
  }
  AttachSampler(*loaded, options.hz);
  if (loaded->tls) {
    if (const Status status = TryUserProbe(loaded->skeleton->progs.tls_enter); !status) {
      loaded->tls = false;
      loaded->notes.push_back(fmt::format("{} is off: {}", kTlsFeature, status.error().message));
    }
  }
  return loaded;
}

}  // namespace pinfo
