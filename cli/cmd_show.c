/* cli/cmd_show.c: mbe show. --json is the manifest as it was written, with the verifications and pins behind it; the other form is for
 * reading. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/manifest.h"
#include "cli/repository.h"
#include "verify/backup_hashes.h"
#include "verify/pins.h"
#include "verify/verified.h"

enum { KEY_COLUMN = 32, DEEPEST = 8 };

/* In words, owned by caller. */
static char *in_words(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return mem_strdup(json_string_value(value));
    case JSON_INTEGER:
        return mem_printf("%lld", (long long)json_integer_value(value));
    case JSON_REAL:
        return mem_printf("%.3f", json_real_value(value));
    case JSON_TRUE:
        return mem_strdup("yes");
    case JSON_FALSE:
        return mem_strdup("no");
    case JSON_NULL:
        return mem_strdup("-");
    case JSON_ARRAY:
        return mem_strdup(json_array_size(value) ? "" : "none");
    case JSON_OBJECT:
        break;
    }
    return mem_strdup("");
}

static void print_value(const char *key, json_t *value, int depth, bool is_size)
{
    char size[16];
    AUTO_FREE char *words = in_words(value);
    printf("%*s", 2 * depth, "");
    print_clean(key, *words ? KEY_COLUMN - 2 * depth : 0);
    print_clean(words, 0);
    if (is_size && json_integer_value(value) > 0)
        printf(" (%s)", text_bytes(size, (uint64_t)json_integer_value(value)));
    putchar('\n');
    if (depth == DEEPEST) /* ours are shallow; one that is not is not worth a stack */
        return;
    const char *name;
    json_t *below;
    size_t i;
    json_object_foreach(value, name, below)
    {
        print_value(name, below, depth + 1, !strcmp(key, "bytes"));
    }
    json_array_foreach(value, i, below)
    {
        print_value("-", below, depth + 1, false);
    }
}

static void print_pretty(json_t *manifest)
{
    const char *key;
    json_t *value;
    json_object_foreach(manifest, key, value)
    {
        print_value(key, value, 0, false);
    }
}

/* Read and written anew: what goes out is sound. */
static struct err *print_hashes(struct archive_reader *r, const char *id)
{
    struct hash_set set;
    bool present;
    char *text;
    size_t n;
    TRY_AT(backup_hashes_load(&set, &present, r), "%s", id);
    if (!present)
        return err_hint(err_make(REFUSED, "backup %s holds no hashes of its tables", id),
                        "Take backups with --hash.");
    hash_set_write(&text, &n, &set);
    fwrite(text, 1, n, stdout);
    free(text);
    hash_set_fini(&set);
    return NULL;
}

struct err *command_show(const struct options *o)
{
    AUTO(repo) repo = NULL;
    AUTO_FREE char *id = NULL;
    AUTO(archive_reader) r = NULL;
    json_auto_t *manifest = NULL, *lines = NULL;
    TRY(repository_open(&repo, o, NULL, NULL));
    TRY(repo_find(&id, repo, o->backup));
    TRY(repo_open_reader(&r, repo, id));
    if (o->hashes)
        return print_hashes(r, id);
    TRY(manifest_parse(&manifest, archive_reader_manifest(r), archive_reader_name(r)));
    TRY(record_load(&lines, repo, id));
    json_object_set_new(manifest, "verified", verified_of(lines, archive_reader_id(r)));
    json_object_set_new(manifest, "pins", pins_of(lines));
    if (o->json)
        print_json(manifest);
    else
        print_pretty(manifest);
    return NULL;
}
