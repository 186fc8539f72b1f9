/* base/clock.h: monotonic seconds for durations, UTC text for people, nanosleep that signals may
 * end early. */
#ifndef MBE_BASE_CLOCK_H
#define MBE_BASE_CLOCK_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void clock_sleep_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* "2026-11-24T17:06:32Z" of now. */
static inline void clock_utc(char out[32])
{
    const time_t t = time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

#endif
