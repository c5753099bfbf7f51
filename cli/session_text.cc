#include "cli/session_text.h"

#include <fmt/format.h>

#include "cli/format.h"
#include "collector/store/loss.h"

namespace pinfo::cli {

std::string DescribeOwnCost(const OwnCost& cost) {
  if (cost.watched_ns == 0) {
    return fmt::format("pinfo itself used {} of CPU", FormatDuration(cost.other_cpu_ns));
  }
  std::string text = fmt::format("pinfo itself used {} of CPU in {} of watching ({} of one CPU)",
                                 FormatDuration(cost.cpu_ns), FormatDuration(cost.watched_ns),
                                 FormatPercent(cost.cpu_ns, cost.watched_ns));
  if (cost.requests > 0) {
    text += fmt::format(", {} a request", FormatDuration(cost.cpu_ns / cost.requests));
  }
  if (cost.other_cpu_ns > 0) {
    text += fmt::format("; {} in sessions that replayed or have not ended",
                        FormatDuration(cost.other_cpu_ns));
  }
  return text;
}

std::vector<std::string> DescribeLosses(const LossCounts& lost) {
  std::vector<std::string> lines;
  for (size_t kind = 0; kind < lost.size(); ++kind) {
    if (lost[kind] != 0 && IsLoss(kind)) {
      lines.push_back(fmt::format("{}: {}", LossName(kind), lost[kind]));
    }
  }
  return lines;
}

std::string DescribeNotProfiled(const LossCounts& lost) {
  const int64_t count = NotProfiled(lost);
  return count == 0 ? "" : fmt::format("not profiled: {} (over --profile-rate)", count);
}

std::string Count(int64_t count, const std::string& singular, const std::string& plural) {
  return fmt::format("{} {}", count,
                     count == 1       ? singular
                     : plural.empty() ? singular + "s"
                                      : plural);
}

}  // namespace pinfo::cli
