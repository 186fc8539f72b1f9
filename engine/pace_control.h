/* engine/pace_control.h: how fast to read, so that a server's commits stay as quick as is wanted. Pure.
 *
 * Once a second, by what a commit took in that second: longer than the limit, and the rate is half of what was read, at once; no longer,
 * and it grows by a little. That is how it finds what the server can spare, and gives way as soon as it can spare less. It never
 * falls below PACE_FLOOR, so that the backup ends however slow the server is, with or without us; and when it has grown past
 * all that was ever read, there is no limit any more. */
#ifndef MBE_ENGINE_PACE_CONTROL_H
#define MBE_ENGINE_PACE_CONTROL_H

#include <stdint.h>

enum { PACE_FLOOR = 4 << 20 }; /* bytes per second */

struct pace_control {
    uint64_t rate; /* bytes per second; 0: no limit */
    uint64_t peak; /* most that was read in a second */
};

/* A second is over, in which `read` bytes were read and a commit took latency_ms; 0: there was none. limit_ms: what it may take. */
void pace_control_step(struct pace_control *c, double latency_ms, uint64_t limit_ms, uint64_t read);

#endif
