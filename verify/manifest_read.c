/* verify/manifest_read.c: see manifest_read.h. */
#include "verify/manifest_read.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

struct err *manifest_parse(json_t **out, const char *text, const char *from)
{
    json_error_t error;
    json_t *m = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!m)
        return err_make(CORRUPT, "%s: manifest: line %d: %s", from, error.line, error.text);
    if (!json_is_object(m)) {
        json_decref(m);
        return err_make(CORRUPT, "%s: manifest: is not a JSON object", from);
    }
    *out = m;
    return NULL;
}

const json_t *manifest_value(const json_t *m, const char *key)
{
    while (m) {
        const size_t n = strcspn(key, ".");
        AUTO_FREE char *name = mem_printf("%.*s", (int)n, key);
        m = json_object_get(m, name); /* NULL when m is no object */
        if (!key[n])
            return m;
        key += n + 1;
    }
    return NULL;
}

const char *manifest_text(const json_t *m, const char *key, const char *fallback)
{
    const char *text = json_string_value(manifest_value(m, key));
    return text ? text : fallback;
}

uint64_t manifest_u64(const json_t *m, const char *key)
{
    const json_int_t v = json_integer_value(manifest_value(m, key));
    return v > 0 ? (uint64_t)v : 0;
}

double manifest_real(const json_t *m, const char *key)
{
    return json_number_value(manifest_value(m, key));
}
