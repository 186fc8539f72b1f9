/* base/bucket.c: see bucket.h. */
#include "base/bucket.h"

static const double burst_seconds = 0.1;

void bucket_init(struct bucket *b, double now)
{
    *b = (struct bucket){.at = now};
}

static void earn(struct bucket *b, double now, uint64_t rate)
{
    const double most = b->booked + burst_seconds * (double)rate;
    b->earned += (now - b->at) * (double)rate;
    b->at = now;
    if (!rate || b->earned > most)
        b->earned = most;
}

double bucket_book(struct bucket *b, double now, uint64_t rate, uint64_t bytes)
{
    earn(b, now, rate);
    b->booked += (double)bytes;
    return b->booked;
}

double bucket_wait(struct bucket *b, double now, uint64_t rate, double booking)
{
    earn(b, now, rate);
    return b->earned >= booking ? 0 : (booking - b->earned) / (double)rate;
}
