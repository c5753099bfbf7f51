#include "collector/source/bpf_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_set>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/process/listeners.h"
#include "collector/process/process_watcher.h"
#include "collector/python/python_watcher.h"
#include "collector/source/bpf_skeleton.h"
#include "collector/source/kernel_names.h"
#include "collector/source/mapping_events.h"
#include "collector/source/tls_probes.h"

namespace pinfo {
namespace {

constexpr int64_t kReconcileNs = 1'000'000'000;
constexpr int64_t kReconcilePerProcessNs = 5'000'000;
// Counters are read one system call each: not at each of a hundred drains a second.
constexpr int64_t kLossesNs = 200'000'000;
// PROC_PID_INIT_INO, include/linux/proc_ns.h: the inode of the initial pid namespace.
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;

bool IsOfRequest(std::span<const std::byte> bytes) {
  pinfo_header header{};
  if (bytes.size() < sizeof(header)) {
    return false;
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header.type == PINFO_RECORD_EXCHANGE || header.type == PINFO_RECORD_RECEIVED ||
         header.type == PINFO_RECORD_RESPONSE || header.type == PINFO_RECORD_SEGMENT;
}

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

// bpf_map__fd of a map that was not created is an error code.
LaterProcesses::Maps MapsOfSelection(const pinfo_bpf& skeleton) {
  return {.ports = bpf_map__fd(skeleton.maps.watched_ports),
          .names = bpf_map__fd(skeleton.maps.watched_names),
          .excepted = bpf_map__fd(skeleton.maps.excepted_names),
          .cgroups = bpf_map__fd(skeleton.maps.watched_cgroups)};
}

class BpfSourceImpl final : public BpfSource, private RecordSink {
 public:
  BpfSourceImpl(LoadedSkeleton loaded, const BpfOptions& options)
      : loaded_(std::move(loaded)),
        python_([this](Pid pid, const pinfo_python_layout* layout) { SetPython(pid, layout); }),
        later_(options.later, MapsOfSelection(*loaded_.skeleton)),
        may_follow_(options.may_follow),
        follow_children_(options.follow_children) {
    if (options.kernel_stacks) {
      kernel_names_.emplace(KernelSymbols::OfThisMachine());
    }
    if (loaded_.tls) {
      const auto& skeleton = *loaded_.skeleton;
      tls_.emplace(TlsPrograms{.enter = skeleton.progs.tls_enter,
                               .leave = skeleton.progs.tls_return,
                               .state = skeleton.progs.tls_state,
                               .free = skeleton.progs.tls_free,
                               .followed_map = bpf_map__fd(skeleton.maps.followed),
                               .sessions_map = bpf_map__fd(skeleton.maps.tls_sessions)});
    }
  }

  Status OpenRings();
  void OpenMappingEvents();
  Status BeginLater() { return later_.Begin(); }
  Status Follow(Pid pid) override;
  void FollowMatching() override {
    later_.Tick(MonotonicNs(), [this](Pid pid) { Adopt(pid); });
  }
  Status AddListenPort(uint16_t port) override;
  std::vector<std::string> notes() const override;
  size_t followed_count() const override { return followed_.size(); }
  bool sees_tls() const override { return loaded_.tls; }
  std::string mode() const override {
    return loaded_.socket_strategy ? "ebpf-socket" : "ebpf-syscall";
  }
  Result<size_t> Drain(RecordSink& sink) override;
  bool Ended() const override { return stopped_ || (followed_.empty() && later_.empty()); }
  void Stop() override;

 private:
  static int OnRingRecord(void* context, void* data, size_t size);
  // Records that the watchers make on the way.
  void OnRecord(std::span<const std::byte> bytes) override;
  void OnKernelRecord(std::span<const std::byte> bytes);
  void Forward(std::span<const std::byte> bytes);  // to the drain's sink
  Status FollowWithChildren(Pid pid);
  Status MarkTree(Pid pid, std::vector<Pid>& marked);
  void Adopt(Pid pid);
  void Unfollow(Pid pid);
  void SetPython(Pid pid, const pinfo_python_layout* layout);
  void EmitLosses(RecordSink& sink, int64_t now_ns);
  void ReconcileEnded(int64_t now_ns);

  LoadedSkeleton loaded_;
  std::unique_ptr<ring_buffer, RingDeleter> rings_;
  std::unique_ptr<MappingEvents> mapping_events_;  // nullptr: /proc alone tells
  ProcessWatcher watcher_;
  PythonWatcher python_;
  std::optional<TlsProbes> tls_;
  std::optional<KernelNames> kernel_names_;  // where stacks have the kernel's part
  std::unordered_set<Pid> followed_;
  std::vector<Pid> to_announce_;  // followed since the last drain
  std::array<uint64_t, PINFO_LOSS_KIND_COUNT> reported_{};
  RecordSink* sink_ = nullptr;  // during Drain
  size_t drained_ = 0;
  int64_t next_reconcile_ns_ = 0;
  int64_t next_losses_ns_ = 0;
  LaterProcesses later_;
  std::function<Status(Pid)> may_follow_;
  bool follow_children_;
  bool stopped_ = false;
};

int BpfSourceImpl::OnRingRecord(void* context, void* data, size_t size) {
  static_cast<BpfSourceImpl*>(context)->OnKernelRecord({static_cast<const std::byte*>(data), size});
  return 0;
}

std::vector<std::string> BpfSourceImpl::notes() const {
  std::vector<std::string> notes = loaded_.notes;
  notes.insert(notes.end(), python_.notes().begin(), python_.notes().end());
  if (tls_) {
    notes.insert(notes.end(), tls_->notes().begin(), tls_->notes().end());
  }
  return notes;
}

void BpfSourceImpl::SetPython(Pid pid, const pinfo_python_layout* layout) {
  const int map = bpf_map__fd(loaded_.skeleton->maps.python_layouts);
  if (layout == nullptr) {
    bpf_map_delete_elem(map, &pid.value);
  } else {
    bpf_map_update_elem(map, &pid.value, layout, BPF_ANY);
  }
}

void BpfSourceImpl::OnRecord(std::span<const std::byte> bytes) {
  if (const auto record = DecodeRecord(bytes)) {
    python_.OnRecord(*record, *this);
    if (tls_) {
      tls_->OnRecord(*record);
    }
  }
  Forward(bytes);
}

void BpfSourceImpl::Forward(std::span<const std::byte> bytes) {
  ++drained_;
  sink_->OnRecord(bytes);
}

void BpfSourceImpl::OnKernelRecord(std::span<const std::byte> bytes) {
  // Those of requests, nearly all, concern nobody here.
  const auto record = IsOfRequest(bytes) ? std::nullopt : DecodeRecord(bytes);
  if (record) {
    const Pid pid{record->header().pid};
    if (record->type() == PINFO_RECORD_TASK && record->header().pid == record->header().tid) {
      if (record->as<pinfo_task>().parent_tid == 0) {
        Adopt(pid);
        return;
      }
      followed_.insert(pid);
    } else if (record->type() == PINFO_RECORD_EXIT && record->as<pinfo_exit>().process_ended != 0) {
      followed_.erase(pid);
    }
    if (kernel_names_ && record->type() == PINFO_RECORD_SAMPLE) {
      kernel_names_->OnSample(*record, *this);
    }
    // First: what an exec made void must not outlive the new program's mappings.
    python_.OnRecord(*record, *this);
    if (tls_) {
      tls_->OnRecord(*record);
    }
    watcher_.OnRecord(*record, *this);
  }
  Forward(bytes);
}

Status BpfSourceImpl::OpenRings() {
  rings_.reset(
      ring_buffer__new(bpf_map__fd(loaded_.skeleton->maps.ring), OnRingRecord, this, nullptr));
  if (!rings_) {
    return FailErrno("mapping the ring buffer");
  }
  const int error = ring_buffer__add(rings_.get(), bpf_map__fd(loaded_.skeleton->maps.sample_ring),
                                     OnRingRecord, this);
  if (error != 0) {
    return FailErrno("mapping the ring buffer of samples", -error);
  }
  return {};
}

// Without these events mappings are learnt from /proc alone, with a delay.
void BpfSourceImpl::OpenMappingEvents() {
  auto events = MappingEvents::Open();
  if (events) {
    mapping_events_ = std::move(*events);
  } else {
    loaded_.notes.push_back(
        fmt::format("functions of libraries loaded later may be unnamed for up to 5 s: {}",
                    events.error().message));
  }
}

Status BpfSourceImpl::AddListenPort(uint16_t port) {
  const uint32_t key = port;
  const uint8_t one = 1;
  if (bpf_map_update_elem(bpf_map__fd(loaded_.skeleton->maps.listen_ports), &key, &one, BPF_ANY) !=
      0) {
    return FailErrno(fmt::format("watching port {}", port));
  }
  return {};
}

Status BpfSourceImpl::Follow(Pid pid) {
  if (pid.value == static_cast<uint32_t>(getpid())) {
    return Fail(fmt::format("process {} is pinfo itself", pid.value));
  }
  if (!ReadStartTicks(pid)) {
    return Fail(
        fmt::format("there is no process {}; `pgrep -a NAME` lists processes by name", pid.value));
  }
  if (IsKernelThread(pid)) {
    return Fail(fmt::format("process {} ({}) is a kernel thread: it has no user code to profile",
                            pid.value, ReadComm(pid)));
  }
  return FollowWithChildren(pid);
}

// The kernel's side has begun to follow it: it has come to match what was chosen.
void BpfSourceImpl::Adopt(Pid pid) {
  if (followed_.contains(pid)) {
    return;
  }
  Status status = may_follow_ ? may_follow_(pid) : Status();
  if (status) {
    status = FollowWithChildren(pid);
  }
  if (!status) {
    Unfollow(pid);
    loaded_.notes.push_back(
        fmt::format("process {} is not followed: {}", pid.value, status.error().message));
  }
}

void BpfSourceImpl::Unfollow(Pid pid) {
  bpf_map_delete_elem(bpf_map__fd(loaded_.skeleton->maps.followed), &pid.value);
  followed_.erase(pid);
}

Status BpfSourceImpl::FollowWithChildren(Pid pid) {
  std::vector<Pid> marked;
  Status status = MarkTree(pid, marked);
  // What these begin to listen on from now on, the kernel's side notices.
  for (const uint16_t port : ListenPorts(marked)) {
    if (status) {
      status = AddListenPort(port);
    }
  }
  return status;
}

// Has the kernel's side follow it and its descendants.
Status BpfSourceImpl::MarkTree(Pid pid, std::vector<Pid>& marked) {
  // pinfo may be a descendant of its target; and a zombie's end has been reported already.
  if (pid.value == static_cast<uint32_t>(getpid()) || IsZombie(pid) ||
      !followed_.insert(pid).second) {
    return {};
  }
  const uint8_t one = 1;
  auto& hints = loaded_.skeleton->bss->followed_hints;
  hints[pid.value % std::size(hints)] = 1;
  if (bpf_map_update_elem(bpf_map__fd(loaded_.skeleton->maps.followed), &pid.value, &one,
                          BPF_ANY) != 0) {
    followed_.erase(pid);
    return FailErrno(fmt::format("following process {}", pid.value));
  }
  if (!ReadStartTicks(pid)) {  // ended before the kernel's side knew it: no exit will be reported
    bpf_map_delete_elem(bpf_map__fd(loaded_.skeleton->maps.followed), &pid.value);
    followed_.erase(pid);
    return {};
  }
  to_announce_.push_back(pid);
  marked.push_back(pid);
  if (!MapsAreReadable(pid)) {
    loaded_.notes.push_back(fmt::format(
        "stacks of process {} will have no names: its memory map cannot be read, which takes "
        "CAP_SYS_PTRACE",
        pid.value));
  }
  python_.Inspect(pid);
  if (tls_) {
    tls_->Inspect(pid);
  }
  if (!follow_children_) {
    return {};
  }
  // The parent is in the map by now, so a child born while this loop runs is seen by the kernel's
  // side; a child that ends meanwhile is no failure.
  for (const Pid child : ChildrenOf(pid)) {
    if (Status status = MarkTree(child, marked); !status) {
      return status;
    }
  }
  return {};
}

void BpfSourceImpl::EmitLosses(RecordSink& sink, int64_t now_ns) {
  if (!stopped_ && now_ns < next_losses_ns_) {
    return;
  }
  next_losses_ns_ = now_ns + kLossesNs;
  const int cpus = libbpf_num_possible_cpus();
  std::vector<uint64_t> per_cpu(static_cast<size_t>(cpus));
  for (uint32_t kind = 0; kind < PINFO_LOSS_KIND_COUNT; ++kind) {
    if (bpf_map_lookup_elem(bpf_map__fd(loaded_.skeleton->maps.losses), &kind, per_cpu.data()) !=
        0) {
      continue;
    }
    uint64_t total = 0;
    for (const uint64_t count : per_cpu) {
      total += count;
    }
    if (total == reported_[kind]) {
      continue;
    }
    pinfo_loss record{};
    record.header.size = sizeof(record);
    record.header.type = PINFO_RECORD_LOSS;
    record.header.time_ns = static_cast<pinfo_u64>(now_ns);
    record.count = total - reported_[kind];
    record.kind = kind;
    reported_[kind] = total;
    sink.OnRecord(std::as_bytes(std::span(&record, 1)));
  }
}

// An EXIT record can find the ring full, and then nobody would ever tell of that end.
void BpfSourceImpl::ReconcileEnded(int64_t now_ns) {
  if (now_ns < next_reconcile_ns_) {
    return;
  }
  next_reconcile_ns_ = now_ns + std::max(kReconcileNs, static_cast<int64_t>(followed_.size()) *
                                                           kReconcilePerProcessNs);
  for (auto it = followed_.begin(); it != followed_.end();) {
    const Pid pid = *it;
    if (!HasEnded(pid)) {
      ++it;
      continue;
    }
    it = followed_.erase(it);
    pinfo_exit record{};
    record.header.size = sizeof(record);
    record.header.type = PINFO_RECORD_EXIT;
    record.header.pid = pid.value;
    record.header.tid = pid.value;
    record.header.time_ns = static_cast<pinfo_u64>(now_ns);
    record.process_ended = 1;
    const auto bytes = std::as_bytes(std::span(&record, 1));
    watcher_.OnRecord(*DecodeRecord(bytes), *this);
    OnRecord(bytes);
  }
}

Result<size_t> BpfSourceImpl::Drain(RecordSink& sink) {
  sink_ = &sink;
  drained_ = 0;
  for (const Pid pid : std::exchange(to_announce_, {})) {
    watcher_.Follow(pid, *this);
  }
  const int result = ring_buffer__consume(rings_.get());
  // After the kernel's records: these tell of new processes.
  if (mapping_events_ != nullptr && !mapping_events_->Drain([this](const MappingEvent& event) {
        watcher_.OnMapping(event.mapping, event.path, *this);
      })) {
    watcher_.OnMappingsLost();
  }
  const int64_t now_ns = MonotonicNs();
  if (!stopped_) {
    watcher_.Tick(now_ns, *this);
    ReconcileEnded(now_ns);
    later_.Tick(now_ns, [this](Pid pid) { Adopt(pid); });
    python_.Tick();
    if (tls_) {
      tls_->Tick(now_ns);
    }
  }
  EmitLosses(*this, now_ns);
  sink_ = nullptr;
  if (result < 0) {
    return FailErrno("reading the ring buffer", -result);
  }
  return drained_;
}

void BpfSourceImpl::Stop() {
  if (tls_) {
    tls_->Stop();
  }
  loaded_.links.clear();
  loaded_.perf_events.clear();
  stopped_ = true;
}

}  // namespace

Result<std::unique_ptr<BpfSource>> BpfSource::Open(const BpfOptions& options) {
  if (const std::string obstacle = BpfObstacle(); !obstacle.empty()) {
    return Fail(obstacle);
  }
  Result<LoadedSkeleton> loaded = LoadSkeleton(options);
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  auto source = std::make_unique<BpfSourceImpl>(std::move(*loaded), options);
  for (const auto step : {&BpfSourceImpl::OpenRings, &BpfSourceImpl::BeginLater}) {
    if (Status status = ((*source).*step)(); !status) {
      return tl::unexpected(status.error());
    }
  }
  source->OpenMappingEvents();
  return source;
}

std::string BpfObstacle() {
  if (access("/sys/kernel/btf/vmlinux", F_OK) != 0) {
    return "this kernel has no BTF (/sys/kernel/btf/vmlinux is missing; it needs "
           "CONFIG_DEBUG_INFO_BTF=y), so the eBPF probes cannot be fitted to it; use `pinfo run -- "
           "COMMAND`, which needs no BPF";
  }
  struct stat pid_namespace {};
  if (stat("/proc/self/ns/pid", &pid_namespace) == 0 &&
      pid_namespace.st_ino != kInitialPidNamespace) {
    return "pinfo runs in a pid namespace of its own (a container), where process ids are not the "
           "kernel's; run it on the host or with the host's pid namespace (docker: --pid=host), or "
           "use `pinfo run -- COMMAND`";
  }
  // The cheapest privileged question: is creating a ring buffer allowed?
  const int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "pinfo_probe", 0, 0, 4096, nullptr);
  if (fd >= 0) {
    close(fd);
    return {};
  }
  if (errno == EPERM || errno == EACCES) {
    return "no permission to use BPF: run `sudo pinfo attach`, give the program CAP_BPF and "
           "CAP_PERFMON, or use `pinfo run -- COMMAND`, which needs no rights";
  }
  return fmt::format(
      "this kernel cannot create a BPF ring buffer ({}; Linux 5.8 is needed); use "
      "`pinfo run -- COMMAND`, which needs no BPF",
      strerror(errno));
}

}  // namespace pinfo
