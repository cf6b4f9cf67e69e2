// What Swift has no word for: asking memory for something before it is needed.
#pragma once
#include <stddef.h>

// Begins to load `bytes` at `address`, which need not be valid, into the processor's cache.
static inline void hawser_prefetch(const void *address, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch((const char *)address + at);
}
