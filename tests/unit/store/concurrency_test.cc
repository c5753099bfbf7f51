// Several processes write into one database at once.
#include <set>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::SizeIs;

constexpr int kWriters = 4;
constexpr int kBatches = 20;
constexpr int kRowsABatch = 50;

class ConcurrencyTest : public StoreFixture {
 protected:
  // Writes batches whose rows say in their target which names they were written with.
  static Status Write(const std::string& path, int writer) {
    Result<std::unique_ptr<Store>> store = OpenSqliteStore(path);
    if (!store) {
      return tl::unexpected(store.error());
    }
    for (int batch = 0; batch < kBatches; ++batch) {
      const Result<RequestIdRange> ids = (*store)->ReserveRequestIds(kRowsABatch);
      if (!ids) {
        return tl::unexpected(ids.error());
      }
      if (Status status = (*store)->Begin(); !status) {
        return status;
      }
      for (int i = 0; i < kRowsABatch; ++i) {
        if (Status status = WriteOne(**store, ids->first + i, (batch + i + writer) % 30); !status) {
          return status;
        }
      }
      if (Status status = (*store)->Commit(); !status) {
        return status;
      }
    }
    return {};
  }

  static Status WriteOne(Store& store, int64_t id, int name) {
    RequestRow row = MakeRequest(id);
    row.site = "site" + std::to_string(name % 3);
    row.route = "/route" + std::to_string(name);
    row.target = row.site + row.route;
    if (Status status = store.AddRequest(row); !status) {
      return status;
    }
    const Result<StackId> stack =
        store.InternStack(std::vector{MakeFrame("main"), MakeFrame(row.target)});
    if (!stack) {
      return tl::unexpected(stack.error());
    }
    SampleRow sample;
    sample.stack = *stack;
    sample.request = row.id;
    sample.site = row.site;
    sample.route = row.route;
    sample.kind = PINFO_SAMPLE_ON_CPU;
    if (Status status = store.AddSample(sample); !status) {
      return status;
    }
    MinuteRow minute;
    minute.site = row.site;
    minute.route = row.route;
    minute.count = 1;
    minute.histogram = {{7, 1}};
    return store.AddMinute(minute);
  }
};

TEST_F(ConcurrencyTest, NothingIsLostAndNothingMixedUp) {
  std::vector<pid_t> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      const Status status = Write(path_, writer);
      if (!status) {
        ::dprintf(2, "writer %d: %s\n", writer, status.error().message.c_str());
      }
      ::_exit(status ? 0 : 1);
    }
    writers.push_back(pid);
  }
  for (const pid_t pid : writers) {
    int exit_status = -1;
    ASSERT_EQ(::waitpid(pid, &exit_status, 0), pid);
    EXPECT_EQ(exit_status, 0);
  }

  constexpr int kRows = kWriters * kBatches * kRowsABatch;
  const std::vector<RequestRow> rows = Requests();
  ASSERT_THAT(rows, SizeIs(kRows));
  std::set<int64_t> ids;
  for (const RequestRow& row : rows) {
    ids.insert(row.id.value);
    ASSERT_EQ(row.target, row.site + row.route);
  }
  EXPECT_THAT(ids, SizeIs(kRows));
  const std::unique_ptr<Reader> reader = OpenReader();
  EXPECT_EQ(reader->GetTotals()->latency.count, kRows);
  for (size_t i = 0; i < rows.size(); i += 97) {
    const Result<Profile> profile = reader->RequestProfile(rows[i].id);
    ASSERT_EQ(MessageOf(profile), "");
    ASSERT_GE(profile->tree.nodes().size(), 3U);
    EXPECT_EQ(profile->tree.functions()[profile->tree.nodes()[2].function].name, rows[i].target);
  }
}

}  // namespace
}  // namespace pinfo
