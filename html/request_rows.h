// data/requests.js: the rows of the request list. Written in chunks of a bounded size, each with
// the strings of its own rows, so that neither side ever holds more than a chunk as text (and the
// writer the targets):
//
//   pinfoData.requests=[];
//   pinfoData.requests.push('{"strings":[...],"rows":[[...],...]}');
//   pinfoData.targetPlaces=[...];
//
// Nearly every row has a target of its own, which takes a page too long to sort: the last line has
// each row's place among them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/rows.h"
#include "html/route_page.h"

namespace pinfo::html {

class RequestRowsWriter {
 public:
  static constexpr size_t kChunkRows = 1000;

  using Sink = std::function<Status(std::string_view)>;

  RequestRowsWriter(Sink sink, HasPage has_page, bool show_values);

  Status Begin();
  Status Add(const RequestRow& row);
  Status End();

 private:
  size_t String(std::string_view text);
  Status WriteChunk();
  [[nodiscard]] std::vector<size_t> TargetPlaces() const;

  Sink sink_;
  HasPage has_page_;
  const bool show_values_;
  nlohmann::json strings_ = nlohmann::json::array();
  nlohmann::json rows_ = nlohmann::json::array();
  std::unordered_map<std::string, size_t> string_index_;
  std::vector<std::string> targets_;  // of all rows
};

}  // namespace pinfo::html
