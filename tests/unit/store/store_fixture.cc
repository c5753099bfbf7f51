#include "tests/unit/store/store_fixture.h"

#include <cstdlib>

namespace pinfo {

StoreFixture::StoreFixture() {
  std::string name = (std::filesystem::temp_directory_path() / "pinfo-store-XXXXXX").string();
  directory_ = ::mkdtemp(name.data());
  path_ = (directory_ / "pinfo.db").string();
}

StoreFixture::~StoreFixture() { std::filesystem::remove_all(directory_); }

std::unique_ptr<Store> StoreFixture::OpenStore() {
  Result<std::unique_ptr<Store>> store = OpenSqliteStore(path_);
  EXPECT_EQ(MessageOf(store), "");
  return store ? std::move(*store) : nullptr;
}

std::unique_ptr<Reader> StoreFixture::OpenReader() {
  Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(path_);
  EXPECT_EQ(MessageOf(reader), "");
  return reader ? std::move(*reader) : nullptr;
}

std::vector<RequestRow> StoreFixture::Requests(const RequestFilter& filter) {
  std::vector<RequestRow> rows;
  const std::unique_ptr<Reader> reader = OpenReader();
  const Status status = reader->ForEachRequest(filter, [&rows](const RequestRow& row) {
    rows.push_back(row);
    return true;
  });
  EXPECT_EQ(MessageOf(status), "");
  return rows;
}

RequestRow MakeRequest(int64_t id) {
  RequestRow row;
  row.id.value = id;
  row.process.value = 1;
  row.pid.value = 100;
  row.tid.value = 101;
  row.site = "shop.example";
  row.method = "GET";
  row.target = "/list?page=" + std::to_string(id);
  row.route = "/list";
  row.status = 200;
  row.protocol = "HTTP/1.1";
  row.tls = id % 2 == 0;
  row.outcome = Outcome::kComplete;
  row.start_wall_ns = kEpoch + id * kSecond;
  row.first_byte_ns = 900'000;
  row.latency_ns = 1'000'000;
  row.on_cpu_ns = 300'000;
  row.blocked_ns = 600'000;
  row.runqueue_ns = 70'000;
  row.waiting_ns = 30'000;
  row.bytes_in = 80;
  row.bytes_out = 4'000;
  return row;
}

ProcessRow MakeProcess(uint32_t pid) {
  ProcessRow row;
  row.pid.value = pid;
  row.parent.value = 1;
  row.start_ticks = 4711;
  row.boot_id = "boot";
  row.host = "machine";
  row.mode = "ebpf";
  row.exe = "/usr/sbin/nginx";
  row.comm = "nginx";
  row.cwd = "/";
  row.argv = "nginx -g daemon";
  row.uid = 33;
  row.start_wall_ns = kEpoch;
  row.seen_wall_ns = kEpoch + kSecond;
  return row;
}

StatusRow MakeStatus(ProcessId process, int64_t wall_ns, int64_t rss_bytes, int32_t threads) {
  StatusRow row;
  row.process = process;
  row.wall_ns = wall_ns;
  row.rss_bytes = rss_bytes;
  row.threads = threads;
  return row;
}

FrameRow MakeFrame(const std::string& function, int32_t line) {
  return {.function = function,
          .file = function + ".c",
          .module = "/usr/bin/server",
          .function_line = 10,
          .line = line,
          .inlined = false};
}

void AddRequests(Store& store, const std::vector<RequestRow>& rows) {
  ASSERT_EQ(MessageOf(store.Begin()), "");
  for (const RequestRow& row : rows) {
    ASSERT_EQ(MessageOf(store.AddRequest(row)), "");
  }
  ASSERT_EQ(MessageOf(store.Commit()), "");
}

}  // namespace pinfo
