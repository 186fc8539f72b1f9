/* engine/pace_settings.h: what --throttle and --pace say, and the file of --pace-file, which says it again while a backup runs:
 *
 *   # a comment
 *   throttle=50M          or none
 *   pace=latency:20       or none
 *
 * One setting a line, each at most once; what the file does not name is as on the command line. Pure. */
#ifndef MBE_ENGINE_PACE_SETTINGS_H
#define MBE_ENGINE_PACE_SETTINGS_H

#include <stdint.h>

#include "base/err.h"

enum { PACE_RATE_MIN = 1 << 10, PACE_LATENCY_MAX = 60000 };

struct pace_settings {
    uint64_t rate; /* bytes per second that are read at most; 0: no limit */
    uint64_t
        latency_ms; /* reading gives way while a commit takes longer; 0: whatever a commit takes */
};

/* "latency:20". Kind USAGE; the message reads on behind the option's name. */
struct err *pace_latency_parse(uint64_t *out_ms, const char *text) MUST_CHECK;
/* The text of such a file. USAGE, with the number of the line; *out is not to be used then. */
struct err *pace_settings_parse(struct pace_settings *out, const struct pace_settings *given,
                                const char *text) MUST_CHECK;

#endif
