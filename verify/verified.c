/* verify/verified.c: see verified.h. */
#include "verify/verified.h"

#include <inttypes.h>
#include <string.h>

/* From the shallowest to the deepest. */
enum { LEVEL_ARCHIVE, LEVEL_PAGES, LEVEL_TABLES, LEVEL_BOOT, N_LEVELS, NOT_A_LEVEL = -1 };
static const char *const levels[N_LEVELS] = {
    [LEVEL_ARCHIVE] = "archive",
    [LEVEL_PAGES] = "pages",
    [LEVEL_TABLES] = "tables",
    [LEVEL_BOOT] = "boot",
};

static int level_of(const json_t *record)
{
    const char *text = json_string_value(json_object_get(record, "level"));
    for (int i = 0; text && i < N_LEVELS; i++)
        if (!strcmp(levels[i], text))
            return i;
    return NOT_A_LEVEL;
}

static json_t *hex_id(uint64_t id)
{
    return json_sprintf("%016" PRIx64, id);
}

json_t *verified_chain(const struct chain *chain)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < chain->n; i++)
        json_array_append_new(ids, hex_id(chain->links[i].archive_id));
    return ids;
}

struct err *verified_append(struct repo *repo, const char *id, const json_t *chain,
                            const struct verified *v)
{
    json_auto_t *members =
        json_pack("{s:s, s:s, s:I, s:I, s:f, s:o}", "level", v->level, "result", v->result,
                  "tables", (json_int_t)v->tables, "compared", (json_int_t)v->compared, "seconds",
                  v->seconds, "chain", chain ? json_deep_copy(chain) : json_array());
    return members ? record_append(repo, id, members)
                   : err_make(FAILED, "cannot make a record of the verification");
}

/* Whether it has what is asked of it later, and is of this archive. */
static bool is_record_of(const json_t *record, uint64_t archive_id)
{
    const json_t *chain = json_object_get(record, "chain");
    const size_t n = json_array_size(chain);
    json_auto_t *id = hex_id(archive_id);
    return json_is_array(chain) && (n == 0 || json_equal(json_array_get(chain, n - 1), id)) &&
           level_of(record) != NOT_A_LEVEL && json_is_string(json_object_get(record, "result")) &&
           json_is_string(json_object_get(record, "time"));
}

json_t *verified_of(const json_t *lines, uint64_t archive_id)
{
    json_t *records = json_array(), *line;
    size_t i;
    json_array_foreach(lines, i, line)
    {
        if (is_record_of(line, archive_id))
            json_array_append(records, line);
    }
    return records;
}

bool verified_passed(const json_t *record)
{
    return record && !strcmp(json_string_value(json_object_get(record, "result")), "ok");
}

const json_t *verified_standing(const json_t *records)
{
    const json_t *standing = NULL;
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        if (!verified_passed(record) && level_of(record) == LEVEL_TABLES)
            continue;
        if (!standing || !verified_passed(record) || level_of(record) >= level_of(standing))
            standing = record;
    }
    return standing;
}
