/* innodb/redo_mysql_index.c: see redo_mysql_index.h. */
#include "innodb/redo_mysql_index.h"

#include <string.h>

enum {
    OLD_INSTANT = 0x8000,
    NEW_VERSION = 1,
    NEW_COMPACT = 1,
    NEW_VERSIONED = 2,
    NEW_INSTANT = 4,
    PHYS_ADDED = 0x8000,
    PHYS_DROPPED = 0x4000,
    PHYS_POSITION = 0x3FFF,
    TYPE_OLD_FIRST = 9,
    TYPE_OLD_COMP_FIRST = 38,
    TYPE_NEW_FIRST = 67,
    TYPE_NEW_LAST = 76,
};

static bool is_new(unsigned type)
{
    return type >= TYPE_NEW_FIRST && type <= TYPE_NEW_LAST;
}

static bool is_old_comp(unsigned type)
{
    return (type >= TYPE_OLD_COMP_FIRST && type <= 46) || type == 52 || type == 53;
}

static bool is_old_redundant(unsigned type)
{
    return type == TYPE_OLD_FIRST || type == 10 || (type >= 13 && type <= 18);
}

bool redo_mysql_has_index(unsigned type)
{
    return is_new(type) || is_old_comp(type) || is_old_redundant(type);
}

static const char *read_fields(struct redo_mysql_index *ix, struct reader *r)
{
    ix->n_uniq = rd_be16(r);
    for (unsigned i = 0; i < ix->n; i++)
        ix->fields[i].word = rd_be16(r);
    if (r->ran_out)
        return "index description cut off in its fields";
    if (ix->n_uniq > ix->n)
        return "index description with more key fields than fields";
    if (ix->instant && ix->n_inst > ix->n)
        return "index description with more fields before the first instant one than fields";
    return NULL;
}

/* The fields that are not listed keep their order: each takes the next physical position that is free. */
static const char *place_unlisted(struct redo_mysql_index *ix, const bool *listed, bool *used)
{
    int shift = 0;
    for (unsigned i = 0; i < ix->n; i++) {
        if (listed[i]) {
            if (ix->fields[i].v_added != MYSQL_NO_VERSION &&
                ix->fields[i].v_dropped == MYSQL_NO_VERSION)
                shift--;
            continue;
        }
        int q = (int)i + shift;
        while (q >= 0 && q < ix->n && used[q])
            q++;
        if (q < 0 || q >= ix->n)
            return "index description whose fields have no physical order";
        ix->fields[i].phys = (uint16_t)q;
        used[q] = true;
    }
    return NULL;
}

static const char *read_versions(struct redo_mysql_index *ix, struct reader *r)
{
    bool listed[MYSQL_FIELDS_MAX] = {0}, used[MYSQL_FIELDS_MAX] = {0};
    const unsigned k = rd_be16(r);
    if (k > ix->n)
        return "index description with more versioned fields than fields";
    for (unsigned i = 0; i < k; i++) {
        const unsigned at = rd_be16(r), word = rd_be16(r), phys = word & PHYS_POSITION;
        const uint8_t added = word & PHYS_ADDED ? rd_u8(r) : MYSQL_NO_VERSION;
        const uint8_t dropped = word & PHYS_DROPPED ? rd_u8(r) : MYSQL_NO_VERSION;
        if (r->ran_out)
            return "index description cut off in its versions";
        if (at >= ix->n || phys >= ix->n || listed[at] || used[phys])
            return "index description that names a field twice, or one that is not there";
        ix->fields[at] =
            (struct redo_mysql_field){ix->fields[at].word, (uint16_t)phys, added, dropped};
        listed[at] = used[phys] = true;
    }
    return place_unlisted(ix, listed, used);
}

static void init(struct redo_mysql_index *ix, unsigned n)
{
    ix->n = ix->n_uniq = (uint16_t)n;
    for (unsigned i = 0; i < n; i++)
        ix->fields[i] =
            (struct redo_mysql_field){0, (uint16_t)i, MYSQL_NO_VERSION, MYSQL_NO_VERSION};
}

static const char *set_n(struct redo_mysql_index *ix, unsigned n)
{
    if (n == 0 || n > MYSQL_FIELDS_MAX)
        return "index description with an impossible number of fields";
    init(ix, n);
    return NULL;
}

static const char *read_old(struct redo_mysql_index *ix, struct reader *r)
{
    unsigned n = rd_be16(r);
    ix->comp = true;
    if (n & OLD_INSTANT) {
        ix->instant = true;
        ix->n_inst = n & (OLD_INSTANT - 1);
        n = rd_be16(r);
    }
    const char *why = set_n(ix, n);
    return why ? why : read_fields(ix, r);
}

static const char *read_new(struct redo_mysql_index *ix, struct reader *r)
{
    const unsigned version = rd_u8(r), flags = rd_u8(r);
    if (r->ran_out || version != NEW_VERSION ||
        flags & ~(NEW_COMPACT | NEW_VERSIONED | NEW_INSTANT))
        return "index description of a version that is not known";
    ix->comp = flags & NEW_COMPACT;
    ix->versioned = flags & NEW_VERSIONED;
    ix->instant = flags & NEW_INSTANT;
    if (!ix->comp && !ix->versioned) {
        init(ix, 1);
        return NULL;
    }
    const char *why = set_n(ix, rd_be16(r));
    if (!why && ix->comp) {
        if (ix->instant)
            ix->n_inst = rd_be16(r);
        why = read_fields(ix, r);
    }
    if (!why && ix->versioned)
        why = read_versions(ix, r);
    return why;
}

const char *redo_mysql_index_read(struct redo_mysql_index *out, struct reader *r, unsigned type)
{
    out->comp = out->versioned = out->instant = false;
    out->n_inst = 0;
    const char *why = NULL;
    if (is_new(type))
        why = read_new(out, r);
    else if (is_old_comp(type))
        why = read_old(out, r);
    else
        init(out, 1);
    for (unsigned i = 0; !why && i < out->n; i++)
        out->logical[out->fields[i].phys] = (uint16_t)i;
    return why;
}
