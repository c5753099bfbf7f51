#include "collector/stack/frame_section.h"

#include <unordered_map>

namespace pinfo {
namespace {

// DW_EH_PE_*: the low four bits say how the value is stored, the next three what it is relative to.
constexpr uint8_t kPeFormatMask = 0x0f;
constexpr uint8_t kPeAbsolute = 0x00;
constexpr uint8_t kPeUleb128 = 0x01;
constexpr uint8_t kPeUdata2 = 0x02;
constexpr uint8_t kPeUdata4 = 0x03;
constexpr uint8_t kPeUdata8 = 0x04;
constexpr uint8_t kPeSleb128 = 0x09;
constexpr uint8_t kPeSdata2 = 0x0a;
constexpr uint8_t kPeSdata4 = 0x0b;
constexpr uint8_t kPeSdata8 = 0x0c;
constexpr uint8_t kPePcRelative = 0x10;

constexpr uint32_t kExtendedLength = 0xffffffff;

std::optional<uint64_t> ReadPointerValue(ByteReader& reader, uint8_t format) {
  switch (format) {
    case kPeAbsolute:
    case kPeUdata8:
    case kPeSdata8:
      return reader.Read<uint64_t>();
    case kPeUleb128:
      return reader.Uleb();
    case kPeUdata2:
      return reader.Read<uint16_t>();
    case kPeUdata4:
      return reader.Read<uint32_t>();
    case kPeSleb128:
      return static_cast<uint64_t>(reader.Sleb());
    case kPeSdata2:
      return static_cast<uint64_t>(static_cast<int64_t>(reader.Read<int16_t>()));
    case kPeSdata4:
      return static_cast<uint64_t>(static_cast<int64_t>(reader.Read<int32_t>()));
    default:
      return std::nullopt;
  }
}

// One entry of the section: what follows its length and id.
struct Entry {
  size_t id_position = 0;  // eh_frame: an FDE's pointer to its CIE is relative to this
  uint64_t id = 0;
  size_t body = 0;
  size_t end = 0;
};

class Entries {
 public:
  explicit Entries(const FrameSection& section) : section_(section) {}

  std::vector<FrameFde> ReadAll() {
    std::vector<FrameFde> fdes;
    size_t at = 0;
    while (auto entry = ReadEntry(at)) {
      if (!IsCie(*entry)) {
        ReadFde(*entry, fdes);
      }
      at = entry->end;
    }
    return fdes;
  }

 private:
  std::optional<Entry> ReadEntry(size_t at) const {
    ByteReader reader(section_.bytes, at);
    uint64_t length = reader.Read<uint32_t>();
    const bool wide = length == kExtendedLength;
    if (wide) {
      length = reader.Read<uint64_t>();
    }
    if (!reader.ok() || length == 0 || length > reader.remaining()) {
      return std::nullopt;  // a zero length ends the section
    }
    Entry entry;
    entry.id_position = reader.position();
    entry.end = reader.position() + length;
    // The id of .eh_frame has four bytes even after an extended length.
    entry.id = wide && section_.debug_frame ? reader.Read<uint64_t>() : reader.Read<uint32_t>();
    if (section_.debug_frame && !wide && entry.id == kExtendedLength) {
      entry.id = ~uint64_t{0};  // what marks a CIE, in either width
    }
    entry.body = reader.position();
    if (!reader.ok() || entry.body > entry.end) {
      return std::nullopt;
    }
    return entry;
  }

  [[nodiscard]] bool IsCie(const Entry& entry) const {
    return entry.id == (section_.debug_frame ? ~uint64_t{0} : 0);
  }

  std::shared_ptr<const FrameCie> FindCie(size_t at) {
    const auto [slot, is_new] = cies_.try_emplace(at);
    if (is_new) {
      if (const auto entry = ReadEntry(at); entry && IsCie(*entry)) {
        slot->second = ReadCie(*entry);
      }
    }
    return slot->second;
  }

  [[nodiscard]] std::shared_ptr<const FrameCie> ReadCie(const Entry& entry) const {
    auto cie = std::make_shared<FrameCie>();
    ByteReader reader(section_.bytes.first(entry.end), entry.body);
    const auto version = reader.Read<uint8_t>();
    std::string_view augmentation = reader.CString();
    if (version != 1 && version != 3 && version != 4) {
      return nullptr;
    }
    if (augmentation == "eh") {  // GCC 2: a pointer follows
      reader.Read<uint64_t>();
      augmentation = {};
    }
    if (version == 4 &&
        (reader.Read<uint8_t>() != sizeof(uint64_t) || reader.Read<uint8_t>() != 0)) {
      return nullptr;  // address size, segment selector size
    }
    cie->code_alignment = reader.Uleb();
    cie->data_alignment = reader.Sleb();
    cie->return_register = version == 1 ? reader.Read<uint8_t>() : reader.Uleb();
    if (!ReadAugmentation(augmentation, reader, *cie)) {
      return nullptr;
    }
    cie->program = reader.Bytes(reader.remaining());
    return reader.ok() ? cie : nullptr;
  }

  [[nodiscard]] bool ReadAugmentation(std::string_view augmentation, ByteReader& reader,
                                      FrameCie& cie) const {
    if (augmentation.empty()) {
      return true;
    }
    if (augmentation[0] != 'z') {
      return false;
    }
    cie.has_augmentation_size = true;
    const uint64_t size = reader.Uleb();
    if (!reader.ok() || size > reader.remaining()) {
      return false;
    }
    const size_t end = reader.position() + size;
    for (const char letter : augmentation.substr(1)) {
      if (letter == 'R') {
        cie.pointer_encoding = reader.Read<uint8_t>();
      } else if (letter == 'S') {
        cie.signal_frame = true;
      } else if (letter == 'L') {
        reader.Read<uint8_t>();
      } else if (letter == 'P') {
        // The personality routine's address is of no use here, and may be indirect.
        const auto format = static_cast<uint8_t>(reader.Read<uint8_t>() & kPeFormatMask);
        if (!ReadPointerValue(reader, format)) {
          return false;
        }
      } else if (letter != 'B') {
        break;  // an augmentation newer than this code: its data is skipped as a whole
      }
    }
    reader.Seek(end);
    return reader.ok();
  }

  void ReadFde(const Entry& entry, std::vector<FrameFde>& fdes) {
    if (!section_.debug_frame && entry.id > entry.id_position) {
      return;
    }
    const auto cie = FindCie(section_.debug_frame ? entry.id : entry.id_position - entry.id);
    if (cie == nullptr) {
      return;
    }
    ByteReader reader(section_.bytes.first(entry.end), entry.body);
    const auto start = ReadEncodedPointer(reader, cie->pointer_encoding, section_.address);
    const auto length =
        ReadPointerValue(reader, static_cast<uint8_t>(cie->pointer_encoding & kPeFormatMask));
    if (cie->has_augmentation_size) {
      reader.Bytes(reader.Uleb());
    }
    if (!start || !length || !reader.ok() || *length == 0 || *start + *length < *start) {
      return;
    }
    const size_t program = reader.position();
    fdes.push_back({*start, *start + *length, cie, reader.Bytes(reader.remaining()),
                    section_.address + program});
  }

  const FrameSection& section_;
  std::unordered_map<size_t, std::shared_ptr<const FrameCie>> cies_;
};

}  // namespace

std::optional<uint64_t> ReadEncodedPointer(ByteReader& reader, uint8_t encoding, uint64_t address) {
  const uint64_t position = address + reader.position();
  const auto value = ReadPointerValue(reader, static_cast<uint8_t>(encoding & kPeFormatMask));
  if (!value) {
    return std::nullopt;
  }
  switch (encoding & ~kPeFormatMask) {
    case 0:
      return *value;
    case kPePcRelative:
      return position + *value;
    default:
      return std::nullopt;
  }
}

std::vector<FrameFde> ReadFdes(const FrameSection& section) { return Entries(section).ReadAll(); }

}  // namespace pinfo
