#include "collector/config/load.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"
#include "collector/config/sections.h"

namespace pinfo {
namespace {

constexpr int64_t kFileBytesMax = 4 << 20;

class Loader {
 public:
  void Add(const std::string& text, const std::string& name);
  void AddFile(const std::string& path);
  Result<Configuration> Finish();

 private:
  void ReadRoot(const toml::table& root, const std::string& name);
  // A table that may be there once among all files.
  const toml::table* Single(TableReader& root, const char* key);
  void ForEachTable(TableReader& root, const char* key,
                    const std::function<void(const toml::table&)>& read);
  void CheckReferences();

  Configuration configuration_;
  Declared declared_;
  Problems problems_;
};

void Loader::Add(const std::string& text, const std::string& name) {
  configuration_.files.push_back(name);
  // The one place where the library throws.
  try {
    const toml::table root = toml::parse(text, name);
    ReadRoot(root, name);
  } catch (const toml::parse_error& error) {
    problems_.Add(error.source(), std::string(error.description()));
  }
}

void Loader::AddFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) {
    problems_.Add(path, FailErrno("cannot be read").value().message);
    return;
  }
  if (!S_ISREG(status.st_mode) || status.st_size > kFileBytesMax) {
    problems_.Add(path, S_ISREG(status.st_mode) ? "has more than 4 MiB" : "is no file");
    return;
  }
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = read(fd.get(), text.data() + have, text.size() - have);
    if (n <= 0) {
      break;
    }
    have += static_cast<size_t>(n);
  }
  text.resize(have);
  Add(text, path);
}

const toml::table* Loader::Single(TableReader& root, const char* key) {
  const toml::table* table = root.Table(key);
  if (table == nullptr) {
    return nullptr;
  }
  const auto [first, is_new] = declared_.tables.emplace(key, PlaceOf(table->source()));
  if (!is_new) {
    problems_.Add(table->source(), fmt::format("[{}] is there already, at {}", key, first->second));
    return nullptr;
  }
  return table;
}

void Loader::ForEachTable(TableReader& root, const char* key,
                          const std::function<void(const toml::table&)>& read) {
  const toml::node* node = root.Find(key);
  if (node == nullptr) {
    return;
  }
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    root.Complain(key, fmt::format("write [[{}]], in double brackets, for each {}", key, key));
    return;
  }
  for (const toml::node& each : *array) {
    read(*each.as_table());
  }
}

void Loader::ReadRoot(const toml::table& table, const std::string& name) {
  TableReader root(table, name, problems_);
  ForEachTable(root, "metric", [&](const toml::table& each) {
    ReadMetric(each, declared_, problems_, configuration_);
  });
  ForEachTable(root, "monitor", [&](const toml::table& each) {
    ReadMonitor(each, declared_, problems_, configuration_);
  });
  ForEachTable(root, "person", [&](const toml::table& each) {
    ReadPerson(each, declared_, problems_, configuration_);
  });
  if (const toml::table* mail = Single(root, "mail")) {
    ReadMail(*mail, problems_, configuration_.mail);
  }
  if (const toml::table* notify = Single(root, "notify")) {
    ReadNotify(*notify, problems_, configuration_.notify);
  }
  if (const toml::table* statsd = Single(root, "statsd")) {
    ReadStatsd(*statsd, problems_, configuration_.statsd);
  }
  if (const toml::table* prometheus = Single(root, "prometheus")) {
    TableReader reader(*prometheus, "[prometheus]", problems_);
    configuration_.prometheus = reader.Text("listen").value_or("");
    if (!configuration_.prometheus.empty() && !IsListenAddress(configuration_.prometheus)) {
      reader.Complain("listen", "listen must be as \"127.0.0.1:9100\" or \"9100\"");
    }
    reader.Finish();
  }
  if (const toml::table* monitors = Single(root, "monitoring")) {
    TableReader reader(*monitors, "[monitoring]", problems_);
    configuration_.evaluate_ns =
        reader.Duration("every", kSecondNs, 3600 * kSecondNs).value_or(configuration_.evaluate_ns);
    reader.Finish();
  }
  root.Finish();
}

// What names another thing must name one that is there: a typing error would be silence else.
void Loader::CheckReferences() {
  for (const MonitorSettings& monitor : configuration_.monitors) {
    const auto complain = [&](const std::string& what) {
      problems_.Add(declared_.monitors[monitor.name],
                    fmt::format("monitor '{}': {}", monitor.name, what));
    };
    std::string metric;
    if (const auto* subject = std::get_if<MetricSubject>(&monitor.subject)) {
      metric = subject->metric;
    } else if (const auto* age = std::get_if<AgeSubject>(&monitor.subject);
               age != nullptr && age->of == AgeSubject::Of::kMetric) {
      metric = age->what;
    }
    if (!metric.empty() && !declared_.metrics.contains(metric)) {
      complain(fmt::format("there is no metric '{0}'; declare it with [[metric]] name = \"{0}\"",
                           metric));
    }
    for (const Recipient& recipient : monitor.notify.value_or(std::vector<Recipient>())) {
      if (!recipient.person.empty() && !declared_.people.contains(recipient.person)) {
        complain(fmt::format("there is no person '{}'", recipient.person));
      }
    }
  }
}

Result<Configuration> Loader::Finish() {
  if (problems_.empty()) {
    CheckReferences();
  }
  if (!problems_.empty()) {
    return Fail(problems_.Text());
  }
  return std::move(configuration_);
}

std::string ConfigHome() {
  if (const char* home = std::getenv("XDG_CONFIG_HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/pinfo";
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? std::string(home) + "/.config/pinfo" : "";
}

}  // namespace

bool Declare(std::map<std::string, std::string>& names, const std::string& name,
             TableReader& reader) {
  const auto [first, is_new] = names.emplace(name, PlaceOf(reader.where()));
  if (!is_new) {
    reader.Complain("name", fmt::format("is there already, at {}", first->second));
  }
  return is_new;
}

bool IsListenAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  int number = -1;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() && number >= 0 &&
         number <= 65'535 && colon != 0;
}

std::string DefaultConfigPath() {
  if (const char* path = std::getenv("PINFO_CONFIG"); path != nullptr && *path != '\0') {
    return path;
  }
  const std::string own = ConfigHome();
  const std::string system = "/etc/pinfo";
  std::error_code error;
  for (const std::string& path :
       geteuid() == 0 ? std::vector{system, own} : std::vector{own, system}) {
    if (!path.empty() && std::filesystem::is_directory(path, error)) {
      return path;
    }
  }
  return "";
}

Result<Configuration> LoadConfiguration(const std::string& path) {
  Loader loader;
  if (path.empty()) {
    return loader.Finish();
  }
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    if (!std::filesystem::exists(path, error)) {
      return Fail(path + ": there is no such configuration; name a file or folder by --config");
    }
    loader.AddFile(path);
    return loader.Finish();
  }
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".toml") && !name.starts_with('.')) {
      files.insert(entry.path().string());
    }
  }
  if (error) {
    return Fail(path + ": cannot be read: " + error.message());
  }
  for (const std::string& file : files) {
    loader.AddFile(file);
  }
  return loader.Finish();
}

Result<Configuration> ParseConfiguration(const std::string& text, const std::string& name) {
  Loader loader;
  loader.Add(text, name);
  return loader.Finish();
}

}  // namespace pinfo
