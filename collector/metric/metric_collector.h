// Everything that makes own metrics in a collector: StatsD, request patterns, probed functions, and
// what queries and commands gave; and their way into the store.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/metric/metric_book.h"
#include "collector/metric/probe_counter.h"
#include "collector/metric/request_counter.h"
#include "collector/metric/statsd_server.h"
#include "collector/store/metric_store.h"

namespace pinfo {

// Observe and AddValue may be called by any thread, all else belongs to one.
class MetricCollector {
 public:
  explicit MetricCollector(const Configuration& configuration);

  // Opens what the configuration asks for and closes what it does not. What cannot be opened is
  // left out and said: one sentence each.
  std::vector<std::string> Apply(const Configuration& configuration);

  void Observe(const RequestRow& row) { requests_.Observe(row); }
  void AddValue(const std::string& metric, MetricKind kind, double value, int64_t wall_ns);

  // Stores what was gathered and what was refused. all: for the last time, also what may still grow;
  // StatsD is listened for no more. Where the store fails, nothing is lost up to kPendingMax samples;
  // what is beyond is counted.
  Status Flush(MetricStore& store, int64_t wall_ns, bool all);

  // Writes down anew how the declared metrics are shown, with the next Flush: a reset of the database
  // has forgotten it.
  void DeclareAgain() { declare_ = true; }

  // Where StatsD is listened for; empty where it is not, by UDP.
  [[nodiscard]] std::string statsd_address() const {
    return statsd_ ? statsd_->udp_address() : std::string();
  }

  // It was asked for, and cannot be listened for: the first of Apply's notes says why.
  [[nodiscard]] bool statsd_failed() const {
    return !statsd_ && (!statsd_settings_.udp.empty() || !statsd_settings_.unix_path.empty());
  }

  static constexpr size_t kPendingMax = 200'000;

 private:
  struct Probe {
    ProbeSource source;
    ProbeCounter counter;
  };

  void ApplyStatsd(const StatsdSettings& settings, std::vector<std::string>& notes);
  void ApplyProbes(const Configuration& configuration, std::vector<std::string>& notes);
  void TakeProbes(int64_t wall_ns);
  void CountLosses();
  Status Write(MetricStore& store);

  MetricBook book_;
  RequestCounter requests_;
  StatsdSettings statsd_settings_;
  std::unique_ptr<StatsdServer> statsd_;
  std::map<std::string, Probe> probes_;  // by metric
  std::vector<MetricRow> declared_;
  bool declare_ = false;
  std::vector<MetricSample> pending_;
  std::map<std::string, int64_t> losses_;  // not stored yet
  StatsdCounts statsd_told_;               // what losses_ and the store know of already
  MetricBookCounts book_told_;
};

}  // namespace pinfo
