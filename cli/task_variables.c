/* cli/task_variables.c: see task_variables.h. */
#include "cli/task_variables.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

static bool is(const char *name, size_t n, const char *variable)
{
    return strlen(variable) == n && !memcmp(variable, name, n);
}

/* n characters of name. *out stays NULL where there is no such variable; otherwise owned by caller. */
static struct err *value_of(char **out, const char *name, size_t n,
                            const struct task_variables *variables)
{
    struct tm t;
    gmtime_r(&variables->when, &t);
    const int year = t.tm_year + 1900, month = t.tm_mon + 1;
    if (is(name, n, "date"))
        *out = mem_printf("%04d-%02d-%02d", year, month, t.tm_mday);
    else if (is(name, n, "time"))
        *out = mem_printf("%02d%02d%02d", t.tm_hour, t.tm_min, t.tm_sec);
    else if (is(name, n, "datetime"))
        *out = mem_printf("%04d%02d%02dT%02d%02d%02dZ", year, month, t.tm_mday, t.tm_hour, t.tm_min,
                          t.tm_sec);
    else if (is(name, n, "host"))
        *out = mem_strdup(variables->host);
    else if (is(name, n, "task"))
        *out = mem_strdup(variables->task);
    else if (is(name, n, "repo") && !variables->repo)
        return err_make(USAGE, "there is no repository for %%repo%%");
    else if (is(name, n, "repo"))
        *out = mem_strdup(variables->repo);
    return NULL;
}

struct err *task_expand(char **out, const char *text, const struct task_variables *variables)
{
    AUTO_FREE char *done = mem_strdup("");
    while (*text) {
        AUTO_FREE char *value = NULL;
        const size_t before = strcspn(text, "%");
        const char *name = text + before + (text[before] == '%');
        const size_t n = strcspn(name, "%");
        if (text[before] && name[0] == '%')
            value = mem_strdup("%");
        else if (text[before] && name[n])
            TRY(value_of(&value, name, n, variables));
        if (text[before] && !value)
            return err_make(USAGE, "there is no variable where a %% begins; there are %%date%%, "
                                   "%%time%%, %%datetime%%, %%host%%, %%task%% and %%repo%%, and "
                                   "%%%% for a %% itself");
        char *longer = mem_printf("%s%.*s%s", done, (int)before, text, value ? value : "");
        free(done);
        done = longer;
        text = text[before] ? name + (name[0] == '%' ? 1 : n + 1) : text + before;
    }
    *out = done;
    done = NULL;
    return NULL;
}
