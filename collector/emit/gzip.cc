#include "collector/emit/gzip.h"

#include <array>
#include <memory>

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>

namespace pinfo {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way of saying "gzip, the largest window"
// Smaller than zlib's usual level makes it, in less than half the time.
constexpr int kLevel = 5;

Bytef* Input(std::string_view bytes) {
  // zlib's interface lacks a const.
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

// Runs step, which moves input to output, until it says it is done. Owns the end of the stream.
template <typename Step, typename End>
Result<std::string> Run(z_stream& stream, size_t max_bytes, Step step, End end) {
  std::string output;
  std::array<Bytef, 65536> buffer;
  int status = Z_OK;
  while (status == Z_OK && output.size() <= max_bytes) {
    stream.next_out = buffer.data();
    stream.avail_out = buffer.size();
    status = step(&stream);
    output.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
  }
  end(&stream);
  if (output.size() > max_bytes) {
    return Fail(fmt::format("it unfolds to more than {} bytes", max_bytes));
  }
  if (status != Z_STREAM_END) {
    return Fail("not gzip, or damaged");
  }
  return output;
}

}  // namespace

Result<std::string> Gzip(std::string_view bytes) {
  struct Free {
    void operator()(libdeflate_compressor* compressor) const {
      libdeflate_free_compressor(compressor);
    }
  };
  // One a thread: making it clears a megabyte.
  thread_local const std::unique_ptr<libdeflate_compressor, Free> compressor(
      libdeflate_alloc_compressor(kLevel));
  if (compressor == nullptr) {
    return Fail("no memory to compress");
  }
  std::string packed(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
  const size_t size = libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(),
                                               packed.data(), packed.size());
  if (size == 0) {
    return Fail("cannot compress");  // not reached: the bound is enough
  }
  packed.resize(size);
  return packed;
}

Result<std::string> Gunzip(std::string_view bytes, size_t max_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return Fail("no memory to decompress");
  }
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  return Run(
      stream, max_bytes, [](z_stream* s) { return inflate(s, Z_NO_FLUSH); }, inflateEnd);
}

}  // namespace pinfo
