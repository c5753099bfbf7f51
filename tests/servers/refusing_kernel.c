/* Preloaded into pinfo itself: the kernel refuses the BPF programs that PINFO_REFUSED_PROGRAMS names,
 * separated by commas, as a kernel does whose verifier or configuration does not take them. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel knows a program by the first 15 letters of its name (BPF_OBJ_NAME_LEN). */
static int is_refused(const char *program) {
  const char *names = getenv("PINFO_REFUSED_PROGRAMS");
  const size_t length = strnlen(program, BPF_OBJ_NAME_LEN - 1);

  while (names && *names) {
    const size_t name = strcspn(names, ",");

    if ((name < BPF_OBJ_NAME_LEN - 1 ? name : BPF_OBJ_NAME_LEN - 1) == length &&
        strncmp(names, program, length) == 0)
      return 1;
    names += name + (names[name] == ',');
  }
  return 0;
}

long syscall(long number, ...) {
  static long (*next)(long, ...);
  long arguments[6];
  va_list list;

  va_start(list, number);
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg(list, long);
  va_end(list);
  if (!next)
    next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  if (number == SYS_bpf && arguments[0] == BPF_PROG_LOAD &&
      is_refused(((const union bpf_attr *)arguments[1])->prog_name)) {
    errno = EINVAL;
    return -1;
  }
  return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}
