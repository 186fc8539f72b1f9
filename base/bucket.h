/* base/bucket.h: how long somebody who reads has to wait so that a rate is kept. Bytes are booked when they were read, and earned as
 * time goes by; each booking waits for its own bytes and those booked before it. Pure: time and a lock are the caller's. */
#ifndef MBE_BASE_BUCKET_H
#define MBE_BASE_BUCKET_H

#include <stdint.h>

struct bucket {
    double earned, booked; /* bytes, since the beginning */
    double at;             /* when `earned` was true */
};

/* `now` is clock_seconds here and below. Nothing is earned yet. */
void bucket_init(struct bucket *b, double now);
/* Books bytes; what comes back is what bucket_wait asks for. `rate`: bytes per second, 0: no limit. It may change from call to call: what is
 * owed is then paid at the new rate. A time without reading earns no more than a tenth of a second. */
double bucket_book(struct bucket *b, double now, uint64_t rate, uint64_t bytes);
/* Seconds until a booking is earned; 0: it is. */
double bucket_wait(struct bucket *b, double now, uint64_t rate, double booking);

#endif
