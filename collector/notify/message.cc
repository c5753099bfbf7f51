#include "collector/notify/message.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pinfo {
namespace {

using Json = nlohmann::ordered_json;

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

std::string LocalTime(int64_t wall_ns) {
  const auto seconds = static_cast<time_t>(wall_ns / kSecondNs);
  tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 64> text{};
  strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %z", &local);
  return text.data();
}

std::string Escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

const char* ColourOf(Level level) {
  switch (level) {
    case Level::kFine:
      return "#1a7f37";
    case Level::kWarning:
      return "#9a6700";
    case Level::kProblem:
      return "#cf222e";
    case Level::kUnknown:
      break;
  }
  return "#57606a";
}

std::string TextOf(const std::string& head, const std::vector<MonitorRow>& monitors) {
  std::string text = head + "\n";
  for (const MonitorRow& row : monitors) {
    const char* level = LevelName(static_cast<Level>(row.level));
    text += fmt::format("\n{}: {}\n    {}\n    since {}\n", level, row.title, row.text,
                        LocalTime(row.since_wall_ns));
    if (!row.group.empty()) {
      text += fmt::format("    group: {}\n", row.group);
    }
    if (!row.description.empty()) {
      text += fmt::format("    {}\n", row.description);
    }
  }
  return text;
}

std::string HtmlOf(const std::string& head, const std::vector<MonitorRow>& monitors) {
  std::string html =
      "<!DOCTYPE html><html><body style=\"font-family:sans-serif;color:#1f2328\"><p>" +
      Escape(head) + "</p>";
  if (!monitors.empty()) {
    html += "<table style=\"border-collapse:collapse\">";
    for (const MonitorRow& row : monitors) {
      const auto level = static_cast<Level>(row.level);
      html += fmt::format(
          "<tr style=\"border-top:1px solid #d0d7de;vertical-align:top\">"
          "<td style=\"padding:6px 12px 6px 0;color:{};font-weight:bold\">{}</td>"
          "<td style=\"padding:6px 12px 6px 0\"><b>{}</b>{}<br>{}",
          ColourOf(level), LevelName(level), Escape(row.title),
          row.group.empty() ? ""
                            : " <span style=\"color:#57606a\">" + Escape(row.group) + "</span>",
          Escape(row.text));
      if (!row.description.empty()) {
        html += "<br><span style=\"color:#57606a\">" + Escape(row.description) + "</span>";
      }
      html += fmt::format("</td><td style=\"padding:6px 0;color:#57606a\">since {}</td></tr>",
                          LocalTime(row.since_wall_ns));
    }
    html += "</table>";
  }
  return html + "</body></html>";
}

std::string JsonOf(const std::string& kind, const std::string& subject, const std::string& text,
                   const std::vector<MonitorRow>& monitors, int64_t now_wall_ns) {
  Json list = Json::array();
  for (const MonitorRow& row : monitors) {
    list.push_back({{"name", row.name},
                    {"title", row.title},
                    {"group", row.group},
                    {"level", LevelName(static_cast<Level>(row.level))},
                    {"value", row.value ? Json(*row.value) : Json(nullptr)},
                    {"unit", row.unit},
                    {"text", row.text},
                    {"since_unix_ns", row.since_wall_ns}});
  }
  // "text" is what chat services (Slack, Mattermost, Rocket.Chat) show of an incoming webhook.
  return Json{{"source", "pinfo"},          {"host", HostName()}, {"kind", kind},
              {"subject", subject},         {"text", text},       {"unix_ns", now_wall_ns},
              {"monitors", std::move(list)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Message Compose(const std::string& kind, const std::string& subject, const std::string& head,
                std::vector<MonitorRow> monitors, int64_t now_wall_ns) {
  SortWorstFirst(monitors);
  Message message;
  message.kind = kind;
  message.subject = subject;
  message.text = TextOf(head, monitors);
  message.html = HtmlOf(head, monitors);
  message.json = JsonOf(kind, subject, message.text, monitors, now_wall_ns);
  return message;
}

// "problem: A" or "problem: A and 3 more".
std::string Summary(const std::vector<MonitorRow>& monitors) {
  const MonitorRow& worst = monitors.front();
  std::string text = fmt::format("{}: {}", LevelName(static_cast<Level>(worst.level)), worst.title);
  return monitors.size() == 1 ? text : fmt::format("{} and {} more", text, monitors.size() - 1);
}

}  // namespace

void SortWorstFirst(std::vector<MonitorRow>& monitors) {
  std::stable_sort(monitors.begin(), monitors.end(), [](const MonitorRow& a, const MonitorRow& b) {
    return std::tuple(-Severity(static_cast<Level>(a.level)), a.group, a.title) <
           std::tuple(-Severity(static_cast<Level>(b.level)), b.group, b.title);
  });
}

Message InstantMessage(std::vector<MonitorRow> monitors, int64_t now_wall_ns) {
  SortWorstFirst(monitors);
  const std::string subject = fmt::format("[{}] {}", HostName(), Summary(monitors));
  return Compose("instant", subject,
                 fmt::format("Not fine on {}, {}:", HostName(), LocalTime(now_wall_ns)),
                 std::move(monitors), now_wall_ns);
}

Message RecoveryMessage(std::vector<MonitorRow> monitors, int64_t now_wall_ns) {
  SortWorstFirst(monitors);
  const std::string subject = fmt::format("[{}] {}", HostName(), Summary(monitors));
  return Compose("recovery", subject,
                 fmt::format("Fine again on {}, {}:", HostName(), LocalTime(now_wall_ns)),
                 std::move(monitors), now_wall_ns);
}

Message DigestMessage(std::vector<MonitorRow> monitors, int64_t now_wall_ns) {
  const auto count = [&](Level level) {
    return std::count_if(monitors.begin(), monitors.end(), [&](const MonitorRow& row) {
      return row.level == static_cast<uint8_t>(level);
    });
  };
  const std::string subject =
      fmt::format("[{}] digest: {} problems, {} warnings, {} unknown", HostName(),
                  count(Level::kProblem), count(Level::kWarning), count(Level::kUnknown));
  return Compose("digest", subject,
                 fmt::format("What is not fine on {}, {}:", HostName(), LocalTime(now_wall_ns)),
                 std::move(monitors), now_wall_ns);
}

Message TestMessage(const std::string& person, int64_t now_wall_ns) {
  return Compose("test", fmt::format("[{}] test message of pinfo", HostName()),
                 fmt::format("This is a test for {}: messages from pinfo on {} arrive. {}", person,
                             HostName(), LocalTime(now_wall_ns)),
                 {}, now_wall_ns);
}

}  // namespace pinfo
