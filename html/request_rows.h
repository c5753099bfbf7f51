// data/requests.js: the rows of the request list. Written in chunks of a bounded size, each with
// the strings of its own rows, so that neither side ever holds more than a chunk as text:
//
//   pinfoData.requests=[];
//   pinfoData.requests.push('{"strings":[...],"rows":[[...],...]}');
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/rows.h"
#include "html/output_directory.h"

namespace pinfo::html {

class RequestRowsWriter {
 public:
  static constexpr size_t kChunkRows = 1000;

  // pages: the requests that have one. file outlives the writer.
  RequestRowsWriter(StreamedFile& file, const std::vector<RequestRow>& pages, bool show_values);

  Status Begin();
  Status Add(const RequestRow& row);
  Status End();

 private:
  size_t String(std::string_view text);
  Status WriteChunk();

  StreamedFile& file_;
  const bool show_values_;
  std::unordered_set<int64_t> pages_;
  nlohmann::json strings_ = nlohmann::json::array();
  nlohmann::json rows_ = nlohmann::json::array();
  std::unordered_map<std::string, size_t> string_index_;
};

}  // namespace pinfo::html
