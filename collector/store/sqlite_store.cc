#include "collector/store/sqlite_store.h"

#include <limits>

#include <fmt/format.h>

#include "collector/store/intern.h"
#include "collector/store/request_blocks.h"
#include "collector/store/retention.h"
#include "collector/store/sqlite_handle.h"
#include "collector/store/sqlite_open.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr const char* kReserveIds =
    "UPDATE sequence SET next = next + ?1 WHERE name = 'request' RETURNING next - ?1";
// What is not known must not overwrite what is.
constexpr const char* kPutProcess =
    "INSERT INTO process(host_id, boot_id, pid, start_ticks, parent_pid, mode, exe, comm, cwd, "
    "argv,"
    " uid, start_wall_ns, seen_wall_ns, end_wall_ns, exit_status, runtime, listen)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    " ON CONFLICT(host_id, boot_id, pid, start_ticks) DO UPDATE SET"
    " parent_pid = excluded.parent_pid, mode = excluded.mode,"
    " exe = coalesce(nullif(excluded.exe, ''), exe),"
    " comm = coalesce(nullif(excluded.comm, ''), comm),"
    " cwd = coalesce(nullif(excluded.cwd, ''), cwd),"
    " argv = coalesce(nullif(excluded.argv, ''), argv), uid = excluded.uid,"
    " start_wall_ns = excluded.start_wall_ns,"
    " seen_wall_ns = max(seen_wall_ns, excluded.seen_wall_ns),"
    " end_wall_ns = coalesce(excluded.end_wall_ns, end_wall_ns),"
    " exit_status = coalesce(excluded.exit_status, exit_status),"
    " runtime = coalesce(nullif(excluded.runtime, ''), runtime),"
    " listen = coalesce(nullif(excluded.listen, ''), listen) RETURNING id";
// A process told of by its parent's fork has no start time until /proc was read: the row stored
// meanwhile becomes that of the process, not one beside it.
constexpr const char* kCompleteProcess =
    "UPDATE OR IGNORE process SET start_ticks = ?2"
    " WHERE id = ?1 AND start_ticks = 0 AND pid = ?3 AND boot_id = ?4";
// A process may have been removed by hand meanwhile: then nothing is kept of it, and the batch goes
// on.
constexpr const char* kAddStatus =
    "INSERT INTO process_status(process_id, wall_ns, rss_bytes, peak_rss_bytes, virtual_bytes,"
    " user_cpu_ns, system_cpu_ns, read_bytes, written_bytes, threads, open_fds, pss_bytes)"
    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12"
    " WHERE EXISTS (SELECT 1 FROM process WHERE id = ?1)";
constexpr const char* kAddProcessSite =
    "INSERT INTO process_site(process_id, site_id, requests, failed, latency_sum_ns, timed,"
    " on_cpu_sum_ns, first_wall_ns, last_wall_ns) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
    " WHERE EXISTS (SELECT 1 FROM process WHERE id = ?1)"
    " ON CONFLICT(process_id, site_id) DO UPDATE SET requests = requests + excluded.requests,"
    " failed = failed + excluded.failed, latency_sum_ns = latency_sum_ns + excluded.latency_sum_ns,"
    " timed = timed + excluded.timed, on_cpu_sum_ns = on_cpu_sum_ns + excluded.on_cpu_sum_ns,"
    " first_wall_ns = min(first_wall_ns, excluded.first_wall_ns),"
    " last_wall_ns = max(last_wall_ns, excluded.last_wall_ns)";
constexpr const char* kPutHost =
    "UPDATE host SET uname = coalesce(nullif(?2, ''), uname),"
    " fqdn = coalesce(nullif(?3, ''), fqdn), addresses = coalesce(nullif(?4, ''), addresses)"
    " WHERE id = ?1";
constexpr const char* kAddSystem =
    "INSERT INTO system_status(host_id, wall_ns, memory_total_bytes, memory_free_bytes,"
    " memory_available_bytes, memory_buffers_bytes, memory_cached_bytes, swap_total_bytes,"
    " swap_free_bytes, uptime_ns, cpu_busy_ns, cpu_idle_ns, cpus, load1_milli, load5_milli,"
    " load15_milli, cpu_pressure_bp, memory_pressure_bp, io_pressure_bp)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
    " ?19)";
constexpr const char* kAddCall =
    "INSERT INTO request_call(request_id, peer_id, calls, waited_ns) VALUES (?1, ?2, ?3, ?4)";
constexpr const char* kAddCallSpan =
    "INSERT INTO request_call_span(request_id, position, peer_id, tid, begin_ns, end_ns, calls,"
    " waited_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
constexpr const char* kAddHeader =
    "INSERT INTO request_header(request_id, position, name_id, value) VALUES (?1, ?2, ?3, ?4)";
constexpr const char* kAddSample =
    "INSERT INTO sample(wall_ns, process_id, tid, stack_id, request_id, route_id, kind, weight,"
    " duration_ns, stack_end) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
constexpr const char* kAddMinute =
    "INSERT INTO minute(minute, route_id, method_id, status, count, failed, latency_sum_ns,"
    " latency_min_ns, latency_max_ns, timed, on_cpu_sum_ns, bytes_in, bytes_out)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    " ON CONFLICT(minute, route_id, method_id, status) DO UPDATE SET count = count + "
    "excluded.count,"
    " failed = failed + excluded.failed, latency_sum_ns = latency_sum_ns + excluded.latency_sum_ns,"
    " latency_min_ns = min(coalesce(latency_min_ns, excluded.latency_min_ns),"
    " coalesce(excluded.latency_min_ns, latency_min_ns)),"
    " latency_max_ns = max(coalesce(latency_max_ns, excluded.latency_max_ns),"
    " coalesce(excluded.latency_max_ns, latency_max_ns)),"
    " timed = timed + excluded.timed, on_cpu_sum_ns = on_cpu_sum_ns + excluded.on_cpu_sum_ns,"
    " bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out"
    " RETURNING id";
constexpr const char* kAddBucket =
    "INSERT INTO minute_bucket(minute_id, bucket, count) VALUES (?1, ?2, ?3)"
    " ON CONFLICT(minute_id, bucket) DO UPDATE SET count = count + excluded.count";
constexpr const char* kInsertSession =
    "INSERT INTO session(mode, command, start_wall_ns, end_wall_ns, requests_seen, rows_thinned,"
    " samples_seen, samples_attributed, own_cpu_ns, own_peak_rss_bytes, upgraded,"
    " other_route, calls_seen, calls_attributed)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) RETURNING id";
constexpr const char* kUpdateSession =
    "UPDATE session SET mode = ?1, command = ?2, start_wall_ns = ?3, end_wall_ns = ?4,"
    " requests_seen = ?5, rows_thinned = ?6, samples_seen = ?7, samples_attributed = ?8,"
    " own_cpu_ns = ?9, own_peak_rss_bytes = ?10, upgraded = ?11, other_route = ?12,"
    " calls_seen = ?13, calls_attributed = ?14 WHERE id = ?15 RETURNING id";
constexpr const char* kPutLoss =
    "INSERT INTO session_loss(session_id, kind, count) VALUES (?1, ?2, ?3)"
    " ON CONFLICT(session_id, kind) DO UPDATE SET count = excluded.count";

class SqliteStore : public Store {
 public:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}
  ~SqliteStore() override { Rollback(); }

  Status Prepare();

  Status Begin() override;
  Status Commit() override;
  void Rollback() override;

  Result<ProcessId> PutProcess(const ProcessRow& row) override;
  Status AddStatus(const StatusRow& row) override;
  Status AddSystem(const SystemRow& row) override;
  Status AddProcessSite(const ProcessSiteRow& row) override;
  Status PutHost(const HostRow& row) override;
  Result<RequestIdRange> ReserveRequestIds(int64_t count) override;
  Status AddRequest(const RequestRow& row) override;
  Status AddCalls(RequestId request, std::span<const CallRow> rows) override;
  Status AddExtras(RequestId request, const RequestExtras& extras) override;
  Result<StackId> InternStack(std::span<const FrameRow> root_first) override;
  Status AddSample(const SampleRow& row) override;
  Status AddMinute(const MinuteRow& row) override;
  Result<int64_t> PutSession(const SessionRow& row) override;
  Result<Settled> Settle() override;
  Result<std::optional<int64_t>> OldestUnsettledWallNs() override { return blocks_.OldestWallNs(); }
  Result<int64_t> Retain(int64_t now_wall_ns, const RetentionLimits& limits) override;
  Result<bool> IsNearlyFull(const RetentionLimits& limits) override {
    return sqlite::BytesInUse(database_).map(
        [&limits](int64_t bytes) { return bytes > sqlite::BytesToKeep(limits); });
  }

 private:
  // Runs a write of the open batch. SQLite may end the transaction itself on an error such as a
  // full disk; what is written after that would be committed on its own. So the first such error
  // ends the batch for good: later writes and Commit return it.
  template <typename Write>
  auto InBatch(Write write) -> decltype(write()) {
    if (!in_batch_) {
      return Fail("nothing can be written to the store outside of a batch");
    }
    if (batch_error_) {
      return tl::unexpected(*batch_error_);
    }
    auto result = write();
    if (!result && !database_.LastErrorWasOfRow()) {
      batch_error_ = result.error();
    }
    return result;
  }
  Status WriteRequest(const RequestRow& row);
  Status SettleForRetention(int64_t now_wall_ns, const RetentionLimits& limits);
  Status WriteMinute(const MinuteRow& row);
  Result<int64_t> WriteSession(const SessionRow& row);

  Database database_;  // before the statements: they must go first
  sqlite::TextInterner hosts_;
  sqlite::TextInterner words_;
  sqlite::TextInterner sites_;
  sqlite::RouteInterner routes_;
  sqlite::StackInterner stacks_;
  sqlite::RequestBlocks blocks_;
  sqlite::StoredRequest scratch_;  // kept for its buffers
  Statement begin_;
  Statement commit_;
  Statement rollback_;
  Statement reserve_ids_;
  Statement put_process_;
  Statement complete_process_;
  Statement add_status_;
  Statement add_system_;
  Statement add_process_site_;
  Statement put_host_;
  Statement add_call_;
  Statement add_call_span_;
  Statement add_header_;
  Statement add_sample_;
  Statement add_minute_;
  Statement add_bucket_;
  Statement insert_session_;
  Statement update_session_;
  Statement put_loss_;
  bool in_batch_ = false;
  std::optional<Error> batch_error_;
};

Status SqliteStore::Prepare() {
  for (Status status :
       {hosts_.Prepare(database_, "host", "machine_id"), words_.Prepare(database_, "word", "text"),
        sites_.Prepare(database_, "site", "name"), routes_.Prepare(database_),
        stacks_.Prepare(database_), blocks_.Prepare(database_)}) {
    if (!status) {
      return status;
    }
  }
  return database_.Prepare({{&begin_, "BEGIN IMMEDIATE"},
                            {&commit_, "COMMIT"},
                            {&rollback_, "ROLLBACK"},
                            {&reserve_ids_, kReserveIds},
                            {&put_process_, kPutProcess},
                            {&complete_process_, kCompleteProcess},
                            {&add_status_, kAddStatus},
                            {&add_system_, kAddSystem},
                            {&add_process_site_, kAddProcessSite},
                            {&put_host_, kPutHost},
                            {&add_call_, kAddCall},
                            {&add_call_span_, kAddCallSpan},
                            {&add_header_, kAddHeader},
                            {&add_sample_, kAddSample},
                            {&add_minute_, kAddMinute},
                            {&add_bucket_, kAddBucket},
                            {&insert_session_, kInsertSession},
                            {&update_session_, kUpdateSession},
                            {&put_loss_, kPutLoss}});
}

Status SqliteStore::Begin() {
  if (in_batch_) {
    return Fail("a batch is open already");
  }
  Status status = begin_.Run();
  in_batch_ = status.has_value();
  return status;
}

Status SqliteStore::Commit() {
  if (!in_batch_) {
    return Fail("there is no batch to commit");
  }
  Status status = batch_error_ ? Status(tl::unexpected(*batch_error_)) : blocks_.Write();
  if (status) {
    status = commit_.Run();
  }
  if (!status) {
    Rollback();
  }
  in_batch_ = false;
  return status;
}

void SqliteStore::Rollback() {
  if (!in_batch_) {
    return;
  }
  if (database_.InTransaction()) {
    // Whatever it reports, SQLite has left the transaction then.
    static_cast<void>(rollback_.Run());
  }
  blocks_.Drop();
  hosts_.Clear();
  words_.Clear();
  sites_.Clear();
  routes_.Clear();
  stacks_.Clear();
  batch_error_.reset();
  in_batch_ = false;
}

Result<ProcessId> SqliteStore::PutProcess(const ProcessRow& row) {
  return InBatch([&]() -> Result<ProcessId> {
    const Result<int64_t> host = hosts_.Intern(row.host);
    if (!host) {
      return tl::unexpected(host.error());
    }
    if (row.id.value != 0 && row.start_ticks != 0) {
      if (Status status =
              complete_process_.Run(row.id.value, row.start_ticks, row.pid.value, row.boot_id);
          !status) {
        return tl::unexpected(status.error());
      }
    }
    const Result<std::optional<int64_t>> id = put_process_.Query(
        *host, row.boot_id, row.pid.value, row.start_ticks, row.parent.value, row.mode, row.exe,
        row.comm, row.cwd, row.argv, row.uid, row.start_wall_ns, row.seen_wall_ns, row.end_wall_ns,
        row.exit_status, row.runtime, row.listen);
    return id.map([](const auto& value) { return ProcessId{value.value_or(0)}; });
  });
}

Status SqliteStore::AddStatus(const StatusRow& row) {
  return InBatch([&] {
    return add_status_.Run(row.process.value, row.wall_ns, row.rss_bytes, row.peak_rss_bytes,
                           row.virtual_bytes, row.user_cpu_ns, row.system_cpu_ns, row.read_bytes,
                           row.written_bytes, row.threads, row.open_fds, row.pss_bytes);
  });
}

Status SqliteStore::AddProcessSite(const ProcessSiteRow& row) {
  return InBatch([&]() -> Status {
    const Result<int64_t> site = sites_.Intern(row.site);
    if (!site) {
      return tl::unexpected(site.error());
    }
    return add_process_site_.Run(row.process.value, *site, row.requests, row.failed,
                                 row.latency_sum_ns, row.timed, row.on_cpu_sum_ns,
                                 row.first_wall_ns, row.last_wall_ns);
  });
}

Status SqliteStore::PutHost(const HostRow& row) {
  return InBatch([&]() -> Status {
    const Result<int64_t> host = hosts_.Intern(row.host);
    if (!host) {
      return tl::unexpected(host.error());
    }
    return put_host_.Run(*host, row.uname, row.fqdn, row.addresses);
  });
}

Status SqliteStore::AddSystem(const SystemRow& row) {
  return InBatch([&]() -> Status {
    const Result<int64_t> host = hosts_.Intern(row.host);
    if (!host) {
      return tl::unexpected(host.error());
    }
    return add_system_.Run(*host, row.wall_ns, row.memory_total_bytes, row.memory_free_bytes,
                           row.memory_available_bytes, row.memory_buffers_bytes,
                           row.memory_cached_bytes, row.swap_total_bytes, row.swap_free_bytes,
                           row.uptime_ns, row.cpu_busy_ns, row.cpu_idle_ns, row.cpus,
                           row.load1_milli, row.load5_milli, row.load15_milli, row.cpu_pressure_bp,
                           row.memory_pressure_bp, row.io_pressure_bp);
  });
}

Result<RequestIdRange> SqliteStore::ReserveRequestIds(int64_t count) {
  if (in_batch_ || count <= 0) {
    return Fail("request ids are reserved outside of a batch, at least one at a time");
  }
  if (const Status status = begin_.Run(); !status) {
    return tl::unexpected(status.error());
  }
  const Result<std::optional<int64_t>> first = reserve_ids_.Query(count);
  Status status = first ? Status() : Status(tl::unexpected(first.error()));
  if (status) {
    status = commit_.Run();
  }
  if (!status) {
    if (database_.InTransaction()) {
      static_cast<void>(rollback_.Run());
    }
    return tl::unexpected(status.error());
  }
  if (!*first) {
    return Fail(database_.Path() + ": is damaged: its sequence of request ids is missing");
  }
  return RequestIdRange{.first = **first, .count = count};
}

Status SqliteStore::AddRequest(const RequestRow& row) {
  return InBatch([&] { return WriteRequest(row); });
}

Status SqliteStore::WriteRequest(const RequestRow& row) {
  const Result<int64_t> route = routes_.Intern(row.site, row.route);
  if (!route) {
    return tl::unexpected(route.error());
  }
  const Result<int64_t> method = words_.Intern(row.method);
  if (!method) {
    return tl::unexpected(method.error());
  }
  const Result<int64_t> protocol = words_.Intern(row.protocol);
  if (!protocol) {
    return tl::unexpected(protocol.error());
  }
  sqlite::StoredRequest& stored = scratch_;
  stored.id = row.id.value;
  stored.process = row.process.value;
  stored.pid = row.pid.value;
  stored.tid = row.tid.value;
  stored.route = *route;
  stored.method = *method;
  stored.protocol = *protocol;
  stored.target = row.target;
  stored.status = row.status;
  stored.outcome = static_cast<int64_t>(row.outcome);
  stored.start_wall_ns = row.start_wall_ns;
  stored.latency_ns = row.latency_ns;
  stored.queue_ns = row.queue_ns;
  stored.first_byte_ns = row.first_byte_ns;
  stored.on_cpu_ns = row.on_cpu_ns;
  stored.blocked_ns = row.blocked_ns;
  stored.runqueue_ns = row.runqueue_ns;
  stored.waiting_ns = row.waiting_ns;
  stored.bytes_in = row.bytes_in;
  stored.bytes_out = row.bytes_out;
  stored.samples = row.samples;
  stored.profiled = row.profiled ? 1 : 0;
  stored.stats_file = row.stats_file;
  stored.weight = row.weight;
  stored.tls = row.tls ? 1 : 0;
  stored.ended_by = static_cast<int64_t>(row.ended_by);
  stored.calls = row.calls;
  stored.calls_ns = row.calls_ns;
  return blocks_.Add(stored);
}

Status SqliteStore::AddCalls(RequestId request, std::span<const CallRow> rows) {
  return InBatch([&]() -> Status {
    for (const CallRow& row : rows) {
      const Result<int64_t> peer = words_.Intern(row.peer);
      if (!peer) {
        return tl::unexpected(peer.error());
      }
      if (Status status = add_call_.Run(request.value, *peer, row.calls, row.waited_ns); !status) {
        return status;
      }
    }
    return {};
  });
}

Status SqliteStore::AddExtras(RequestId request, const RequestExtras& extras) {
  return InBatch([&]() -> Status {
    int64_t position = 0;
    for (const HeaderRow& header : extras.headers) {
      const Result<int64_t> name = words_.Intern(header.name);
      if (!name) {
        return tl::unexpected(name.error());
      }
      Status status =
          add_header_.Run(request.value, position++, *name, std::string_view(header.value));
      if (!status) {
        return status;
      }
    }
    position = 0;
    for (const CallSpanRow& call : extras.calls) {
      const Result<int64_t> peer = words_.Intern(call.peer);
      if (!peer) {
        return tl::unexpected(peer.error());
      }
      Status status = add_call_span_.Run(request.value, position++, *peer, int64_t{call.tid.value},
                                         call.begin_ns, call.end_ns, call.calls, call.waited_ns);
      if (!status) {
        return status;
      }
    }
    return {};
  });
}

Result<StackId> SqliteStore::InternStack(std::span<const FrameRow> root_first) {
  return InBatch(
      [&] { return stacks_.Intern(root_first).map([](int64_t id) { return StackId{id}; }); });
}

Status SqliteStore::AddSample(const SampleRow& row) {
  return InBatch([&]() -> Status {
    std::optional<int64_t> route;
    if (row.request || !row.route.empty() || !row.site.empty()) {
      const Result<int64_t> id = routes_.Intern(row.site, row.route);
      if (!id) {
        return tl::unexpected(id.error());
      }
      route = *id;
    }
    const std::optional<int64_t> request =
        row.request ? std::optional(row.request->value) : std::nullopt;
    return add_sample_.Run(row.wall_ns, row.process.value, row.tid.value, row.stack.value, request,
                           route, row.kind, row.weight, row.duration_ns, static_cast<int>(row.end));
  });
}

Status SqliteStore::AddMinute(const MinuteRow& row) {
  return InBatch([&] { return WriteMinute(row); });
}

Status SqliteStore::WriteMinute(const MinuteRow& row) {
  const Result<int64_t> route = routes_.Intern(row.site, row.route);
  if (!route) {
    return tl::unexpected(route.error());
  }
  const Result<int64_t> method = words_.Intern(row.method);
  if (!method) {
    return tl::unexpected(method.error());
  }
  // Requests without a latency (partial ones) leave the histogram empty; their 0 is no minimum.
  const bool measured = !row.histogram.empty();
  const Result<std::optional<int64_t>> id = add_minute_.Query(
      row.minute, *route, *method, row.status, row.count, row.failed, row.latency_sum_ns,
      measured ? std::optional(row.latency_min_ns) : std::nullopt,
      measured ? std::optional(row.latency_max_ns) : std::nullopt, row.timed, row.on_cpu_sum_ns,
      row.bytes_in, row.bytes_out);
  if (!id) {
    return tl::unexpected(id.error());
  }
  for (const auto& [bucket, count] : row.histogram) {
    if (Status status = add_bucket_.Run(*id, bucket, count); !status) {
      return status;
    }
  }
  return {};
}

Result<int64_t> SqliteStore::PutSession(const SessionRow& row) {
  return InBatch([&] { return WriteSession(row); });
}

Result<int64_t> SqliteStore::WriteSession(const SessionRow& row) {
  const auto run = [&](Statement& statement, const auto&... key) {
    return statement.Query(row.mode, row.command, row.start_wall_ns, row.end_wall_ns,
                           row.requests_seen, row.rows_thinned, row.samples_seen,
                           row.samples_attributed, row.own_cpu_ns, row.own_peak_rss_bytes,
                           row.upgraded, row.other_route, row.calls_seen, row.calls_attributed,
                           key...);
  };
  const Result<std::optional<int64_t>> id =
      row.id == 0 ? run(insert_session_) : run(update_session_, row.id);
  if (!id) {
    return tl::unexpected(id.error());
  }
  if (!*id) {
    return Fail(fmt::format("{}: session {} is not there any more", database_.Path(), row.id));
  }
  for (size_t kind = 0; kind < row.lost.size(); ++kind) {
    if (row.lost[kind] != 0) {
      if (const Status status = put_loss_.Run(**id, kind, row.lost[kind]); !status) {
        return tl::unexpected(status.error());
      }
    }
  }
  return **id;
}

Result<Settled> SqliteStore::Settle() {
  if (in_batch_) {
    return Fail("nothing can be settled while a batch is open");
  }
  return blocks_.SettleOne(database_);
}

// Retention knows rows only: what is too old becomes rows first, and where room is needed what is
// older than any row.
Status SqliteStore::SettleForRetention(int64_t now_wall_ns, const RetentionLimits& limits) {
  constexpr int kBlocksAtOnce = 20;
  for (int i = 0; i < kBlocksAtOnce; ++i) {
    const Result<std::optional<int64_t>> oldest = blocks_.OldestWallNs();
    const Result<int64_t> bytes = sqlite::BytesInUse(database_);
    if (!oldest || !bytes) {
      return tl::unexpected(oldest ? bytes.error() : oldest.error());
    }
    const Result<int64_t> oldest_row =
        database_.QueryInt("SELECT coalesce(min(start_wall_ns), 9223372036854775807) FROM request");
    if (!oldest_row) {
      return tl::unexpected(oldest_row.error());
    }
    const bool goes_next =
        *oldest && *bytes > sqlite::BytesToKeep(limits) && **oldest < *oldest_row;
    if (!*oldest || (**oldest >= now_wall_ns - limits.max_age_ns && !goes_next)) {
      break;
    }
    if (const Result<Settled> settled = blocks_.SettleOne(database_); !settled) {
      return tl::unexpected(settled.error());
    }
  }
  return {};
}

Result<int64_t> SqliteStore::Retain(int64_t now_wall_ns, const RetentionLimits& limits) {
  if (in_batch_) {
    return Fail("nothing can be pruned while a batch is open");
  }
  if (const Status status = SettleForRetention(now_wall_ns, limits); !status) {
    return tl::unexpected(status.error());
  }
  return sqlite::Retain(database_, now_wall_ns, limits);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  Result<Database> database = sqlite::OpenForWriting(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  auto store = std::make_unique<SqliteStore>(std::move(*database));
  if (const Status status = store->Prepare(); !status) {
    return tl::unexpected(status.error());
  }
  return store;
}

}  // namespace pinfo
