// Any sequence of well-formed records, whatever their figures: what comes out has times in order
// and sizes that are not negative, and everything is forgotten in the end.
//
// Input: a byte that chooses the record, a byte of connection and turn, 8 bytes of figures, a
// length byte and so many bytes of payload; again and again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "collector/request/assembler.h"

namespace {

void Require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(reinterpret_cast<const char*>(data), size) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::string_view Take(size_t n) {
    const std::string_view taken = bytes_.substr(0, n);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  uint8_t Byte() {
    const auto taken = Take(1);
    return taken.empty() ? 0 : static_cast<uint8_t>(taken[0]);
  }
  // A small figure, or now and then an extreme one.
  uint64_t Figure() {
    const uint8_t byte = Byte();
    return byte == 255 ? UINT64_MAX : byte == 254 ? uint64_t{1} << 63 : byte * uint64_t{37};
  }

 private:
  std::string_view bytes_;
};

template <typename T>
void Feed(pinfo::RequestAssembler& assembler, T record, std::string_view payload) {
  record.header.size = static_cast<pinfo_u32>(sizeof record + payload.size());
  std::vector<uint64_t> words((record.header.size + 7) / 8);
  std::memcpy(words.data(), &record, sizeof record);
  std::copy(payload.begin(), payload.end(), reinterpret_cast<char*>(words.data()) + sizeof record);
  const auto view = pinfo::DecodeRecord(std::as_bytes(std::span(words)));
  Require(view.has_value());
  assembler.OnRecord(*view);
}

void FeedExchange(pinfo::RequestAssembler& assembler, Input& input, pinfo_header header,
                  uint64_t connection, pinfo_u32 turn, uint64_t now) {
  const std::string_view request = input.Take(input.Byte());
  const std::string_view answer = input.Take(input.Byte());
  pinfo_received received{};
  received.header = header;
  received.header.type = PINFO_RECORD_RECEIVED;
  received.header.size = static_cast<pinfo_u32>(sizeof received + request.size());
  received.connection = connection;
  received.turn = turn;
  received.start_ns = input.Figure() + now;
  received.received = request.size();
  received.previous_out = input.Figure();
  received.captured = static_cast<pinfo_u16>(request.size());
  pinfo_response response{};
  response.header = header;
  response.header.type = PINFO_RECORD_EXCHANGE;
  response.connection = connection;
  response.turn = turn;
  response.start_ns = response.first_out_ns = now;
  response.last_out_ns = input.Figure();
  response.bytes_in = request.size();
  response.bytes_out = answer.size() + input.Figure();
  response.offset = input.Figure();
  response.last_sent = input.Figure();
  response.flags = input.Byte() & 31;
  response.captured = static_cast<pinfo_u16>(answer.size());
  std::string payload(answer);
  payload.append(reinterpret_cast<const char*>(&received), sizeof received);
  payload.append(request);
  Feed(assembler, response, payload);
}

void FeedOne(pinfo::RequestAssembler& assembler, Input& input, uint64_t now) {
  const uint8_t choice = input.Byte();
  const uint8_t where = input.Byte();
  const uint8_t flags = input.Byte();
  pinfo_header header{};
  header.pid = 1U + (where >> 7U);
  header.tid = flags >> 6U;
  header.time_ns = (choice & 64) != 0 ? input.Figure() : now;
  const uint64_t connection = where & 3U;
  const pinfo_u32 turn = (where >> 2U) & 15U;
  switch (choice & 3) {
    case 0: {
      pinfo_received record{};
      record.header = header;
      record.header.type = PINFO_RECORD_RECEIVED;
      record.connection = connection;
      record.turn = turn;
      record.start_ns = (choice & 32) != 0 ? input.Figure() : now;
      record.offset = input.Figure() / 37;
      const std::string_view payload = input.Take(input.Byte());
      record.received = (choice & 16) != 0 ? input.Figure() : payload.size();
      record.transport = flags & 3;
      record.flags =
          static_cast<pinfo_u8>(((flags >> 2) & 3) | ((flags & 32) != 0 ? PINFO_RECEIVED_TLS : 0U));
      record.previous_out = (flags & 16) != 0 ? input.Figure() : 0;
      record.captured = static_cast<pinfo_u16>(payload.size());
      Feed(assembler, record, payload);
      break;
    }
    case 1: {
      pinfo_response record{};
      record.header = header;
      record.header.type = PINFO_RECORD_RESPONSE;
      record.connection = connection;
      record.turn = turn;
      record.start_ns = record.first_out_ns = record.last_out_ns =
          (choice & 32) != 0 ? input.Figure() : now;
      record.bytes_in = input.Figure();
      const std::string_view payload = input.Take(input.Byte());
      record.offset = (choice & 8) != 0 ? input.Figure() / 37 : 0;
      record.bytes_out = (choice & 16) != 0 ? input.Figure() : record.offset + payload.size();
      record.last_sent = (choice & 4) != 0 ? input.Figure() : payload.size();
      record.flags = flags & 31;
      if ((choice & 4) != 0) {
        record.front = static_cast<pinfo_u8>(payload.size() / 4);
        record.back = static_cast<pinfo_u8>(payload.size() / 4);
      }
      record.captured = static_cast<pinfo_u16>(payload.size() - record.front - record.back);
      Feed(assembler, record, payload);
      break;
    }
    case 2: {
      pinfo_close record{};
      record.header = header;
      record.header.type = PINFO_RECORD_CLOSE;
      record.connection = connection;
      record.turn = turn;
      record.bytes_in = input.Figure();
      record.bytes_out = input.Figure();
      record.flags = flags & 1;
      Feed(assembler, record, {});
      break;
    }
    case 3: {
      if ((choice & 4) != 0) {
        FeedExchange(assembler, input, header, connection, turn, now);
        break;
      }
      pinfo_exit record{};
      record.header = header;
      record.header.type = PINFO_RECORD_EXIT;
      record.process_ended = flags & 1;
      Feed(assembler, record, {});
      break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinfo::AssemblerOptions options;
  options.idle_ns = 5000;
  options.max_connections = 3;
  pinfo::RequestAssembler assembler(options, [](const pinfo::ServedRequest& request) {
    Require(!request.method.empty());
    Require(request.start_ns >= 0 && request.end_ns >= request.start_ns);
    Require(request.first_out_ns == 0 ||
            (request.first_out_ns >= request.start_ns && request.first_out_ns <= request.end_ns));
    Require(request.bytes_in >= 0 && request.bytes_out >= 0);
    Require(request.outcome != pinfo::Outcome::kComplete || request.bytes_out > 0);
    Require(request.queue_ns.value_or(0) >= 0);
    Require(request.first_turn <= request.last_turn);
  });
  Input input(data, size);
  for (uint64_t now = 1000; !input.empty(); now += 1000) {
    FeedOne(assembler, input, now);
    assembler.Advance(static_cast<int64_t>(now));
    Require(assembler.open_connections() <= options.max_connections);
  }
  assembler.Finish(INT64_MAX / 4);
  Require(assembler.open_connections() == 0);
  return 0;
}
