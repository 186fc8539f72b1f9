/* cli/cmd_list.c: mbe list. A backup that cannot be opened is a row with its error. For people the backups are a tree, each
 * increment behind and below its base; JSON has them by age. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/repository.h"
#include "verify/lineage.h"
#include "verify/manifest_read.h"
#include "verify/pins.h"
#include "verify/verified.h"

enum {
    INDENT = 2,
    ID_WIDTH = 26,
    CHAIN_WIDTH = 7,
    TIME_WIDTH = 22,
    BYTES_WIDTH = 12,
    VERIFIED_WIDTH = 33, /* "archive broken-chain 2026-11-27" */
    DAY_LENGTH = 10,
};

static int indent_of(const struct lineage_row *row)
{
    return INDENT * (int)row->level;
}

/* Wide enough for every id behind its indent. */
static int id_width(const struct lineage *l)
{
    int width = ID_WIDTH;
    for (size_t i = 0; i < l->n; i++) {
        const int needed = indent_of(&l->rows[i]) + (int)strlen(l->rows[i].id) + 2;
        width = needed > width ? needed : width;
    }
    return width;
}

/* What is remembered of one backup. */
struct memory {
    bool readable;    /* the record could be read; else there is nothing in it */
    json_t *standing; /* the verification that counts, or NULL; owned */
    json_t *pins;     /* an array, owned */
};

static void memory_load(struct memory *m, struct repo *repo, const struct lineage_row *row)
{
    json_auto_t *lines = NULL;
    struct err *e = record_load(&lines, repo, row->id);
    json_auto_t *records = verified_of(lines, row->archive_id);
    const json_t *standing = verified_standing(records);
    m->readable = !e;
    m->standing = standing ? json_deep_copy(standing) : NULL;
    m->pins = pins_of(lines);
    err_free(e);
}

static void memory_fini(struct memory *m)
{
    json_decref(m->standing);
    json_decref(m->pins);
}

/* What stands between level and day: why it did not pass, or that a boot had no hashes to compare its tables with. */
static const char *reservation(const json_t *standing)
{
    const char *result = manifest_text(standing, "result", "");
    if (strcmp(result, "ok"))
        return result;
    const bool is_boot = !strcmp(manifest_text(standing, "level", ""), "boot");
    return is_boot && !manifest_u64(standing, "compared") ? "only" : "";
}

/* "boot 2026-11-27", "boot only 2026-11-27", "archive damaged 2026-11-27", "-"; owned by caller. */
static char *verified_text(const struct memory *m)
{
    if (!m->standing)
        return mem_strdup(m->readable ? "-" : "?");
    const char *but = reservation(m->standing);
    return mem_printf("%s %s%s%.*s", manifest_text(m->standing, "level", ""), but, *but ? " " : "",
                      DAY_LENGTH, manifest_text(m->standing, "time", ""));
}

static void print_remark(const char *what, const char *text)
{
    print_clean("  (", 0);
    print_clean(what, 0);
    print_clean(text, 0);
    putchar(')');
}

static void print_pins(const struct memory *m)
{
    AUTO_FREE char *reasons = pins_reasons(m->pins);
    if (json_array_size(m->pins))
        print_remark("pinned: ", reasons);
}

static void print_facts(const struct lineage_row *row, const struct memory *m)
{
    char read[16], stored[16];
    const json_t *facts = row->facts;
    AUTO_FREE char *chain = row->broken ? mem_strdup("-") : mem_printf("%zu", row->n_chain);
    AUTO_FREE char *server = mem_printf("%s %s", manifest_text(facts, "server.flavour", "?"),
                                        manifest_text(facts, "server.version", "?"));
    AUTO_FREE char *verified = verified_text(m);
    print_clean(chain, CHAIN_WIDTH);
    print_clean(manifest_text(facts, "finished", "?"), TIME_WIDTH);
    print_clean(text_bytes(read, manifest_u64(facts, "bytes.read")), BYTES_WIDTH);
    print_clean(text_bytes(stored, manifest_u64(facts, "bytes.stored")), BYTES_WIDTH);
    print_clean(verified, VERIFIED_WIDTH);
    print_clean(server, 0);
    if (row->damaged)
        print_remark("damaged", "");
    if (row->broken && !row->damaged)
        print_remark("broken: ", row->broken);
}

static void print_row(struct repo *repo, const struct lineage_row *row, int width)
{
    struct memory m;
    const int indent = indent_of(row);
    memory_load(&m, repo, row);
    printf("%*s", indent, "");
    print_clean(row->id, width - indent);
    if (row->error) {
        print_clean("error: ", 0);
        print_clean(row->error, 0);
    } else {
        print_facts(row, &m);
    }
    print_pins(&m);
    putchar('\n');
    memory_fini(&m);
}

static void print_tree(struct repo *repo, const struct lineage *l)
{
    const int width = id_width(l);
    printf("%-*s%-*s%-*s%-*s%-*s%-*s%s\n", width, "ID", CHAIN_WIDTH, "CHAIN", TIME_WIDTH,
           "FINISHED", BYTES_WIDTH, "READ", BYTES_WIDTH, "STORED", VERIFIED_WIDTH, "VERIFIED",
           "SERVER");
    for (size_t i = 0; i < l->n; i++)
        print_row(repo, &l->rows[l->order[i]], width);
}

/* The manifest of a full backup may be older than chains are; that of another is what its base was when it was taken. */
static void add_chain(json_t *facts, const struct lineage_row *row)
{
    if (row->full && json_is_null(json_object_get(facts, "chain")))
        json_object_set_new(
            facts, "chain",
            json_pack("{s:s,s:i,s:n}", "full", row->id, "length", 1, "base_archive"));
    json_object_set_new(facts, "broken", row->broken ? json_string(row->broken) : json_null());
}

static void add_memory(json_t *facts, const struct lineage_row *row, struct repo *repo)
{
    struct memory m;
    memory_load(&m, repo, row);
    if (!row->error)
        json_object_set(facts, "verified", m.standing ? m.standing : json_null());
    json_object_set(facts, "pins", m.pins);
    memory_fini(&m);
}

static void print_rows(struct repo *repo, const struct lineage *l)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < l->n; i++) {
        if (!l->rows[i].error)
            add_chain(l->rows[i].facts, &l->rows[i]);
        add_memory(l->rows[i].facts, &l->rows[i], repo);
        json_array_append(list, l->rows[i].facts);
    }
    print_json(list);
}

struct err *command_list(const struct options *o)
{
    AUTO(repo) repo = NULL;
    struct lineage l;
    TRY(repository_open(&repo, o, NULL, NULL));
    TRY(lineage_load(&l, repo));
    if (o->json)
        print_rows(repo, &l);
    else
        print_tree(repo, &l);
    lineage_fini(&l);
    return repo_check(repo); /* records that could not be read */
}
