/* base/map64.h: flat map from u64 to u64 (open addressing, no deletion). Not thread-safe.
 * Zero-initialise to start. */
#ifndef MBE_BASE_MAP64_H
#define MBE_BASE_MAP64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map64 {
    uint64_t *slots; /* key, value pairs */
    uint8_t *used;
    size_t n, cap;
};

/* Sets or replaces. */
void map64_put(struct map64 *m, uint64_t key, uint64_t value);
bool map64_get(const struct map64 *m, uint64_t key, uint64_t *value);
void map64_fini(struct map64 *m);

#endif
