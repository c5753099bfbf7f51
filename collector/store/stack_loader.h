// Stacks out of the trie of the store, in terms of the tree that one ProfileBuilder builds. For the
// queries of this folder; one thread, within one transaction.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/stack_trie.h"
#include "collector/views/profile_builder.h"

namespace pinfo::sqlite {

class StackLoader {
 public:
  // Both outlive it.
  StackLoader(StackTrie& trie, ProfileBuilder& builder) : trie_(trie), builder_(builder) {}

  // The stack, outermost function first.
  Result<std::vector<CallTree::Frame>> Load(int64_t stack_id) {
    if (Status status = trie_.Frames(stack_id, ids_); !status) {
      return tl::unexpected(status.error());
    }
    std::vector<CallTree::Frame> frames;
    frames.reserve(ids_.size());
    for (const int64_t id : ids_) {
      auto it = frames_.find(id);
      if (it == frames_.end()) {
        const Result<const FrameRow*> row = trie_.Frame(id);
        if (!row) {
          return tl::unexpected(row.error());
        }
        it = frames_.emplace(id, builder_.AddFrame(**row)).first;
      }
      frames.push_back(it->second);
    }
    return frames;
  }

 private:
  StackTrie& trie_;
  ProfileBuilder& builder_;
  std::vector<int64_t> ids_;
  std::unordered_map<int64_t, CallTree::Frame> frames_;
};

}  // namespace pinfo::sqlite
