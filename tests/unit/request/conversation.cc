#include "tests/unit/request/conversation.h"

#include <algorithm>
#include <cstring>

namespace pinfo::testing {
namespace {

pinfo_thread_time TimeAt(uint64_t now) { return {now / 2, now / 4, now - now / 2 - now / 4}; }

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
  const unsigned todo =
      pinfo_turn_receive(&turn_, now_, bytes.size(), tid, &spent, PINFO_CAPTURE_MAX);
  if ((todo & PINFO_TURN_CAPTURE) == 0) {
    return;
  }
  const std::string_view captured = bytes.substr(0, PINFO_CAPTURE_MAX);
  turn_.captured += static_cast<pinfo_u32>(captured.size());
  pinfo_received record{};
  record.header = Header(PINFO_RECORD_RECEIVED, tid);
  record.connection = turn_.connection;
  record.start_ns = turn_.start_ns;
  record.established_ns = turn_.established_ns;
  record.offset = turn_.bytes_in - bytes.size();
  record.received = bytes.size();
  record.turn = turn_.number;
  record.local_port = 8000;
  record.peer_port = 50000;
  record.transport = PINFO_TRANSPORT_TCP4;
  record.local_address[0] = record.peer_address[0] = 127;
  record.local_address[3] = record.peer_address[3] = 1;
  record.flags = turn_.partial != 0 ? PINFO_RECEIVED_PARTIAL : 0;
  record.captured = static_cast<pinfo_u16>(captured.size());
  if (producer_ == Producer::kHeld && (todo & PINFO_TURN_BEGAN) != 0 &&
      bytes.size() <= PINFO_EXCHANGE_CAPTURE_MAX) {
    received_held_ = true;
    held_ = record;
    held_bytes_ = captured;
    return;
  }
  records_.emplace_back(record, captured);
}

void Conversation::Send(std::string_view bytes, uint32_t tid) {
  SendBytes(bytes.size(), bytes, tid);
}

void Conversation::SendUnseen(uint64_t bytes) { SendBytes(bytes, {}, kTid); }

void Conversation::SendBytes(uint64_t size, std::string_view visible, uint32_t tid) {
  now_ += kStep;
  const unsigned todo = pinfo_turn_send(&turn_, now_, size);
  if (turn_.number == 0) {
    return;
  }
  if ((pending_ && pended_.header.tid != tid) || (received_held_ && held_.header.tid != tid)) {
    Flush();
  }
  if (!pending_) {
    pended_bytes_.clear();
  }
  pending_ = true;
  if ((todo & PINFO_TURN_FIRST_OUT) != 0) {
    pended_bytes_ = visible.substr(0, PINFO_RESPONSE_CAPTURE_MAX);
  }
  pended_ = {};
  pended_.header = Header(PINFO_RECORD_RESPONSE, tid);
  pended_.connection = turn_.connection;
  pended_.start_ns = turn_.start_ns;
  pended_.first_out_ns = turn_.first_out_ns;
  pended_.last_out_ns = turn_.last_out_ns;
  pended_.bytes_in = turn_.bytes_in;
  pended_.bytes_out = turn_.bytes_out;
  pended_.turn = turn_.number;
  pended_.begin_tid = turn_.begin_tid;
  pended_.flags = turn_.partial != 0 ? PINFO_RESPONSE_PARTIAL : 0;
  if (turn_.begin_tid == tid) {
    const pinfo_thread_time time = TimeAt(now_);
    pinfo_turn_spent(&turn_, &time, &pended_.spent);
    pended_.flags |= PINFO_RESPONSE_TIMES_VALID;
  }
  if (producer_ == Producer::kEachSend) {
    Flush();
  }
}

void Conversation::FlushExchange() {
  pinfo_exchange record{};
  record.header = pended_.header;
  record.header.type = PINFO_RECORD_EXCHANGE;
  record.connection = held_.connection;
  record.start_ns = held_.start_ns;
  record.established_ns = held_.established_ns;
  record.first_out_ns = pended_.first_out_ns;
  record.last_out_ns = pended_.last_out_ns;
  record.bytes_in = pended_.bytes_in;
  record.bytes_out = pended_.bytes_out;
  record.spent = pended_.spent;
  record.turn = held_.turn;
  record.local_port = held_.local_port;
  record.peer_port = held_.peer_port;
  std::copy_n(held_.local_address, 16, record.local_address);
  std::copy_n(held_.peer_address, 16, record.peer_address);
  record.transport = held_.transport;
  record.flags = pended_.flags;
  record.captured = static_cast<pinfo_u16>(held_bytes_.size());
  record.response_captured = static_cast<pinfo_u16>(pended_bytes_.size());
  records_.emplace_back(record, held_bytes_ + pended_bytes_);
}

void Conversation::Flush() {
  if (received_held_) {
    received_held_ = false;
    if (pending_) {
      pending_ = false;
      FlushExchange();
      return;
    }
    records_.emplace_back(held_, held_bytes_);
  }
  if (!pending_) {
    return;
  }
  pended_.captured = static_cast<pinfo_u16>(pended_bytes_.size());
  records_.emplace_back(pended_, pended_bytes_);
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
  record.turn = turn_.number;
  record.flags = reset ? PINFO_CLOSE_RESET : 0;
  records_.emplace_back(record, std::string_view());
}

void Conversation::Wait(uint64_t ns) {
  if (received_held_ && !pending_) {
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
      assembler.Advance(static_cast<int64_t>(view.as<pinfo_exchange>().start_ns));
    }
    assembler.OnRecord(view);
    assembler.Advance(now);
  }
  assembler.Finish(now + 1);
  return requests;
}

}  // namespace pinfo::testing
