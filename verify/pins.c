/* verify/pins.c: see pins.h. */
#include "verify/pins.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* Adds the names that the line takes away. */
static void add_unpinned(json_t *gone, const json_t *line)
{
    const json_t *names = json_object_get(line, "unpin");
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (json_is_string(name))
            json_object_set_new(gone, json_string_value(name), json_true());
    }
}

static bool stands(const json_t *line, const json_t *gone)
{
    const char *name = json_string_value(json_object_get(line, "pin"));
    return name && json_is_string(json_object_get(line, "reason")) && !json_object_get(gone, name);
}

json_t *pins_of(const json_t *lines)
{
    json_auto_t *gone = json_object();
    json_t *pins = json_array(), *line;
    size_t i;
    json_array_foreach(lines, i, line)
    {
        add_unpinned(gone, line);
    }
    json_array_foreach(lines, i, line)
    {
        if (stands(line, gone))
            json_array_append(pins, line);
    }
    return pins;
}

struct err *pins_load(json_t **out, struct repo *repo, const char *id)
{
    json_auto_t *lines = NULL;
    TRY(record_load(&lines, repo, id));
    *out = pins_of(lines);
    return NULL;
}

char *pins_reasons(const json_t *pins)
{
    char *all = mem_strdup("");
    size_t i;
    json_t *pin;
    json_array_foreach(pins, i, pin)
    {
        AUTO_FREE char *before = all;
        all = mem_printf("%s%s%s", before, i ? "; " : "",
                         json_string_value(json_object_get(pin, "reason")));
    }
    return all;
}

struct err *pins_add(struct repo *repo, const char *id, const char *reason)
{
    uint64_t random;
    char name[17];
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return err_os("cannot get random bytes for the name of a pin");
    snprintf(name, sizeof name, "%016" PRIx64, random);
    json_auto_t *pin = json_pack("{s:s, s:s}", "pin", name, "reason", reason);
    return pin ? record_append(repo, id, pin) : err_make(USAGE, "the reason is not UTF-8");
}

struct err *pins_remove(struct repo *repo, const char *id, const json_t *pins)
{
    json_auto_t *line = json_pack("{s:[]}", "unpin");
    size_t i;
    json_t *pin;
    json_array_foreach(pins, i, pin)
    {
        json_array_append(json_object_get(line, "unpin"), json_object_get(pin, "pin"));
    }
    return record_append(repo, id, line);
}
