#include "collector/store/request_blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>

#include <fmt/format.h>

namespace pinfo::sqlite {
namespace {

constexpr char kVersion = 1;
// Rows of one block: what Settle turns into rows in one transaction, a few milliseconds.
constexpr int64_t kBlockRows = 1000;
// The first rows of a batch are inserted as they are: a server that serves few requests needs no
// blocks.
constexpr int64_t kFewRows = 100;
constexpr uint64_t kSaneRows = 1'000'000;  // of a block: more is damage

// Rows that one statement inserts while blocks are settled: what a statement costs beside its rows
// is shared by so many. Their parameters stay far below SQLite's limit (32,766).
constexpr int kRowsAtOnce = 32;

std::string Insert(std::string_view how, std::string_view table, int rows = 1) {
  std::string sql = fmt::format("{} INTO {}({}) VALUES ", how, table, kRequestColumnNames);
  for (int i = 0; i < rows * kRequestColumns; ++i) {
    const char* const before = i % kRequestColumns != 0 ? ", " : i == 0 ? "(" : "), (";
    sql += fmt::format("{}?{}", before, i + 1);
  }
  return sql + ")";
}

// Binds the columns of the row to the parameters from `first` + 1 on.
void BindRequest(Statement& insert, const StoredRequest& row, int first) {
  VisitColumns(row, [&](const auto& column) { insert.BindAt(++first, column); });
}

constexpr size_t kVarintMax = 10;

char* PutVarint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

// Writes into memory that has room: at most kColumnMax bytes a column, and its text's.
class Writer {
 public:
  static constexpr size_t kColumnMax = kVarintMax + 1;
  explicit Writer(char* to) : to_(to) {}
  [[nodiscard]] char* end() const { return to_; }

  void Column(int64_t value, int64_t before) {
    const auto difference = static_cast<uint64_t>(value) - static_cast<uint64_t>(before);
    to_ =
        PutVarint(to_, difference << 1 ^ (static_cast<int64_t>(difference) < 0 ? ~uint64_t{0} : 0));
  }
  void Column(const std::optional<int64_t>& value, const std::optional<int64_t>& before) {
    *to_++ = value ? 1 : 0;
    if (value) {
      Column(*value, before.value_or(0));
    }
  }
  void Column(const std::string& value, const std::string& before) {
    const bool same = value == before && !value.empty();
    to_ = PutVarint(to_, same ? 0 : value.size());
    if (same || value.empty()) {
      *to_++ = same ? 1 : 0;
    } else {
      std::memcpy(to_, value.data(), value.size());
      to_ += value.size();
    }
  }
  void Column(double value, double) {
    std::memcpy(to_, &value, sizeof(value));
    to_ += sizeof(value);
  }

 private:
  char* to_;
};

class BlockReader {
 public:
  explicit BlockReader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(Byte());
      value |= uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) {
        return value;
      }
    }
    ok_ = false;
    return 0;
  }
  char Byte() {
    if (bytes_.empty()) {
      ok_ = false;
      return 0;
    }
    const char byte = bytes_.front();
    bytes_.remove_prefix(1);
    return byte;
  }
  // value holds the row before's.
  void Column(int64_t& value) {
    const uint64_t coded = Varint();
    value = static_cast<int64_t>(static_cast<uint64_t>(value) + (coded >> 1 ^ (0 - (coded & 1))));
  }
  void Column(std::optional<int64_t>& value) {
    if (Byte() == 0) {
      value.reset();
      return;
    }
    int64_t known = value.value_or(0);
    Column(known);
    value = known;
  }
  void Column(std::string& value) {
    const uint64_t size = Varint();
    if (size == 0) {
      if (Byte() == 0) {
        value.clear();
      }
      return;
    }
    if (size > bytes_.size()) {
      ok_ = false;
      return;
    }
    value.assign(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  void Column(double& value) {
    uint64_t bits = 0;
    if (bytes_.size() < sizeof(bits)) {
      ok_ = false;
      return;
    }
    std::memcpy(&bits, bytes_.data(), sizeof(bits));
    bytes_.remove_prefix(sizeof(bits));
    value = std::bit_cast<double>(bits);
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace

void RequestPacker::Add(const StoredRequest& row) {
  if (count_ == 0) {
    first_id_ = row.id;
    first_start_wall_ns_ = row.start_wall_ns;
  }
  const size_t used = rows_.size();
  rows_.resize(used + kRequestColumns * Writer::kColumnMax + row.target.size() +
               row.stats_file.size());
  Writer writer(rows_.data() + used);
  std::apply([&](auto... member) { (writer.Column(row.*member, before_.*member), ...); },
             kRequestMembers);
  rows_.resize(static_cast<size_t>(writer.end() - rows_.data()));
  before_ = row;
  ++count_;
}

void RequestPacker::Clear() {
  rows_.clear();
  before_ = {};
  count_ = 0;
}

std::string RequestPacker::Block() const {
  if (count_ == 0) {
    return {};
  }
  std::string block(1, kVersion);
  block.reserve(rows_.size() + 1 + kVarintMax);
  char count[kVarintMax];
  block.append(count, PutVarint(count, static_cast<uint64_t>(count_)));
  return block += rows_;
}

int64_t UnpackRequests(std::string_view block,
                       const std::function<bool(const StoredRequest&)>& visit) {
  BlockReader reader(block);
  const bool known = reader.Byte() == kVersion;
  auto left = static_cast<int64_t>(std::min(reader.Varint(), kSaneRows));
  if (!known || !reader.ok()) {
    return std::max<int64_t>(left, 1);
  }
  StoredRequest row;
  for (; left > 0; --left) {
    VisitColumns(row, [&reader](auto& column) { reader.Column(column); });
    if (!reader.ok()) {
      return left;
    }
    if (!visit(row)) {
      return 0;
    }
  }
  return 0;
}

Status InsertRequest(Statement& insert, const StoredRequest& row) {
  BindRequest(insert, row, 0);
  return insert.Run();
}

Status RequestBlocks::Prepare(Database& database) {
  const std::string insert = Insert("INSERT", "request");
  // A damaged block may hold an id twice.
  const std::string settle = Insert("INSERT OR IGNORE", "request");
  const std::string settle_many = Insert("INSERT OR IGNORE", "request", kRowsAtOnce);
  settling_.resize(kRowsAtOnce);
  return database.Prepare(
      {{&write_, "INSERT INTO request_block(first_id, start_wall_ns, rows) VALUES (?1, ?2, ?3)"},
       {&oldest_, "SELECT id, rows FROM request_block ORDER BY id LIMIT 1"},
       {&oldest_start_, "SELECT start_wall_ns FROM request_block ORDER BY id LIMIT 1"},
       {&insert_, insert.c_str()},
       {&settle_, settle.c_str()},
       {&settle_many_, settle_many.c_str()},
       {&remove_, "DELETE FROM request_block WHERE id = ?1"}});
}

Status RequestBlocks::Add(const StoredRequest& row) {
  if (std::isnan(row.weight)) {
    return Fail("NOT NULL: the weight of a request's row is not a number");
  }
  if (inserted_ < kFewRows) {
    ++inserted_;
    return InsertRequest(insert_, row);
  }
  packer_.Add(row);
  if (packer_.count() == kBlockRows) {
    EndBlock();
  }
  return {};
}

void RequestBlocks::EndBlock() {
  full_.push_back({packer_.first_id(), packer_.first_start_wall_ns(), packer_.Block()});
  packer_.Clear();
}

void RequestBlocks::Drop() {
  packer_.Clear();
  full_.clear();
  inserted_ = 0;
}

Status RequestBlocks::Write() {
  if (packer_.count() > 0) {
    EndBlock();
  }
  Status status;
  for (const Packed& packed : full_) {
    if (status) {
      status = write_.RunBlob(packed.first_id, packed.start_wall_ns, packed.block);
    }
  }
  Drop();
  return status;
}

// Rows in groups. Fails where the database refuses one of them.
Status RequestBlocks::SettleGroups(std::string_view block, Settled& settled) {
  size_t gathered = 0;
  Status status;
  settled.unreadable = UnpackRequests(block, [&](const StoredRequest& row) {
    settling_[gathered++] = row;
    if (gathered == settling_.size()) {
      for (size_t i = 0; i < gathered; ++i) {
        BindRequest(settle_many_, settling_[i], static_cast<int>(i) * kRequestColumns);
      }
      status = settle_many_.Run();
      gathered = 0;
    }
    ++settled.rows;
    return status.has_value();
  });
  for (size_t i = 0; i < gathered && status; ++i) {
    status = InsertRequest(settle_, settling_[i]);
  }
  return status;
}

// One by one: what is refused is damage, which must not stand in the others' way.
Status RequestBlocks::SettleRows(Database& database, std::string_view block, Settled& settled) {
  Status status;
  int64_t refused = 0;
  settled.rows = 0;
  settled.unreadable = UnpackRequests(block, [&](const StoredRequest& row) {
    status = InsertRequest(settle_, row);
    if (!status && database.LastErrorWasOfRow()) {
      status = {};
      ++refused;
      return true;
    }
    ++settled.rows;
    return status.has_value();
  });
  settled.unreadable += refused;
  return status;
}

Result<Settled> RequestBlocks::SettleInTransaction(Database& database) {
  const Result<bool> found = oldest_.Step();
  if (!found) {
    return tl::unexpected(found.error());
  }
  Settled settled;
  if (!*found) {
    return settled;
  }
  const int64_t id = oldest_.Int(0);
  const std::string_view block = oldest_.Blob(1);
  Status status = SettleGroups(block, settled);
  if (!status && database.LastErrorWasOfRow()) {
    status = SettleRows(database, block, settled);  // rows that are there already are passed over
  }
  oldest_.Reset();
  if (status) {
    status = remove_.Run(id);
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  return settled;
}

Result<Settled> RequestBlocks::SettleOne(Database& database) {
  if (Status status = database.Begin(); !status) {
    return tl::unexpected(status.error());
  }
  Result<Settled> settled = SettleInTransaction(database);
  if (!settled) {
    database.Rollback();  // the first error is the one to report
  } else if (Status status = database.Commit(); !status) {
    return tl::unexpected(status.error());
  }
  return settled;
}

Status ShowUnsettled(Database& database) {
  const Result<int64_t> blocks = database.QueryInt("SELECT EXISTS(SELECT 1 FROM request_block)");
  if (!blocks || *blocks == 0) {
    return blocks ? Status() : tl::unexpected(blocks.error());
  }
  const std::string view = fmt::format(
      "CREATE TEMP TABLE unsettled AS SELECT {0} FROM main.request LIMIT 0;"
      "CREATE UNIQUE INDEX temp.unsettled_by_id ON unsettled(id);"
      "CREATE TEMP VIEW request AS SELECT {0} FROM main.request UNION ALL"
      " SELECT {0} FROM temp.unsettled",
      kRequestColumnNames);
  if (Status status = database.Execute(view.c_str()); !status) {
    return status;
  }
  Statement read;
  Statement insert;
  const std::string into = Insert("INSERT OR IGNORE", "temp.unsettled");
  if (Status status = database.Prepare(
          {{&read, "SELECT rows FROM request_block ORDER BY id"}, {&insert, into.c_str()}});
      !status) {
    return status;
  }
  while (true) {
    const Result<bool> row = read.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (!*row) {
      return {};
    }
    Status status;
    UnpackRequests(read.Blob(0), [&](const StoredRequest& request) {
      status = InsertRequest(insert, request);
      return status.has_value();
    });
    if (!status) {
      return status;
    }
  }
}

}  // namespace pinfo::sqlite
