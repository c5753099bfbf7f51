// Where everything pinfo has seen is kept. SQLite is the embedded implementation; the SQL dialect
// stays behind this interface. A Store belongs to one thread. Several processes may write to one
// database at a time: writes are batched between Begin and Commit, ids come in reserved ranges.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "collector/base/result.h"
#include "collector/store/limits.h"
#include "collector/store/rows.h"

namespace pinfo {

struct RequestIdRange {
  int64_t first = 0;
  int64_t count = 0;
};

struct Settled {
  int64_t rows = 0;
  int64_t unreadable = 0;  // rows lost because what was put off is damaged
};

// The writing side. Every method between Begin and Commit; a failed Commit leaves the store as
// before Begin, and the caller may repeat the batch.
class Store {
 public:
  virtual ~Store() = default;

  virtual Status Begin() = 0;
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;

  // Inserts the row or updates that of the same (host, boot_id, pid, start_ticks); one stored with
  // start_ticks 0, not known then, is that of row.id.
  virtual Result<ProcessId> PutProcess(const ProcessRow& row) = 0;
  virtual Status AddStatus(const StatusRow& row) = 0;
  virtual Status AddSystem(const SystemRow& row) = 0;
  // Adds to the row of the same process and site.
  virtual Status AddProcessSite(const ProcessSiteRow& row) = 0;
  // What is empty leaves what is known.
  virtual Status PutHost(const HostRow& row) = 0;
  // Ids nobody else will use. Opens its own transaction: REQUIRES no batch is open.
  virtual Result<RequestIdRange> ReserveRequestIds(int64_t count) = 0;
  virtual Status AddRequest(const RequestRow& row) = 0;  // row.id from a reserved range
  // What a request called, a row a peer. After the request's own row.
  virtual Status AddCalls(RequestId request, std::span<const CallRow> rows) = 0;
  // After the request's own row, once.
  virtual Status AddExtras(RequestId request, const RequestExtras& extras) = 0;
  // The stack's id in the trie, outermost frame first. Equal stacks have equal ids.
  virtual Result<StackId> InternStack(std::span<const FrameRow> root_first) = 0;
  virtual Status AddSample(const SampleRow& row) = 0;
  // Adds to the row of the same key.
  virtual Status AddMinute(const MinuteRow& row) = 0;
  // id 0: inserts and returns the new id; otherwise updates that row.
  virtual Result<int64_t> PutSession(const SessionRow& row) = 0;
  // A store may put off the costly part of storing requests' rows: they are safe, and readers see
  // them, but cost readers more. Does a part of that work, a few milliseconds; 0 rows: nothing is
  // left. REQUIRES no batch is open.
  virtual Result<Settled> Settle() = 0;
  // When the oldest request whose row is put off began; nullopt: none is.
  virtual Result<std::optional<int64_t>> OldestUnsettledWallNs() = 0;
  // Deletes what is older than the limits' age, then the oldest of what is more than they allow.
  // Bounded in time per call; returns rows deleted. REQUIRES no batch is open.
  virtual Result<int64_t> Retain(int64_t now_wall_ns, const RetentionLimits& limits) = 0;
  // Whether the database has come so close to the limit of bytes that Retain must not wait. Cheap.
  virtual Result<bool> IsNearlyFull(const RetentionLimits& limits) = 0;
};

}  // namespace pinfo
