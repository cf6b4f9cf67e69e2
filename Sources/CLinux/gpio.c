#include "CLinux.h"

#include <errno.h>
#include <linux/gpio.h>
#include <string.h>
#include <sys/ioctl.h>

// The kernel's GPIO character device, version 2 (Linux 5.10 and later).

int hawser_gpio_find(int chip, const char *line) {
  struct gpiochip_info info;
  memset(&info, 0, sizeof info);
  if (ioctl(chip, GPIO_GET_CHIPINFO_IOCTL, &info) < 0) return -1;
  for (unsigned offset = 0; offset < info.lines; offset++) {
    struct gpio_v2_line_info found;
    memset(&found, 0, sizeof found);
    found.offset = offset;
    if (ioctl(chip, GPIO_V2_GET_LINEINFO_IOCTL, &found) < 0) return -1;
    if (strncmp(found.name, line, sizeof found.name) == 0) return (int)offset;
  }
  errno = 0;
  return -1;
}

int hawser_gpio_take(int chip, unsigned offset, int value) {
  struct gpio_v2_line_request request;
  memset(&request, 0, sizeof request);
  request.offsets[0] = offset;
  request.num_lines = 1;
  strncpy(request.consumer, "hawser-agent", sizeof request.consumer - 1);
  request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
  request.config.num_attrs = 1;
  request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
  request.config.attrs[0].attr.values = value ? 1 : 0;
  request.config.attrs[0].mask = 1;
  if (ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request) < 0) return -1;
  return request.fd;
}

int hawser_gpio_set(int line, int value) {
  struct gpio_v2_line_values values = {.bits = value ? 1 : 0, .mask = 1};
  return ioctl(line, GPIO_V2_LINE_SET_VALUES_IOCTL, &values);
}
