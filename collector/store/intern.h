// Ids of what repeats: names, routes, frames and stacks, each stored once.
//
// In front of the tables are caches, bounded in entries. Rows of these tables are never deleted or
// changed, so a cached id stays right whatever other processes write; only a rollback can take away
// rows that a cache already knows, so the owner calls Clear after one. Every method needs an open
// write transaction: between looking and inserting nobody else may write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "collector/base/result.h"
#include "collector/store/rows.h"
#include "collector/store/sqlite_handle.h"

namespace pinfo::sqlite {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TextCache = std::unordered_map<std::string, int64_t, TextHash, std::equal_to<>>;

// One text column of one table.
class TextInterner {
 public:
  Status Prepare(Database& database, std::string_view table, std::string_view column);
  Result<int64_t> Intern(std::string_view text);
  void Clear() { cache_.clear(); }

 private:
  Statement insert_;
  Statement find_;
  TextCache cache_;
};

// (site, route) pairs.
class RouteInterner {
 public:
  Status Prepare(Database& database);
  Result<int64_t> Intern(std::string_view site, std::string_view route);
  void Clear();

 private:
  TextInterner sites_;
  Statement insert_;
  Statement find_;
  std::string key_;  // site, NUL, route; kept for its buffer
  TextCache cache_;
};

// Stacks, frame by frame from the outermost, in the trie.
class StackInterner {
 public:
  Status Prepare(Database& database);
  // 0 for the empty stack.
  Result<int64_t> Intern(std::span<const FrameRow> root_first);
  void Clear();

 private:
  struct FrameHash {
    size_t operator()(const FrameRow& frame) const;
  };
  struct Node {
    int64_t parent;
    int64_t frame;
    friend bool operator==(const Node&, const Node&) = default;
  };
  struct NodeHash {
    size_t operator()(const Node& node) const;
  };

  Result<int64_t> InternFrame(const FrameRow& frame);
  Result<int64_t> InternNode(Node node);

  TextInterner files_;
  Statement insert_function_;
  Statement find_function_;
  Statement insert_frame_;
  Statement find_frame_;
  Statement insert_node_;
  Statement find_node_;
  std::unordered_map<FrameRow, int64_t, FrameHash> frames_;
  std::unordered_map<Node, int64_t, NodeHash> nodes_;
};

}  // namespace pinfo::sqlite
