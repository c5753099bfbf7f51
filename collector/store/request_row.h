// A request's row as the database has it, names replaced by ids, and the one list of its columns:
// what inserts rows and what packs them (request_blocks.h) both walk kRequestMembers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

namespace pinfo::sqlite {

struct StoredRequest {
  int64_t id = 0;
  int64_t process = 0;
  int64_t pid = 0;
  int64_t tid = 0;
  int64_t route = 0;
  int64_t method = 0;
  int64_t protocol = 0;
  std::string target;
  int64_t status = 0;
  int64_t outcome = 0;
  int64_t start_wall_ns = 0;
  int64_t latency_ns = 0;
  std::optional<int64_t> queue_ns;
  std::optional<int64_t> first_byte_ns;
  std::optional<int64_t> on_cpu_ns;
  std::optional<int64_t> blocked_ns;
  std::optional<int64_t> runqueue_ns;
  std::optional<int64_t> waiting_ns;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
  int64_t samples = 0;
  int64_t profiled = 0;
  std::string stats_file;
  double weight = 1;
  int64_t tls = 0;
  int64_t ended_by = 0;
  int64_t calls = 0;
  int64_t calls_ns = 0;
};

inline constexpr const char* kRequestColumnNames =
    "id, process_id, pid, tid, route_id, method_id, protocol_id, target, status, outcome,"
    " start_wall_ns, latency_ns, queue_ns, first_byte_ns, on_cpu_ns, blocked_ns, runqueue_ns,"
    " waiting_ns, bytes_in, bytes_out, samples, profiled, stats_file, weight, tls, ended_by,"
    " calls, calls_ns";

// The columns in the order of kRequestColumnNames.
inline constexpr auto kRequestMembers = std::tuple(
    &StoredRequest::id, &StoredRequest::process, &StoredRequest::pid, &StoredRequest::tid,
    &StoredRequest::route, &StoredRequest::method, &StoredRequest::protocol, &StoredRequest::target,
    &StoredRequest::status, &StoredRequest::outcome, &StoredRequest::start_wall_ns,
    &StoredRequest::latency_ns, &StoredRequest::queue_ns, &StoredRequest::first_byte_ns,
    &StoredRequest::on_cpu_ns, &StoredRequest::blocked_ns, &StoredRequest::runqueue_ns,
    &StoredRequest::waiting_ns, &StoredRequest::bytes_in, &StoredRequest::bytes_out,
    &StoredRequest::samples, &StoredRequest::profiled, &StoredRequest::stats_file,
    &StoredRequest::weight, &StoredRequest::tls, &StoredRequest::ended_by,
    &StoredRequest::calls, &StoredRequest::calls_ns);
inline constexpr int kRequestColumns = std::tuple_size_v<decltype(kRequestMembers)>;

// Calls visit(column) for each column of the row, const or not.
template <typename Request, typename Visit>
void VisitColumns(Request& row, Visit&& visit) {
  std::apply([&](auto... member) { (visit(row.*member), ...); }, kRequestMembers);
}

}  // namespace pinfo::sqlite
