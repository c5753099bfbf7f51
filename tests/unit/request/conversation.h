// A scripted conversation on one connection, turned into the records that a producer would make of
// it: through bpf/turn.h, captured and cut as the BPF programs do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/turn.h"
#include "collector/request/assembler.h"

namespace pinfo::testing {

// One record in memory aligned as sources align it.
class StoredRecord {
 public:
  template <typename T>
  StoredRecord(const T& record, std::string_view payload) {
    Store(&record, sizeof record, payload);
  }
  [[nodiscard]] RecordView View() const;
  [[nodiscard]] pinfo_record_type type() const { return View().type(); }

 private:
  void Store(const void* record, size_t size, std::string_view payload);
  std::vector<uint64_t> words_;
};

// When response records are made.
enum class Producer {
  kEachSend,  // one after every send, its figures growing
  kPended,    // one for all sends of a turn, when the thread does something else
  kHeld,      // as kPended, and a small request's beginning comes with it
};

class Conversation {
 public:
  static constexpr uint32_t kPid = 100;
  static constexpr uint32_t kTid = 101;
  static constexpr uint64_t kStep = 1000;  // the clock's advance with every event

  explicit Conversation(Producer producer = Producer::kEachSend, uint64_t connection = 7,
                        uint64_t start_ns = 1'000'000);

  void Receive(std::string_view bytes, uint32_t tid = kTid);
  void Send(std::string_view bytes, uint32_t tid = kTid);
  // Sent without its bytes being readable, as by sendfile.
  void SendUnseen(uint64_t bytes);
  void Close(bool reset = false);
  void ExitProcess();
  void Wait(uint64_t ns);
  // What a producer that pends a response does when its thread turns to something else.
  void Flush();

  [[nodiscard]] const std::vector<StoredRecord>& records() const { return records_; }
  [[nodiscard]] std::vector<StoredRecord>& records() { return records_; }
  [[nodiscard]] int64_t now() const { return static_cast<int64_t>(now_); }
  [[nodiscard]] pinfo_turn& turn() { return turn_; }

 private:
  pinfo_header Header(pinfo_record_type type, uint32_t tid) const;
  void FlushExchange();
  void EmitReceived(uint64_t offset, uint64_t received, std::string_view piece, uint32_t tid);
  void SendBytes(uint64_t size, std::string_view visible, uint32_t tid);
  size_t CaptureOut(uint64_t size, std::string_view visible);
  void CaptureEnd(uint64_t size, std::string_view visible);

  Producer producer_;
  uint64_t now_;
  pinfo_turn turn_{};
  pinfo_response pended_{};
  std::string pended_bytes_;
  std::string pended_front_;
  std::string pended_back_;
  bool pending_ = false;
  pinfo_received held_{};
  std::string held_bytes_;
  bool request_held_ = false;
  std::vector<StoredRecord> records_;
};

// The requests that come of records, in the order reported. skip: index of a record left out.
// The stream ends with Finish a while after the last record.
std::vector<ServedRequest> Assemble(const std::vector<StoredRecord>& records,
                                    AssemblerOptions options = {}, size_t skip = SIZE_MAX);

}  // namespace pinfo::testing
