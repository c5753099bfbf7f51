// Stacks out of the trie of the store, in terms of the tree a ProfileBuilder builds. For the
// queries of this folder; one thread, within one transaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/sqlite_handle.h"
#include "collector/views/profile_builder.h"

namespace pinfo::sqlite {

// Nodes and frames are read once each.
class StackLoader {
 public:
  explicit StackLoader(ProfileBuilder& builder) : builder_(builder) {}

  Status Prepare(Database& database) {
    return database.Prepare(
        {{&node_, "SELECT parent_id, frame_id FROM stack WHERE id = ?1"},
         {&frame_,
          "SELECT function.name, file.path, module.path, function.line, frame.line"
          " FROM frame"
          " JOIN function ON function.id = frame.function_id"
          " JOIN file ON file.id = function.file_id"
          " JOIN file module ON module.id = function.module_id WHERE frame.id = ?1"}});
  }

  // The stack, outermost function first. A node that is missing or does not lead to the root (a
  // damaged database) ends it: parents have lower ids than their children, so no cycle is followed.
  Result<std::vector<CallTree::Frame>> Load(int64_t stack_id) {
    std::vector<CallTree::Frame> frames;
    int64_t at = stack_id;
    while (at > 0) {
      const Result<Node> node = LoadNode(at);
      if (!node) {
        return tl::unexpected(node.error());
      }
      if (node->parent < 0 || node->parent >= at) {
        break;
      }
      frames.push_back(node->frame);
      at = node->parent;
    }
    std::reverse(frames.begin(), frames.end());
    return frames;
  }

 private:
  struct Node {
    int64_t parent = -1;
    CallTree::Frame frame;
  };

  Result<Node> LoadNode(int64_t id) {
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
      node.parent = node_.Int(0);
      const int64_t frame_id = node_.Int(1);
      node_.Reset();
      const Result<CallTree::Frame> frame = LoadFrame(frame_id);
      if (!frame) {
        return tl::unexpected(frame.error());
      }
      node.frame = *frame;
    }
    return nodes_[id] = node;
  }

  Result<CallTree::Frame> LoadFrame(int64_t id) {
    if (const auto it = frames_.find(id); it != frames_.end()) {
      return it->second;
    }
    frame_.Bind(id);
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
    return frames_[id] = builder_.AddFrame(frame);
  }

  ProfileBuilder& builder_;
  Statement node_;
  Statement frame_;
  std::unordered_map<int64_t, Node> nodes_;
  std::unordered_map<int64_t, CallTree::Frame> frames_;
};

}  // namespace pinfo::sqlite
