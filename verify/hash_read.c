/* verify/hash_read.c: hash_set_parse, see hash_set.h. What a table says in its rows, ranges and sums has to agree with itself. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "verify/hash_json.h"
#include "verify/hash_set.h"
#include "verify/value_text.h"

enum { FILE_BYTES_MAX = 1 << 30 };

static struct err *number(uint64_t *out, const json_t *value, const char *key)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_make(CORRUPT, "no number \"%s\"", key);
    *out = (uint64_t)json_integer_value(value);
    return NULL;
}

static struct err *text(const char **out, const json_t *value, const char *key)
{
    *out = json_string_value(value);
    if (!*out || !**out)
        return err_make(CORRUPT, "no text \"%s\"", key);
    return NULL;
}

static struct err *name(const char **out, const json_t *value, const char *key)
{
    TRY(text(out, value, key));
    if (json_string_length(value) > HASH_FILE_NAME_MAX)
        return err_make(CORRUPT, "\"%s\" is longer than a name can be", key);
    return NULL;
}

static struct err *hash(struct hash128 *out, const json_t *value, const char *key)
{
    if (!hash128_parse(out, json_string_value(value)))
        return err_make(CORRUPT, "no hash \"%s\"", key);
    return NULL;
}

static char *optional(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? mem_strdup(s) : NULL;
}

/* --- a table ---------------------------------------------------------------------------------- */

static bool has_column(const struct hashed_table *t, const char *column, size_t *at)
{
    for (*at = 0; *at < t->n_columns; ++*at)
        if (!strcmp(t->columns[*at].name, column))
            return true;
    return false;
}

static struct err *take_columns(struct hashed_table *t, const json_t *list)
{
    const size_t n = json_array_size(list);
    if (n == 0 || n > HASH_FILE_COLUMNS_MAX)
        return err_make(CORRUPT, "no columns, or more than %d", HASH_FILE_COLUMNS_MAX);
    t->columns = mem_zalloc(n * sizeof *t->columns);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i);
        struct hashed_column *c = &t->columns[i];
        const char *column;
        size_t at;
        TRY_AT(name(&column, json_array_get(row, 0), "name"), "column %zu", i + 1);
        if (has_column(t, column, &at))
            return err_make(CORRUPT, "column %zu: its name is that of column %zu", i + 1, at + 1);
        if (!value_class_parse(&c->value, json_string_value(json_array_get(row, 1))))
            return err_make(CORRUPT, "column %zu: no class that is known", i + 1);
        TRY_AT(hash(&c->sum, json_array_get(row, 2), "hash"), "column %zu", i + 1);
        c->name = mem_strdup(column);
        t->n_columns = i + 1;
    }
    return NULL;
}

static struct err *take_key(struct hashed_table *t, const json_t *list)
{
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > HASH_FILE_KEY_COLUMNS_MAX)
        return err_make(CORRUPT, "no key, or one of more than %d columns",
                        HASH_FILE_KEY_COLUMNS_MAX);
    t->key = mem_alloc(n * sizeof *t->key);
    for (size_t i = 0; i < n; i++) {
        const char *column;
        size_t at;
        TRY(name(&column, json_array_get(list, i), "key"));
        if (!has_column(t, column, &at))
            return err_make(CORRUPT, "the key has a column that the table does not have");
        t->key[i] = (uint16_t)at;
        t->n_key = i + 1;
    }
    return NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The key of a range, and whether a range can begin there. */
static struct err *take_range_key(struct key_range *range, const struct hashed_table *t,
                                  const json_t *value)
{
    const char *hex = json_string_value(value);
    const size_t n = json_string_length(value) / 2;
    if (!hex || n == 0 || n > KEY_BYTES_MAX || json_string_length(value) % 2)
        return err_make(CORRUPT, "no key");
    range->key = mem_alloc(n);
    range->key_len = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return err_make(CORRUPT, "the key is no hex text");
        range->key[i] = (uint8_t)(high << 4 | low);
    }
    const uint8_t *p = range->key, *end = p + n;
    for (size_t i = 0; i < t->n_key; i++) {
        struct value_view v;
        if (!value_view(&v, p, (size_t)(end - p)) || v.is_null ||
            v.value != t->columns[t->key[i]].value)
            return err_make(CORRUPT, "the key is none of this table");
        p += v.used;
    }
    range->zeros = (uint8_t)key_zeros(range->key, n);
    if (p != end || range->zeros < t->ranges.level)
        return err_make(CORRUPT, "no range can begin with this key");
    return NULL;
}

static struct err *take_range(struct hashed_table *t, const json_t *row)
{
    struct key_range range = {0};
    TRY(number(&range.rows, json_array_get(row, 0), "rows"));
    TRY(hash(&range.sum, json_array_get(row, 1), "hash"));
    struct err *e = NULL;
    if (!t->ranges.buckets && t->ranges.n)
        e = take_range_key(&range, t, json_array_get(row, 2));
    mem_grow(&t->ranges.items, &t->ranges.cap, t->ranges.n, sizeof range);
    t->ranges.items[t->ranges.n++] = range;
    return e;
}

static struct err *check_sums(const struct hashed_table *t)
{
    struct hash128 sum = {0};
    uint64_t rows = 0;
    for (size_t i = 0; i < t->ranges.n; i++) {
        hash128_add(&sum, t->ranges.items[i].sum);
        if (__builtin_add_overflow(rows, t->ranges.items[i].rows, &rows))
            return err_make(CORRUPT, "more rows in its ranges than can be counted");
    }
    if (rows != t->rows || !hash128_equal(sum, t->sum))
        return err_make(CORRUPT, "its ranges do not add up to its rows and hash");
    return NULL;
}

static struct err *take_ranges(struct hashed_table *t, const json_t *object)
{
    uint64_t level = 0;
    t->ranges.buckets = t->n_key == 0;
    const json_t *list = json_object_get(object, t->ranges.buckets ? "buckets" : "ranges");
    const size_t n = json_array_size(list);
    TRY(number(&level, json_object_get(object, "level"), "level"));
    const bool good = t->ranges.buckets ? level <= KEY_BUCKET_LEVEL_MAX && n == (size_t)1 << level
                                        : level >= KEY_LEVEL_MIN && level <= KEY_LEVEL_MAX &&
                                              n >= 1 && n <= KEY_RANGES_MAX;
    if (!good)
        return err_make(CORRUPT, "%zu ranges of level %" PRIu64 " are none", n, level);
    t->ranges.level = (unsigned)level;
    for (size_t i = 0; i < n; i++)
        TRY_AT(take_range(t, json_array_get(list, i)), "range %zu", i + 1);
    return check_sums(t);
}

static struct err *take_state(struct hashed_table *t, const json_t *object)
{
    static const char *const states[] = {HASH_STATE_NAMES};
    const char *state, *reason;
    TRY(text(&state, json_object_get(object, "state"), "state"));
    for (t->state = HASH_EXACT; t->state <= HASH_NOT; t->state++)
        if (!strcmp(states[t->state], state))
            break;
    if (t->state > HASH_NOT)
        return err_make(CORRUPT, "no state that is known");
    if (t->state == HASH_EXACT)
        return NULL;
    TRY(text(&reason, json_object_get(object, "reason"), "reason"));
    hashed_table_mark(t, t->state, reason);
    return NULL;
}

static struct err *take_hashes(struct hashed_table *t, const json_t *object)
{
    t->engine = optional(object, "engine");
    TRY(take_state(t, object));
    if (t->state == HASH_NOT)
        return NULL;
    TRY(number(&t->rows, json_object_get(object, "rows"), "rows"));
    TRY(hash(&t->sum, json_object_get(object, "hash"), "hash"));
    TRY(take_columns(t, json_object_get(object, "columns")));
    TRY(take_key(t, json_object_get(object, "key")));
    return take_ranges(t, object);
}

static struct err *take_table(struct hash_set *s, const json_t *object)
{
    const char *schema, *table;
    TRY(name(&schema, json_object_get(object, "schema"), "schema"));
    TRY(name(&table, json_object_get(object, "table"), "table"));
    struct hashed_table *t = hash_set_add(s, schema, table);
    return err_wrap(take_hashes(t, object), "%s.%s", schema, table);
}

/* --- the document ------------------------------------------------------------------------------ */

static struct err *check_format(const json_t *document)
{
    const char *format = json_string_value(json_object_get(document, "format"));
    uint64_t version = 0;
    if (!format || strcmp(format, HASH_FILE_FORMAT))
        return err_make(CORRUPT, "is no file of table hashes");
    TRY(number(&version, json_object_get(document, "version"), "version"));
    if (version != HASH_FILE_VERSION)
        return err_make(
            REFUSED, "table hashes of version %" PRIu64 ", which this mbe does not know", version);
    return NULL;
}

static struct err *take_moment(struct hash_set *s, const json_t *moment)
{
    s->taken = optional(moment, "time");
    s->binlog_file = optional(moment, "binlog_file");
    s->gtid = optional(moment, "gtid");
    TRY(number(&s->lsn, json_object_get(moment, "lsn"), "lsn"));
    return number(&s->binlog_position, json_object_get(moment, "binlog_position"),
                  "binlog_position");
}

static struct err *take_document(struct hash_set *s, const json_t *document)
{
    const json_t *server = json_object_get(document, "server"),
                 *selection = json_object_get(document, "selection"),
                 *tables = json_object_get(document, "tables");
    TRY(check_format(document));
    s->flavour = optional(server, "flavour");
    s->version = optional(server, "version");
    s->server_id = optional(server, "id");
    s->host = optional(server, "host");
    TRY(take_moment(s, json_object_get(document, "moment")));
    s->databases = optional(selection, "databases");
    s->tables = optional(selection, "tables");
    s->ignore_databases = optional(selection, "ignore_databases");
    s->ignore_tables = optional(selection, "ignore_tables");
    s->system = json_is_true(json_object_get(selection, "system"));
    if (!json_is_array(tables))
        return err_make(CORRUPT, "no list \"tables\"");
    for (size_t i = 0; i < json_array_size(tables); i++)
        TRY_AT(take_table(s, json_array_get(tables, i)), "table %zu", i + 1);
    const size_t n = s->n;
    hash_set_sort(s);
    return s->n == n ? NULL : err_make(CORRUPT, "a table is there twice");
}

struct err *hash_set_parse(struct hash_set *out, const char *document_text, size_t n,
                           const char *from)
{
    json_error_t why;
    *out = (struct hash_set){0};
    json_auto_t *document = json_loadb(document_text, n, JSON_REJECT_DUPLICATES, &why);
    struct err *e = document ? take_document(out, document)
                             : err_make(CORRUPT, "line %d: %s", why.line, why.text);
    if (e)
        hash_set_fini(out);
    return err_wrap(e, "%s", from);
}

struct err *hash_set_load(struct hash_set *out, const char *path)
{
    AUTO_FREE char *document = NULL;
    size_t n;
    *out = (struct hash_set){0};
    TRY(file_read_all(&document, &n, path, FILE_BYTES_MAX));
    return hash_set_parse(out, document, n, path);
}
