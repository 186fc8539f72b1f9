/* cli/cmd_hash.c: mbe hash. A line for each table goes to stdout; with --compare one for each that is not equal. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/password.h"
#include "verify/hash_compare.h"
#include "verify/hash_server.h"

static struct hash_options hash_options_of(const struct session *s)
{
    const struct options *o = s->options;
    return (struct hash_options){.select = {.databases = o->databases,
                                            .tables = o->tables,
                                            .ignore_databases = o->ignore_databases,
                                            .ignore_tables = o->ignore_tables},
                                 .throttle = o->throttle,
                                 .log = s->log,
                                 .progress = s->progress};
}

static struct conn_options conn_options_of(const struct options *o, char *password)
{
    return (struct conn_options){.defaults_file = o->defaults_file,
                                 .defaults_extra_file = o->defaults_extra_file,
                                 .no_defaults = o->no_defaults,
                                 .host = o->host,
                                 .port = (unsigned)o->port,
                                 .socket = o->socket,
                                 .user = o->user,
                                 .password = password};
}

static struct err *check_lists(const struct options *o)
{
    TRY(hash_select_check(o->databases, "databases"));
    TRY(hash_select_check(o->tables, "tables"));
    TRY(hash_select_check(o->ignore_databases, "ignore-databases"));
    return hash_select_check(o->ignore_tables, "ignore-tables");
}

static void print_table(const struct hashed_table *t)
{
    char hex[HASH128_TEXT];
    AUTO_FREE char *title = table_title(t->schema, t->name);
    if (t->state == HASH_NOT)
        printf("%-32s  %12s  %s", "-", "-", title);
    else
        printf("%s  %12" PRIu64 "  %s", hash128_text(hex, t->sum), t->rows, title);
    if (t->state != HASH_EXACT)
        printf("  (%s: %s)", t->state == HASH_NOT ? "not hashed" : "unsynchronised", t->reason);
    putchar('\n');
}

static struct err *put_out(const struct session *s, const struct hash_set *set)
{
    AUTO_FREE char *text = NULL;
    size_t n;
    hash_set_write(&text, &n, set);
    if (s->options->output)
        TRY(file_replace(s->options->output, text, n, 0644));
    if (s->options->json)
        fwrite(text, 1, n, stdout);
    for (size_t i = 0; i < set->n && !s->options->json; i++)
        print_table(&set->items[i]);
    log_info(s->log, "hash", "%zu tables hashed, %zu of them unsynchronised; %zu not hashed",
             set->n - hash_set_count(set, HASH_NOT), hash_set_count(set, HASH_UNSYNCHRONISED),
             hash_set_count(set, HASH_NOT));
    return NULL;
}

static struct err *hash(const struct session *s, char *password)
{
    const struct options *o = s->options;
    const struct conn_options conn = conn_options_of(o, password);
    const struct hash_options options = hash_options_of(s);
    struct hash_set set;
    TRY(hash_server(&set, &conn, (unsigned)o->parallel,
                    o->no_lock ? HASH_MOMENT_NONE : HASH_MOMENT_LOCKED, (unsigned)o->lock_wait,
                    &options));
    struct err *e = put_out(s, &set);
    hash_set_fini(&set);
    return e;
}

struct err *command_hash(const struct session *s)
{
    char *password;
    TRY(check_lists(s->options));
    TRY(password_load(&password, s->options, s->log));
    struct err *e = hash(s, password);
    password_free(password);
    return e;
}
