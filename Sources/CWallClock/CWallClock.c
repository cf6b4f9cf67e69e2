#include "CWallClock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t time_floor = 0;

void hawser_set_time_floor(int64_t seconds) { atomic_store(&time_floor, seconds); }

// In place of libc's. BoringSSL asks time(2) whether a certificate is valid now, and NIOSSL has no way
// to tell it another moment. A device without a clock would think that it is 1970, and that every
// certificate is of the future.
time_t time(time_t *result) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t least = atomic_load(&time_floor);
  const time_t told = now.tv_sec < least ? (time_t)least : now.tv_sec;
  if (result != NULL) *result = told;
  return told;
}

// Days since 1970 of a date in the Gregorian calendar, years beginning in March.
static int64_t day_number(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = year / 400;
  const int64_t of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t hawser_built_at(void) {
  // "Mmm dd yyyy", the day with a blank in front.
  const char *date = __DATE__;
  const char *names = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int month = 0;
  while (month < 12 && strncmp(names + month * 3, date, 3) != 0) month++;
  const int day = (date[4] == ' ' ? 0 : date[4] - '0') * 10 + (date[5] - '0');
  int64_t year = 0;
  for (int i = 7; i < 11; i++) year = year * 10 + (date[i] - '0');
  // The date is local where this was compiled: a day earlier it was that time everywhere.
  return (day_number(year, month + 1, day) - 1) * 86400;
}
