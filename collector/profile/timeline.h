// When, within one request, its time went where: what a trace viewer shows. Plain values.
//
// Times are nanoseconds from the request's start (its first byte), but for start_wall_ns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/profile/call_tree.h"

namespace pinfo {

// One stack sample: a wait with its exact begin and end, or the sampling period that ends where an
// on-CPU sample was taken. Clipped to the request.
struct TimelineSample {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  TimeKind kind = TimeKind::kOnCpu;
  uint32_t tid = 0;
  std::vector<CallTree::Frame> root_first;  // of Timeline::functions; empty: no stack
};

// Calls to another server while this one served the request: one, or some that followed each other
// on one connection.
struct TimelineCall {
  int64_t begin_ns = 0;  // the first one's request was sent
  int64_t end_ns = 0;    // the last one's answer began to arrive
  uint32_t tid = 0;
  std::string peer;  // "10.0.0.7:5432"
  int64_t calls = 1;
  int64_t waited_ns = 0;  // for their answers
};

struct Timeline {
  std::string name;  // "GET /list?n=1"
  int64_t request_id = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;  // that received the request
  int64_t start_wall_ns = 0;
  int64_t latency_ns = 0;
  std::optional<int64_t> queue_ns;       // before the start
  std::optional<int64_t> first_byte_ns;  // of the response
  std::string process;                   // its name
  std::string status;                    // "200", "aborted"
  std::vector<Function> functions;       // of the samples
  std::vector<TimelineSample> samples;   // by begin_ns
  std::vector<TimelineCall> calls;       // by begin_ns
};

}  // namespace pinfo
