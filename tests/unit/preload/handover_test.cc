// libpinfo.so below a server in which one thread reads and others answer (handover_target.c): each
// request has its own answer, whenever the call that sent it returns.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "collector/request/assembler.h"
#include "collector/source/record.h"
#include "collector/source/ring_source.h"

namespace pinfo {
namespace {

class AssemblingSink : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override {
    const auto record = DecodeRecord(bytes);
    ASSERT_TRUE(record);
    if (record->type() == PINFO_RECORD_RESPONSE) {
      const auto& response = record->as<pinfo_response>();
      uint64_t& end = told_[{response.connection, response.turn}];
      EXPECT_EQ(response.offset, end) << "turn " << response.turn;
      end = response.bytes_out;
    }
    assembler_.OnRecord(*record);
  }
  std::vector<ServedRequest> Finish() {
    assembler_.Finish(0);
    return std::move(requests_);
  }

 private:
  std::map<std::pair<uint64_t, uint32_t>, uint64_t> told_;  // bytes of each turn
  std::vector<ServedRequest> requests_;
  RequestAssembler assembler_{{}, [this](ServedRequest served) { requests_.push_back(served); }};
};

std::vector<ServedRequest> Serve(const std::string& mode) {
  std::string folder = (std::filesystem::temp_directory_path() / "pinfo-handover-XXXXXX").string();
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  const std::string command = "PINFO_HZ=0 PINFO_RING_DIR=" + folder +
                              " LD_PRELOAD=" PINFO_PRELOAD_LIBRARY ":" PINFO_AFTER_SEND_LIBRARY
                              " timeout 20 " PINFO_HANDOVER_TARGET " " +
                              mode;
  EXPECT_EQ(std::system(command.c_str()), 0);
  AssemblingSink sink;
  {
    auto source = RingSource::Open(folder, RingSource::AtStop::kLeaveWriters);
    EXPECT_TRUE(source) << source.error().message;
    EXPECT_TRUE((*source)->Drain(sink));
  }
  std::filesystem::remove_all(folder);
  return sink.Finish();
}

// mode, and how many sends an answer is made of.
class Handover : public testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(Handover, EachRequestHasItsAnswer) {
  const auto& [mode, pieces] = GetParam();
  const std::vector<ServedRequest> served = Serve(mode + (" " + std::to_string(pieces)));
  const size_t expected = mode == std::string("answered") ? 5 : 2;
  ASSERT_EQ(served.size(), expected);
  for (const ServedRequest& request : served) {
    EXPECT_EQ(request.target, "/" + std::to_string(request.status - 210));
    EXPECT_EQ(request.outcome, Outcome::kComplete) << request.target;
    EXPECT_EQ(request.first_turn, request.last_turn) << request.target;
    EXPECT_EQ(request.bytes_out, 40) << request.target;
    EXPECT_LE(request.start_ns, request.first_out_ns) << request.target;
    EXPECT_LE(request.first_out_ns, request.end_ns) << request.target;
  }
}

INSTANTIATE_TEST_SUITE_P(LateReturns, Handover,
                         testing::Values(std::pair{"read", 1}, std::pair{"read", 2},
                                         std::pair{"answered", 1}, std::pair{"answered", 2},
                                         std::pair{"closed", 1}, std::pair{"closed", 2}),
                         [](const auto& info) {
                           return info.param.first + std::string("InSends") +
                                  std::to_string(info.param.second);
                         });

}  // namespace
}  // namespace pinfo
