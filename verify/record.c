/* verify/record.c: see record.h. */
#include "verify/record.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

struct err *record_append(struct repo *repo, const char *id, const json_t *members)
{
    char now[32], host[HOST_NAME_MAX + 1] = "";
    clock_utc(now);
    if (gethostname(host, sizeof host - 1))
        host[0] = '\0';
    json_auto_t *line = json_pack("{s:s}", "time", now);
    json_auto_t *copy = json_deep_copy(members);
    json_auto_t *origin = json_pack("{s:s, s:s}", "mbe", MBE_VERSION, "host", host);
    if (json_object_update(line, copy) || json_object_update(line, origin))
        return err_make(FAILED, "cannot make a line of the record");
    AUTO_FREE char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    return text ? repo_record_append(repo, id, text)
                : err_make(FAILED, "cannot make a line of the record");
}

struct err *record_load(json_t **out, struct repo *repo, const char *id)
{
    AUTO_FREE char *text = NULL;
    char *save = NULL;
    TRY(repo_record_read(&text, repo, id));
    *out = json_array();
    for (const char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(object))
            json_array_append(*out, object);
        json_decref(object);
    }
    return NULL;
}
