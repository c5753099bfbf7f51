// The StatsD line protocol, as Etsy's server defined it and its successors extended it:
//   NAME:VALUE|TYPE[|@RATE][|#TAG:VALUE,TAG...]
// with types c, g, ms, s and DogStatsD's h and d; several values (NAME:1:2|ms) and several bits
// (NAME:1|c:20|ms) in a line; tags also in the name, as Influx (NAME,tag=value) and Graphite
// (NAME;tag=value) have them. DogStatsD's container (c:), external data (e:) and timestamp (T)
// fields are let by. Sources: github.com/statsd/statsd docs/metric_types.md, docs.datadoghq.com
// "DogStatsD datagram format". Whoever can reach the socket writes this: nothing of it is believed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/config/configuration.h"

namespace pinfo {

// Of one value; the views are into the line.
struct StatsdValue {
  MetricKind kind = MetricKind::kCounter;
  double number = 0;      // but of sets
  bool relative = false;  // a gauge's difference: it had a sign
  std::string_view text;  // of sets
  double weight = 1;      // 1 / sample rate
};

// Kept between lines, so that parsing allocates nothing once it has grown.
struct StatsdLine {
  std::string_view name;
  std::string tags;  // "key:value,key:value", sorted; a tag without a value is its name
  std::vector<StatsdValue> values;
};

inline constexpr size_t kStatsdNameMax = 200;
inline constexpr size_t kStatsdTagsMax = 1000;

// line: without its end. False where any of it is not of the protocol; nothing of such a line
// counts.
bool ParseStatsdLine(std::string_view line, StatsdLine& out);

}  // namespace pinfo
