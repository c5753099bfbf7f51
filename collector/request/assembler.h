// Turns -> requests. Reads HTTP/1.x out of the turns that both producers record, pairs each request
// with its response, and says how each ended. Pure: no I/O, no clock; time comes in with records.
//
// Records of one connection come nearly in order: a response record of turn N may arrive after the
// received record of turn N + 1 (another thread sent it). Belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/ids.h"
#include "collector/request/segments.h"
#include "collector/source/record.h"
#include "collector/store/rows.h"

namespace pinfo {

// A request as it was served. Times are CLOCK_MONOTONIC nanoseconds.
struct ServedRequest {
  ConnectionId connection;
  uint32_t first_turn = 0;  // the turns it spans (100-continue, a response before the whole body)
  uint32_t last_turn = 0;
  Pid pid;
  Tid begin_tid;
  Tid end_tid;
  std::string method;  // "TURN" where the bytes are not HTTP
  std::string target;
  std::string host;  // Host header or the absolute target's authority, lower case, no default port
  std::string protocol;
  bool tls = false;  // it came over TLS
  std::string head;  // the request head as captured, for rules on headers
  // False: head is but a beginning, and where protocol is empty target may be one too.
  bool head_complete = true;
  int32_t status = 0;
  std::string media_type;  // of the response's Content-Type, as sent, without parameters
  Outcome outcome = Outcome::kUnknown;
  EndedBy ended_by = EndedBy::kNotSeen;
  int64_t start_ns = 0;
  int64_t first_out_ns = 0;  // 0: nothing was sent, or not known when
  int64_t end_ns = 0;        // last byte out; for unanswered ones the connection's end
  std::optional<int64_t> queue_ns;
  int64_t bytes_in = 0;
  // Of pipelined requests whose responses cannot be told apart (kUnknown): their sum evenly, the
  // remainder on the first.
  int64_t bytes_out = 0;
  // What the threads that worked on it spent, each moment counted once; the rest of the time from
  // start_ns to end_ns it was waiting.
  std::optional<pinfo_thread_time> spent;
  // Who worked on it when; empty: begin_tid all the time, or not known.
  std::vector<WorkPart> parts;
  uint8_t transport = PINFO_TRANSPORT_UNKNOWN;
  std::string local_address;  // "127.0.0.1:8000", "[::1]:8000", "unix"
  std::string peer_address;
};

struct AssemblerOptions {
  bool turns = true;  // report what is not HTTP as TURN
  // A response whose end was not seen (its head or its chunks were not captured, or it is not HTTP)
  // ends when this much time has passed since its last byte, if nothing else tells sooner.
  int64_t idle_ns = 1'000'000'000;
  // Connections followed at once. Beyond it the one silent longest is forgotten: what is open on it
  // is reported as kUnknown.
  size_t max_connections = 65536;
};

struct AssemblerCounts {
  uint64_t evicted_connections = 0;
  uint64_t late_records = 0;          // of turns or connections that were over: ignored
  uint64_t upgraded_connections = 0;  // to WebSocket, or tunnels
};

class RequestAssembler {
 public:
  using Output = std::function<void(ServedRequest)>;

  RequestAssembler(AssemblerOptions options, Output output);
  ~RequestAssembler();

  // REQUIRES: a record of type RECEIVED, SEGMENT, RESPONSE, EXCHANGE or CLOSE, or an EXIT with
  // process_ended (its connections are over).
  void OnRecord(const RecordView& record);
  // The stream has reached now_ns: ends what has been idle too long.
  void Advance(int64_t now_ns);
  // The stream is over: every open request is reported; one without a whole response as kUnknown.
  void Finish(int64_t now_ns);

  [[nodiscard]] size_t open_connections() const;
  [[nodiscard]] const AssemblerCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pinfo
