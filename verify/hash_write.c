/* verify/hash_write.c: hash_set_write, see hash_set.h. The text is put together piece by piece, without a tree of values: there may
 * be a hundred thousand tables. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "verify/hash_json.h"
#include "verify/hash_set.h"

struct text {
    char *p;
    size_t n, cap;
};

static void put(struct text *t, const char *s, size_t n)
{
    mem_grow(&t->p, &t->cap, t->n + n, 1);
    memcpy(t->p + t->n, s, n);
    t->n += n;
    t->p[t->n] = 0;
}

static void puts_to(struct text *t, const char *s)
{
    put(t, s, strlen(s));
}

__attribute__((format(printf, 2, 3))) static void print(struct text *t, const char *fmt, ...)
{
    char line[128]; /* numbers and fixed words only */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    puts_to(t, line);
}

static void put_string(struct text *t, const char *s)
{
    AUTO_FREE char *json = s ? text_json(s) : mem_strdup("null");
    puts_to(t, json);
}

/* "key":value behind what is there; `before` is "" or ",". */
static void put_member(struct text *t, const char *before, const char *key, const char *value)
{
    print(t, "%s\"%s\":", before, key);
    put_string(t, value);
}

static void put_hash(struct text *t, struct hash128 h)
{
    char hex[HASH128_TEXT];
    print(t, "\"%s\"", hash128_text(hex, h));
}

static void put_hex(struct text *t, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    mem_grow(&t->p, &t->cap, t->n + 2 * n, 1);
    for (size_t i = 0; i < n; i++) {
        t->p[t->n++] = digits[p[i] >> 4];
        t->p[t->n++] = digits[p[i] & 15];
    }
    t->p[t->n] = 0;
}

static void put_columns(struct text *t, const struct hashed_table *table)
{
    puts_to(t, ",\n  \"columns\":[");
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct hashed_column *c = &table->columns[i];
        puts_to(t, i ? ",[" : "[");
        put_string(t, c->name);
        print(t, ",\"%s\",", value_class_name(c->value));
        put_hash(t, c->sum);
        puts_to(t, "]");
    }
    puts_to(t, "],\n  \"key\":[");
    for (size_t i = 0; i < table->n_key; i++) {
        puts_to(t, i ? "," : "");
        put_string(t, table->columns[table->key[i]].name);
    }
    puts_to(t, "]");
}

static void put_ranges(struct text *t, const struct key_ranges *r)
{
    print(t, ",\"level\":%u,\n  \"%s\":[", r->level, r->buckets ? "buckets" : "ranges");
    for (size_t i = 0; i < r->n; i++) {
        const struct key_range *range = &r->items[i];
        print(t, "%s[%" PRIu64 ",", i ? "," : "", range->rows);
        put_hash(t, range->sum);
        if (range->key) {
            puts_to(t, ",\"");
            put_hex(t, range->key, range->key_len);
            puts_to(t, "\"");
        }
        puts_to(t, "]");
    }
    puts_to(t, "]");
}

static void put_table(struct text *t, const struct hashed_table *table)
{
    static const char *const states[] = {HASH_STATE_NAMES};
    put_member(t, " {", "schema", table->schema);
    put_member(t, ",", "table", table->name);
    put_member(t, ",", "engine", table->engine);
    put_member(t, ",", "state", states[table->state]);
    if (table->state != HASH_EXACT)
        put_member(t, ",", "reason", table->reason);
    if (table->state != HASH_NOT) {
        print(t, ",\"rows\":%" PRIu64 ",\"hash\":", table->rows);
        put_hash(t, table->sum);
        put_columns(t, table);
        put_ranges(t, &table->ranges);
    }
    puts_to(t, "}");
}

static void put_head(struct text *t, const struct hash_set *s)
{
    print(t, "{\"format\":\"" HASH_FILE_FORMAT "\",\"version\":%d,\n", HASH_FILE_VERSION);
    put_member(t, "\"server\":{", "flavour", s->flavour);
    put_member(t, ",", "version", s->version);
    put_member(t, ",", "id", s->server_id);
    put_member(t, ",", "host", s->host);
    put_member(t, "},\n\"moment\":{", "time", s->taken);
    print(t, ",\"lsn\":%" PRIu64, s->lsn);
    put_member(t, ",", "binlog_file", s->binlog_file);
    print(t, ",\"binlog_position\":%" PRIu64, s->binlog_position);
    put_member(t, ",", "gtid", s->gtid);
    put_member(t, "},\n\"selection\":{", "databases", s->databases);
    put_member(t, ",", "tables", s->tables);
    put_member(t, ",", "ignore_databases", s->ignore_databases);
    put_member(t, ",", "ignore_tables", s->ignore_tables);
    print(t, ",\"system\":%s},\n\"tables\":[\n", s->system ? "true" : "false");
}

void hash_set_write(char **text, size_t *n, const struct hash_set *s)
{
    struct text t = {0};
    put_head(&t, s);
    for (size_t i = 0; i < s->n; i++) {
        put_table(&t, &s->items[i]);
        puts_to(&t, i + 1 < s->n ? ",\n" : "\n");
    }
    puts_to(&t, "]}\n");
    *text = t.p;
    *n = t.n;
}
