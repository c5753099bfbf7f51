#include "html/report.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdlib.h>

#include "collector/emit/gzip.h"
#include "collector/profile/utf8.h"
#include "html/content.h"
#include "html/route_page.h"
#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    std::string pattern = (fs::temp_directory_path() / "pinfo_html_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    options_.directory = (root_ / "out").string();
    options_.database = "pinfo.db";
    options_.written_wall_ns = 1'700'000'000'000'000'000;
  }
  ~ReportTest() override { fs::remove_all(root_); }

  void AddRequest(RequestRow row, bool profiled = false) {
    row.profiled = profiled;
    if (profiled) {
      reader_.profiles[row.id] = MakeProfile(row.latency_ns);
    }
    reader_.requests.push_back(std::move(row));
  }

  void Write() {
    const Result<std::string> index = WriteReport(reader_, options_);
    ASSERT_TRUE(index) << index.error().message;
    EXPECT_EQ(*index, Path("index.html").string());
  }

  [[nodiscard]] fs::path Path(const std::string& name) const {
    return fs::path(options_.directory) / name;
  }
  [[nodiscard]] std::string Get(const std::string& name) const {
    std::ifstream file(Path(name));
    EXPECT_TRUE(file.good()) << name;
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // What a packed script holds, as text.
  [[nodiscard]] std::string Unpacked(const std::string& name) const {
    const std::string script = Get(name);
    const size_t begin = script.find('\'') + 1;
    const Result<std::string> text =
        Gunzip(Decoded(script.substr(begin, script.rfind('\'') - begin)), size_t{1} << 26);
    EXPECT_TRUE(text) << name;
    return text.value_or("");
  }
  static std::string Decoded(std::string_view base64) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    uint32_t group = 0;
    int bits = 0;
    for (const char c : base64.substr(0, base64.find('='))) {
      group = group << 6 | static_cast<uint32_t>(kDigits.find(c));
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        bytes += static_cast<char>(group >> bits & 255);
      }
    }
    return bytes;
  }
  // A file that request 1 offers; empty where it offers none of that name.
  [[nodiscard]] std::string Offered(const std::string& request, const std::string& name) const {
    const nlohmann::json page = nlohmann::json::parse(Unpacked("requests/" + request + ".js"));
    for (const nlohmann::json& file : page["files"]) {
      if (file["name"] == name) {
        return file.contains("text") ? file["text"].get<std::string>()
                                     : Decoded(file["base64"].get<std::string>());
      }
    }
    return "";
  }

  fs::path root_;
  FakeReader reader_;
  ReportOptions options_;
};

TEST_F(ReportTest, WritesAnEmptyStore) {
  Write();
  EXPECT_EQ(Get("data/requests.js"), "pinfoData.requests=[];\npinfoData.targetPlaces=[];\n");
  EXPECT_EQ(Get("data/routes.js"), "pinfoData.routes=[];\n");
  EXPECT_THAT(Get("data/overview.js"), HasSubstr("\"first_us\":null"));
}

TEST_F(ReportTest, WritesARequestAsOneTuple) {
  AddRequest(MakeRequest(7, 1'000'000));
  Write();
  EXPECT_EQ(Get("data/requests.js"),
            "pinfoData.requests=[];\n"
            "pinfoData.requests.push('{\"rows\":[[7,1700000000130456,1000000,600000,300000,100000,"
            "0,0,1,2,3,200,4,4242,4096,0,1.0,0]],\"strings\":[\"shop.example\",\"GET\",\"/item/7\","
            "\"/item/<n>\",\"complete\"]}');\n"
            "pinfoData.targetPlaces=[0];\n");
}

TEST_F(ReportTest, TellsEachTargetsPlaceAmongAll) {
  int64_t id = 0;
  for (const char* target : {"/b", "/a", "/b", "/c"}) {
    ++id;
    RequestRow row = MakeRequest(id, 10'000'000 - id);
    row.target = target;
    AddRequest(std::move(row));
  }
  Write();
  EXPECT_THAT(Get("data/requests.js"), HasSubstr("pinfoData.targetPlaces=[1,0,1,3];\n"));
}

TEST_F(ReportTest, GivesTheSlowestProfiledRequestsAPageAndCountsTheOthers) {
  for (int64_t id = 1; id <= 5; ++id) {
    AddRequest(MakeRequest(id, (10 - id) * 1'000'000), id != 2);
  }
  options_.profiles = 3;
  Write();
  EXPECT_TRUE(fs::exists(Path("requests/1.js")));
  EXPECT_FALSE(fs::exists(Path("requests/2.js"))) << "it was not profiled";
  EXPECT_TRUE(fs::exists(Path("requests/4.js")));
  EXPECT_FALSE(fs::exists(Path("requests/5.js"))) << "it is one too many";
  EXPECT_THAT(Get("data/report.js"), HasSubstr("\"pages\":3,\"pages_left\":1,"));
  ASSERT_FALSE(reader_.filters.empty());
  for (const RequestFilter& filter : reader_.filters) {
    EXPECT_EQ(filter.order, RequestOrder::kSlowest);
  }
}

TEST_F(ReportTest, ListsTheSlowestRowsAndCountsTheOthers) {
  for (int64_t id = 1; id <= 2500; ++id) {
    AddRequest(MakeRequest(id, 10'000'000 - id));
  }
  options_.requests = 2400;
  Write();
  EXPECT_THAT(Get("data/report.js"), HasSubstr("\"rows\":2400,\"rows_left\":100,"));
  EXPECT_THAT(Get("data/requests.js"), HasSubstr("/item/2400\""));
  EXPECT_THAT(Get("data/requests.js"), Not(HasSubstr("/item/2401\"")));
}

TEST_F(ReportTest, PassesTheRestrictionOn) {
  options_.site = "s";
  options_.route = "/r*";
  options_.since_wall_ns = 60'000'000'000 * 5;
  options_.until_wall_ns = 60'000'000'000 * 9;
  Write();
  ASSERT_FALSE(reader_.filters.empty());
  for (const RequestFilter& filter : reader_.filters) {
    EXPECT_EQ(filter.site, "s");
    EXPECT_EQ(filter.route, "/r*");
    EXPECT_EQ(filter.since_wall_ns, options_.since_wall_ns);
    EXPECT_EQ(filter.until_wall_ns, options_.until_wall_ns);
  }
  ASSERT_FALSE(reader_.summary_filters.empty());
  for (const SummaryFilter& filter : reader_.summary_filters) {
    EXPECT_EQ(filter.site, "s");
    EXPECT_EQ(filter.route, "/r*");
    EXPECT_EQ(filter.since_wall_ns, options_.since_wall_ns);
    EXPECT_EQ(filter.until_wall_ns, options_.until_wall_ns);
  }
  EXPECT_THAT(Get("data/report.js"), HasSubstr("\"until_us\":540000000"));
}

TEST_F(ReportTest, GivesTheCostliestRoutesAPage) {
  for (int64_t i = 1; i <= 3; ++i) {
    RouteSummary route{.site = "shop", .route = "/" + std::to_string(i), .latency = {}};
    route.latency.count = 1;
    route.latency.sum_ns = i;
    reader_.routes.push_back(route);
  }
  RequestRow request = MakeRequest(1, 1'000'000);
  request.site = "shop";
  request.route = "/3";
  AddRequest(request, true);
  reader_.pooled_profile = MakeProfile(1'000'000);
  options_.route_pages = 2;
  Write();
  EXPECT_TRUE(fs::exists(Path("routes/" + RouteKey(reader_.routes[2]) + ".js")));
  EXPECT_TRUE(fs::exists(Path("routes/" + RouteKey(reader_.routes[1]) + ".js")));
  EXPECT_FALSE(fs::exists(Path("routes/" + RouteKey(reader_.routes[0]) + ".js")));
  EXPECT_THAT(Get("data/routes.js"), HasSubstr("\"page\":null,\"route\":\"/1\""));
  const nlohmann::json page =
      nlohmann::json::parse(Unpacked("routes/" + RouteKey(reader_.routes[2]) + ".js"));
  EXPECT_EQ(page["route"], "/3");
  ASSERT_EQ(page["slowest"].size(), 1U);
  EXPECT_EQ(page["slowest"][0]["page"], true);
  EXPECT_EQ(page["profile"]["total_ns"], 1'000'000);
}

TEST_F(ReportTest, RouteKeysTellSiteAndRouteApart) {
  EXPECT_NE(RouteKey({.site = "ab", .route = "c", .latency = {}}),
            RouteKey({.site = "a", .route = "bc", .latency = {}}));
}

TEST_F(ReportTest, ACallTreeAddsUpToItsTotal) {
  AddRequest(MakeRequest(1, 1'000'000), true);
  Write();
  const nlohmann::json tree = nlohmann::json::parse(Unpacked("requests/1.js"))["profile"]["tree"];
  int64_t roots = 0;
  for (const nlohmann::json& node : tree["nodes"]) {
    for (const int64_t ns : node[2]) {
      roots += node[0] == -1 ? ns : 0;
    }
  }
  EXPECT_EQ(roots, 1'000'000);
  EXPECT_EQ(tree["total"], (nlohmann::json{600'000, 300'000, 100'000, 0, 0}));
}

TEST_F(ReportTest, TheTimelineJoinsEqualNeighbours) {
  AddRequest(MakeRequest(1, 1'000'000), true);
  Timeline timeline;
  constexpr CallTree::FunctionIndex main = 0;
  timeline.functions = {{"main", "", "", 0}};
  timeline.samples = {{0, 100, TimeKind::kOnCpu, 7, {{main, 0}}},
                      {100, 300, TimeKind::kOnCpu, 7, {{main, 0}}},
                      {300, 900, TimeKind::kBlocked, 7, {{main, 0}}}};
  timeline.calls = {{300, 800, 7, "10.0.0.1:80", 3, 500}};
  reader_.headers = {
      {"Host", "shop.example"}, {"Referer", "http://shop.example/?key=hunter2"}, {"Cookie", "..."}};
  reader_.timelines[RequestId{1}] = timeline;
  reader_.calls = {{.peer = "10.0.0.1:80", .calls = 3, .waited_ns = 500}};
  Write();
  const std::string text = Unpacked("requests/1.js");
  EXPECT_THAT(text, HasSubstr(R"("called":[{"calls":3,"peer":"10.0.0.1:80","waited_ns":500}])"));
  EXPECT_THAT(text, HasSubstr("\"spans\":[[0,300,0,7,0],[300,900,1,7,0]]"));
  EXPECT_THAT(text, HasSubstr(R"("headers":[["Host","shop.example"],)"
                              R"(["Referer","http://shop.example/?key=..."],["Cookie","..."]])"));
  EXPECT_THAT(text, HasSubstr(R"("calls":[{"begin_ns":300,"calls":3,"end_ns":800,)"));
  EXPECT_THAT(Offered("1", "1.trace.json"), Not(HasSubstr("hunter2")));
}

TEST_F(ReportTest, MasksQueryValuesInEveryFile) {
  RequestRow row = MakeRequest(1, 1'000'000);
  row.target = "/login?user=jo&password=hunter2";
  AddRequest(row, true);
  Write();
  for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
    if (entry.is_regular_file()) {
      const std::string name = fs::relative(entry.path(), options_.directory).string();
      EXPECT_THAT(Get(name), Not(HasSubstr("hunter2"))) << name;
      if (name.starts_with("requests/")) {
        EXPECT_THAT(Unpacked(name), Not(HasSubstr("hunter2"))) << name;
      }
    }
  }
  EXPECT_THAT(Get("data/requests.js"), HasSubstr("/login?user=...&password=..."));
  EXPECT_THAT(Offered("1", "1.trace.json"), Not(HasSubstr("hunter2")));
  options_.show_values = true;
  Write();
  EXPECT_THAT(Get("data/requests.js"), HasSubstr("hunter2"));
  EXPECT_THAT(Unpacked("requests/1.js"), HasSubstr("hunter2"));
  EXPECT_THAT(Offered("1", "1.trace.json"), HasSubstr("hunter2"));
}

TEST_F(ReportTest, KeepsHostileTextOutOfTheMarkup) {
  RequestRow row = MakeRequest(1, 1'000'000);
  row.target = "/<script>alert(1)</script>\u2028\"'\xff" + std::string(9000, 'x');
  row.site = "</title><img src=x onerror=alert(1)>";
  row.route = "';alert(1)//\\";
  row.method = "<svg/onload=alert(1)>";
  AddRequest(row, true);
  options_.database = "</script><script>alert(1)</script>";
  Write();
  for (const char* page : {"index.html", "requests.html", "request.html"}) {
    const std::string html = Get(page);
    EXPECT_THAT(html, Not(HasSubstr("alert(1)"))) << page;
    EXPECT_THAT(html, Not(HasSubstr("onerror"))) << page;
    EXPECT_EQ(ValidUtf8(html), html) << page;
  }
  for (const char* data : {"data/requests.js", "requests/1.js", "data/report.js"}) {
    const std::string script = Get(data);
    EXPECT_TRUE(std::ranges::all_of(script, [](char c) {
      return c == '\n' || (c >= 32 && c < 127);
    })) << data;
  }
  EXPECT_LT(fs::file_size(Path("data/requests.js")), 2000U) << "a long target was not shortened";
  EXPECT_GT(Unpacked("requests/1.js").size(), 9000U) << "its own page has it whole";
}

TEST_F(ReportTest, OffersTheStatsFileThatWasWritten) {
  RequestRow row = MakeRequest(1, 1'000'000);
  row.stats_file = (root_ / "a.stats").string();
  std::ofstream(row.stats_file) << "{0";
  AddRequest(row, true);
  Write();
  EXPECT_EQ(Offered("1", "1.stats"), "{0");
  EXPECT_THAT(Offered("1", "1.pb.gz"), testing::StartsWith("\x1f\x8b"));
  EXPECT_THAT(Unpacked("requests/1.js"), HasSubstr("digraph"));
}

TEST_F(ReportTest, MakesTheStatsFileAnewRatherThanCopyWhatIsNone) {
  std::ofstream(root_ / "shadow") << "{secret";
  std::ofstream(root_ / "text.stats") << "secret";
  fs::create_symlink(root_ / "shadow", root_ / "link.stats");
  int64_t id = 0;
  for (const char* name : {"shadow", "text.stats", "link.stats", "missing.stats", ""}) {
    RequestRow row = MakeRequest(++id, 1'000'000);
    row.stats_file = (root_ / name).string();
    AddRequest(row, true);
  }
  Write();
  for (; id > 0; --id) {
    const std::string stats = Offered(std::to_string(id), std::to_string(id) + ".stats");
    EXPECT_THAT(stats, testing::StartsWith("{")) << id;
    EXPECT_THAT(stats, Not(HasSubstr("secret"))) << id;
  }
}

TEST_F(ReportTest, GivesARequestWithoutSamplesItsPage) {
  RequestRow row = MakeRequest(1, 1'000'000);
  AddRequest(row, true);
  reader_.profiles.clear();
  Write();
  EXPECT_THAT(Unpacked("requests/1.js"), HasSubstr("\"functions\":[]"));
}

TEST_F(ReportTest, ReportsAFailingStoreAndWritesNoIndex) {
  reader_.error = "the database is damaged";
  const Result<std::string> index = WriteReport(reader_, options_);
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().message, "the database is damaged");
  EXPECT_FALSE(fs::exists(Path("index.html")));
}

TEST_F(ReportTest, NamesTheFileItCannotWrite) {
  fs::create_directories(Path("data/overview.js"));
  std::ofstream(Path(".pinfo-report")) << "";
  const Result<std::string> index = WriteReport(reader_, options_);
  ASSERT_FALSE(index);
  EXPECT_THAT(index.error().message, HasSubstr("data/overview.js"));
}

}  // namespace
}  // namespace pinfo::html
