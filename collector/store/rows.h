// The plain values that go into and come out of the store. No behaviour, no SQL.
//
// Wall-clock times are nanoseconds since the Unix epoch (converted once, by the pipeline);
// durations are nanoseconds. std::nullopt is "not known", never zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/ids.h"
#include "collector/store/loss.h"

namespace pinfo {

enum class Outcome : uint8_t {
  kComplete = 0,
  kAborted = 1,  // the connection ended before the response did
  kUnknown = 2,  // pinfo could not see how it ended
  kPartial = 3,  // under way before pinfo looked: counted, left out of latency statistics
};
const char* OutcomeName(Outcome outcome);

// How pinfo knows that a response was over.
enum class EndedBy : uint8_t {
  kNotSeen = 0,      // it does not: aborted, unknown
  kFraming = 1,      // its length, its last chunk, or that it has no body
  kClose = 2,        // the connection's end, which is the end of a response without framing
  kNextRequest = 3,  // the next one came; the end itself was not seen
  kSilence = 4,      // nothing came for a second; the end itself was not seen
};
const char* EndedByName(EndedBy ended_by);  // "" for kNotSeen

// One process's life: (pid, start_ticks, boot_id) on a host.
struct ProcessRow {
  ProcessId id;
  Pid pid;
  Pid parent;
  uint64_t start_ticks = 0;
  std::string boot_id;
  std::string host;  // machine id
  std::string mode;  // "ebpf" or "preload": how pinfo saw it
  std::string exe;
  std::string comm;
  std::string cwd;
  std::string argv;
  uint32_t uid = 0;
  std::string runtime;  // what runs it: "CPython 3.11.2, glibc 2.36"
  std::string listen;   // addresses, joined by spaces
  int64_t start_wall_ns = 0;
  int64_t seen_wall_ns = 0;  // last update
  std::optional<int64_t> end_wall_ns;
  std::optional<int32_t> exit_status;  // as wait(2) gives it
};

// What a process served of one site. In the store the row of the same process and site is added to.
struct ProcessSiteRow {
  ProcessId process;
  std::string site;
  int64_t requests = 0;
  int64_t failed = 0;  // 5xx, aborted
  int64_t latency_sum_ns = 0;
  int64_t timed = 0;  // requests behind on_cpu_sum_ns
  int64_t on_cpu_sum_ns = 0;
  int64_t first_wall_ns = 0;  // when the first and the last of them began
  int64_t last_wall_ns = 0;
};

// A machine whose servers were watched.
struct HostRow {
  std::string host;  // machine id
  std::string uname;
  std::string fqdn;
  std::string addresses;  // of its interfaces but loopback, joined by spaces
};

// /proc figures of a machine at one moment.
struct SystemRow {
  std::string host;  // machine id
  int64_t wall_ns = 0;
  int64_t memory_total_bytes = 0;
  int64_t memory_free_bytes = 0;
  int64_t memory_available_bytes = 0;
  int64_t memory_buffers_bytes = 0;
  int64_t memory_cached_bytes = 0;
  int64_t swap_total_bytes = 0;
  int64_t swap_free_bytes = 0;
  int64_t uptime_ns = 0;
  int64_t cpu_busy_ns = 0;  // since boot, over all CPUs, as cpu_idle_ns
  int64_t cpu_idle_ns = 0;
  int32_t cpus = 0;
  int32_t load1_milli = 0;
  int32_t load5_milli = 0;
  int32_t load15_milli = 0;
  std::optional<int32_t> cpu_pressure_bp;  // PSI "some" over 10 s, basis points
  std::optional<int32_t> memory_pressure_bp;
  std::optional<int32_t> io_pressure_bp;

  // What programs hold and cannot be given up at once: as free(1) counted it for years.
  [[nodiscard]] int64_t memory_used_bytes() const {
    return memory_total_bytes - memory_free_bytes - memory_buffers_bytes - memory_cached_bytes;
  }
};

// /proc figures of a process at one moment.
struct StatusRow {
  ProcessId process;
  int64_t wall_ns = 0;
  int64_t rss_bytes = 0;
  int64_t peak_rss_bytes = 0;
  int64_t virtual_bytes = 0;
  int64_t user_cpu_ns = 0;
  int64_t system_cpu_ns = 0;
  int64_t read_bytes = 0;
  int64_t written_bytes = 0;
  int32_t threads = 0;
  int32_t open_fds = 0;
  std::optional<int64_t> pss_bytes;  // memory truly used: shared pages by their share
};

struct RequestRow {
  RequestId id;
  ProcessId process;
  Pid pid;
  Tid tid;  // the thread that received the request
  std::string site;
  std::string method;  // "TURN" where the protocol is not HTTP
  std::string target;
  std::string route;
  int32_t status = 0;    // 0: none seen
  std::string protocol;  // "HTTP/1.1" ...; empty where unknown
  bool tls = false;      // it came over TLS
  Outcome outcome = Outcome::kUnknown;
  EndedBy ended_by = EndedBy::kNotSeen;
  int64_t start_wall_ns = 0;
  std::optional<int64_t> queue_ns;
  std::optional<int64_t> first_byte_ns;
  int64_t latency_ns = 0;
  // Known only where one thread received and answered. Where known they add up to latency_ns.
  std::optional<int64_t> on_cpu_ns;
  std::optional<int64_t> blocked_ns;
  std::optional<int64_t> runqueue_ns;
  std::optional<int64_t> waiting_ns;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
  int64_t calls = 0;     // that the server made to other servers while it served the request
  int64_t calls_ns = 0;  // waited for their answers
  int64_t samples = 0;
  bool profiled = false;
  std::string stats_file;  // path; empty if none was written
  // How many requests of its kind this row stands for: 1, more where rows were thinned out.
  double weight = 1;
};

// The calls of one request to one peer.
struct CallRow {
  std::string peer;  // "10.0.0.7:5432", "unix:/run/redis.sock"
  int64_t calls = 0;
  int64_t waited_ns = 0;
};

// Calls of one request to one peer, one after the other on one connection: the first one's request
// was handed to the kernel at begin_ns, the last one's answer to the server at end_ns, both from
// the request's start.
struct CallSpanRow {
  std::string peer;
  Tid tid;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  int64_t calls = 0;
  int64_t waited_ns = 0;
};

// A field of a request's head; "..." where its value is a secret, which is not kept.
struct HeaderRow {
  std::string name;
  std::string value;
};

// What is kept of a profiled request beside its row.
struct RequestExtras {
  std::vector<HeaderRow> headers;  // in their order
  std::vector<CallSpanRow> calls;  // the first ones, by begin_ns
};

// One frame of a stack as stored. Inlined functions are frames of their own.
struct FrameRow {
  std::string function;       // demangled
  std::string file;           // source file; empty where unknown
  std::string module;         // ELF file's path
  int32_t function_line = 0;  // where the function begins
  int32_t line = 0;           // where it was executing
  bool inlined = false;
  friend auto operator<=>(const FrameRow&, const FrameRow&) = default;
};

// How an unwound stack ended.
enum class StackEnd : uint8_t {
  kComplete = 0,   // reached _start, clone or the thread's start
  kTruncated = 1,  // the copied bytes ended first
  kBroken = 2,     // no rule led further
  kTooDeep = 3,    // cut at the limit
  kMissing = 4,    // nothing was copied
};

// Of some stacks, those that are not whole, by how they ended.
struct StackEndCounts {
  int64_t truncated = 0;
  int64_t broken = 0;
  int64_t too_deep = 0;
  int64_t missing = 0;

  void Add(StackEnd end, int64_t count = 1);
  void Add(const StackEndCounts& other);
  [[nodiscard]] int64_t Incomplete() const { return truncated + broken + too_deep + missing; }
  friend bool operator==(const StackEndCounts&, const StackEndCounts&) = default;
};
// "12 truncated, 1 broken": those that are not 0; empty where all are.
std::string DescribeStackEnds(const StackEndCounts& ends);

struct SampleRow {
  int64_t wall_ns = 0;
  ProcessId process;
  Tid tid;
  StackId stack;
  std::optional<RequestId> request;  // none: outside every request, or its row was not kept
  std::string route;                 // of its request, also where the row was not kept
  std::string site;
  uint8_t kind = 0;         // enum pinfo_sample_kind
  int64_t weight = 1;       // sampling periods
  int64_t duration_ns = 0;  // exact for blocked samples
  StackEnd end = StackEnd::kComplete;
};

// Exact counts of one (site, route, method, status) in one minute. Everything is counted here,
// whether or not its row was kept.
struct MinuteRow {
  std::string site;
  std::string route;
  std::string method;
  int32_t status = 0;
  int64_t minute = 0;  // wall-clock minutes since the epoch
  int64_t count = 0;
  int64_t failed = 0;  // 5xx, aborted
  int64_t latency_sum_ns = 0;
  int64_t latency_min_ns = 0;
  int64_t latency_max_ns = 0;
  int64_t timed = 0;  // requests behind the on-CPU figures
  int64_t on_cpu_sum_ns = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
  // (bucket, count) of collector/base/histogram.h, sorted by bucket.
  std::vector<std::pair<uint16_t, int64_t>> histogram;
};

// One run of attach, run, collect or replay.
struct SessionRow {
  int64_t id = 0;
  std::string mode;     // "ebpf-socket", "ebpf-syscall", "preload", "replay"
  std::string command;  // as the user gave it
  int64_t start_wall_ns = 0;
  std::optional<int64_t> end_wall_ns;
  int64_t requests_seen = 0;
  int64_t rows_thinned = 0;  // requests counted whose row was not kept
  int64_t samples_seen = 0;
  int64_t samples_attributed = 0;
  int64_t calls_seen = 0;  // to other servers
  int64_t calls_attributed = 0;
  int64_t own_cpu_ns = 0;  // pinfo's own user and system time
  int64_t own_peak_rss_bytes = 0;
  int64_t upgraded = 0;     // connections that left HTTP: WebSocket, tunnels
  int64_t other_route = 0;  // requests whose route is {other}: their site has too many
  LossCounts lost{};
};

}  // namespace pinfo
