/* server/mysql_log_status.c: see mysql_log_status.h. */
#include "server/mysql_log_status.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct err *not_understood(const char *what)
{
    return err_make(SERVER, "log_status: %s is not understood", what);
}

static struct err *parse(json_t **out, const char *what, const char *text)
{
    *out = json_loads(text ? text : "", JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(*out) ? NULL : not_understood(what);
}

/* An absent member is no error: *found is false. */
static struct err *take_number(uint64_t *out, bool *found, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    *found = value && !json_is_null(value);
    if (!*found)
        return NULL;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return not_understood(key);
    *out = (uint64_t)json_integer_value(value);
    return NULL;
}

/* Line breaks, which the server puts into long GTID sets, are left out. *out is NULL for an absent
 * member. */
static struct err *take_text(char **out, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return NULL;
    if (!json_is_string(value))
        return not_understood(key);
    char *to = *out = mem_strdup(json_string_value(value));
    for (const char *from = to; *from; from++)
        if (*from != '\n')
            *to++ = *from;
    *to = '\0';
    return NULL;
}

static struct err *take_engines(struct mysql_log_status *s, const json_t *engines)
{
    const json_t *innodb = json_object_get(engines, "InnoDB");
    bool has_lsn, has_checkpoint;
    TRY(take_number(&s->lsn, &has_lsn, innodb, "LSN"));
    TRY(take_number(&s->checkpoint_lsn, &has_checkpoint, innodb, "LSN_checkpoint"));
    return has_lsn && has_checkpoint ? NULL : not_understood("STORAGE_ENGINES");
}

static struct err *take_local(struct mysql_log_status *s, const json_t *local)
{
    bool has_position;
    TRY(take_text(&s->gtid_executed, local, "gtid_executed"));
    TRY(take_text(&s->binlog_file, local, "binary_log_file"));
    TRY(take_number(&s->binlog_position, &has_position, local, "binary_log_position"));
    if (!s->gtid_executed)
        return not_understood("LOCAL");
    if (s->binlog_file && !s->binlog_file[0]) {
        free(s->binlog_file);
        s->binlog_file = NULL;
    }
    return s->binlog_file && !has_position ? not_understood("LOCAL") : NULL;
}

static struct err *take_channels(struct mysql_log_status *s, const json_t *replication)
{
    const json_t *list = json_object_get(replication, "channels");
    if (!json_is_array(list))
        return not_understood("REPLICATION");
    const size_t n = json_array_size(list);
    s->channels = mem_zalloc((n + 1) * sizeof *s->channels);
    for (s->n_channels = 0; s->n_channels < n;) {
        struct mysql_channel *channel = &s->channels[s->n_channels];
        const json_t *item = json_array_get(list, s->n_channels++);
        bool has_position;
        TRY(take_text(&channel->name, item, "channel_name"));
        TRY(take_text(&channel->relay_log_file, item, "relay_log_file"));
        TRY(take_number(&channel->relay_log_position, &has_position, item, "relay_log_position"));
        if (!channel->name)
            return not_understood("REPLICATION");
    }
    return NULL;
}

typedef struct err *take_fn(struct mysql_log_status *s, const json_t *object);

static struct err *take_column(struct mysql_log_status *s, const char *what, const char *text,
                               take_fn *take)
{
    json_t *object = NULL;
    struct err *e = parse(&object, what, text);
    if (!e)
        e = take(s, object);
    json_decref(object);
    return e;
}

struct err *mysql_log_status_parse(struct mysql_log_status *out, const char *local,
                                   const char *replication, const char *engines)
{
    *out = (struct mysql_log_status){0};
    struct err *e = take_column(out, "STORAGE_ENGINES", engines, take_engines);
    if (!e)
        e = take_column(out, "LOCAL", local, take_local);
    if (!e)
        e = take_column(out, "REPLICATION", replication, take_channels);
    if (e)
        mysql_log_status_fini(out);
    return e;
}

struct err *mysql_log_status_load(struct mysql_log_status *out, struct conn *c)
{
    struct rows rows;
    *out = (struct mysql_log_status){0};
    TRY(conn_query(c, &rows,
                   "SELECT LOCAL, REPLICATION, STORAGE_ENGINES"
                   " FROM performance_schema.log_status"));
    struct err *e =
        mysql_log_status_parse(out, rows_get(&rows, 0, "LOCAL"), rows_get(&rows, 0, "REPLICATION"),
                               rows_get(&rows, 0, "STORAGE_ENGINES"));
    rows_fini(&rows);
    return e;
}

void mysql_log_status_fini(struct mysql_log_status *s)
{
    for (size_t i = 0; i < s->n_channels; i++) {
        free(s->channels[i].name);
        free(s->channels[i].relay_log_file);
    }
    free(s->channels);
    free(s->binlog_file);
    free(s->gtid_executed);
    *s = (struct mysql_log_status){0};
}
