// The time of day that this process can rely on where the machine has no clock of its own.
#pragma once
#include <stdint.h>

// Seconds since 1970 of a moment within the two days before this was compiled.
int64_t hawser_built_at(void);

// From now on time(2), which the date checks of certificates go by, tells this process no earlier
// moment; 0 takes that back. Of all clocks that one alone is concerned. Safe from any thread.
void hawser_set_time_floor(int64_t seconds);
