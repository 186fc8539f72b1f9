/* innodb/sys_tables.c: see sys_tables.h. */
#include "innodb/sys_tables.h"

#include "base/bytes.h"

enum {
    ROOTS = 70,
    ROOT_COLUMNS = 78,
    ROOT_INDEXES = 82,
    ROOT_FIELDS = 86,
    INFO_DELETED = 0x20,
    MTYPE_FIXED = 3,
    MTYPE_BINARY = 4,
    MTYPE_INT = 6,
    MTYPE_VARCHAR = 12,
    MTYPE_CHAR = 13,
    PRTYPE_NOT_NULL = 0x100,
    PRTYPE_VIRTUAL = 0x2000,
    PRTYPE_COLLATION_SHIFT = 16,
    PRTYPE_COLLATION_MASK = 0x7FFF,
    SHORT_MAX = 255, /* bytes of a column whose length is a byte */
};

page_no_t sys_root(const uint8_t *page_7, uint32_t i)
{
    return be32(page_7 + ROOTS + (size_t)4 * i);
}

page_no_t sys_table_root(const uint8_t *page_7, enum sys_table table)
{
    static const uint16_t at[] = {[SYS_TABLE_COLUMNS] = ROOT_COLUMNS,
                                  [SYS_TABLE_FIELDS] = ROOT_FIELDS,
                                  [SYS_TABLE_INDEXES] = ROOT_INDEXES};
    return be32(page_7 + at[table]);
}

struct key_columns sys_table_key(enum sys_table table)
{
    const uint16_t second = table == SYS_TABLE_INDEXES ? 8 : 4;
    return (struct key_columns){.n = 2, .columns = {{.len = 8}, {.len = second}}};
}

/* Field i of the record; false if there is none, or not of `want` bytes (0: any). */
static bool field(const struct index_checked *page, uint32_t r, uint32_t i, uint32_t want,
                  const uint8_t **p, uint32_t *len)
{
    const uint8_t *f = page->frame;
    const uint32_t top = be16(f + INDEX_HEAP_TOP), n = (be16(f + r - 4) & 0x7FE) >> 1;
    uint32_t ends[2] = {0, 0};
    if (i >= n)
        return false;
    for (uint32_t k = i ? i - 1 : 0; k <= i; k++) {
        const uint8_t *end = f + r - REDUNDANT_EXTRA - (size_t)(k + 1) * (f[r - 3] & 1 ? 1 : 2);
        ends[0] = ends[1];
        ends[1] = f[r - 3] & 1 ? *end & 0x7Fu : be16(end) & 0x3FFFu;
    }
    if (ends[0] > ends[1] || ends[1] > top - r || (want && ends[1] - ends[0] != want))
        return false;
    *p = f + r + ends[0];
    *len = ends[1] - ends[0];
    return true;
}

static bool number(const struct index_checked *page, uint32_t r, uint32_t i, uint32_t *value)
{
    const uint8_t *p;
    uint32_t len;
    if (!field(page, r, i, 4, &p, &len))
        return false;
    *value = be32(p);
    return true;
}

/* Whether such a column sorts by its bytes, and how. */
static bool find_kind(struct key_column *column, uint32_t mtype, uint32_t prtype)
{
    const uint32_t collation = prtype >> PRTYPE_COLLATION_SHIFT & PRTYPE_COLLATION_MASK;
    bool wide;
    const enum key_kind kind = key_collation_kind(collation, &wide);
    switch (mtype) {
    case MTYPE_FIXED:
    case MTYPE_INT:
        return true;
    case MTYPE_BINARY:
    case MTYPE_VARCHAR:
        column->kind = (uint8_t)kind;
        return kind != KEY_FIXED;
    case MTYPE_CHAR:
        column->kind = (uint8_t)(wide ? kind : KEY_FIXED);
        return kind != KEY_FIXED;
    default:
        return false;
    }
}

static bool column_row(struct sys_row *row, const struct index_checked *page, uint32_t r)
{
    uint32_t mtype, prtype, len;
    if (!field(page, r, 4, 0, &row->name, &row->name_len) || !number(page, r, 5, &mtype) ||
        !number(page, r, 6, &prtype) || !number(page, r, 7, &len))
        return false;
    row->is_virtual = prtype & PRTYPE_VIRTUAL;
    row->column = (struct key_column){
        .len = (uint16_t)len, .is_long = len > SHORT_MAX, .nullable = !(prtype & PRTYPE_NOT_NULL)};
    row->sorts =
        find_kind(&row->column, mtype, prtype) && !row->is_virtual && len && len <= UINT16_MAX;
    return true;
}

static bool index_row(struct sys_row *row, const struct index_checked *page, uint32_t r)
{
    const uint8_t *p;
    uint32_t len;
    if (!field(page, r, 1, 8, &p, &len) || !number(page, r, 5, &row->n_fields) ||
        !number(page, r, 6, &row->type) || !number(page, r, 7, &row->space) ||
        !number(page, r, 8, &row->root))
        return false;
    row->index = be64(p);
    return true;
}

bool sys_table_row(struct sys_row *row, const struct index_checked *page, uint32_t r,
                   enum sys_table table)
{
    const uint8_t *p;
    uint32_t len;
    *row = (struct sys_row){0};
    if (be16(page->frame + INDEX_N_HEAP) & INDEX_COMP_FLAG ||
        page->frame[r - REDUNDANT_EXTRA] & INFO_DELETED || !field(page, r, 0, 8, &p, &len))
        return false;
    row->id = be64(p);
    switch (table) {
    case SYS_TABLE_COLUMNS:
        return column_row(row, page, r);
    case SYS_TABLE_FIELDS:
        return number(page, r, 1, &row->pos) && field(page, r, 4, 0, &row->name, &row->name_len);
    case SYS_TABLE_INDEXES:
        return index_row(row, page, r);
    case SYS_TABLE_COUNT:
        break;
    }
    return false;
}
