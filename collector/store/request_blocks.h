// Rows of requests, packed many to a blob: how they come into the database while the server needs
// the CPUs. A row of its own costs its insertion 1 to 2 us, with its index; packed, a tenth of
// that. Blocks are as durable as rows: they are written in the same transactions. They become rows
// of the table `request` when there is time (Settle), and a reader sees what is not settled yet
// beside the rest (ShowUnsettled).
//
// A block: version (1 byte), number of rows (varint), then the columns of each row in the order of
// request_row.h. An integer is the zigzag varint (LEB128) of its difference from the same column
// of the row before; an optional one has a byte 0 or 1 before it; a text has its length before
// it, and length 0 stands for "as before" after a byte 1, for the empty text after a byte 0; a
// real is its 8 bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/request_row.h"
#include "collector/store/sqlite_handle.h"
#include "collector/store/store.h"

namespace pinfo::sqlite {

// Packs rows into one block.
class RequestPacker {
 public:
  void Add(const StoredRequest& row);
  void Clear();
  [[nodiscard]] int64_t count() const { return count_; }
  // Version, count and rows. Empty where there are none.
  [[nodiscard]] std::string Block() const;
  [[nodiscard]] int64_t first_id() const { return first_id_; }
  [[nodiscard]] int64_t first_start_wall_ns() const { return first_start_wall_ns_; }

 private:
  std::string rows_;
  StoredRequest before_;
  int64_t count_ = 0;
  int64_t first_id_ = 0;
  int64_t first_start_wall_ns_ = 0;
};

// Visits the rows of a block until visit returns false. Returns how many rows could not be read,
// because the block is damaged.
int64_t UnpackRequests(std::string_view block,
                       const std::function<bool(const StoredRequest&)>& visit);

// The writing side. Belongs to the store's thread.
class RequestBlocks {
 public:
  Status Prepare(Database& database);

  // REQUIRES: an open batch, which Write or Drop ends. The first rows of a batch are inserted at
  // once, the others reach the database as blocks, with Write.
  Status Add(const StoredRequest& row);
  Status Write();
  void Drop();

  // One block, the oldest, becomes rows, in a transaction of its own. REQUIRES: no batch is open.
  Result<Settled> SettleOne(Database& database);
  // When the oldest block's first request began; nullopt: no block is left.
  Result<std::optional<int64_t>> OldestWallNs() { return oldest_start_.Query(); }

 private:
  struct Packed {
    int64_t first_id;
    int64_t start_wall_ns;
    std::string block;
  };
  void EndBlock();
  Result<Settled> SettleInTransaction(Database& database);
  Status SettleGroups(std::string_view block, Settled& settled);
  Status SettleRows(Database& database, std::string_view block, Settled& settled);

  RequestPacker packer_;
  std::vector<Packed> full_;
  int64_t inserted_ = 0;  // rows of this batch that went in at once
  Statement write_;
  Statement oldest_;
  Statement oldest_start_;
  Statement insert_;
  Statement settle_;
  Statement settle_many_;
  std::vector<StoredRequest> settling_;  // rows of a group that is not inserted yet
  Statement remove_;
};

// Binds every column of the row to the statement's parameters 1 to kRequestColumns and runs it.
Status InsertRequest(Statement& insert, const StoredRequest& row);

// For a reader, in its snapshot: where there are blocks, a temporary view takes the place of the
// table `request`, with the rows of the blocks beside those of the table.
Status ShowUnsettled(Database& database);

}  // namespace pinfo::sqlite
