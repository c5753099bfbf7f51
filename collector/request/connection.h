// One connection's turns -> its requests: takes request heads out of what was received
// (connection_incoming.cc), pairs them with what was sent (connection_outgoing.cc), and decides
// when a turn is over (connection.cc).
//
// Requests are a FIFO, and what is sent answers them in order, whatever turn it is sent in. Where
// that cannot be followed (records are missing, a head was not captured, a body has no visible
// end), requests end as kUnknown rather than with another one's status, and share what was sent: an
// answer that cannot be told apart is not a missing one. Which request is answered is known again
// once the connection was silent for AssemblerOptions::idle_ns.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/request/assembler.h"
#include "collector/request/head_cache.h"
#include "collector/request/http1.h"
#include "collector/request/open_request.h"
#include "collector/request/turn_record.h"

namespace pinfo {

class Connection {
 public:
  // options and output outlive the connection.
  Connection(ConnectionId id, const AssemblerOptions& options,
             const RequestAssembler::Output& output)
      : id_(id), options_(&options), output_(&output) {}

  // Both return false for a record of a turn that is over: late or repeated, ignored.
  bool OnReceived(const pinfo_received& record, std::string_view payload);
  bool OnResponse(const pinfo_response& record, std::string_view payload);
  bool OnSegment(const pinfo_segment& record);
  bool OnExchange(const pinfo_response& record, const ExchangeParts& parts, HeadCache& heads);
  // The connection ended or the peer ended its side. What is open is kept for
  // AssemblerOptions::idle_ns: producers hand a response on a moment after it was sent, and a
  // server may still answer a peer that only ended its sending.
  void OnClose(const pinfo_close& record);
  // Its process has ended. The record that tells how the connection ended may be still to come.
  void OnProcessEnd(int64_t time_ns);
  // Reports every open request now. over() holds afterwards.
  void End(int64_t now_ns, EndCause cause);

  // When OnDeadline wants to be called; 0: no need.
  [[nodiscard]] int64_t Deadline() const;
  void OnDeadline(int64_t now_ns);

  // Nothing more will come of it: it can be forgotten.
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] Pid pid() const { return pid_; }
  [[nodiscard]] bool upgraded() const { return upgraded_; }

 private:
  // Bytes of the last request's body that are still to come.
  struct PendingBody {
    enum class Kind : uint8_t { kNone, kLength, kChunked, kUnknown };
    Kind kind = Kind::kNone;
    uint64_t left = 0;
    ChunkScanner chunks;
  };
  // The beginning of a head whose rest comes with the next turn.
  struct Carry {
    std::string bytes;
    uint64_t inserted = 0;  // once they were put before the first turn's own bytes
    int64_t start_ns = 0;
    uint32_t turn = 0;
    Tid tid;
    bool from_turn_start = false;
  };
  // A walk over a turn's received bytes, of which only the first are visible.
  struct Cursor {
    std::string_view visible;
    uint64_t total = 0;
    uint64_t at = 0;
  };
  enum class Step : uint8_t { kAgain, kWait, kDone };

  // connection.cc
  TurnRecord* FindOrAddTurn(uint32_t number);
  void Learn(const pinfo_received& record);
  void Activate(TurnRecord& turn);
  [[nodiscard]] bool FrontIsWhole() const;
  [[nodiscard]] bool FrontLacksBytes() const;
  void MoveOn();
  void SettleFront();
  [[nodiscard]] bool NothingOwed() const;
  void ShareOutgoing();
  void EndOpen(int64_t now_ns, EndCause cause);
  void ReportAndPop(EndCause cause, bool alone);
  void Report(OpenRequest& open, Outcome outcome);

  // connection_exchange.cc
  [[nodiscard]] bool IsNext(const pinfo_received& received) const;
  bool ReportWhole(const pinfo_response& record, const ExchangeParts& parts, HeadCache& heads);
  void ReportServed(ServedRequest& request, Outcome outcome);

  // connection_incoming.cc
  void ReadIncoming(TurnRecord& turn);
  void CarryOver(const TurnRecord& turn, bool only_body, bool continues);
  [[nodiscard]] bool GoesOn(const OpenRequest& open) const;
  bool SkipBody(Cursor& cursor, uint32_t turn);
  bool SkipChunks(Cursor& cursor);
  bool LooksLikeRequest(const Cursor& cursor) const;
  void ReadHeads(TurnRecord& turn, Cursor& cursor);
  void KeepForNextTurn(const TurnRecord& turn, uint64_t offset, std::string_view bytes);
  void SetBody(const RequestHead& head);
  OpenRequest& Add(const TurnRecord& turn, uint64_t offset, std::string_view method);
  void AddHttp(TurnRecord& turn, uint64_t offset, const RequestHead& head, std::string_view bytes);
  void AddCut(const TurnRecord& turn, uint64_t offset, const RequestHead& head,
              std::string_view bytes);
  void AddNotHttp(const TurnRecord& turn, uint64_t offset);
  void AddUnseen(const TurnRecord& turn, uint64_t offset);
  void OpenCarry(const TurnRecord& turn);

  // connection_outgoing.cc
  void ReadOutgoing(TurnRecord& turn, bool last);
  void DropContradicted(const TurnRecord& turn);
  bool AddUnexpected(const TurnRecord& turn);
  Step ReadResponse(OpenRequest& open, const TurnRecord& turn, bool last);
  Step ReadHead(OpenRequest& open, const TurnRecord& turn, bool last);
  Step PassUnseen(OpenRequest& open, const TurnRecord& turn);
  Step ReadLength(OpenRequest& open, const TurnRecord& turn);
  Step ReadChunks(OpenRequest& open, const TurnRecord& turn);
  bool FollowChunks(OpenRequest& open, const OutRecord& record);
  Step TakeRest(OpenRequest& open, const TurnRecord& turn);
  void Take(OpenRequest& open, uint64_t bytes);
  void Complete(OpenRequest& open);
  void LeaveHttp(int64_t now_ns);

  [[nodiscard]] size_t open_count() const { return open_.size() - first_open_; }
  OpenRequest& front() { return open_[first_open_]; }
  void PopFront();

  ConnectionId id_;
  const AssemblerOptions* options_;
  const RequestAssembler::Output* output_;

  Pid pid_;
  int64_t established_ns_ = 0;
  int64_t last_activity_ns_ = 0;
  int64_t closed_ns_ = 0;  // with lingering_, as are the two below
  EndCause close_cause_ = EndCause::kClosed;
  uint32_t close_turn_ = 0;  // the turn that had sent close_out_ bytes by then; 0: not told
  uint64_t close_out_ = 0;
  uint8_t transport_ = PINFO_TRANSPORT_UNKNOWN;
  bool tls_ = false;
  std::string local_address_;
  std::string peer_address_;

  // Turns not over yet, by number. Only the first one is ever read; the next one waits for what the
  // first one's last thread has still to tell.
  std::vector<TurnRecord> turns_;
  uint32_t settled_ = 0;       // number of the last turn that is over
  uint64_t settled_out_ = 0;   // bytes that it sent
  bool settled_lost_ = false;  // something that it sent is missing
  bool settled_responded_ = true;

  std::vector<OpenRequest> open_;  // from first_open_ on, in order
  size_t first_open_ = 0;
  PendingBody body_;
  Carry carry_;
  uint64_t out_at_ = 0;  // bytes of the first turn's response given to requests
  uint32_t reported_in_turn_ = 0;

  bool http_seen_ = false;
  bool pipelined_ = false;       // requests were seen to come before earlier ones were answered
  bool unpaired_ = false;        // which request a response answers is not known any more
  bool doubtful_ = false;        // the next request is found where a body may go on
  bool unseen_in_turn_ = false;  // the first turn's request bytes were not seen
  bool upgraded_ = false;        // the connection has left HTTP
  bool lingering_ = false;
  bool over_ = false;
};

}  // namespace pinfo
