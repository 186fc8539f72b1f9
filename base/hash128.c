/* base/hash128.c: see hash128.h. */
#include "base/hash128.h"

#define XXH_STATIC_LINKING_ONLY /* for a state that lives on the stack */
#include <xxhash.h>

struct hash128 hash128_of(const void *a, size_t n_a, const void *b, size_t n_b)
{
    XXH128_hash_t h;
    if (n_b == 0) {
        h = XXH3_128bits(a, n_a);
    } else if (n_a == 0) {
        h = XXH3_128bits(b, n_b);
    } else {
        XXH3_state_t state;
        XXH3_128bits_reset(&state);
        XXH3_128bits_update(&state, a, n_a);
        XXH3_128bits_update(&state, b, n_b);
        h = XXH3_128bits_digest(&state);
    }
    return (struct hash128){.lo = h.low64, .hi = h.high64};
}
