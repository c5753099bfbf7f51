// Receives StatsD datagrams over UDP and over a Unix socket on a thread of its own, into a book.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"
#include "collector/config/configuration.h"
#include "collector/metric/metric_book.h"

namespace pinfo {

struct StatsdCounts {
  int64_t datagrams = 0;
  int64_t malformed = 0;  // lines
  int64_t dropped = 0;    // datagrams the kernel had no room for, or that were cut
};

class StatsdServer {
 public:
  // Opens the sockets and starts the thread. book must outlive it. A Unix socket that nobody
  // listens on any more is replaced; it is removed at the end.
  static Result<std::unique_ptr<StatsdServer>> Start(const StatsdSettings& settings,
                                                     MetricBook& book);
  ~StatsdServer();
  StatsdServer(const StatsdServer&) = delete;
  StatsdServer& operator=(const StatsdServer&) = delete;

  // Takes what is in the sockets and listens no more. Counts stay.
  void Stop();
  [[nodiscard]] StatsdCounts counts() const;
  // "127.0.0.1:8125": with the port the kernel chose where 0 was asked for. Empty without UDP.
  [[nodiscard]] const std::string& udp_address() const { return udp_address_; }

 private:
  explicit StatsdServer(MetricBook& book) : book_(book) {}
  Status OpenUdp(const std::string& address);
  Status OpenUnix(const std::string& path);
  void Run();
  void Drain(int socket);

  MetricBook& book_;
  UniqueFd udp_;
  UniqueFd unix_;
  UniqueFd stop_;
  std::string udp_address_;
  std::string unix_path_;
  std::vector<char> buffer_;
  std::atomic<int64_t> datagrams_ = 0;
  std::atomic<int64_t> malformed_ = 0;
  std::atomic<int64_t> cut_ = 0;
  std::thread thread_;
};

// Host and port of "[ADDR:]PORT"; the address is 127.0.0.1 where none is given. An IPv6 address
// stands in brackets.
struct ListenAddress {
  std::string host;
  std::string port;
};
ListenAddress SplitListenAddress(const std::string& text);

}  // namespace pinfo
