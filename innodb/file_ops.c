/* innodb/file_ops.c: see file_ops.h. */
#include "innodb/file_ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct space_ops *get(struct file_ops *ops, space_id_t id)
{
    uint64_t at;
    if (map64_get(&ops->index, id, &at))
        return &ops->items[at];
    mem_grow(&ops->items, &ops->cap, ops->n, sizeof *ops->items);
    map64_put(&ops->index, id, ops->n);
    struct space_ops *s = &ops->items[ops->n++];
    *s = (struct space_ops){.id = id};
    return s;
}

static void take_name(char **to, const uint8_t *name, size_t len)
{
    if (len > 2 && name[0] == '.' && name[1] == '/') {
        do { /* undo tablespaces are ".//undo001" */
            name++;
            len--;
        } while (len && name[0] == '/');
    }
    if (*to && strlen(*to) == len && !memcmp(*to, name, len))
        return;
    free(*to);
    *to = mem_alloc(len + 1);
    memcpy(*to, name, len);
    (*to)[len] = '\0';
}

struct err *file_ops_add(struct file_ops *ops, const struct redo_record *rec, lsn_t lsn)
{
    struct space_ops *s;
    switch (rec->type) {
    case REDO_FILE_CREATE:
    case REDO_FILE_MODIFY:
        s = get(ops, rec->space);
        if (rec->type == REDO_FILE_CREATE) {
            s->created = true;
            take_name(&s->created_as, rec->body, rec->body_len);
        } else if (s->deleted) {
            s->deleted = s->created = false;
            free(s->created_as);
            s->created_as = NULL;
            s->import_lsn = lsn;
        }
        take_name(&s->name, rec->body, rec->body_len);
        return NULL;
    case REDO_FILE_DELETE:
        get(ops, rec->space)->deleted = true;
        return NULL;
    case REDO_FILE_RENAME: {
        const uint8_t *from, *to;
        size_t from_len, to_len;
        TRY_AT(redo_rename_names(rec, &from, &from_len, &to, &to_len), "redo at LSN %" PRIu64, lsn);
        take_name(&get(ops, rec->space)->name, to, to_len);
        return NULL;
    }
    default:
        return NULL;
    }
}

const struct space_ops *file_ops_find(const struct file_ops *ops, space_id_t id)
{
    uint64_t at;
    return map64_get(&ops->index, id, &at) ? &ops->items[at] : NULL;
}

void file_ops_fini(struct file_ops *ops)
{
    for (size_t i = 0; i < ops->n; i++) {
        free(ops->items[i].name);
        free(ops->items[i].created_as);
    }
    free(ops->items);
    map64_fini(&ops->index);
    *ops = (struct file_ops){0};
}
