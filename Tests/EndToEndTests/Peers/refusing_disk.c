/* Preloaded into a program, makes its disk refuse writes for as long as the file that REFUSE names is
   there, with the error number in REFUSE_ERRNO: what a kernel does that has made a failing disk
   read-only. Reads go on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int refuses(void) {
  const char *file = getenv("REFUSE");
  const char *number = getenv("REFUSE_ERRNO");
  int saved = errno;
  if (!file || access(file, F_OK) != 0) {
    errno = saved;
    return 0;
  }
  errno = number ? atoi(number) : EROFS;
  return 1;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
  if (refuses()) return -1;
  ssize_t (*next)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
  return next(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
  return pwrite64(file, bytes, count, offset);
}

int fdatasync(int file) {
  if (refuses()) return -1;
  int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
  return next(file);
}

int fsync(int file) {
  if (refuses()) return -1;
  int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
  return next(file);
}
