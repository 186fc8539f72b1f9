/* server/replication_sql.c: see replication_sql.h. */
#include "server/replication_sql.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"

static const char unknown[] = "...";

/* Where a replica begins to read. */
struct place {
    const char *connection; /* "" or NULL: the one without a name */
    const char *host;
    unsigned port; /* 0: unknown */
    bool has_gtids;
    const char *file; /* "" or NULL: unknown */
    uint64_t position;
};

static const struct dialect {
    const char *gtids;           /* the variable that takes them */
    const char *change, *prefix; /* CHANGE ... TO; of its settings */
    const char *channel; /* in front of a connection's name at the end; NULL: name before TO */
    const char *by_gtid, *by_file; /* the setting for either */
    const char *reset;             /* forgets the relay logs; NULL if there is no need to */
} dialects[] = {
    [FLAVOUR_MARIADB] = {"gtid_slave_pos", "CHANGE MASTER", "MASTER", NULL,
                         "MASTER_USE_GTID=slave_pos", "MASTER_USE_GTID=no", NULL},
    [FLAVOUR_MYSQL] = {"gtid_purged", "CHANGE REPLICATION SOURCE", "SOURCE", "FOR CHANNEL",
                       "SOURCE_AUTO_POSITION=1", "SOURCE_AUTO_POSITION=0",
                       "RESET REPLICA FOR CHANNEL"},
};

static bool is_empty(const char *text)
{
    return !text || !text[0];
}

/* As a string of SQL, on one line. Owned by caller. */
static char *quoted(const char *text)
{
    AUTO_FREE char *line = text_one_line(text);
    char *out = mem_alloc(2 * strlen(line) + 3), *to = out;
    *to++ = '\'';
    for (const char *p = line; *p; p++) {
        if (*p == '\'' || *p == '\\')
            *to++ = *p;
        *to++ = *p;
    }
    *to++ = '\'';
    *to = '\0';
    return out;
}

static void append(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void append(char **text, const char *fmt, ...)
{
    const size_t at = strlen(*text);
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const size_t n = (size_t)vsnprintf(NULL, 0, fmt, ap) + 1;
    *text = mem_realloc(*text, at + n);
    vsnprintf(*text + at, n, fmt, again);
    va_end(again);
    va_end(ap);
}

static void put_change(char **out, const struct dialect *d, const struct place *p,
                       const char *where)
{
    AUTO_FREE char *name = is_empty(p->connection) ? NULL : quoted(p->connection);
    AUTO_FREE char *host = quoted(p->host);
    append(out, "-- %s", d->change);
    if (name && !d->channel)
        append(out, " %s", name);
    append(out, " TO %s_HOST=%s, ", d->prefix, host);
    if (p->port)
        append(out, "%s_PORT=%u, ", d->prefix, p->port);
    append(out, "%s_USER='%s', %s_PASSWORD='%s', %s", d->prefix, unknown, d->prefix, unknown,
           where);
    if (name && d->channel)
        append(out, " %s %s", d->channel, name);
    append(out, ";\n");
}

static void put_reset(char **out, const struct dialect *d, const char *connection)
{
    AUTO_FREE char *name = quoted(connection ? connection : "");
    if (d->reset)
        append(out, "-- %s %s;\n", d->reset, name);
}

static void put_place(char **out, const struct dialect *d, const struct place *p)
{
    if (p->has_gtids)
        put_change(out, d, p, d->by_gtid);
    if (is_empty(p->file))
        return;
    AUTO_FREE char *file = quoted(p->file);
    AUTO_FREE char *where = mem_printf("%s, %s_LOG_FILE=%s, %s_LOG_POS=%" PRIu64, d->by_file,
                                       d->prefix, file, d->prefix, p->position);
    put_change(out, d, p, where);
}

static void put_source(char **out, const struct dialect *d, const struct replica_coordinates *r)
{
    const bool uses_gtids = !is_empty(r->using_gtid) && strcmp(r->using_gtid, "No") != 0 &&
                            strcmp(r->using_gtid, "0") != 0;
    if (is_empty(r->master_host))
        return; /* the backup's account could not see it */
    append(out, "\n-- To go on as the replica that was backed up:\n");
    put_reset(out, d, r->connection_name);
    if (uses_gtids && !is_empty(r->gtid_slave_pos)) {
        AUTO_FREE char *gtids = quoted(r->gtid_slave_pos);
        append(out, "-- SET GLOBAL %s = %s;\n", d->gtids, gtids);
    }
    put_place(out, d,
              &(struct place){.connection = r->connection_name,
                              .host = r->master_host,
                              .port = r->master_port,
                              .has_gtids = uses_gtids,
                              .file = r->relay_master_log_file,
                              .position = r->exec_master_log_pos});
}

static const char *gtids_of(const struct coordinates *c)
{
    return !is_empty(c->gtid_executed)      ? c->gtid_executed
           : !is_empty(c->gtid_current_pos) ? c->gtid_current_pos
                                            : c->gtid_binlog_pos;
}

/* The server that was backed up; the connection without a name may have been to another one. */
static void put_itself(char **out, const struct dialect *d, const struct coordinates *c)
{
    if (is_empty(c->binlog_file))
        return;
    append(out, "\n-- To follow the server that was backed up:\n");
    for (size_t i = 0; i < c->n_replicas; i++)
        if (is_empty(c->replicas[i].connection_name))
            put_reset(out, d, NULL);
    put_place(out, d,
              &(struct place){.host = unknown,
                              .has_gtids = !is_empty(gtids_of(c)),
                              .file = c->binlog_file,
                              .position = c->binlog_position});
}

char *replication_sql(enum server_flavour flavour, const struct coordinates *c)
{
    const struct dialect *d = &dialects[flavour];
    const char *gtids = gtids_of(c);
    AUTO_FREE char *text = mem_strdup("");
    if (!is_empty(gtids))
        append(&text, "\nSET GLOBAL %s = '%s';\n", d->gtids, gtids);
    put_itself(&text, d, c);
    for (size_t i = 0; i < c->n_replicas; i++)
        put_source(&text, d, &c->replicas[i]);
    return text[0] ? mem_printf("-- What a server on this restored datadir is to be told once, for "
                                "replication. Written by mbe.\n"
                                "-- By a client, or with --init-file at the first start.\n%s",
                                text)
                   : NULL;
}

bool replication_is_gtid_text(const char *text)
{
    return !text[strspn(text,
                        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:,- \n")];
}
