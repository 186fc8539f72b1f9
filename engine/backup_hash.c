/* engine/backup_hash.c: see backup_hash.h. */
#include "engine/backup_hash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/backup_run.h"
#include "engine/table_names.h"
#include "server/privileges.h"
#include "server/table_file.h"
#include "verify/backup_hashes.h"
#include "verify/hash_server.h"

enum { PLAIN_BYTES = 2 << 20 }; /* of other engines' tables, to be read while commits are stopped */

struct backup_hash {
    struct backup *b;
    struct hash_snapshot *snapshot;
    struct table_names names;
    pthread_mutex_t lock; /* guards b->queries while tables are hashed */
    struct backup_hash_summary summary;
};

/* "db/t", as its files are called. */
static struct err *file_of(struct backup_hash *h, char **file, const char *schema,
                           const char *table)
{
    pthread_mutex_lock(&h->lock);
    struct err *e = table_file_name(file, h->b->queries, h->b->server.flavour, schema, table);
    pthread_mutex_unlock(&h->lock);
    return e;
}

/* T3, T4. The table's metadata lock is held. */
static struct err *identify(void *ctx, const char *schema, const char *table,
                            enum hash_identity *out)
{
    struct backup_hash *h = ctx;
    AUTO_FREE char *file = NULL;
    TRY(file_of(h, &file, schema, table));
    *out = file ? table_names_identify(&h->names, file) : HASH_TABLE_UNKNOWN;
    return NULL;
}

struct err *backup_hash_open(struct backup *b)
{
    const struct backup_options *o = b->options;
    if (o->hash == BACKUP_HASH_NONE)
        return NULL;
    TRY_AT(server_check_select(b->queries, &b->server), "--hash");
    struct backup_hash *h = b->hash = mem_zalloc(sizeof *h);
    h->b = b;
    pthread_mutex_init(&h->lock, NULL);
    const struct hash_options options = {.select = {.system = o->hash == BACKUP_HASH_ALL},
                                         .throttle = o->pace.rate,
                                         .log = o->log,
                                         .progress = o->progress,
                                         .identify = identify,
                                         .identify_ctx = h};
    TRY_AT(hash_snapshot_open(&h->snapshot, &o->conn, (unsigned)o->parallel, &options), "--hash");
    return NULL;
}

void backup_hash_free(struct backup_hash *h)
{
    if (!h)
        return;
    hash_snapshot_close(h->snapshot);
    table_names_fini(&h->names);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

struct err *backup_hash_list(struct backup *b)
{
    return b->hash ? hash_snapshot_list(b->hash->snapshot, PLAIN_BYTES) : NULL;
}

void backup_hash_note(struct backup *b)
{
    if (b->hash)
        table_names_note(&b->hash->names, &b->listing);
}

struct err *backup_hash_take(struct backup *b)
{
    struct backup_hash *h = b->hash;
    if (!h)
        return NULL;
    const double begun = clock_seconds();
    TRY(hash_snapshot_take(h->snapshot));
    TRY(hash_snapshot_plain(h->snapshot));
    b->times.hash = clock_seconds() - begun;
    return NULL;
}

/* T5; MySQL's list needs nothing. */
static struct err *add_unlisted(struct backup_hash *h, struct hash_set *set)
{
    const struct hash_select select = {.system = h->b->options->hash == BACKUP_HASH_ALL};
    for (size_t i = 0; i < set->n && h->names.n; i++) {
        AUTO_FREE char *file = NULL;
        TRY(file_of(h, &file, set->items[i].schema, set->items[i].name));
        table_names_tick(&h->names, file);
    }
    const char *file;
    for (size_t at = 0; (file = table_names_unticked(&h->names, &at)) != NULL;) {
        AUTO_FREE char *schema = NULL, *table = NULL;
        TRY(table_of_file(&schema, &table, h->b->queries, file));
        if (hash_select_takes(&select, schema, table))
            hashed_table_mark(hash_set_add(set, schema, table), HASH_NOT,
                              "it was made when the backup ended");
    }
    hash_set_sort(set);
    return NULL;
}

/* The moment, as the backup knows it. */
static void take_moment(struct hash_set *set, const struct backup *b)
{
    const struct coordinates *c = &b->coordinates;
    const char *gtid = c->gtid_executed ? c->gtid_executed : c->gtid_binlog_pos;
    set->lsn = b->span.to;
    set->binlog_file = c->binlog_file ? mem_strdup(c->binlog_file) : NULL;
    set->binlog_position = c->binlog_position;
    set->gtid = gtid ? mem_strdup(gtid) : NULL;
}

static void sum_up(struct backup_hash_summary *s, const struct hash_set *set)
{
    s->tables = hash_set_count(set, HASH_EXACT);
    s->unsynchronised = hash_set_count(set, HASH_UNSYNCHRONISED);
    s->not_hashed = hash_set_count(set, HASH_NOT);
    for (size_t i = 0; i < set->n; i++)
        s->rows += set->items[i].rows;
}

static void tell(const struct backup_hash *h)
{
    struct log *log = h->b->options->log;
    const struct backup_hash_summary *s = &h->summary;
    if (s->unsynchronised + s->not_hashed)
        log_warning(log, "hash",
                    "%zu tables are without a hash, %zu with one that is not of the very moment: "
                    "mbe show --hashes tells why",
                    s->not_hashed, s->unsynchronised);
    log_info(log, "hash",
             "%zu tables, %" PRIu64 " rows hashed in %.1f s; commits were stopped for %.3f s more",
             s->tables + s->unsynchronised, s->rows, s->seconds, h->b->times.hash);
}

static struct err *store(struct backup_hash *h, struct hash_set *set)
{
    char *text;
    size_t n;
    TRY(add_unlisted(h, set));
    take_moment(set, h->b);
    sum_up(&h->summary, set);
    hash_set_write(&text, &n, set);
    struct err *e = backup_add_note(h->b, TABLE_HASHES_PATH, text, n);
    free(text);
    return e;
}

struct err *backup_hash_run(struct backup *b)
{
    struct backup_hash *h = b->hash;
    struct hash_set set = {0};
    if (!h)
        return NULL;
    const double begun = clock_seconds();
    table_names_make(&h->names, b->server.flavour, &b->spaces, &b->plain, &b->listing);
    TRY(hash_snapshot_run(&set, h->snapshot));
    h->summary.seconds = clock_seconds() - begun;
    struct err *e = store(h, &set);
    if (!e)
        tell(h);
    hash_set_fini(&set);
    return e;
}

const struct backup_hash_summary *backup_hash_summary(const struct backup *b)
{
    return b->hash ? &b->hash->summary : NULL;
}
