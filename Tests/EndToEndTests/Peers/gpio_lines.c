/* Preloaded into a program, gives it a GPIO chip: /dev is the folder that GPIO_FOLDER names, in which
   gpiochip0 has two lines, LAMP (offset 1) and none of a name (offset 0). What is asked of it is what
   the kernel's second interface for GPIO (linux/gpio.h) has; each change of LAMP is a line of
   GPIO_FOLDER/changes: "taken 1" with the consumer, "set 0". */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int chip = -1, line = -1;

static void changed(const char *what, int value, const char *who) {
  char path[4096];
  snprintf(path, sizeof path, "%s/changes", getenv("GPIO_FOLDER"));
  FILE *file = fopen(path, "a");
  if (!file) abort();
  fprintf(file, "%s %d %s\n", what, value, who);
  fclose(file);
}

DIR *opendir(const char *path) {
  DIR *(*next)(const char *) = dlsym(RTLD_NEXT, "opendir");
  return next(strcmp(path, "/dev") == 0 ? getenv("GPIO_FOLDER") : path);
}

static int opened(const char *path, int flags, mode_t mode, const char *name) {
  int (*next)(const char *, int, mode_t) = dlsym(RTLD_NEXT, name);
  if (strcmp(path, "/dev/gpiochip0") != 0) return next(path, flags, mode);
  char other[4096];
  snprintf(other, sizeof other, "%s/gpiochip0", getenv("GPIO_FOLDER"));
  return chip = next(other, flags, mode);
}

#define OPEN(name)                                     \
  int name(const char *path, int flags, ...) {         \
    va_list rest;                                      \
    va_start(rest, flags);                             \
    mode_t mode = flags & O_CREAT ? va_arg(rest, int) : 0; \
    va_end(rest);                                      \
    return opened(path, flags, mode, #name);           \
  }
OPEN(open)
OPEN(open64)

static int refuse(int error) {
  errno = error;
  return -1;
}

int ioctl(int file, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  if (file == chip && request == GPIO_GET_CHIPINFO_IOCTL) {
    struct gpiochip_info *info = argument;
    strcpy(info->name, "gpiochip0");
    info->lines = 2;
    return 0;
  }
  if (file == chip && request == GPIO_V2_GET_LINEINFO_IOCTL) {
    struct gpio_v2_line_info *info = argument;
    for (size_t index = 0; index < sizeof info->padding / sizeof info->padding[0]; index++)
      if (info->padding[index]) return refuse(EINVAL);
    if (info->offset > 1) return refuse(EINVAL);
    if (info->offset == 1) strcpy(info->name, "LAMP");
    return 0;
  }
  if (file == chip && request == GPIO_V2_GET_LINE_IOCTL) {
    struct gpio_v2_line_request *wanted = argument;
    struct gpio_v2_line_config *config = &wanted->config;
    if (wanted->num_lines != 1 || wanted->offsets[0] != 1) return refuse(EINVAL);
    if (line >= 0) return refuse(EBUSY);
    if (config->flags != GPIO_V2_LINE_FLAG_OUTPUT || config->num_attrs != 1 ||
        config->attrs[0].attr.id != GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES || config->attrs[0].mask != 1)
      return refuse(EINVAL);
    line = wanted->fd = memfd_create("line", MFD_CLOEXEC);
    changed("taken", config->attrs[0].attr.values & 1, wanted->consumer);
    return 0;
  }
  if (file == line && line >= 0 && request == GPIO_V2_LINE_SET_VALUES_IOCTL) {
    struct gpio_v2_line_values *values = argument;
    if (values->mask != 1) return refuse(EINVAL);
    changed("set", values->bits & 1, "");
    return 0;
  }
  int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
  return next(file, request, argument);
}
