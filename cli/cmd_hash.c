/* cli/cmd_hash.c: mbe hash. A line for each table goes to stdout; with --compare one for each that is not equal. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/connection.h"
#include "cli/password.h"
#include "verify/hash_compare.h"
#include "verify/hash_locate.h"
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
    if (!set->n)
        log_warning(s->log, "hash", "there are no such tables, or the account may see none");
    log_info(s->log, "hash", "%zu tables hashed, %zu of them unsynchronised; %zu not hashed",
             set->n - hash_set_count(set, HASH_NOT), hash_set_count(set, HASH_UNSYNCHRONISED),
             hash_set_count(set, HASH_NOT));
    return NULL;
}

static struct err *hash(const struct session *s, char *password)
{
    const struct options *o = s->options;
    const struct conn_options conn = connection_of(o, password);
    const struct hash_options options = hash_options_of(s);
    struct hash_set set;
    TRY(hash_server(&set, &conn, (unsigned)o->parallel,
                    o->no_lock ? HASH_MOMENT_NONE : HASH_MOMENT_LOCKED, (unsigned)o->lock_wait,
                    &options));
    struct err *e = put_out(s, &set);
    hash_set_fini(&set);
    return e;
}

/* --- comparing ------------------------------------------------------------------------------------- */

enum { ROWS_TOLD_MAX = 100 }; /* of a table */

/* One of the two. */
struct side {
    const char *name; /* as it was given */
    char *password;
    struct hash_snapshot *snapshot; /* NULL: a file */
    struct hash_set set;
};

static bool is_server(const char *name)
{
    return options_side_is_server(name) || options_side_defaults(name);
}

static bool selects(const struct hash_select *s)
{
    return s->databases || s->tables || s->ignore_databases || s->ignore_tables;
}

/* A server is asked for what the file has, unless something was asked for. */
static void select_as(struct hash_select *select, const struct hash_set *file)
{
    if (!selects(select))
        *select = (struct hash_select){.databases = file->databases,
                                       .tables = file->tables,
                                       .ignore_databases = file->ignore_databases,
                                       .ignore_tables = file->ignore_tables,
                                       .system = file->system};
}

static struct err *hash_side(struct side *side, const struct session *s,
                             const struct hash_options *options)
{
    const struct options *o = s->options;
    struct conn_options conn;
    if (options_side_is_server(side->name)) {
        TRY(password_load(&side->password, o, s->log));
        conn = connection_of(o, side->password);
    } else {
        conn = (struct conn_options){.defaults_file = options_side_defaults(side->name)};
    }
    TRY(hash_snapshot_begin(&side->snapshot, &conn, (unsigned)o->parallel,
                            o->no_lock ? HASH_MOMENT_NONE : HASH_MOMENT_LOCKED,
                            (unsigned)o->lock_wait, options));
    return hash_snapshot_run(&side->set, side->snapshot);
}

/* Of a file: its tables of the server itself were asked for when it was made. */
static void keep_selected(struct hash_set *set, struct hash_select select)
{
    select.system = set->system;
    hash_set_keep(set, &select);
}

static struct err *load_sides(struct side sides[2], const struct session *s)
{
    struct hash_options options = hash_options_of(s);
    for (int i = 0; i < 2; i++) {
        sides[i].name = s->options->sides[i];
        if (is_server(sides[i].name))
            continue;
        TRY(hash_set_load(&sides[i].set, sides[i].name));
        if (selects(&options.select))
            keep_selected(&sides[i].set, options.select);
    }
    for (int i = 0; i < 2; i++)
        if (!is_server(sides[i].name))
            select_as(&options.select, &sides[i].set);
    for (int i = 0; i < 2; i++)
        if (is_server(sides[i].name))
            TRY_AT(hash_side(&sides[i], s, &options), "%s", sides[i].name);
    return NULL;
}

/* What is shown of a table: as text at once, or gathered for JSON. */
struct shown {
    const struct session *session;
    json_t *rows; /* of the table at hand; NULL: as text */
};

static struct err *show_row(void *ctx, const struct located_row *row)
{
    static const char *const what[] = {[ROW_ONLY_A] = "only in the first",
                                       [ROW_ONLY_B] = "only in the second",
                                       [ROW_DIFFERS] = "differs"};
    struct shown *shown = ctx;
    if (shown->rows) {
        json_array_append_new(shown->rows,
                              json_pack("{s:s, s:s, s:s?, s:I}", "what", what[row->what], "row",
                                        row->row, "columns", row->columns, "times",
                                        (json_int_t)row->times));
        return NULL;
    }
    printf("    row %s: %s", row->row, what[row->what]);
    if (row->times > 1)
        printf(", %" PRIu64 " times", row->times);
    if (row->columns)
        printf(": %s", row->columns);
    putchar('\n');
    return NULL;
}

/* A table that cannot be looked at again is one that differs all the same. */
static void locate(struct shown *shown, const struct table_comparison *t, struct side sides[2])
{
    bool more = false;
    if (!sides[0].snapshot || !sides[1].snapshot)
        return;
    struct err *e =
        hash_locate(t, sides[0].snapshot, sides[1].snapshot, ROWS_TOLD_MAX, show_row, shown, &more);
    if (e)
        log_warning(shown->session->log, "hash", "%s.%s: rows are not told: %s", t->a->schema,
                    t->a->name, e->message);
    err_free(e);
    if (more)
        log_info(shown->session->log, "hash", "%s.%s: more rows differ than are told", t->a->schema,
                 t->a->name);
}

static bool has_ranges(const struct session *s, const struct table_comparison *t)
{
    return s->options->locate && t->column_differs;
}

static void show_text(const struct table_comparison *t, const struct session *s,
                      struct side sides[2])
{
    const struct hashed_table *one = t->a ? t->a : t->b;
    struct shown shown = {.session = s};
    AUTO_FREE char *title = table_title(one->schema, one->name);
    printf("%-9s  %s  %s\n", table_verdict_name(t->verdict), title, t->reason);
    if (!has_ranges(s, t))
        return;
    for (size_t i = 0; i < t->n_ranges; i++) {
        AUTO_FREE char *range = range_text(t->a, &t->ranges[i]);
        printf("    %s: %" PRIu64 " and %" PRIu64 " rows\n", range, t->ranges[i].rows_a,
               t->ranges[i].rows_b);
    }
    locate(&shown, t, sides);
}

static json_t *ranges_json(const struct table_comparison *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n_ranges; i++) {
        AUTO_FREE char *range = range_text(t->a, &t->ranges[i]);
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "range", range, "rows_a",
                                              (json_int_t)t->ranges[i].rows_a, "rows_b",
                                              (json_int_t)t->ranges[i].rows_b));
    }
    return list;
}

static json_t *table_json(const struct table_comparison *t, const struct session *s,
                          struct side sides[2])
{
    const struct hashed_table *one = t->a ? t->a : t->b;
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "schema", one->schema, "table", one->name,
                               "verdict", table_verdict_name(t->verdict), "reason", t->reason);
    if (!has_ranges(s, t))
        return object;
    json_object_set_new(object, "ranges", ranges_json(t));
    if (sides[0].snapshot && sides[1].snapshot) {
        struct shown shown = {.session = s, .rows = json_array()};
        locate(&shown, t, sides);
        json_object_set_new(object, "rows", shown.rows);
    }
    return object;
}

static void show(const struct hash_comparison *c, const struct session *s, struct side sides[2])
{
    json_auto_t *counts = json_object();
    json_t *tables = json_array(); /* owned by the next */
    json_auto_t *document = json_pack("{s:O, s:o}", "counts", counts, "tables", tables);
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].verdict == TABLE_EQUAL)
            continue;
        else if (s->options->json)
            json_array_append_new(tables, table_json(&c->items[i], s, sides));
        else
            show_text(&c->items[i], s, sides);
    for (int v = 0; v < TABLE_VERDICTS; v++)
        json_object_set_new(counts, table_verdict_name((enum table_verdict)v),
                            json_integer((json_int_t)c->counts[v]));
    if (s->options->json)
        print_json(document);
    log_info(s->log, "hash",
             "%zu tables: %zu equal, %zu different, %zu missing, %zu extra, %zu unproven", c->n,
             c->counts[TABLE_EQUAL], c->counts[TABLE_DIFFERENT], c->counts[TABLE_MISSING],
             c->counts[TABLE_EXTRA], c->counts[TABLE_UNPROVEN]);
}

static struct err *compare(const struct session *s)
{
    struct side sides[2] = {0};
    struct hash_comparison c = {0};
    struct err *e = load_sides(sides, s);
    if (!e) {
        hash_compare(&c, &sides[0].set, &sides[1].set);
        show(&c, s, sides);
        e = hash_comparison_error(&c, sides[0].name, sides[1].name);
    }
    hash_comparison_fini(&c);
    for (int i = 0; i < 2; i++) {
        hash_snapshot_close(sides[i].snapshot);
        hash_set_fini(&sides[i].set);
        password_free(sides[i].password);
    }
    return e;
}

struct err *command_hash(const struct session *s)
{
    char *password;
    TRY(check_lists(s->options));
    if (s->options->compare)
        return compare(s);
    TRY(password_load(&password, s->options, s->log));
    struct err *e = hash(s, password);
    password_free(password);
    return e;
}
