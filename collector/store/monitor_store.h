// Monitors, whom was told what, and messages on their way, in the database. Beside Store and
// Reader, as MetricStore is. Each object belongs to one thread; several processes may write at
// once, which is why what is decided from the state is decided within the batch that changes it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

// A monitor and what was last found. Levels are enum Level's numbers.
struct MonitorRow {
  std::string name;
  std::string title;
  std::string description;
  std::string group;
  std::string unit;
  uint8_t level = 3;
  int64_t since_wall_ns = 0;
  int64_t checked_wall_ns = 0;
  std::optional<double> value;
  std::string text;
  uint8_t pending_level = 3;
  int64_t pending_since_wall_ns = 0;
  std::optional<double> warning;
  std::optional<double> problem;
  bool no_value = false;  // there was none, without anything being wrong
};

// A change of a monitor's level.
struct MonitorChange {
  std::string name;
  int64_t wall_ns = 0;
  uint8_t level = 3;
  std::optional<double> value;
  std::string text;
};

// When somebody was told last that a monitor is not fine, and how bad it was then.
struct Notified {
  int64_t wall_ns = 0;
  uint8_t level = 0;
};
using NotifiedMap = std::map<std::pair<std::string, std::string>, Notified>;  // person, monitor

struct NotificationRow {
  int64_t id = 0;
  std::string person;
  std::string channel;  // "mail", "webhook" or "command"
  std::string kind;     // "instant", "recovery", "digest" or "test"
  std::string subject;
  std::string text;
  std::string html;
  std::string json;
  int64_t created_wall_ns = 0;
  int64_t attempts = 0;
};

// What is on its way, and what came of the rest.
struct NotificationCounts {
  int64_t waiting = 0;
  int64_t sent = 0;
  int64_t given_up = 0;
  std::string last_error;  // of those that wait
};

class MonitorStore {
 public:
  virtual ~MonitorStore() = default;

  // Every other method between Begin and Commit. A failed Commit leaves the store as before Begin.
  virtual Status Begin() = 0;
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;

  virtual Result<std::map<std::string, MonitorRow>> Monitors() = 0;
  virtual Status Put(const MonitorRow& row) = 0;
  virtual Status Remove(const std::string& name) = 0;
  virtual Status AddChange(const MonitorChange& change) = 0;

  virtual Result<NotifiedMap> AllNotified() = 0;
  virtual Status PutNotified(const std::string& person, const std::string& monitor,
                             const Notified& notified) = 0;
  virtual Status EraseNotified(const std::string& person, const std::string& monitor) = 0;

  virtual Status Enqueue(const NotificationRow& row) = 0;
  // Those due, oldest first, at most so many. They count as tried, and are nobody else's until
  // retry_wall_ns.
  virtual Result<std::vector<NotificationRow>> Claim(int64_t now_wall_ns, int64_t retry_wall_ns,
                                                     int64_t most) = 0;
  virtual Status MarkSent(int64_t id) = 0;
  virtual Status MarkFailed(int64_t id, const std::string& error, int64_t next_wall_ns,
                            bool give_up) = 0;

  // A figure of this name that only grows: false where it is there and not smaller.
  virtual Result<bool> Raise(const std::string& name, int64_t value) = 0;
  // Deletes changes and messages (but for those that wait) of before.
  virtual Status Retain(int64_t before_wall_ns, int64_t rows_max) = 0;
};

// Requests of one route since a minute, over all methods and statuses.
struct RouteWindow {
  std::string site;
  std::string route;
  int64_t count = 0;
  int64_t failed = 0;
  std::map<uint16_t, double> histogram;  // of latencies (ns), collector/base/histogram.h
};

struct ProcessMemory {
  uint32_t pid = 0;
  std::string comm;
  std::string exe;
  int64_t rss_bytes = 0;
};

struct LastMinute {
  std::string site;
  std::string route;
  int64_t minute = 0;
};

class MonitorReader {
 public:
  virtual ~MonitorReader() = default;

  virtual Result<std::vector<MonitorRow>> Monitors() = 0;
  // Newest first.
  virtual Result<std::vector<MonitorChange>> Changes(const std::optional<std::string>& name,
                                                     int64_t most) = 0;
  virtual Result<NotificationCounts> Notifications() = 0;

  virtual Result<std::vector<RouteWindow>> Windows(int64_t since_minute) = 0;
  // Of processes that live and were looked at since then.
  virtual Result<std::vector<ProcessMemory>> Memories(int64_t since_wall_ns) = 0;
  // The last minute with requests, of each route that had any since a minute.
  virtual Result<std::vector<LastMinute>> LastMinutes(int64_t since_minute) = 0;
};

// As OpenSqliteStore and OpenSqliteReader do.
Result<std::unique_ptr<MonitorStore>> OpenMonitorStore(const std::string& path);
Result<std::unique_ptr<MonitorReader>> OpenMonitorReader(const std::string& path);

}  // namespace pinfo
