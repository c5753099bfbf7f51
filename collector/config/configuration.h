// What an administrator has declared: metrics, monitors, people and how to reach them. Plain
// values, checked when they were read (load.h): names are unique, references lead somewhere, texts
// are UTF-8.
//
// Durations are nanoseconds; a monitor's figures are in the base unit of what it watches: seconds,
// bytes, percent, or the metric's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace pinfo {

inline constexpr int64_t kSecondNs = 1'000'000'000;

// ---- metrics

enum class MetricKind : uint8_t {
  kCounter = 0,  // adds up; StatsD c
  kGauge = 1,    // the last value counts; StatsD g
  kTiming = 2,   // values with percentiles; StatsD ms, h, d
  kSet = 3,      // distinct values a minute; StatsD s
};
enum class ChartKind : uint8_t { kLine = 0, kBars = 1, kNumber = 2 };

// Requests whose target's path matches are counted, their latencies (ms) added up.
struct RequestSource {
  std::string method;        // empty: any
  std::string target;        // glob over the path
  std::string site;          // glob; empty: any
  int32_t status = 0;        // exact; 0: any
  int32_t status_class = 0;  // 5 for 5xx; 0: any
};
// Calls of a function, in every process that runs the file, counted by an uprobe.
struct ProbeSource {
  std::string path;
  std::string symbol;
};
// The first column of the first row, over pinfo's own database.
struct QuerySource {
  std::string sql;
};
// The first number that the command prints.
struct CommandSource {
  std::vector<std::string> arguments;
};
using MetricSource =
    std::variant<std::monostate, RequestSource, ProbeSource, QuerySource, CommandSource>;

struct MetricSettings {
  std::string name;
  std::string title;
  std::string unit;
  std::string group;
  int32_t order = 0;
  ChartKind chart = ChartKind::kLine;
  MetricKind kind = MetricKind::kCounter;
  MetricSource source;
  int64_t every_ns = 60 * kSecondNs;  // queries and commands
  int64_t timeout_ns = 5 * kSecondNs;
};

// ---- monitors

// What of a metric's values within the window is compared.
enum class MetricFigure : uint8_t { kLast, kSum, kCount, kMean, kMin, kMax, kRate, kPercentile };

struct MetricSubject {
  std::string metric;  // all its tags together
  MetricFigure figure = MetricFigure::kLast;
  double percentile = 99;
};
struct LatencySubject {  // seconds
  std::string site;      // globs; empty: any
  std::string route;
  double percentile = 99;
};
struct ErrorRateSubject {  // percent of requests: 5xx and aborted
  std::string site;
  std::string route;
  int64_t at_least = 1;  // fewer requests in the window are no value
};
struct MemorySubject {  // bytes, resident
  std::string process;  // glob over the command's name or its executable
  bool sum = false;     // of all that match; false: of the largest
};
struct AgeSubject {  // seconds
  enum class Of : uint8_t { kRequest, kFile, kQuery, kMetric };
  Of of = Of::kRequest;
  std::string what;  // route glob, path, SQL or metric
  std::string site;  // of requests
};
struct QuerySubject {
  std::string sql;
};
struct CommandSubject {  // Nagios exit codes
  std::vector<std::string> arguments;
};
using MonitorSubject = std::variant<MetricSubject, LatencySubject, ErrorRateSubject, MemorySubject,
                                    AgeSubject, QuerySubject, CommandSubject>;

// Nagios' numbers, which are pinfo check's exit status.
enum class Level : uint8_t { kFine = 0, kWarning = 1, kProblem = 2, kUnknown = 3 };

enum class NotifyMode : uint8_t { kNone = 0, kInstant = 1, kDigest = 2 };

struct Recipient {
  std::string person;
  std::optional<NotifyMode> mode;  // unset: the person's own
};

struct MonitorSettings {
  std::string name;
  std::string title;
  std::string description;
  std::string group;
  MonitorSubject subject;
  std::optional<double> warning;  // reached, or passed, is enough
  std::optional<double> problem;
  bool below = false;  // at most, instead of at least
  std::string unit;    // "s", "B", "%", or what the configuration says
  int64_t window_ns = 300 * kSecondNs;
  int64_t for_ns = 0;                 // how long before the level counts
  int64_t every_ns = 60 * kSecondNs;  // queries and commands
  int64_t timeout_ns = 10 * kSecondNs;
  Level no_value = Level::kUnknown;
  std::string texts[4];  // by level; empty: a text of pinfo's own
  // Unset: everybody.
  std::optional<std::vector<Recipient>> notify;
};

// ---- people

// Where a secret is: never in the configuration itself.
struct SecretPlace {
  std::string file;
  std::string environment;
  [[nodiscard]] bool empty() const { return file.empty() && environment.empty(); }
};

struct Person {
  std::string name;
  std::string mail;
  std::string webhook;         // URL
  SecretPlace webhook_secret;  // or where the URL is, as it may be a secret itself
  SecretPlace webhook_token;   // sent as Authorization: Bearer
  std::vector<std::string> command;
  NotifyMode mode = NotifyMode::kInstant;
};

enum class TlsUse : uint8_t { kRequired, kOpportunistic, kNever };

struct MailSettings {
  std::string smtp;  // "smtp://host:port" or "smtps://host:port"; empty: sendmail
  std::string sendmail = "/usr/sbin/sendmail";
  std::string from;  // empty: pinfo@ the machine's name
  TlsUse starttls = TlsUse::kRequired;
  std::string user;
  SecretPlace password;
  std::string ca_file;  // empty: the system's
};

struct NotifySettings {
  int64_t delay_ns = 21'600 * kSecondNs;  // an instant message is not repeated within it
  std::optional<int32_t> digest_minute;   // minutes after local midnight; unset: by command only
  int64_t timeout_ns = 30 * kSecondNs;    // of one delivery
  bool when_worse = false;                // an instant message also when warning becomes problem
};

// ---- all of it

struct StatsdSettings {
  std::string udp;  // "ADDR:PORT"; empty: none
  std::string unix_path;
  int64_t flush_ns = 10 * kSecondNs;
  int64_t max_series = 10'000;
};

struct Configuration {
  std::vector<std::string> files;  // it was read from
  StatsdSettings statsd;
  std::string prometheus;  // "[ADDR:]PORT"; empty: none
  int64_t evaluate_ns = 10 * kSecondNs;
  std::vector<MetricSettings> metrics;
  std::vector<MonitorSettings> monitors;
  std::vector<Person> people;
  MailSettings mail;
  NotifySettings notify;
};

const char* LevelName(Level level);           // "fine", "warning", "problem", "unknown"
const char* MetricKindName(MetricKind kind);  // "counter" ...
const char* ChartKindName(ChartKind chart);   // "line" ...

// Worst first: problem, warning, unknown, fine.
int Severity(Level level);

}  // namespace pinfo
