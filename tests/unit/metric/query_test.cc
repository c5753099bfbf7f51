#include "collector/store/query.h"

#include <chrono>
#include <fstream>

#include <gmock/gmock.h>

#include "collector/config/configuration.h"
#include "tests/unit/metric/metric_fixture.h"

namespace pinfo {
namespace {

using testing::HasSubstr;

class QueryTest : public MetricFixture {
 protected:
  QueryTest() {
    const auto store = OpenStore();
    MetricSample sample;
    sample.name = "a";
    sample.point.count = 1;
    sample.point.sum = 4;
    EXPECT_TRUE(store->Begin());
    EXPECT_TRUE(store->Add(sample));
    EXPECT_TRUE(store->Commit());
  }
  std::string MessageOf(const std::string& sql) const {
    const auto result = QueryNumber(path_, sql, 5 * kSecondNs);
    return result ? "" : result.error().message;
  }
};

TEST_F(QueryTest, GivesTheFirstNumber) {
  EXPECT_DOUBLE_EQ(**QueryNumber(path_, "SELECT sum FROM metric_point LIMIT 1", kSecondNs), 4);
  EXPECT_DOUBLE_EQ(**QueryNumber(path_, " SELECT '2.5', 7; ", kSecondNs), 2.5);
  EXPECT_FALSE(**QueryNumber(path_, "SELECT 0", kSecondNs)) << "zero is a value";
  EXPECT_TRUE(QueryNumber(path_, "SELECT 0", kSecondNs)->has_value());
  EXPECT_FALSE(QueryNumber(path_, "SELECT NULL", kSecondNs)->has_value());
  EXPECT_FALSE(QueryNumber(path_, "SELECT 1 WHERE 0", kSecondNs)->has_value());
}

TEST_F(QueryTest, MayOnlyRead) {
  for (const char* sql :
       {"DELETE FROM metric", "INSERT INTO monitoring_figure VALUES ('x', 1)", "DROP TABLE metric",
        "UPDATE metric SET title = ''", "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 0",
        "ATTACH '/tmp/other.db' AS other", "VACUUM", "VACUUM INTO '/tmp/copy.db'",
        "BEGIN IMMEDIATE", "CREATE TEMP TABLE t(x)", "SELECT load_extension('/tmp/x.so')"}) {
    EXPECT_NE(MessageOf(sql), "") << sql;
  }
  EXPECT_EQ((*OpenReader()->Metrics()).size(), 1U) << "nothing was changed";
}

TEST_F(QueryTest, ThatIsWrongIsTold) {
  EXPECT_THAT(MessageOf("SELEC 1"), HasSubstr("syntax error"));
  EXPECT_THAT(MessageOf("SELECT x FROM nowhere"), HasSubstr("no such table"));
  EXPECT_THAT(MessageOf("SELECT 'many'"), HasSubstr("which is no number"));
  EXPECT_THAT(MessageOf("SELECT 9e999"), HasSubstr("no finite number"));
  EXPECT_THAT(MessageOf("SELECT 1; DELETE FROM metric"), HasSubstr("one statement"));
  EXPECT_THAT(MessageOf(""), HasSubstr("one statement"));
  EXPECT_THAT(MessageOf("SELECT length(zeroblob(1000000000))"), HasSubstr("too big"));
}

TEST_F(QueryTest, ThatRunsForEverIsEnded) {
  const auto result = QueryNumber(
      path_, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
      kSecondNs / 10);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("did not end within 0.1 s"));
}

TEST_F(QueryTest, CanBeStopped) {
  const std::atomic<bool> stop = true;
  EXPECT_FALSE(QueryNumber(
      path_, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
      3'600 * kSecondNs, &stop));
}

TEST_F(QueryTest, OverNoDatabaseIsTold) {
  EXPECT_FALSE(QueryNumber("/nonexistent/pinfo.db", "SELECT 1", kSecondNs));
  std::ofstream(folder_ / "text") << "not a database, but long enough to look at it twice.........";
  EXPECT_FALSE(QueryNumber(folder_ / "text", "SELECT * FROM sqlite_master", kSecondNs));
}

}  // namespace
}  // namespace pinfo
