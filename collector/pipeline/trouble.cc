#include "collector/pipeline/trouble.h"

#include <string_view>

namespace pinfo {

void Trouble::Note(const char* what, const Status& outcome, int64_t now_ns) {
  if (outcome) {
    if (failing_ != nullptr && std::string_view(failing_) == what) {
      failing_ = nullptr;
      told_.clear();
      if (tell_) {
        tell_(std::string(what) + " works again");
      }
    }
    return;
  }
  ++failures_;
  failing_ = what;
  if (outcome.error().message == told_ && now_ns - told_ns_ < kTellEveryNs) {
    return;
  }
  told_ = outcome.error().message;
  told_ns_ = now_ns;
  if (tell_) {
    tell_(std::string(what) + " failed, it is tried again: " + told_);
  }
}

}  // namespace pinfo
