// Reads one TOML table key by key: types and ranges are checked, keys that nobody asked for are
// refused, and whatever is wrong is said with file, line and column. Everything wrong is gathered,
// so that one look at the message mends a file.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "collector/base/result.h"

namespace pinfo {

class Problems {
 public:
  void Add(const toml::source_region& where, const std::string& what);
  void Add(const std::string& file, const std::string& what);
  [[nodiscard]] bool empty() const { return messages_.empty(); }
  // One a line, in the order found; the first kMaxShown of them.
  [[nodiscard]] std::string Text() const;

  static constexpr size_t kMaxShown = 20;

 private:
  std::vector<std::string> messages_;
};

// "file:line:column".
std::string PlaceOf(const toml::source_region& where);

// table and problems must outlive it. Every reader of a key marks it as known; a value of the wrong
// type or range is a problem and reads as nullopt.
class TableReader {
 public:
  // what: how messages call the table, as "metric 'logins'".
  TableReader(const toml::table& table, std::string what, Problems& problems)
      : table_(table), what_(std::move(what)), problems_(problems) {}

  void Rename(std::string what) { what_ = std::move(what); }
  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] const toml::source_region& where() const { return table_.source(); }
  [[nodiscard]] Problems& problems() const { return problems_; }
  [[nodiscard]] bool Has(std::string_view key) const { return table_.contains(key); }

  const toml::node* Find(std::string_view key);
  // Not empty, valid UTF-8 (TOML's own rule), without control characters unless multi_line.
  std::optional<std::string> Text(std::string_view key, bool multi_line = false);
  // Name of a metric, monitor or person: 1 to 200 bytes, no control characters.
  std::optional<std::string> Name(std::string_view key);
  std::optional<bool> Flag(std::string_view key);
  std::optional<int64_t> Integer(std::string_view key, int64_t least, int64_t most);
  std::optional<double> Number(std::string_view key, double least, double most);
  // "90s", or a number of seconds. Nanoseconds.
  std::optional<int64_t> Duration(std::string_view key, int64_t least_ns, int64_t most_ns);
  // A list of words, run as it is; or one text, which a shell runs.
  std::optional<std::vector<std::string>> Command(std::string_view key);
  // One of these words; its place in the list.
  std::optional<size_t> Choice(std::string_view key, std::initializer_list<std::string_view> words);
  const toml::table* Table(std::string_view key);
  const toml::array* Array(std::string_view key);

  // A problem with the value of a key, or with the table where it has none such.
  void Complain(std::string_view key, const std::string& what);
  // Refuses the keys that were not asked for. Call once, at the end.
  void Finish();

 private:
  const toml::table& table_;
  std::string what_;
  Problems& problems_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace pinfo
