#include "collector/metric/metric_collector.h"

#include <fmt/format.h>

namespace pinfo {
namespace {

MetricRow RowOf(const MetricSettings& settings) {
  return {.name = settings.name,
          .kind = static_cast<uint8_t>(settings.kind),
          .title = settings.title,
          .unit = settings.unit,
          .group = settings.group,
          .order = settings.order,
          .chart = static_cast<uint8_t>(settings.chart),
          .declared = true};
}

bool SameSockets(const StatsdSettings& a, const StatsdSettings& b) {
  return a.udp == b.udp && a.unix_path == b.unix_path;
}

}  // namespace

MetricCollector::MetricCollector(const Configuration& configuration)
    : book_(static_cast<size_t>(configuration.statsd.max_series)), requests_(book_) {}

std::vector<std::string> MetricCollector::Apply(const Configuration& configuration) {
  std::vector<std::string> notes;
  ApplyStatsd(configuration.statsd, notes);
  ApplyProbes(configuration, notes);
  requests_.SetPatterns(configuration.metrics);
  declared_.clear();
  for (const MetricSettings& metric : configuration.metrics) {
    declared_.push_back(RowOf(metric));
  }
  declare_ = true;
  return notes;
}

void MetricCollector::ApplyStatsd(const StatsdSettings& settings, std::vector<std::string>& notes) {
  if (statsd_ && SameSockets(settings, statsd_settings_)) {
    return;
  }
  if (statsd_) {
    statsd_->Stop();  // the last datagrams count too
    CountLosses();
    statsd_.reset();
    statsd_told_ = {};
  }
  statsd_settings_ = settings;
  if (settings.udp.empty() && settings.unix_path.empty()) {
    return;
  }
  Result<std::unique_ptr<StatsdServer>> server = StatsdServer::Start(settings, book_);
  if (server) {
    statsd_ = std::move(*server);
  } else {
    notes.push_back(server.error().message);
  }
}

void MetricCollector::ApplyProbes(const Configuration& configuration,
                                  std::vector<std::string>& notes) {
  std::map<std::string, Probe> probes;
  for (const MetricSettings& metric : configuration.metrics) {
    const auto* source = std::get_if<ProbeSource>(&metric.source);
    if (source == nullptr) {
      continue;
    }
    const auto old = probes_.find(metric.name);
    if (old != probes_.end() && old->second.source.path == source->path &&
        old->second.source.symbol == source->symbol) {
      probes.emplace(metric.name, std::move(old->second));
      continue;
    }
    Result<ProbeCounter> counter = ProbeCounter::Open(source->path, source->symbol);
    if (counter) {
      probes.emplace(metric.name, Probe{.source = *source, .counter = std::move(*counter)});
    } else {
      notes.push_back(fmt::format("metric {}: {}", metric.name, counter.error().message));
    }
  }
  probes_ = std::move(probes);
}

void MetricCollector::AddValue(const std::string& metric, MetricKind kind, double value,
                               int64_t wall_ns) {
  StatsdValue one;
  one.kind = kind;
  one.number = value;
  book_.Add(metric, "", one, wall_ns);
}

void MetricCollector::TakeProbes(int64_t wall_ns) {
  for (auto& [metric, probe] : probes_) {
    const auto calls = static_cast<double>(probe.counter.Take());
    if (calls > 0) {
      MetricSample sample;
      sample.name = metric;
      sample.kind = static_cast<uint8_t>(MetricKind::kCounter);
      sample.wall_ns = wall_ns;
      sample.point = {.start_s = 0, .count = calls, .sum = calls, .min = 1, .max = 1, .last = 1};
      book_.AddSample(std::move(sample));
    }
  }
}

void MetricCollector::CountLosses() {
  const auto count = [&](const char* name, int64_t now, int64_t& told) {
    if (now > told) {
      losses_[name] += now - told;
    }
    told = now;
  };
  if (statsd_) {
    const StatsdCounts now = statsd_->counts();
    count("statsd_malformed_lines", now.malformed, statsd_told_.malformed);
    count("statsd_dropped_datagrams", now.dropped, statsd_told_.dropped);
  }
  const MetricBookCounts now = book_.counts();
  count("metric_values_too_many_series", now.too_many_series, book_told_.too_many_series);
  count("metric_set_members_too_many", now.too_many_members, book_told_.too_many_members);
}

Status MetricCollector::Write(MetricStore& store) {
  if (Status status = store.Begin(); !status) {
    return status;
  }
  if (declare_) {
    if (Status status = store.Declare(declared_); !status) {
      return status;
    }
  }
  int64_t other_kind = 0;
  for (const MetricSample& sample : pending_) {
    const Result<MetricAdded> added = store.Add(sample);
    if (!added) {
      return tl::unexpected(added.error());
    }
    other_kind += *added == MetricAdded::kOtherKind ? 1 : 0;
  }
  if (other_kind != 0) {
    if (Status status = store.Count("metric_samples_other_kind", other_kind); !status) {
      return status;
    }
  }
  for (const auto& [name, count] : losses_) {
    if (Status status = store.Count(name, count); !status) {
      return status;
    }
  }
  return store.Commit();
}

Status MetricCollector::Flush(MetricStore& store, int64_t wall_ns, bool all) {
  if (all && statsd_) {
    statsd_->Stop();
  }
  TakeProbes(wall_ns);
  CountLosses();
  std::vector<MetricSample> taken = book_.Take(wall_ns, all);
  for (MetricSample& sample : taken) {
    if (pending_.size() < kPendingMax) {
      pending_.push_back(std::move(sample));
    } else {
      ++losses_["metric_samples_not_stored"];
    }
  }
  if (pending_.empty() && losses_.empty() && !declare_) {
    return {};
  }
  Status status = Write(store);
  if (!status) {
    store.Rollback();
    return status;
  }
  pending_.clear();
  losses_.clear();
  declare_ = false;
  return {};
}

}  // namespace pinfo
