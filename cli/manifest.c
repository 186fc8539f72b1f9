/* cli/manifest.c: see manifest.h. */
#include "cli/manifest.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"

struct err *manifest_load(json_t **out, struct repo *repo, const char *id)
{
    AUTO(archive_reader) r = NULL;
    TRY(repo_open_reader(&r, repo, id));
    return manifest_parse(out, archive_reader_manifest(r), archive_reader_name(r));
}

static void sum_up_sizes(FILE *out, const json_t *m)
{
    char read[16], stored[16], redo[16];
    fprintf(out, "%s read, %s stored, %s redo", text_bytes(read, manifest_u64(m, "bytes.read")),
            text_bytes(stored, manifest_u64(m, "bytes.stored")),
            text_bytes(redo, manifest_u64(m, "bytes.redo")));
    const uint64_t changed = manifest_u64(m, "bytes.changed");
    if (changed)
        fprintf(out, "; %s changed since %s, %.2f bytes read for each", text_bytes(stored, changed),
                manifest_text(m, "base", "?"),
                (double)manifest_u64(m, "bytes.read") / (double)changed);
}

/* "server locked for 0.310 s (start_wait 0.010, ...)" */
static void sum_up_lock(FILE *out, const json_t *m)
{
    /* jansson iterates over objects that are not const only; nothing is changed. */
    json_t *lock = json_object_get(m, "lock");
    if (!json_is_object(lock))
        return;
    fprintf(out, "; server locked for %.3f s", manifest_real(m, "lock.seconds"));
    const char *key, *gap = " (";
    json_t *value;
    json_object_foreach(lock, key, value)
    {
        if (!strcmp(key, "seconds") || !json_is_number(value))
            continue;
        if (json_is_integer(value))
            fprintf(out, "%s%s %lld", gap, key, (long long)json_integer_value(value));
        else
            fprintf(out, "%s%s %.3f s", gap, key, json_real_value(value));
        gap = ", ";
    }
    if (*gap == ',')
        fputc(')', out);
}

static void sum_up_position(FILE *out, const json_t *m)
{
    fprintf(out, "; LSN %llu to %llu", (unsigned long long)manifest_u64(m, "lsn.from"),
            (unsigned long long)manifest_u64(m, "lsn.to"));
    const char *file = manifest_text(m, "binlog.file", NULL);
    if (file)
        fprintf(out, "; binary log %s:%llu", file,
                (unsigned long long)manifest_u64(m, "binlog.position"));
    const char *gtid = manifest_text(m, "gtid.binlog_pos", "");
    if (*gtid)
        fprintf(out, "; GTID %s", gtid);
}

static void sum_up_hashes(FILE *out, const json_t *m)
{
    if (!json_is_object(manifest_value(m, "hashes")))
        return;
    const uint64_t not_exact =
        manifest_u64(m, "hashes.unsynchronised") + manifest_u64(m, "hashes.not_hashed");
    fprintf(out, "; %llu tables hashed", (unsigned long long)manifest_u64(m, "hashes.tables"));
    if (not_exact)
        fprintf(out, ", %llu are not proven", (unsigned long long)not_exact);
}

char *manifest_summary(const json_t *m)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return mem_strdup("");
    sum_up_sizes(out, m);
    sum_up_lock(out, m);
    sum_up_position(out, m);
    fprintf(out, "; %llu files, %llu tables", (unsigned long long)manifest_u64(m, "files"),
            (unsigned long long)manifest_u64(m, "tables"));
    sum_up_hashes(out, m);
    if (fclose(out)) {
        free(text);
        return mem_strdup("");
    }
    return text;
}
