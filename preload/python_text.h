/* SPDX-License-Identifier: MIT */
/*
 * The texts of a code object: file and name as UTF-8, and where its line table lies. Reads by
 * pinfo_python_read alone, so nothing that lies there can hurt.
 */
#ifndef PINFO_PRELOAD_PYTHON_TEXT_H
#define PINFO_PRELOAD_PYTHON_TEXT_H

#include "bpf/python_versions.h"

/* Longer texts are cut, longer line tables left out; the collector has the same limits. */
#define PINFO_PYTHON_CHARACTERS_MAX 1024u
#define PINFO_PYTHON_TABLE_MAX (64u << 10)
/* PyObject.ob_type: the same in every version known. */
#define PINFO_PYTHON_OBJECT_TYPE 8

struct pinfo_python_text {
  pinfo_u64 bytes;       /* of utf8: two texts, each ended by a zero byte */
  pinfo_u64 table;       /* the line table's address */
  pinfo_u64 table_bytes; /* 0: none, or too long */
  unsigned char raw[PINFO_PYTHON_CHARACTERS_MAX * 4];
  char utf8[2 * (PINFO_PYTHON_CHARACTERS_MAX * 4 + 1)];
};

/* Fills bytes at to from the process's own memory; 0 where not all of it can be read. */
int pinfo_python_read(void* to, pinfo_u64 address, pinfo_u64 bytes);

/* file, name: addresses of str objects; table: of a bytes object. 0 where the first two are none. */
int pinfo_python_text_read(struct pinfo_python_text* text, const struct pinfo_python_version* layout,
                           pinfo_u64 file, pinfo_u64 name, pinfo_u64 table);

#endif /* PINFO_PRELOAD_PYTHON_TEXT_H */
