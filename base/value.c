/* base/value.c: see value.h. */
#include "base/value.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Digits only: no sign, no blank, no overflow. Stops at the first other character. */
static bool digits(uint64_t *out, const char **text)
{
    const char *p = *text;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (p == *text)
        return false;
    *text = p;
    *out = v;
    return true;
}

struct err *value_number(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
    const char *end = text;
    uint64_t v;
    if (!digits(&v, &end) || *end || v < min || v > max)
        return err_make(USAGE, "'%s' is not a whole number from %" PRIu64 " to %" PRIu64, text, min,
                        max);
    *out = v;
    return NULL;
}

/* log2 of the unit, -1 if it is none. */
static int unit_shift(const char *unit)
{
    static const char letters[] = "KMGT";
    if (!*unit || !strcasecmp(unit, "B"))
        return 0;
    for (int i = 0; letters[i]; i++)
        if ((unit[0] & ~0x20) == letters[i])
            return !unit[1] || !strcasecmp(unit + 1, "B") || !strcasecmp(unit + 1, "iB")
                       ? 10 * (i + 1)
                       : -1;
    return -1;
}

struct err *value_size(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
    const char *unit = text;
    uint64_t v;
    char least[16], most[16];
    const int shift = digits(&v, &unit) ? unit_shift(unit) : -1;
    if (shift < 0)
        return err_make(USAGE, "'%s' is not a size like 512M or 2G", text);
    if (__builtin_mul_overflow(v, UINT64_C(1) << shift, &v) || v < min || v > max)
        return err_make(USAGE, "'%s' is not between %s and %s", text, text_bytes(least, min),
                        text_bytes(most, max));
    *out = v;
    return NULL;
}
