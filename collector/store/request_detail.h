// What is kept of single requests beside their rows. The statements and the stacks that requests
// have in common are kept from one to the next. One thread, within one transaction.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "collector/store/sqlite_handle.h"
#include "collector/store/stack_trie.h"

namespace pinfo::sqlite {

class DetailLoader {
 public:
  Status Prepare(Database& database);
  Result<RequestDetail> Load(const RequestRow& row);

 private:
  Status LoadSamples(const RequestRow& row, RequestDetail& detail);
  Result<std::vector<CallRow>> LoadCalls(RequestId id);
  Status LoadCallSpans(RequestId id, std::vector<TimelineCall>& calls);
  Status LoadHeaders(RequestId id, std::vector<HeaderRow>& headers);
  Result<std::string> NameOf(ProcessId process);

  Statement samples_;
  Statement calls_;
  Statement call_spans_;
  Statement headers_;
  Statement name_;
  StackTrie trie_;
  std::unordered_map<int64_t, std::string> names_;  // of processes
};

}  // namespace pinfo::sqlite
