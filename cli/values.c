/* cli/values.c: see values.h. */
#include "cli/values.h"

#include <string.h>

struct err *value_choice(uint64_t *out, const char *text, const char *words)
{
    const size_t len = strlen(text);
    uint64_t i = 0;
    for (const char *w = words; len; i++) {
        const char *end = strchrnul(w, '|');
        if ((size_t)(end - w) == len && !memcmp(w, text, len)) {
            *out = i;
            return NULL;
        }
        if (!*end)
            break;
        w = end + 1;
    }
    return err_make(USAGE, "'%s' is not one of %s", text, words);
}

struct err *value_compress(struct option_compress *out, const char *text, uint64_t min,
                           uint64_t max)
{
    uint64_t level = min;
    if (!strcmp(text, "none")) {
        *out = (struct option_compress){.codec = ARCHIVE_CODEC_NONE};
        return NULL;
    }
    if (!strncmp(text, "zstd:", 5))
        TRY_AT(value_number(&level, text + 5, min, max), "zstd level");
    else if (strcmp(text, "zstd") != 0)
        return err_make(USAGE, "'%s' is not none, zstd or zstd:LEVEL", text);
    *out = (struct option_compress){.codec = ARCHIVE_CODEC_ZSTD, .level = (int)level};
    return NULL;
}
