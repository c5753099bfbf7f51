#include "collector/store/stack_trie.h"

#include <algorithm>

#include "collector/profile/call_tree.h"

namespace pinfo::sqlite {

Status StackTrie::Prepare(Database& database) {
  return database.Prepare(
      {{&node_, "SELECT parent_id, frame_id FROM stack WHERE id = ?1"},
       {&frame_,
        "SELECT function.name, file.path, module.path, function.line, frame.line"
        " FROM frame"
        " JOIN function ON function.id = frame.function_id"
        " JOIN file ON file.id = function.file_id"
        " JOIN file module ON module.id = function.module_id"
        " WHERE frame.id = ?1"}});
}

Status StackTrie::Frames(int64_t stack_id, std::vector<int64_t>& root_first) {
  root_first.clear();
  int64_t at = stack_id;
  while (at > 0) {
    const Result<Node> node = LoadNode(at);
    if (!node) {
      return tl::unexpected(node.error());
    }
    if (node->parent < 0 || node->parent >= at) {
      break;
    }
    root_first.push_back(node->frame);
    at = node->parent;
  }
  std::ranges::reverse(root_first);
  return {};
}

Result<StackTrie::Node> StackTrie::LoadNode(int64_t id) {
  if (const auto it = nodes_.find(id); it != nodes_.end()) {
    return it->second;
  }
  node_.Bind(id);
  const Result<bool> row = node_.Step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  Node node;
  if (*row) {
    node = {.parent = node_.Int(0), .frame = node_.Int(1)};
    node_.Reset();
  }
  return nodes_[id] = node;
}

Result<const FrameRow*> StackTrie::Frame(int64_t frame_id) {
  if (const auto it = frames_.find(frame_id); it != frames_.end()) {
    return &it->second;
  }
  frame_.Bind(frame_id);
  const Result<bool> row = frame_.Step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  FrameRow frame;
  if (*row) {
    frame.function = frame_.Text(0);
    frame.file = frame_.Text(1);
    frame.module = frame_.Text(2);
    frame.function_line = static_cast<int32_t>(frame_.Int(3));
    frame.line = static_cast<int32_t>(frame_.Int(4));
    frame_.Reset();
  } else {
    frame.function = kUnattributedFrame;
  }
  return &frames_.emplace(frame_id, std::move(frame)).first->second;
}

}  // namespace pinfo::sqlite
