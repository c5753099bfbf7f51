#include "cli/request_json.h"

#include <gmock/gmock.h>

namespace pinfo::cli {
namespace {

// The contract with users' programs: every field, by name, in order, with its type.
TEST(RequestJson, WhatIsKnown) {
  RequestRow row;
  row.id.value = 7;
  row.pid.value = 10;
  row.tid.value = 11;
  row.site = "shop.example";
  row.method = "GET";
  row.target = "/list?page=2";
  row.route = "/list";
  row.status = 200;
  row.protocol = "HTTP/1.1";
  row.tls = true;
  row.outcome = Outcome::kComplete;
  row.start_wall_ns = 1'769'846'700'250'123'456;
  row.queue_ns = 1;
  row.first_byte_ns = 2;
  row.latency_ns = 10;
  row.on_cpu_ns = 3;
  row.blocked_ns = 4;
  row.runqueue_ns = 1;
  row.waiting_ns = 2;
  row.bytes_in = 80;
  row.bytes_out = 4000;
  row.calls = 6;
  row.calls_ns = 8;
  row.samples = 5;
  row.profiled = true;
  row.stats_file = "/dump/x.stats";
  row.ended_by = EndedBy::kFraming;
  EXPECT_EQ(
      JsonLine(RequestJson(row)),
      R"({"id":7,"pid":10,"tid":11,"site":"shop.example","method":"GET",)"
      R"("target":"/list?page=2","route":"/list","status":200,"protocol":"HTTP/1.1",)"
      R"("tls":true,)"
      R"("outcome":"complete","ended_by":"framing","start":"2026-01-31T08:05:00.250123Z","queue_ns":1,)"
      R"("first_byte_ns":2,"latency_ns":10,"on_cpu_ns":3,"blocked_ns":4,"runqueue_ns":1,)"
      R"("waiting_ns":2,"bytes_in":80,"bytes_out":4000,"calls":6,"calls_ns":8,"samples":5,"profiled":true,)"
      R"("stats_file":"/dump/x.stats"})"
      "\n");
}

TEST(RequestJson, WhatIsNotKnownIsNull) {
  const nlohmann::ordered_json json = RequestJson(RequestRow());
  for (const char* field :
       {"site", "method", "route", "status", "protocol", "queue_ns", "first_byte_ns", "on_cpu_ns",
        "blocked_ns", "runqueue_ns", "waiting_ns", "stats_file"}) {
    EXPECT_TRUE(json.at(field).is_null()) << field;
  }
  EXPECT_EQ(json.at("outcome"), "unknown");
  EXPECT_EQ(json.at("latency_ns"), 0);
}

TEST(RequestJson, AnyBytesMakeOneLineOfJson) {
  RequestRow row;
  for (int byte = 0; byte < 256; ++byte) {
    row.target += static_cast<char>(byte);
  }
  const std::string line = JsonLine(RequestJson(row));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(nlohmann::json::accept(line));
}

}  // namespace
}  // namespace pinfo::cli
