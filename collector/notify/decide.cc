#include "collector/notify/decide.h"

#include <optional>

namespace pinfo {
namespace {

// How the person is to be told of this monitor.
NotifyMode ModeOf(const Person& person, const MonitorSettings& monitor) {
  if (!monitor.notify) {
    return person.mode;
  }
  NotifyMode mode = NotifyMode::kNone;
  for (const Recipient& recipient : *monitor.notify) {
    if (recipient.person == person.name) {
      mode = recipient.mode.value_or(person.mode);
    }
  }
  return mode;
}

bool IsFine(const MonitorRow& row) { return row.level == static_cast<uint8_t>(Level::kFine); }

// Nothing is known, and nothing is wrong with that: no request came, no value was added. Whoever
// wants to be told declares what no value means.
bool IsQuiet(const MonitorRow& row) {
  return row.level == static_cast<uint8_t>(Level::kUnknown) && row.no_value;
}

bool IsDue(const NotifySettings& settings, const MonitorRow& row, const Notified* told,
           int64_t now_wall_ns) {
  if (told == nullptr) {
    return true;
  }
  // A message from the future: the clock was set back. Better one too many than none for years.
  const bool delay_passed =
      now_wall_ns - told->wall_ns >= settings.delay_ns || told->wall_ns > now_wall_ns;
  const bool worse =
      Severity(static_cast<Level>(row.level)) > Severity(static_cast<Level>(told->level));
  return delay_passed || (settings.when_worse && worse);
}

}  // namespace

std::vector<InstantDecision> DecideInstant(const Configuration& configuration,
                                           const std::map<std::string, MonitorRow>& monitors,
                                           const NotifiedMap& notified, int64_t now_wall_ns) {
  std::vector<InstantDecision> decisions;
  for (const Person& person : configuration.people) {
    InstantDecision decision{.person = person.name, .not_fine = {}, .fine_again = {}};
    for (const MonitorSettings& monitor : configuration.monitors) {
      const auto row = monitors.find(monitor.name);
      if (row == monitors.end() || IsQuiet(row->second) ||
          ModeOf(person, monitor) != NotifyMode::kInstant) {
        continue;
      }
      const auto found = notified.find({person.name, monitor.name});
      const Notified* told = found == notified.end() ? nullptr : &found->second;
      if (IsFine(row->second)) {
        if (told != nullptr) {
          decision.fine_again.push_back(row->second);
        }
      } else if (IsDue(configuration.notify, row->second, told, now_wall_ns)) {
        decision.not_fine.push_back(row->second);
      }
    }
    if (!decision.not_fine.empty() || !decision.fine_again.empty()) {
      decisions.push_back(std::move(decision));
    }
  }
  return decisions;
}

std::vector<std::pair<std::string, std::vector<MonitorRow>>> DecideDigest(
    const Configuration& configuration, const std::map<std::string, MonitorRow>& monitors) {
  std::vector<std::pair<std::string, std::vector<MonitorRow>>> digests;
  for (const Person& person : configuration.people) {
    std::vector<MonitorRow> rows;
    for (const MonitorSettings& monitor : configuration.monitors) {
      const auto row = monitors.find(monitor.name);
      if (row != monitors.end() && !IsFine(row->second) && !IsQuiet(row->second) &&
          ModeOf(person, monitor) == NotifyMode::kDigest) {
        rows.push_back(row->second);
      }
    }
    if (!rows.empty()) {
      digests.emplace_back(person.name, std::move(rows));
    }
  }
  return digests;
}

std::vector<std::string> ChannelsOf(const Person& person) {
  std::vector<std::string> channels;
  if (!person.mail.empty()) {
    channels.emplace_back("mail");
  }
  if (!person.webhook.empty() || !person.webhook_secret.empty()) {
    channels.emplace_back("webhook");
  }
  if (!person.command.empty()) {
    channels.emplace_back("command");
  }
  return channels;
}

}  // namespace pinfo
