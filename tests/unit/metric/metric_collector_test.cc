#include "collector/metric/metric_collector.h"

#include <cstring>

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "collector/config/load.h"
#include "tests/unit/metric/metric_fixture.h"

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000 * kSecondNs;

class MetricCollectorTest : public MetricFixture {
 protected:
  static Configuration Parse(const std::string& text) {
    Result<Configuration> configuration = ParseConfiguration(text, "c.toml");
    EXPECT_TRUE(configuration) << configuration.error().message;
    return configuration ? *configuration : Configuration();
  }
  void Flush(MetricCollector& collector) const {
    const auto store = OpenStore();
    const Status status = collector.Flush(*store, kNow, /*all=*/true);
    EXPECT_TRUE(status) << status.error().message;
  }
  std::optional<MetricSummary> Find(const std::string& name) const {
    auto found = OpenReader()->Find(name);
    return found ? *found : std::nullopt;
  }
};

void SendUnix(const std::string& path, const std::string& text) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(sendto(fd.get(), text.data(), text.size(), 0,
                   reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            static_cast<ssize_t>(text.size()));
}

void SendUdp(const std::string& listen, const std::string& text) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(SplitListenAddress(listen).port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(sendto(fd.get(), text.data(), text.size(), 0,
                   reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            static_cast<ssize_t>(text.size()));
}

TEST_F(MetricCollectorTest, TakesStatsdOverBothSockets) {
  const std::string socket_path = folder_ / "statsd.sock";
  const Configuration configuration =
      Parse("[statsd]\nudp = \"127.0.0.1:0\"\nunix = \"" + socket_path + "\"\n");
  MetricCollector collector(configuration);
  ASSERT_THAT(collector.Apply(configuration), IsEmpty());
  SendUnix(socket_path, "a:1|c\na:2|c\nnonsense\n");
  SendUdp(collector.statsd_address(), "b:3|c|#host:x");
  // Closing the sockets reads what came before.
  ASSERT_THAT(collector.Apply(Parse("")), IsEmpty());
  Flush(collector);
  EXPECT_DOUBLE_EQ(Find("a").value().sum, 3);
  EXPECT_DOUBLE_EQ(Find("b").value().sum, 3);
  EXPECT_EQ((*OpenReader()->Counts())["statsd_malformed_lines"], 1);
  EXPECT_NE(access(socket_path.c_str(), F_OK), 0) << "the socket is removed";
}

TEST_F(MetricCollectorTest, ReplacesASocketThatNobodyHearsAndNoOther) {
  const std::string socket_path = folder_ / "statsd.sock";
  const Configuration configuration = Parse("[statsd]\nunix = \"" + socket_path + "\"\n");
  {
    const UniqueFd left(socket(AF_UNIX, SOCK_DGRAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  MetricCollector first(configuration);
  EXPECT_THAT(first.Apply(configuration), IsEmpty());
  MetricCollector second(configuration);
  EXPECT_THAT(second.Apply(configuration).at(0), HasSubstr("another server does"));
  EXPECT_TRUE(second.statsd_failed());
}

TEST_F(MetricCollectorTest, CountsRequestsThatMatch) {
  const Configuration configuration = Parse(
      "[[metric]]\nname = \"orders\"\nrequest = \"POST /shop/*/order\"\nstatus = \"2xx\"\n"
      "[[metric]]\nname = \"all\"\nrequest = \"/**\"\nsite = \"*.example\"\n");
  MetricCollector collector(configuration);
  ASSERT_THAT(collector.Apply(configuration), IsEmpty());
  RequestRow row;
  row.site = "shop.example";
  row.method = "POST";
  row.target = "/shop/7/order?x=/y";
  row.status = 201;
  row.start_wall_ns = kNow;
  row.latency_ns = 20'000'000;
  row.outcome = Outcome::kComplete;
  collector.Observe(row);
  row.status = 500;
  collector.Observe(row);
  row.outcome = Outcome::kPartial;
  collector.Observe(row);
  row.outcome = Outcome::kComplete;
  row.site = "other";
  row.method = "GET";
  collector.Observe(row);
  Flush(collector);
  const auto orders = Find("orders");
  ASSERT_TRUE(orders);
  EXPECT_DOUBLE_EQ(orders->count, 1);
  EXPECT_DOUBLE_EQ(orders->sum, 20);
  EXPECT_EQ(orders->metric.unit, "ms");
  EXPECT_DOUBLE_EQ(Find("all").value().count, 2);
}

TEST_F(MetricCollectorTest, SaysWhichProbeCannotBeSet) {
  const Configuration configuration = Parse(
      "[[metric]]\nname = \"p\"\nprobe = \"/bin/sh:no_such_function_there\"\n"
      "[[metric]]\nname = \"q\"\nprobe = \"/nonexistent:f\"\n");
  MetricCollector collector(configuration);
  const std::vector<std::string> notes = collector.Apply(configuration);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_THAT(notes[0], HasSubstr("has no function no_such_function_there"));
  EXPECT_THAT(notes[1], HasSubstr("/nonexistent"));
}

TEST_F(MetricCollectorTest, KeepsWhatTheStoreRefuses) {
  MetricCollector collector{Configuration()};
  collector.AddValue("a", MetricKind::kCounter, 1, kNow);
  const auto blocking = OpenStore();
  {
    class Refusing : public MetricStore {
     public:
      Status Begin() override { return Fail("the disk is full"); }
      Status Commit() override { return {}; }
      void Rollback() override {}
      Status Declare(const std::vector<MetricRow>&) override { return {}; }
      Result<MetricAdded> Add(const MetricSample&) override { return MetricAdded::kAdded; }
      Result<bool> Remove(const std::string&) override { return false; }
      Status Count(const std::string&, int64_t) override { return {}; }
      Result<int64_t> Retain(int64_t, int64_t, int64_t) override { return 0; }
    } refusing;
    EXPECT_FALSE(collector.Flush(refusing, kNow, true));
  }
  collector.AddValue("a", MetricKind::kCounter, 1, kNow);
  Flush(collector);
  EXPECT_DOUBLE_EQ(Find("a").value().sum, 2);
}

}  // namespace
}  // namespace pinfo
