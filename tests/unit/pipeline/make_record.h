// Records for tests, made field by field.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "bpf/wire.h"
#include "collector/source/record.h"

namespace pinfo {

using RecordWords = std::vector<uint64_t>;

template <typename T>
RecordWords MakeRecord(T record, pinfo_record_type type, int64_t time_ns, uint32_t pid,
                       uint32_t tid, std::string_view payload = {}) {
  record.header.size = static_cast<pinfo_u32>(sizeof(T) + payload.size());
  record.header.type = type;
  record.header.reserved = 0;
  record.header.pid = pid;
  record.header.tid = tid;
  record.header.time_ns = static_cast<pinfo_u64>(time_ns);
  RecordWords words((record.header.size + 7) / 8);
  std::memcpy(words.data(), &record, sizeof(T));
  if (!payload.empty()) {  // memcpy takes no null pointer, not even for nothing
    std::memcpy(reinterpret_cast<char*>(words.data()) + sizeof(T), payload.data(), payload.size());
  }
  return words;
}

inline std::span<const std::byte> BytesOf(const RecordWords& words) {
  return std::as_bytes(std::span(words));
}

inline RecordWords MakeClose(int64_t time_ns, uint64_t connection) {
  pinfo_close close{};
  close.connection = connection;
  return MakeRecord(close, PINFO_RECORD_CLOSE, time_ns, 1, 1);
}

inline RecordWords MakeReceived(int64_t time_ns, uint64_t connection, uint32_t turn,
                                std::string_view bytes, uint32_t pid = 1) {
  pinfo_received received{};
  received.connection = connection;
  received.start_ns = static_cast<pinfo_u64>(time_ns);
  received.received = bytes.size();
  received.turn = turn;
  received.transport = PINFO_TRANSPORT_TCP4;
  received.local_address[0] = 127;
  received.local_address[3] = 1;
  received.local_port = 80;
  received.captured = static_cast<pinfo_u16>(bytes.size());
  return MakeRecord(received, PINFO_RECORD_RECEIVED, time_ns, pid, pid, bytes);
}

inline RecordWords MakeResponse(int64_t start_ns, int64_t end_ns, uint64_t connection,
                                uint32_t turn, std::string_view bytes, uint32_t pid = 1) {
  pinfo_response response{};
  response.connection = connection;
  response.start_ns = static_cast<pinfo_u64>(start_ns);
  response.first_out_ns = static_cast<pinfo_u64>(end_ns);
  response.last_out_ns = static_cast<pinfo_u64>(end_ns);
  response.bytes_out = bytes.size();
  response.turn = turn;
  response.begin_tid = pid;
  response.spent.on_cpu_ns = static_cast<pinfo_u64>(end_ns - start_ns);
  response.flags = PINFO_RESPONSE_TIMES_VALID;
  response.captured = static_cast<pinfo_u16>(bytes.size());
  return MakeRecord(response, PINFO_RECORD_RESPONSE, end_ns, pid, pid, bytes);
}

}  // namespace pinfo
