/* verify/tables_check.c: see tables_check.h. */
#include "verify/tables_check.h"

#include <inttypes.h>

#include "base/mem.h"
#include "verify/backup_hashes.h"
#include "verify/hash_compare.h"
#include "verify/hash_server.h"

/* The tables that the backup's hashes are of. */
static struct hash_options options_of(const struct hash_set *wanted,
                                      const struct tables_check_options *o)
{
    return (struct hash_options){.select = {.databases = wanted->databases,
                                            .tables = wanted->tables,
                                            .ignore_databases = wanted->ignore_databases,
                                            .ignore_tables = wanted->ignore_tables,
                                            .system = wanted->system},
                                 .log = o->log,
                                 .progress = o->progress};
}

/* With nobody else there, all moments are one. */
static struct err *hash_private(struct hash_set *out, const struct conn_options *conn, unsigned n,
                                const struct hash_options *options)
{
    AUTO(hash_snapshot) s = NULL;
    TRY(hash_snapshot_open(&s, conn, n, options));
    TRY(hash_snapshot_list(s, UINT64_MAX));
    TRY(hash_snapshot_take(s));
    TRY(hash_snapshot_plain(s));
    return hash_snapshot_run(out, s);
}

static struct err *hash_found(struct hash_set *out, const struct hash_set *wanted,
                              const struct conn_options *conn, const struct tables_check_options *o)
{
    const struct hash_options options = options_of(wanted, o);
    const unsigned n = (unsigned)o->parallel;
    return o->server == TABLES_CHECK_PRIVATE
               ? hash_private(out, conn, n, &options)
               : hash_server(out, conn, n, HASH_MOMENT_LOCKED, o->lock_wait_seconds, &options);
}

static void tell(const struct table_comparison *t, struct log *log)
{
    const struct hashed_table *table = t->a ? t->a : t->b;
    AUTO_FREE char *title = table_title(table->schema, table->name);
    const enum log_level level = t->verdict == TABLE_UNPROVEN ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;
    if (t->verdict != TABLE_EQUAL)
        log_write(log, level, "verify", "table %s is %s: %s", title, table_verdict_name(t->verdict),
                  t->reason ? t->reason : "");
}

static struct err *compare(struct tables_check_result *out, const struct hash_set *wanted,
                           const struct hash_set *found, struct log *log)
{
    struct hash_comparison c;
    hash_compare(&c, wanted, found);
    for (size_t i = 0; i < c.n; i++)
        tell(&c.items[i], log);
    out->unproven = c.counts[TABLE_UNPROVEN];
    out->compared = c.n - c.counts[TABLE_UNPROVEN];
    out->different = out->compared - c.counts[TABLE_EQUAL];
    struct err *e = hash_comparison_error(&c, "the backup", "the server");
    hash_comparison_fini(&c);
    return e;
}

struct err *tables_check_run(struct tables_check_result *out, struct archive_reader *backup,
                             const struct conn_options *conn, const struct tables_check_options *o)
{
    struct hash_set wanted = {0}, found = {0};
    *out = (struct tables_check_result){0};
    struct err *e = backup_hashes_load(&wanted, &out->has_hashes, backup);
    if (!e && out->has_hashes)
        e = hash_found(&found, &wanted, conn, o);
    if (!e && out->has_hashes)
        e = compare(out, &wanted, &found, o->log);
    hash_set_fini(&found);
    hash_set_fini(&wanted);
    return e;
}
