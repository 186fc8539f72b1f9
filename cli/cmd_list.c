/* cli/cmd_list.c: mbe list. A backup that cannot be opened is a row with its error. */
#include "cli/command.h"

#include <stdio.h>

#include "archive/catalog.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/manifest.h"

static json_t *row_of(const struct catalog_item *item)
{
    json_auto_t *manifest = NULL;
    struct err *e = manifest_load(&manifest, item->archive_path);
    if (!e)
        return manifest_list_object(manifest, item->id);
    json_t *row = manifest_error_object(item->id, e->message);
    err_free(e);
    return row;
}

enum { ID_WIDTH = 26, TIME_WIDTH = 22, BYTES_WIDTH = 12 };

static void print_row(const json_t *row)
{
    char read[16], stored[16];
    print_clean(manifest_text(row, "id", "?"), ID_WIDTH);
    const char *error = manifest_text(row, "error", NULL);
    if (error) {
        print_clean("error: ", 0);
        print_clean(error, 0);
        putchar('\n');
        return;
    }
    AUTO_FREE char *server = mem_printf("%s %s", manifest_text(row, "server.flavour", "?"),
                                        manifest_text(row, "server.version", "?"));
    print_clean(manifest_text(row, "finished", "?"), TIME_WIDTH);
    print_clean(text_bytes(read, manifest_u64(row, "bytes.read")), BYTES_WIDTH);
    print_clean(text_bytes(stored, manifest_u64(row, "bytes.stored")), BYTES_WIDTH);
    print_clean(server, 0);
    puts(json_is_true(manifest_value(row, "damaged")) ? "  (damaged)" : "");
}

static struct err *collect(json_t *rows, const struct catalog_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        TRY(signals_check());
        json_array_append_new(rows, row_of(&list->items[i]));
    }
    return NULL;
}

struct err *command_list(const struct options *o)
{
    struct catalog_list list;
    TRY(catalog_list_load(&list, o->repo));
    json_auto_t *rows = json_array();
    struct err *e = collect(rows, &list);
    catalog_list_fini(&list);
    if (e)
        return e;
    if (o->json) {
        print_json(rows);
        return NULL;
    }
    printf("%-*s%-*s%-*s%-*s%s\n", ID_WIDTH, "ID", TIME_WIDTH, "FINISHED", BYTES_WIDTH, "READ",
           BYTES_WIDTH, "STORED", "SERVER");
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        print_row(row);
    }
    return NULL;
}
