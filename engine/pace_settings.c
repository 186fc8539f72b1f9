/* engine/pace_settings.c: see pace_settings.h. */
#include "engine/pace_settings.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/value.h"

struct err *pace_latency_parse(uint64_t *out_ms, const char *text)
{
    static const char prefix[] = "latency:";
    const size_t n = strlen(prefix);
    if (strncmp(text, prefix, n) != 0)
        return err_make(USAGE, "'%s' is not latency:MS", text);
    return value_number(out_ms, text + n, 1, PACE_LATENCY_MAX);
}

static struct err *parse_rate(uint64_t *out, const char *text)
{
    return value_size(out, text, PACE_RATE_MIN, INT64_MAX);
}

static const struct {
    const char *name;
    struct err *(*parse)(uint64_t *out, const char *text);
    size_t offset; /* in struct pace_settings */
} settings[] = {
    {"throttle", parse_rate, offsetof(struct pace_settings, rate)},
    {"pace", pace_latency_parse, offsetof(struct pace_settings, latency_ms)},
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

/* Without the blanks around it; in place. */
static char *trimmed(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    for (char *end = text + strlen(text); end > text && strchr(blanks, end[-1]); end--)
        end[-1] = '\0';
    return text;
}

static struct err *parse_line(struct pace_settings *out, bool given[N_SETTINGS], char *line)
{
    char *const equals = strchr(line, '=');
    if (!equals)
        return err_make(USAGE, "'%s' is not NAME=VALUE", line);
    *equals = '\0';
    const char *name = trimmed(line), *value = trimmed(equals + 1);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        uint64_t *const field = (uint64_t *)(void *)((char *)out + settings[i].offset);
        if (strcmp(name, settings[i].name) != 0)
            continue;
        if (given[i])
            return err_make(USAGE, "%s is given twice", name);
        given[i] = true;
        *field = 0;
        return strcmp(value, "none") != 0 ? err_wrap(settings[i].parse(field, value), "%s", name)
                                          : NULL;
    }
    return err_make(USAGE, "there is no setting '%s'", name);
}

struct err *pace_settings_parse(struct pace_settings *out, const struct pace_settings *given,
                                const char *text)
{
    AUTO_FREE char *copy = mem_strdup(text);
    bool seen[N_SETTINGS] = {false};
    char *rest = copy;
    *out = *given;
    for (int no = 1; rest; no++) {
        char *const line = trimmed(strsep(&rest, "\n"));
        if (*line && *line != '#')
            TRY_AT(parse_line(out, seen, line), "line %d", no);
    }
    return NULL;
}
