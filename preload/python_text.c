/* SPDX-License-Identifier: MIT */
#include "preload/python_text.h"

#include <string.h>

/* PyVarObject.ob_size (also PyASCIIObject.length) and PyBytesObject.ob_sval. */
#define OBJECT_SIZE 16
#define BYTES_TEXT 32
/* PyASCIIObject.state: bits 2 to 4 are the bytes of a character, bit 5 compact, bit 6 ASCII. */
#define STRING_STATE 32

static char* append_utf8(char* to, pinfo_u32 character) {
  /* Zero separates texts in records; surrogates stand for undecodable bytes of file names. */
  if (character == 0 || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
    character = 0xfffd;
  if (character < 0x80) {
    *to++ = (char)character;
  } else if (character < 0x800) {
    *to++ = (char)(0xc0 | character >> 6);
    *to++ = (char)(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    *to++ = (char)(0xe0 | character >> 12);
    *to++ = (char)(0x80 | (character >> 6 & 0x3f));
    *to++ = (char)(0x80 | (character & 0x3f));
  } else {
    *to++ = (char)(0xf0 | character >> 18);
    *to++ = (char)(0x80 | (character >> 12 & 0x3f));
    *to++ = (char)(0x80 | (character >> 6 & 0x3f));
    *to++ = (char)(0x80 | (character & 0x3f));
  }
  return to;
}

/* Appends the str object at address and a zero byte. */
static int append_string(struct pinfo_python_text* text, const struct pinfo_python_version* layout,
                         pinfo_u64 address) {
  pinfo_u64 head[(STRING_STATE + 8) / 8];
  if (!pinfo_python_read(head, address, sizeof(head))) return 0;
  pinfo_u64 length = head[OBJECT_SIZE / 8];
  const pinfo_u32 state = (pinfo_u32)head[STRING_STATE / 8];
  const pinfo_u32 width = state >> 2 & 7;
  const int ascii = (state >> 6 & 1) != 0;
  if ((state >> 5 & 1) == 0 || (width != 1 && width != 2 && width != 4) || (ascii && width != 1))
    return 0;
  if (length > PINFO_PYTHON_CHARACTERS_MAX) length = PINFO_PYTHON_CHARACTERS_MAX;
  if (length != 0 &&
      !pinfo_python_read(text->raw, address + (ascii ? layout->ascii_bytes : layout->compact_bytes),
                         length * width))
    return 0;
  char* to = text->utf8 + text->bytes;
  for (pinfo_u64 i = 0; i < length; ++i) {
    pinfo_u32 character = 0;
    memcpy(&character, text->raw + i * width, width);
    to = append_utf8(to, character);
  }
  *to++ = 0;
  text->bytes = (pinfo_u64)(to - text->utf8);
  return 1;
}

int pinfo_python_text_read(struct pinfo_python_text* text, const struct pinfo_python_version* layout,
                           pinfo_u64 file, pinfo_u64 name, pinfo_u64 table) {
  pinfo_u64 size;
  text->bytes = 0;
  text->table = table + BYTES_TEXT;
  text->table_bytes = 0;
  if (!append_string(text, layout, file) || !append_string(text, layout, name)) return 0;
  if (pinfo_python_read(&size, table + OBJECT_SIZE, sizeof(size)) && size <= PINFO_PYTHON_TABLE_MAX)
    text->table_bytes = size;
  return 1;
}
