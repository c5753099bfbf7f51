/* SPDX-License-Identifier: MIT */
/* Loading and unloading of code, to learn that the mappings change. */
#include "preload/describe.h"
#include "preload/openssl.h"
#include "preload/real.h"

/* dlopen looks at its return address: whose RUNPATH to search, which namespace to load into. So it
 * is jumped to, not called, with the application's own return address in place. */
__attribute__((used)) static void* dlopen_target(void) {
  pinfo_describe_mappings_change();
  return (void*)PINFO_REAL(dlopen);
}

__asm__(
    ".pushsection .text\n"
    ".globl dlopen\n"
    ".type dlopen, @function\n"
    "dlopen:\n"
    "  .cfi_startproc\n"
    "  endbr64\n"
    "  push %rdi\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  push %rsi\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  sub $8, %rsp\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  call dlopen_target\n"
    "  add $8, %rsp\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  pop %rsi\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  pop %rdi\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  jmp *%rax\n"
    "  .cfi_endproc\n"
    ".size dlopen, .-dlopen\n"
    ".popsection\n");

PINFO_EXPORT int dlclose(void* handle) {
  pinfo_openssl_forget();
  const int result = PINFO_REAL(dlclose) != NULL ? pinfo_real.p_dlclose(handle) : -1;
  pinfo_openssl_forget();
  pinfo_describe_mappings_change();
  return result;
}
