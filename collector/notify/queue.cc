#include "collector/notify/queue.h"

#include <algorithm>

#include <fmt/format.h>

#include "collector/notify/decide.h"
#include "collector/notify/deliver.h"

namespace pinfo {
namespace {

constexpr int64_t kFirstRetryNs = 60 * kSecondNs;
constexpr int64_t kLastRetryNs = 3'600 * kSecondNs;
constexpr int64_t kGiveUpNs = int64_t{7} * 86'400 * kSecondNs;

const Person* FindPerson(const Configuration& configuration, const std::string& name) {
  const auto found = std::find_if(configuration.people.begin(), configuration.people.end(),
                                  [&](const Person& person) { return person.name == name; });
  return found == configuration.people.end() ? nullptr : &*found;
}

// Runs write between Begin and Commit.
Status InBatch(MonitorStore& store, const std::function<Status()>& write) {
  if (Status status = store.Begin(); !status) {
    return status;
  }
  Status status = write();
  if (!status) {
    store.Rollback();
    return status;
  }
  return store.Commit();
}

// Due now, oldest first; taken from others for as long as an attempt may last.
Result<std::vector<NotificationRow>> ClaimOne(MonitorStore& store, int64_t now_ns,
                                              int64_t timeout_ns) {
  std::vector<NotificationRow> rows;
  const Status status = InBatch(store, [&]() -> Status {
    Result<std::vector<NotificationRow>> claimed =
        store.Claim(now_ns, now_ns + timeout_ns + kFirstRetryNs, 1);
    if (!claimed) {
      return tl::unexpected(claimed.error());
    }
    rows = std::move(*claimed);
    return {};
  });
  return status ? Result<std::vector<NotificationRow>>(std::move(rows))
                : tl::unexpected(status.error());
}

Status Attempt(const Configuration& configuration, const NotificationRow& row,
               const std::atomic<bool>* stop, bool* for_nobody) {
  const Person* person = FindPerson(configuration, row.person);
  if (person != nullptr) {
    const std::vector<std::string> channels = ChannelsOf(*person);
    if (std::find(channels.begin(), channels.end(), row.channel) == channels.end()) {
      person = nullptr;
    }
  }
  if (person == nullptr) {
    *for_nobody = true;
    return Fail("the configuration has no such person or channel any more");
  }
  Message message;
  message.kind = row.kind;
  message.subject = row.subject;
  message.text = row.text;
  message.html = row.html;
  message.json = row.json;
  return Deliver({.configuration = configuration,
                  .person = *person,
                  .channel = row.channel,
                  .id = row.id,
                  .wall_ns = row.created_wall_ns,
                  .stop = stop},
                 message);
}

}  // namespace

int64_t RetryDelayNs(int64_t attempts) {
  const int64_t doublings = std::clamp<int64_t>(attempts - 1, 0, 10);
  return std::min(kLastRetryNs, kFirstRetryNs << doublings);
}

Status Enqueue(const Configuration& configuration, const std::string& person,
               const Message& message, int64_t now_wall_ns, MonitorStore& store) {
  const Person* found = FindPerson(configuration, person);
  if (found == nullptr) {
    return Fail(fmt::format("there is no person {}", person));
  }
  for (const std::string& channel : ChannelsOf(*found)) {
    NotificationRow row;
    row.person = person;
    row.channel = channel;
    row.kind = message.kind;
    row.subject = message.subject;
    row.text = message.text;
    row.html = message.html;
    row.json = message.json;
    row.created_wall_ns = now_wall_ns;
    if (Status status = store.Enqueue(row); !status) {
      return status;
    }
  }
  return {};
}

Result<DeliveryReport> DeliverDue(const Configuration& configuration, MonitorStore& store,
                                  const std::function<int64_t()>& now,
                                  const std::atomic<bool>* stop) {
  DeliveryReport report;
  while (stop == nullptr || !*stop) {
    const Result<std::vector<NotificationRow>> rows =
        ClaimOne(store, now(), configuration.notify.timeout_ns);
    if (!rows) {
      return tl::unexpected(rows.error());
    }
    if (rows->empty()) {
      break;
    }
    const NotificationRow& row = rows->front();
    bool for_nobody = false;
    const Status sent = Attempt(configuration, row, stop, &for_nobody);
    const Status noted = InBatch(store, [&] {
      if (sent) {
        return store.MarkSent(row.id);
      }
      const int64_t now_ns = now();
      const bool give_up = for_nobody || now_ns - row.created_wall_ns > kGiveUpNs;
      return store.MarkFailed(row.id, sent.error().message, now_ns + RetryDelayNs(row.attempts),
                              give_up);
    });
    if (!noted) {
      return tl::unexpected(noted.error());
    }
    if (sent) {
      ++report.sent;
    } else {
      report.errors.push_back(
          fmt::format("{} by {}: {}", row.person, row.channel, sent.error().message));
    }
  }
  return report;
}

}  // namespace pinfo
