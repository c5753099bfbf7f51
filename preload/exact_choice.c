/* SPDX-License-Identifier: MIT */
/* Which requests get an exact profile, told by their first line. The collector applies the same
 * rules (collector/request/rules.h) and more, and throws away what they leave out. */
#include <stdlib.h>
#include <string.h>

#include "preload/exact_profile.h"

#define LINE_MAX_BYTES 2048

static pinfo_u64 one_in = 1;
static pinfo_u64 passed;
static const char* match_globs; /* one a line; NULL: every path */
static const char* exclude_globs;

void pinfo_exact_choose_from(const char* rule, const char* match, const char* exclude) {
  const pinfo_u64 n = strncmp(rule, "1/", 2) == 0 ? strtoull(rule + 2, NULL, 10) : 1;
  one_in = n > 0 ? n : 1;
  match_globs = match != NULL && *match != 0 ? match : NULL;
  exclude_globs = exclude != NULL && *exclude != 0 ? exclude : NULL;
}

/* * any bytes, ? one byte, \ takes the next literally. */
static int glob_matches(const char* p, const char* p_end, const char* t, const char* t_end) {
  const char* star = NULL;
  const char* star_text = NULL;
  while (t < t_end) {
    if (p < p_end && *p == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < p_end) {
      const int escaped = *p == '\\' && p + 1 < p_end;
      const char c = escaped ? p[1] : *p;
      if (c == *t || (!escaped && c == '?')) {
        p += escaped ? 2 : 1;
        ++t;
        continue;
      }
    }
    if (star == NULL) return 0;
    p = star + 1;
    t = ++star_text;
  }
  while (p < p_end && *p == '*') ++p;
  return p == p_end;
}

/* "PATH/" followed by two stars also matches PATH itself. */
static int any_matches(const char* globs, const char* path, const char* end) {
  while (*globs != 0) {
    const char* line_end = strchrnul(globs, '\n');
    if (glob_matches(globs, line_end, path, end) ||
        (line_end - globs >= 3 && memcmp(line_end - 3, "/**", 3) == 0 &&
         glob_matches(globs, line_end - 3, path, end)))
      return 1;
    globs = *line_end == 0 ? line_end : line_end + 1;
  }
  return 0;
}

int pinfo_exact_chosen(const struct iovec* data, int count, pinfo_u64 n) {
  if (match_globs != NULL || exclude_globs != NULL) {
    char line[LINE_MAX_BYTES];
    pinfo_u64 used = 0;
    for (int i = 0; data != NULL && i < count && used < sizeof(line) && used < n; ++i) {
      pinfo_u64 part = data[i].iov_len;
      if (part > n - used) part = n - used;
      if (part > sizeof(line) - used) part = sizeof(line) - used;
      memcpy(line + used, data[i].iov_base, part);
      used += part;
    }
    /* METHOD SP PATH, up to the query or the next blank. */
    const char* end = line + used;
    const char* path = memchr(line, ' ', used);
    const char* path_end = path != NULL ? ++path : end;
    while (path_end < end && strchr(" ?#\r\n", *path_end) == NULL) ++path_end;
    if (path == NULL || path_end == end) return match_globs == NULL;
    if (match_globs != NULL && !any_matches(match_globs, path, path_end)) return 0;
    if (exclude_globs != NULL && any_matches(exclude_globs, path, path_end)) return 0;
  }
  return __atomic_fetch_add(&passed, 1, __ATOMIC_RELAXED) % one_in == 0;
}
