/* engine/pace_control.c: see pace_control.h. */
#include "engine/pace_control.h"

enum {
    STEPS_TO_PEAK = 32, /* as many calm seconds lead from nothing to the peak */
    STEP_MIN = PACE_FLOOR / 4,
};

static void slow_down(struct pace_control *c, uint64_t read)
{
    const uint64_t now = c->rate && c->rate < read ? c->rate : read;
    c->rate = now / 2 > PACE_FLOOR ? now / 2 : PACE_FLOOR;
}

static void speed_up(struct pace_control *c)
{
    const uint64_t step = c->peak / STEPS_TO_PEAK;
    c->rate += step > STEP_MIN ? step : STEP_MIN;
    if (c->rate > c->peak && c->rate > PACE_FLOOR * 2)
        c->rate = 0;
}

void pace_control_step(struct pace_control *c, double latency_ms, uint64_t limit_ms, uint64_t read)
{
    if (read > c->peak)
        c->peak = read;
    if (latency_ms > (double)limit_ms)
        slow_down(c, read);
    else if (c->rate)
        speed_up(c);
}
