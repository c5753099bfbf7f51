#include "collector/store/intern.h"

#include <fmt/format.h>

namespace pinfo::sqlite {
namespace {

// Entries; a full cache starts anew. The largest, of frames, then holds about 10 MB.
constexpr size_t kTextCacheLimit = 16'384;
constexpr size_t kFrameCacheLimit = 32'768;
constexpr size_t kNodeCacheLimit = 131'072;

// insert: INSERT ... ON CONFLICT DO NOTHING RETURNING id, which gives no row where the key exists.
template <typename... Values>
Result<int64_t> InsertOrFind(Statement& insert, Statement& find, const Values&... values) {
  Result<std::optional<int64_t>> id = insert.Query(values...);
  if (id && !*id) {
    id = find.Query(values...);
  }
  if (!id) {
    return tl::unexpected(id.error());
  }
  if (!*id) {
    return Fail("the database refused a name without saying why; check it with PRAGMA quick_check");
  }
  return **id;
}

template <typename Cache, typename Key>
void Remember(Cache& cache, size_t limit, const Key& key, int64_t id) {
  if (cache.size() >= limit) {
    cache.clear();
  }
  cache.emplace(key, id);
}

size_t Combine(size_t seed, size_t value) {
  return (seed ^ value) *
         0x9e3779b97f4a7c15ULL;  // the golden ratio's bits, as in Fibonacci hashing
}

}  // namespace

Status TextInterner::Prepare(Database& database, std::string_view table, std::string_view column) {
  const std::string insert = fmt::format(
      "INSERT INTO {}({}) VALUES (?1) ON CONFLICT DO NOTHING RETURNING id", table, column);
  const std::string find = fmt::format("SELECT id FROM {} WHERE {} = ?1", table, column);
  return database.Prepare({{&insert_, insert.c_str()}, {&find_, find.c_str()}});
}

Result<int64_t> TextInterner::Intern(std::string_view text) {
  if (const auto it = cache_.find(text); it != cache_.end()) {
    return it->second;
  }
  const Result<int64_t> id = InsertOrFind(insert_, find_, text);
  if (id) {
    Remember(cache_, kTextCacheLimit, std::string(text), *id);
  }
  return id;
}

Status RouteInterner::Prepare(Database& database) {
  if (Status status = sites_.Prepare(database, "site", "name"); !status) {
    return status;
  }
  return database.Prepare(
      {{&insert_,
        "INSERT INTO route(site_id, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING id"},
       {&find_, "SELECT id FROM route WHERE site_id = ?1 AND name = ?2"}});
}

Result<int64_t> RouteInterner::Intern(std::string_view site, std::string_view route) {
  key_.assign(site);
  key_.push_back('\0');
  key_.append(route);
  if (const auto it = cache_.find(key_); it != cache_.end()) {
    return it->second;
  }
  const Result<int64_t> site_id = sites_.Intern(site);
  if (!site_id) {
    return site_id;
  }
  const Result<int64_t> id = InsertOrFind(insert_, find_, *site_id, route);
  if (id) {
    Remember(cache_, kTextCacheLimit, key_, *id);
  }
  return id;
}

void RouteInterner::Clear() {
  sites_.Clear();
  cache_.clear();
}

size_t StackInterner::FrameHash::operator()(const FrameRow& frame) const {
  size_t hash = TextHash{}(frame.function);
  hash = Combine(hash, TextHash{}(frame.file));
  hash = Combine(hash, TextHash{}(frame.module));
  hash = Combine(hash, static_cast<size_t>(frame.function_line));
  hash = Combine(hash, static_cast<size_t>(frame.line));
  return Combine(hash, frame.inlined ? 1 : 0);
}

size_t StackInterner::NodeHash::operator()(const Node& node) const {
  return Combine(Combine(0, static_cast<size_t>(node.parent)), static_cast<size_t>(node.frame));
}

Status StackInterner::Prepare(Database& database) {
  if (Status status = files_.Prepare(database, "file", "path"); !status) {
    return status;
  }
  return database.Prepare(
      {{&insert_function_,
        "INSERT INTO function(name, file_id, module_id, line) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO NOTHING RETURNING id"},
       {&find_function_,
        "SELECT id FROM function WHERE name = ?1 AND file_id = ?2 AND module_id = ?3"
        " AND line = ?4"},
       {&insert_frame_,
        "INSERT INTO frame(function_id, line, inlined) VALUES (?1, ?2, ?3)"
        " ON CONFLICT DO NOTHING RETURNING id"},
       {&find_frame_, "SELECT id FROM frame WHERE function_id = ?1 AND line = ?2 AND inlined = ?3"},
       {&insert_node_,
        "INSERT INTO stack(parent_id, frame_id) VALUES (?1, ?2)"
        " ON CONFLICT DO NOTHING RETURNING id"},
       {&find_node_, "SELECT id FROM stack WHERE parent_id = ?1 AND frame_id = ?2"}});
}

Result<int64_t> StackInterner::InternFrame(const FrameRow& frame) {
  if (const auto it = frames_.find(frame); it != frames_.end()) {
    return it->second;
  }
  const Result<int64_t> file = files_.Intern(frame.file);
  if (!file) {
    return file;
  }
  const Result<int64_t> module = files_.Intern(frame.module);
  if (!module) {
    return module;
  }
  const Result<int64_t> function = InsertOrFind(insert_function_, find_function_, frame.function,
                                                *file, *module, frame.function_line);
  if (!function) {
    return function;
  }
  const Result<int64_t> id =
      InsertOrFind(insert_frame_, find_frame_, *function, frame.line, frame.inlined);
  if (id) {
    Remember(frames_, kFrameCacheLimit, frame, *id);
  }
  return id;
}

Result<int64_t> StackInterner::InternNode(Node node) {
  if (const auto it = nodes_.find(node); it != nodes_.end()) {
    return it->second;
  }
  const Result<int64_t> id = InsertOrFind(insert_node_, find_node_, node.parent, node.frame);
  if (id) {
    Remember(nodes_, kNodeCacheLimit, node, *id);
  }
  return id;
}

Result<int64_t> StackInterner::Intern(std::span<const FrameRow> root_first) {
  int64_t at = 0;
  for (const FrameRow& frame : root_first) {
    const Result<int64_t> frame_id = InternFrame(frame);
    if (!frame_id) {
      return frame_id;
    }
    const Result<int64_t> node = InternNode({.parent = at, .frame = *frame_id});
    if (!node) {
      return node;
    }
    at = *node;
  }
  return at;
}

void StackInterner::Clear() {
  files_.Clear();
  frames_.clear();
  nodes_.clear();
}

}  // namespace pinfo::sqlite
