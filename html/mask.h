// Query strings carry what people typed and what lets them in. A report is made to be sent around,
// so their values stay behind unless the user asks for them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pinfo::html {

// "/a?user=jo&token=x" becomes "/a?user=...&token=...". A part without '=' may be a bare token and
// becomes "..." as a whole.
std::string MaskQueryValues(std::string_view target);

// At most max_bytes of the text, cut between UTF-8 sequences, with an ellipsis where it was cut.
std::string Shorten(std::string_view text, size_t max_bytes);

}  // namespace pinfo::html
