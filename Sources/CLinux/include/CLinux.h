// What Swift cannot say itself: a child between fork and exec may only make system calls, and
// ioctl's requests are macros.
#pragma once
// Nothing of the system's own types: Swift takes those from Glibc.
#include <stddef.h>
#include <stdint.h>

// A program to be started, with what it may use. A limit of 0 is none.
struct hawser_program {
  const char *path;
  char *const *arguments;
  char *const *environment;
  const char *directory;
  // Takes what it writes to its standard output and error.
  int output;
  // Whether it becomes the user below, with no other groups than these.
  int changes_user;
  uint32_t user;
  uint32_t group;
  const uint32_t *groups;
  size_t group_count;
  uint64_t memory_bytes;
  uint64_t processor_seconds;
  uint64_t file_bytes;
};

// A pipe that no other program gets: 0, or -1 with errno.
int hawser_pipe(int ends[2]);

// Starts a program in a session and process group of its own, without input, with nothing open but
// its output; it dies with the thread that called this. Returns its process id, or -1 with the
// errno and the step that failed.
int32_t hawser_start(const struct hawser_program *program, int *error, const char **step);

// A descriptor that becomes readable when the child is over; -1 with errno.
int hawser_process_descriptor(int32_t process);

// Looks for the GPIO line of a name on one chip (/dev/gpiochip0): its offset, -1 with errno 0 where
// the chip has none of that name, -1 with errno where it cannot be asked.
int hawser_gpio_find(int chip, const char *line);

// Takes a line as an output with this value: a descriptor that holds it so; -1 with errno.
int hawser_gpio_take(int chip, unsigned offset, int value);

// Sets the value of a line that was taken; 0, or -1 with errno.
int hawser_gpio_set(int line, int value);
