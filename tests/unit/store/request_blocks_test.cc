// Rows that are packed first and inserted later: nobody who reads through pinfo sees a difference.
#include "collector/store/request_blocks.h"

#include <random>
#include <tuple>

#include <gmock/gmock.h>

#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using sqlite::StoredRequest;

auto Everything(const StoredRequest& row) {
  return std::apply([&](auto... member) { return std::tuple(row.*member...); },
                    sqlite::kRequestMembers);
}

std::vector<StoredRequest> Unpacked(std::string_view block, int64_t& unreadable) {
  std::vector<StoredRequest> rows;
  unreadable = sqlite::UnpackRequests(block, [&](const StoredRequest& row) {
    rows.push_back(row);
    return true;
  });
  return rows;
}

StoredRequest RandomRow(std::mt19937_64& random) {
  const auto number = [&] { return static_cast<int64_t>(random() >> (random() % 64)); };
  StoredRequest row;
  sqlite::VisitColumns(row, [&](auto& column) {
    using Column = std::remove_reference_t<decltype(column)>;
    if constexpr (std::is_same_v<Column, std::string>) {
      column = random() % 3 == 0 ? "" : "/same";
      column += std::string(random() % 4 == 0 ? random() % 300 : 0, 'x');
    } else if constexpr (std::is_same_v<Column, double>) {
      column = static_cast<double>(number()) / 3;
    } else if constexpr (std::is_same_v<Column, int64_t>) {
      column = random() % 2 == 0 ? number() : -number();
    } else if (random() % 2 == 0) {
      column = number();
    }
  });
  return row;
}

TEST(RequestBlockTest, EveryValueComesBack) {
  std::mt19937_64 random(4711);
  std::vector<StoredRequest> rows;
  sqlite::RequestPacker packer;
  EXPECT_EQ(packer.Block(), "");
  for (int i = 0; i < 2'000; ++i) {
    rows.push_back(RandomRow(random));
    packer.Add(rows.back());
  }
  int64_t unreadable = -1;
  const auto back = Unpacked(packer.Block(), unreadable);
  EXPECT_EQ(unreadable, 0);
  ASSERT_EQ(back.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(Everything(back[i]), Everything(rows[i])) << i;
  }
}

TEST(RequestBlockTest, OfACutBlockWhatIsThereIsReadAndTheRestCounted) {
  std::mt19937_64 random(1);
  sqlite::RequestPacker packer;
  for (int i = 0; i < 5; ++i) {
    packer.Add(RandomRow(random));
  }
  const std::string block = packer.Block();
  for (size_t size = 0; size < block.size(); ++size) {
    int64_t unreadable = -1;
    const auto rows = Unpacked(block.substr(0, size), unreadable);
    EXPECT_GT(unreadable, 0) << size;
    EXPECT_LE(rows.size() + static_cast<size_t>(unreadable), 5U) << size;
  }
}

TEST(RequestBlockTest, ArbitraryBytesDoNoHarm) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 2'000; ++round) {
    std::string block(1 + random() % 200, '\1');
    for (size_t i = 1; i < block.size(); ++i) {
      block[i] = static_cast<char>(random());
    }
    int64_t unreadable = 0;
    Unpacked(block, unreadable);
  }
}

class RequestBlocksTest : public StoreFixture {
 protected:
  static std::vector<RequestRow> Many(int64_t first, int64_t count) {
    std::vector<RequestRow> rows;
    for (int64_t id = first; id < first + count; ++id) {
      rows.push_back(MakeRequest(id));
      rows.back().target = "/item/" + std::to_string(id % 7);
    }
    return rows;
  }
  int64_t CountIn(const char* table) {
    Result<sqlite::Database> database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadOnly);
    return database ? *database->QueryInt(std::string("SELECT count(*) FROM ") + table) : -1;
  }
  static void SettleAll(Store& store) {
    while (true) {
      const Result<Settled> settled = store.Settle();
      ASSERT_EQ(MessageOf(settled), "");
      EXPECT_EQ(settled->unreadable, 0);
      if (settled->rows == 0) {
        return;
      }
    }
  }
};

TEST_F(RequestBlocksTest, FewRowsAreInsertedAtOnce) {
  auto store = OpenStore();
  AddRequests(*store, Many(1, 100));
  EXPECT_EQ(CountIn("request"), 100);
  EXPECT_EQ(*store->OldestUnsettledWallNs(), std::nullopt);
}

TEST_F(RequestBlocksTest, ManyRowsWaitAndAreSeenAllTheSame) {
  auto store = OpenStore();
  AddRequests(*store, Many(1, 10));
  AddRequests(*store, Many(11, 2'500));
  EXPECT_EQ(CountIn("request"), 110);
  EXPECT_EQ(CountIn("request_block"), 3);
  EXPECT_EQ(**store->OldestUnsettledWallNs(), MakeRequest(111).start_wall_ns);
  const auto before = Requests();
  ASSERT_EQ(before.size(), 2'510U);
  const Result<std::optional<RequestRow>> one = OpenReader()->FindRequest(RequestId{2'000});
  ASSERT_TRUE(one && *one);
  EXPECT_EQ((*one)->target, "/item/" + std::to_string(2'000 % 7));

  SettleAll(*store);
  EXPECT_EQ(CountIn("request"), 2'510);
  EXPECT_EQ(CountIn("request_block"), 0);
  EXPECT_EQ(*store->OldestUnsettledWallNs(), std::nullopt);
  const auto after = Requests();
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    EXPECT_EQ(after[i].target, before[i].target);
    EXPECT_EQ(after[i].latency_ns, before[i].latency_ns);
  }
}

TEST_F(RequestBlocksTest, ABatchRolledBackLeavesNoRows) {
  auto store = OpenStore();
  ASSERT_EQ(MessageOf(store->Begin()), "");
  for (const RequestRow& row : Many(1, 500)) {
    ASSERT_EQ(MessageOf(store->AddRequest(row)), "");
  }
  store->Rollback();
  AddRequests(*store, Many(501, 500));
  EXPECT_EQ(Requests().size(), 500U);
}

// What another pinfo put off, and could not finish, is the next one's to settle.
TEST_F(RequestBlocksTest, WhatAnEndedWriterLeftIsSettledByTheNext) {
  AddRequests(*OpenStore(), Many(1, 500));
  SettleAll(*OpenStore());
  EXPECT_EQ(CountIn("request"), 500);
}

TEST_F(RequestBlocksTest, ADamagedBlockIsCountedAndLeavesTheOthers) {
  auto store = OpenStore();
  AddRequests(*store, Many(1, 2'000));
  {
    Result<sqlite::Database> database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadWrite);
    ASSERT_EQ(MessageOf(database->Execute("UPDATE request_block SET rows = substr(rows, 1, 99)"
                                          " WHERE id = 1")),
              "");
  }
  const size_t seen = Requests().size();
  EXPECT_GT(seen, 1'000U);
  EXPECT_LT(seen, 2'000U);
  const Result<Settled> settled = store->Settle();
  ASSERT_EQ(MessageOf(settled), "");
  EXPECT_EQ(settled->rows + settled->unreadable, 1'000);
  EXPECT_GT(settled->unreadable, 0);
  SettleAll(*store);
  EXPECT_EQ(Requests().size(), seen);
}

// Rows go in many at a time; one that the database refuses must not take its neighbours along.
TEST_F(RequestBlocksTest, ARowThatIsRefusedIsCountedAndLeavesItsNeighbours) {
  auto store = OpenStore();
  AddRequests(*store, Many(1, 150));  // the first hundred at once, a block for the rest
  {
    sqlite::RequestPacker packer;
    for (int64_t id = 200; id < 300; ++id) {
      StoredRequest row;
      row.id = id == 240 ? 239 : id;  // an id that is taken is passed over
      packer.Add(row);
    }
    Result<sqlite::Database> database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadWrite);
    ASSERT_EQ(MessageOf(database->Execute(
                  "CREATE TRIGGER refuse BEFORE INSERT ON request WHEN NEW.id = 250"
                  " BEGIN SELECT RAISE(ABORT, 'refused'); END")),
              "");
    sqlite::Statement replace;
    ASSERT_EQ(
        MessageOf(database->Prepare(
            {{&replace, "UPDATE request_block SET first_id = ?1, start_wall_ns = ?2, rows = ?3"}})),
        "");
    ASSERT_EQ(MessageOf(replace.RunBlob(200, 1, packer.Block())), "");
  }
  const Result<Settled> settled = store->Settle();
  ASSERT_EQ(MessageOf(settled), "");
  EXPECT_EQ(settled->unreadable, 1);
  EXPECT_EQ(CountIn("request"), 198);
  EXPECT_EQ(CountIn("request_block"), 0);
}

}  // namespace
}  // namespace pinfo
