// The stacks of a store, read node by node and kept: many profiles share most of them. For the
// queries of this folder; one thread, within one transaction.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/rows.h"
#include "collector/store/sqlite_handle.h"

namespace pinfo::sqlite {

class StackTrie {
 public:
  Status Prepare(Database& database);

  // Ids of the stack's frames, outermost first. A node that is missing or does not lead to the root
  // (a damaged database) ends it: parents have lower ids than their children, so no cycle is
  // followed.
  Status Frames(int64_t stack_id, std::vector<int64_t>& root_first);
  // Stays where it is. One that is missing has the name kUnattributedFrame.
  Result<const FrameRow*> Frame(int64_t frame_id);

 private:
  struct Node {
    int64_t parent = -1;
    int64_t frame = 0;
  };

  Result<Node> LoadNode(int64_t id);

  Statement node_;
  Statement frame_;
  std::unordered_map<int64_t, Node> nodes_;
  std::unordered_map<int64_t, FrameRow> frames_;
};

}  // namespace pinfo::sqlite
