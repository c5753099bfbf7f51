// Gathers rows and puts them into the store, one transaction a batch. One thread.
//
// A batch that cannot be stored (the database is locked or full) is kept and tried again with the
// next one, up to a bound; what is given up beyond it is counted.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/pipeline/minute_table.h"
#include "collector/pipeline/process_table.h"
#include "collector/pipeline/sample_book.h"
#include "collector/store/store.h"

namespace pinfo {

// A request decided upon, with its samples.
struct RequestEntry {
  RequestRow row;
  TrackedProcess* process = nullptr;
  std::vector<Sample> samples;
  std::vector<CallRow> calls;
  std::unique_ptr<RequestExtras> extras;  // where a profile is wanted
  bool keep_row = true;
  // While it is gathered: what the decision about it needs.
  bool profile_wanted = false;
  ConnectionId connection;
  uint32_t turn = 0;  // its last
  int64_t end_ns = 0;
};

struct StatusEntry {
  TrackedProcess* process = nullptr;
  StatusRow row;
};

class BatchWriter {
 public:
  BatchWriter(Store& store, ProcessTable& processes);

  // Makes sure that count calls of NextRequestId can be served.
  Status ReserveIds(int64_t count);
  // The next id for a request's row. REQUIRES: ReserveIds.
  RequestId NextRequestId();
  // Leaves an empty vector, with memory to fill again.
  void AddRequests(std::vector<RequestEntry>& entries);
  void AddUnattributed(std::vector<Sample> samples);
  void AddStatus(StatusEntry entry);
  void AddSystem(SystemRow row) { systems_.push_back(std::move(row)); }
  void Count(const RequestRow& row) { minutes_.Add(row); }

  // Requests gathered and not yet stored.
  [[nodiscard]] size_t pending_requests() const { return requests_.size(); }
  [[nodiscard]] size_t pending_rows() const { return requests_.size() + unattributed_.size(); }
  // Stores everything gathered, and the session's figures (whose id it sets).
  Status Commit(SessionRow& session);
  // Given up because it could not be stored for too long.
  struct GivenUp {
    int64_t requests = 0;
    int64_t samples = 0;
    int64_t statuses = 0;  // of processes and of the machine
  };
  [[nodiscard]] const GivenUp& given_up() const { return given_up_; }
  // As if the store had refused everything gathered for too long: at the end of a capture.
  void GiveUpAll();

 private:
  Result<int64_t> WriteBatch(const SessionRow& session);  // the session's id
  Status WriteSample(const Sample& sample, const RequestRow* request, bool row_kept);
  Status WriteServedSites();
  void GiveUpRequests();
  void GiveUpBeyondBound();

  Store& store_;
  ProcessTable& processes_;
  std::deque<RequestIdRange> ids_;
  MinuteTable minutes_;
  std::vector<RequestEntry> requests_;
  std::vector<Sample> unattributed_;
  std::vector<StatusEntry> statuses_;
  std::vector<SystemRow> systems_;
  bool host_stored_ = false;
  GivenUp given_up_;
};

}  // namespace pinfo
