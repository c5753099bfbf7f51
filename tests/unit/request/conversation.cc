#include "tests/unit/request/conversation.h"

#include <algorithm>
#include <cstring>

namespace pinfo::testing {
namespace {

pinfo_thread_time TimeAt(uint64_t now) { return {now / 2, now / 4, now - now / 2 - now / 4}; }

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

void StoredRecord::Store(const void* record, size_t size, std::string_view payload) {
  words_.resize((size + payload.size() + 7) / 8);
  auto* const bytes = reinterpret_cast<char*>(words_.data());
  std::memcpy(bytes, record, size);
  std::copy(payload.begin(), payload.end(), bytes + size);
  const auto total = static_cast<pinfo_u32>(size + payload.size());
  std::memcpy(bytes, &total, sizeof total);
}

RecordView StoredRecord::View() const {
  return DecodeRecord(std::as_bytes(std::span(words_))).value();
}

Conversation::Conversation(Producer producer, uint64_t connection, uint64_t start_ns)
    : producer_(producer), now_(start_ns) {
  turn_.connection = connection;
  turn_.established_ns = now_;
}

pinfo_header Conversation::Header(pinfo_record_type type, uint32_t tid) const {
  pinfo_header header{};
  header.type = static_cast<pinfo_u16>(type);
  header.pid = kPid;
  header.tid = tid;
  header.time_ns = now_;
  return header;
}

void Conversation::Receive(std::string_view bytes, uint32_t tid) {
  Flush();
  now_ += kStep;
  const pinfo_thread_time spent = TimeAt(now_);
  const unsigned todo = pinfo_turn_receive(&turn_, now_, bytes.size(), tid, &spent);
  if ((todo & PINFO_TURN_CAPTURE) == 0) {
    return;
  }
  size_t done = 0;
  do {
    const size_t room = pinfo_turn_capture_limit(&turn_) - turn_.captured;
    const std::string_view piece = bytes.substr(done, std::min<size_t>(room, PINFO_CAPTURE_MAX));
    EmitReceived(turn_.bytes_in - bytes.size() + done, bytes.size() - done, piece, tid);
    turn_.captured += static_cast<pinfo_u32>(piece.size());
    turn_.head = pinfo_head_run(turn_.head, Bytes(piece), piece.size());
    done += piece.size();
  } while (done < bytes.size() && turn_.head != PINFO_HEAD_ENDED &&
           turn_.captured < PINFO_HEAD_CAPTURE_MAX);
  if (done < bytes.size()) {
    turn_.captured = PINFO_HEAD_CAPTURE_MAX;
  }
}

void Conversation::EmitReceived(uint64_t offset, uint64_t received, std::string_view piece,
                                uint32_t tid) {
  pinfo_received record{};
  record.header = Header(PINFO_RECORD_RECEIVED, tid);
  record.connection = turn_.connection;
  record.start_ns = turn_.start_ns;
  record.established_ns = turn_.established_ns;
  record.offset = offset;
  record.received = received;
  record.previous_out = turn_.previous_out;
  record.turn = turn_.number;
  record.local_port = 8000;
  record.peer_port = 50000;
  record.transport = PINFO_TRANSPORT_TCP4;
  record.local_address[0] = record.peer_address[0] = 127;
  record.local_address[3] = record.peer_address[3] = 1;
  record.flags =
      static_cast<pinfo_u8>((turn_.partial != 0 ? PINFO_RECEIVED_PARTIAL : 0U) |
                            (turn_.old != 0 && turn_.number == 1 ? PINFO_RECEIVED_OLD : 0U));
  record.captured = static_cast<pinfo_u16>(piece.size());
  if (producer_ == Producer::kHeld && offset == 0 && received <= PINFO_EXCHANGE_CAPTURE_MAX) {
    request_held_ = true;
    held_ = record;
    held_bytes_ = piece;
    return;
  }
  records_.emplace_back(record, piece);
}

void Conversation::Send(std::string_view bytes, uint32_t tid) {
  SendBytes(bytes.size(), bytes, tid);
}

void Conversation::SendUnseen(uint64_t bytes) { SendBytes(bytes, {}, kTid); }

void Conversation::SendBytes(uint64_t size, std::string_view visible, uint32_t tid) {
  now_ += kStep;
  const bool begins = visible.size() >= 8 && pinfo_begins_response(Bytes(visible)) != 0;
  const unsigned todo = pinfo_turn_send(&turn_, now_, size, begins ? 1 : 0);
  if (turn_.number == 0) {
    return;
  }
  if (pending_ && (pended_.header.tid != tid || (todo & PINFO_TURN_FIRST_OUT) != 0)) {
    Flush();
  }
  if (request_held_ && !pending_ && (held_.header.tid != tid || turn_.bytes_out != size)) {
    Flush();
  }
  if (!pending_) {
    pended_bytes_.clear();
    pended_ = {};
    pended_.offset = turn_.bytes_out - size;
  }
  pending_ = true;
  pended_.header = Header(PINFO_RECORD_RESPONSE, tid);
  pended_.connection = turn_.connection;
  pended_.start_ns = turn_.start_ns;
  pended_.first_out_ns = turn_.first_out_ns;
  pended_.last_out_ns = turn_.last_out_ns;
  pended_.bytes_in = turn_.bytes_in;
  pended_.bytes_out = turn_.bytes_out;
  pended_.last_sent = size;
  pended_.turn = turn_.number;
  pended_.begin_tid = turn_.begin_tid;
  pended_.flags = turn_.partial != 0 ? PINFO_RESPONSE_PARTIAL : 0;
  if (turn_.begin_tid == tid) {
    const pinfo_thread_time time = TimeAt(now_);
    pinfo_turn_spent(&turn_, &time, &pended_.spent);
    pended_.flags |= PINFO_RESPONSE_TIMES_VALID;
  }
  const size_t captured =
      (todo & (PINFO_TURN_FIRST_OUT | PINFO_TURN_MORE_OUT)) != 0 ? CaptureOut(size, visible) : 0;
  CaptureEnd(size, captured < size ? visible : std::string_view());
  if (captured == size || visible.size() >= 4) {
    pended_.flags |= PINFO_RESPONSE_END_SEEN;
  }
  if (producer_ == Producer::kEachSend) {
    Flush();
  }
}

// The response's beginning; how many bytes of this send were captured.
size_t Conversation::CaptureOut(uint64_t size, std::string_view visible) {
  size_t taken = 0;
  for (const size_t limit : {PINFO_RESPONSE_CAPTURE_MAX, PINFO_RESPONSE_HEAD_MAX}) {
    if (turn_.out_head == PINFO_HEAD_ENDED || turn_.out_captured >= limit) {
      continue;
    }
    const std::string_view piece = visible.substr(taken, limit - turn_.out_captured);
    pended_bytes_ += piece;
    turn_.out_captured = static_cast<pinfo_u16>(turn_.out_captured + piece.size());
    turn_.out_head = pinfo_head_run(turn_.out_head, Bytes(piece), piece.size());
    taken += piece.size();
  }
  if (taken < size) {
    turn_.out_head = PINFO_HEAD_ENDED;
  }
  return taken;
}

void Conversation::CaptureEnd(uint64_t size, std::string_view visible) {
  pended_front_.clear();
  pended_back_.clear();
  if (visible.size() < 4 || pinfo_ends_lines(Bytes(visible) + visible.size() - 4) == 0) {
    return;
  }
  if (size <= PINFO_SEND_BACK_MAX) {
    pended_back_ = visible;
  } else {
    pended_front_ = visible.substr(0, PINFO_SEND_FRONT_MAX);
    pended_back_ = visible.substr(visible.size() - PINFO_SEND_BACK_MAX);
  }
}

// The request and its response as one record.
void Conversation::FlushExchange() {
  held_.header.size = static_cast<pinfo_u32>(sizeof held_ + held_bytes_.size());
  pinfo_exchange record{pended_};
  record.response.header.type = PINFO_RECORD_EXCHANGE;
  const std::string_view held(reinterpret_cast<const char*>(&held_), sizeof held_);
  records_.emplace_back(record, pended_bytes_ + std::string(held) + held_bytes_);
}

void Conversation::Flush() {
  if (request_held_) {
    request_held_ = false;
    const bool whole = pending_ && (pended_.flags & PINFO_RESPONSE_TIMES_VALID) != 0 &&
                       pended_front_.empty() && pended_back_.empty();
    if (whole) {
      pending_ = false;
      pended_.captured = static_cast<pinfo_u16>(pended_bytes_.size());
      FlushExchange();
      return;
    }
    records_.emplace_back(held_, held_bytes_);
  }
  if (!pending_) {
    return;
  }
  pended_.captured = static_cast<pinfo_u16>(pended_bytes_.size());
  pended_.front = static_cast<pinfo_u8>(pended_front_.size());
  pended_.back = static_cast<pinfo_u8>(pended_back_.size());
  records_.emplace_back(pended_, pended_bytes_ + pended_front_ + pended_back_);
  pending_ = false;
}

void Conversation::Close(bool reset) {
  now_ += kStep;
  if (pending_) {
    pended_.header.time_ns = now_;
    pended_.flags |= PINFO_RESPONSE_CLOSED | (reset ? PINFO_RESPONSE_RESET : 0U);
    Flush();
    return;
  }
  Flush();
  pinfo_close record{};
  record.header = Header(PINFO_RECORD_CLOSE, kTid);
  record.connection = turn_.connection;
  record.bytes_in = turn_.bytes_in;
  record.bytes_out = turn_.bytes_out;
  record.turn = turn_.number;
  record.flags = reset ? PINFO_CLOSE_RESET : 0;
  records_.emplace_back(record, std::string_view());
}

void Conversation::Wait(uint64_t ns) {
  if (request_held_ && !pending_) {
    Flush();  // the thread leaves the CPU
  }
  now_ += ns;
}

void Conversation::ExitProcess() {
  Flush();
  now_ += kStep;
  pinfo_exit record{};
  record.header = Header(PINFO_RECORD_EXIT, kPid);
  record.process_ended = 1;
  records_.emplace_back(record, std::string_view());
}

std::vector<ServedRequest> Assemble(const std::vector<StoredRecord>& records,
                                    AssemblerOptions options, size_t skip) {
  std::vector<ServedRequest> requests;
  RequestAssembler assembler(
      options, [&requests](ServedRequest request) { requests.push_back(std::move(request)); });
  int64_t now = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    if (i == skip) {
      continue;
    }
    const RecordView view = records[i].View();
    now = std::max(now, static_cast<int64_t>(view.header().time_ns));
    if (view.type() == PINFO_RECORD_EXCHANGE) {  // nobody holds a request for long: time went on
      assembler.Advance(static_cast<int64_t>(view.as<pinfo_exchange>().response.start_ns));
    }
    assembler.OnRecord(view);
    assembler.Advance(now);
  }
  assembler.Finish(now + 1);
  return requests;
}

}  // namespace pinfo::testing
