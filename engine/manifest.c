/* engine/manifest.c: see manifest.h. */
#include "engine/manifest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* jansson takes valid UTF-8 only; names of files may be anything. */
static json_t *text(const char *s)
{
    if (!s)
        return json_null();
    json_t *j = json_string(s);
    if (j)
        return j;
    AUTO_FREE char *ascii = mem_strdup(s);
    for (char *p = ascii; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return json_string(ascii);
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static struct err *dump(char **out, json_t *j, size_t flags)
{
    *out = j ? json_dumps(j, flags) : NULL;
    json_decref(j);
    return *out ? NULL : err_make(FAILED, "out of memory while describing the backup");
}

struct field {
    const char *key;
    json_t *value; /* taken; NULL when memory is out */
};

/* NULL when any part of it is, or memory is out. */
static json_t *object(const struct field *fields, size_t n)
{
    json_t *j = json_object();
    bool ok = j != NULL;
    for (size_t i = 0; i < n; i++)
        ok = !json_object_set_new(j, fields[i].key, fields[i].value) && ok;
    if (ok)
        return j;
    json_decref(j);
    return NULL;
}

/* Takes item; NULL when either is or memory is out. */
static json_t *append(json_t *list, json_t *item)
{
    if (!list || json_array_append_new(list, item)) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Milliseconds are enough for a reader. */
static json_t *seconds(double s)
{
    return json_real((double)(long long)(s * 1000 + 0.5) / 1000);
}

/* What a restored server has to be told, or a DBA may ask. */
static json_t *server_json(const struct server_info *s)
{
    const struct field fields[] = {
        {"flavour", text(server_flavour_text(s->flavour))},
        {"version", text(s->version)},
        {"server_id", text(s->server_id)},
        {"server_uid", text(s->server_uid)},
        {"server_uuid", text(s->server_uuid)},
        {"page_size", number(s->page_size)},
        {"datadir", text(s->datadir)},
        {"innodb_data_home_dir", text(s->innodb_data_home_dir)},
        {"innodb_data_file_path", text(s->innodb_data_file_path)},
        {"innodb_undo_directory", text(s->innodb_undo_directory)},
        {"innodb_undo_tablespaces",
         s->flavour == FLAVOUR_MARIADB ? number(s->undo_tablespaces) : json_null()},
        {"innodb_directories", text(s->innodb_directories)},
        {"innodb_log_group_home_dir", text(s->innodb_log_group_home_dir)},
        {"innodb_compression_algorithm", text(s->innodb_compression_algorithm)},
        {"lower_case_table_names", text(s->lower_case_table_names)},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *lsn_json(const struct manifest *m)
{
    const struct field fields[] = {
        {"checkpoint", number(m->from)},
        {"from", number(m->from)},
        {"to", number(m->to)},
        {"base", m->base ? number(m->base->to) : json_null()},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *redo_json(const struct manifest *m)
{
    const struct field fields[] = {
        {"encrypted", json_boolean(m->redo_key != NULL)},
        {"key", text(m->redo_key)},
        {"key_version", m->redo_key_version ? number(m->redo_key_version) : json_null()},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *binlog_json(const struct coordinates *c)
{
    if (!c->binlog_file)
        return json_null();
    return object((const struct field[]){{"file", text(c->binlog_file)},
                                         {"position", number(c->binlog_position)}},
                  2);
}

static json_t *gtid_json(const struct coordinates *c)
{
    const struct field fields[] = {
        {"binlog_pos", text(c->gtid_binlog_pos)},
        {"current_pos", text(c->gtid_current_pos)},
        {"slave_pos", text(c->gtid_slave_pos)},
        {"executed", text(c->gtid_executed)},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *replicas_json(const struct coordinates *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_replicas; i++) {
        const struct replica_coordinates *r = &c->replicas[i];
        const struct field fields[] = {
            {"connection_name", text(r->connection_name)},
            {"master_host", text(r->master_host)},
            {"master_port", number(r->master_port)},
            {"relay_master_log_file", text(r->relay_master_log_file)},
            {"exec_master_log_pos",
             r->relay_master_log_file ? number(r->exec_master_log_pos) : json_null()},
            {"gtid_slave_pos", text(r->gtid_slave_pos)},
            {"using_gtid", text(r->using_gtid)},
            {"relay_log_file", text(r->relay_log_file)},
            {"relay_log_pos", number(r->relay_log_pos)},
        };
        list = append(list, object(fields, sizeof fields / sizeof fields[0]));
    }
    return list;
}

static json_t *lock_json(const struct lock_times *t)
{
    const struct field fields[] = {
        {"seconds", seconds(t->seconds)},
        {"start_wait", seconds(t->start_wait)},
        {"flush_wait", seconds(t->flush_wait)},
        {"block_ddl_wait", seconds(t->block_ddl_wait)},
        {"block_ddl", seconds(t->block_ddl)},
        {"block_commit_wait", seconds(t->block_commit_wait)},
        {"block_commit", seconds(t->block_commit)},
        {"hash", seconds(t->hash)},
        {"attempts", number(t->attempts)},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *limit(uint64_t n)
{
    return n ? number(n) : json_null();
}

static json_t *pace_json(const struct pace_summary *p)
{
    const struct field fields[] = {
        {"throttle", limit(p->settings.rate)}, {"latency", limit(p->settings.latency_ms)},
        {"seconds", seconds(p->seconds)},      {"rate", number(pace_mean(p))},
        {"waited", seconds(p->waited)},        {"lowest", limit(p->lowest)},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *bytes_json(const struct manifest *m)
{
    const struct field fields[] = {
        {"read", number(m->bytes_read)},
        {"stored", number(m->bytes_stored)},
        {"redo", number(m->to - m->from)},
        {"changed", m->base ? number(m->base->bytes_changed) : json_null()},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *hash_json(const struct backup_hash_summary *h)
{
    if (!h)
        return json_null();
    const struct field fields[] = {
        {"tables", number(h->tables)},         {"unsynchronised", number(h->unsynchronised)},
        {"not_hashed", number(h->not_hashed)}, {"rows", number(h->rows)},
        {"seconds", seconds(h->seconds)},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *archive_id_json(uint64_t id)
{
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, id);
    return json_string(hex);
}

static json_t *chain_json(const struct manifest *m)
{
    const struct manifest_base *base = m->base;
    const struct field fields[] = {
        {"full", text(base ? base->full_id : m->id)},
        {"length", number(base ? base->n_chain + 1 : 1)},
        {"base_archive", base ? archive_id_json(base->archive_id) : json_null()},
    };
    return object(fields, sizeof fields / sizeof fields[0]);
}

static json_t *tool_json(void)
{
    return object((const struct field[]){{"name", text("mbe")}, {"version", text(MBE_VERSION)}}, 2);
}

static json_t *texts_json(char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        list = append(list, text(texts[i]));
    return list;
}

static size_t count(char *const *names)
{
    size_t n = 0;
    while (names && names[n])
        n++;
    return n;
}

struct err *manifest_json(char **out, const struct manifest *m)
{
    const struct field fields[] = {
        {"id", text(m->id)},
        {"type", text(m->base ? "incremental" : "full")},
        {"base", text(m->base ? m->base->id : NULL)},
        {"chain", chain_json(m)},
        {"change_map", text(m->base ? m->base->change_map : NULL)},
        {"offline", json_boolean(m->offline)},
        {"server", server_json(m->server)},
        {"lsn", lsn_json(m)},
        {"redo", redo_json(m)},
        {"binlog", binlog_json(m->coordinates)},
        {"gtid", gtid_json(m->coordinates)},
        {"replicas", replicas_json(m->coordinates)},
        {"started", text(m->started)},
        {"finished", text(m->finished)},
        {"lock", lock_json(m->lock)},
        {"pace", pace_json(&m->pace)},
        {"bytes", bytes_json(m)},
        {"files", number(m->files)},
        {"tables", number(m->tables)},
        {"pages_reread", number(m->pages_reread)},
        {"log_resizes", number(m->log_resizes)},
        {"damaged", json_boolean(m->n_corrupt != 0)},
        {"corrupt_pages", texts_json(m->corrupt_pages, m->n_corrupt)},
        {"needs_repair", texts_json(m->needs_repair, count(m->needs_repair))},
        {"hashes", hash_json(m->hash)},
        {"tool", tool_json()},
    };
    json_t *j = object(fields, sizeof fields / sizeof fields[0]);
    return dump(out, j, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
}

/* LSN below which the redo of a space is void, 0 if all of it counts. Its copy was begun after the import, even where the
 * FILE_MODIFY that tells of it came later still. */
static lsn_t void_below(const struct copied_space *c, const struct file_ops *ops)
{
    const struct space_ops *o = file_ops_find(ops, c->id);
    if (c->system || c->dropped || !o || !(c->revived || o->import_lsn))
        return 0;
    if (o->deleted || o->import_lsn > c->lsn_at_start)
        return c->lsn_at_start;
    return o->import_lsn;
}

static json_t *import_json(space_id_t id, lsn_t lsn)
{
    return object((const struct field[]){{"id", number(id)}, {"lsn", number(lsn)}}, 2);
}

struct err *manifest_space_map_json(char **out, const struct ghosts *ghosts,
                                    const struct space_set *spaces, const struct file_ops *ops)
{
    json_t *ids = json_array(), *imports = json_array();
    for (size_t i = 0; i < ghosts->n; i++)
        ids = append(ids, number(ghosts->ids[i]));
    for (size_t i = 0; i < spaces->n; i++) {
        const struct copied_space *c = &spaces->items[i];
        const lsn_t lsn = void_below(c, ops);
        if (lsn)
            imports = append(imports, import_json(c->id, lsn));
    }
    return dump(out, object((const struct field[]){{"ghosts", ids}, {"imports", imports}}, 2),
                JSON_COMPACT);
}

struct err *manifest_created_map_json(char **out, const struct created_space *created, size_t n,
                                      const struct space_import *imports, size_t n_imports)
{
    json_t *list = json_array(), *voids = json_array();
    for (size_t i = 0; i < n_imports; i++)
        voids = append(voids, import_json(imports[i].id, imports[i].lsn));
    for (size_t i = 0; i < n; i++)
        list = append(list, object((const struct field[]){{"id", number(created[i].id)},
                                                          {"name", text(created[i].name)}},
                                   2));
    return dump(
        out,
        object(
            (const struct field[]){{"ghosts", json_array()}, {"imports", voids}, {"created", list}},
            3),
        JSON_COMPACT);
}
