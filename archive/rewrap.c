/* archive/rewrap.c: see rewrap.h. */
#include "archive/rewrap.h"

#include <string.h>

#include "archive/envelope.h"
#include "archive/repo_kind.h"
#include "base/cleanup.h"
#include "base/secret.h"

/* The beginning of a sealed archive. */
struct beginning {
    uint8_t header[ARCHIVE_HEADER_SIZE];
    uint8_t block[KEY_BLOCK_SIZE]; /* the one that counts */
    bool sealed;
};

static struct err *read_all(struct source *s, void *p, size_t n, uint64_t at)
{
    size_t got;
    TRY(s->read_at(s, p, n, at, &got));
    return got == n ? NULL
                    : err_make(CORRUPT, "%s: is cut off within its first %zu bytes", s->name,
                               (size_t)at + n);
}

static struct err *read_beginning(struct beginning *b, struct repo *r, const char *id)
{
    AUTO(source) s = NULL;
    struct archive_header h;
    bool beside;
    TRY(repo_open_source(&s, r, id));
    TRY(read_all(s, b->header, sizeof b->header, 0));
    TRY_AT(archive_header_get(&h, b->header), "%s", s->name);
    b->sealed = h.sealed;
    if (!h.sealed)
        return NULL;
    TRY(repo_key_block_read(b->block, &beside, r, id));
    return beside ? NULL : read_all(s, b->block, sizeof b->block, ARCHIVE_HEADER_SIZE);
}

/* Whether it opens with that key, whose id it has in clear: so it can be anybody's. */
static struct err *check_takes(const struct beginning *b, const struct archive_key *key)
{
    AUTO(archive_keys) only = secret_alloc(sizeof *only);
    AUTO(seal_key) archive_key = NULL;
    only->n = 1;
    only->keys[0] = *key;
    return envelope_open(&archive_key, b->block, b->header, only);
}

/* Two who do this at once both open the block that was there before; the one that stays is that of the last. */
static struct err *check_ours(const struct beginning *b, struct repo *r, const char *id)
{
    uint8_t now[KEY_BLOCK_SIZE];
    bool beside;
    TRY(repo_key_block_read(now, &beside, r, id));
    if (beside && !memcmp(now, b->block, sizeof now))
        return NULL;
    return err_hint(err_make(REFUSED, "was given another key by somebody else at the same time"),
                    "Let one change keys at a time; then run it again.");
}

static struct err *rewrap(struct beginning *b, struct repo *r, const char *id,
                          const struct archive_key *key)
{
    AUTO(seal_key) archive_key = NULL;
    TRY(envelope_open(&archive_key, b->block, b->header, r->options.keys));
    TRY(envelope_rewrap(b->block, archive_key, b->header, key));
    TRY(repo_key_block_replace(r, id, b->block));
    return check_ours(b, r, id);
}

static struct err *rewrap_in_use(enum rewrap_outcome *outcome, struct repo *r, const char *id,
                                 const struct archive_key *key)
{
    struct beginning b;
    struct key_block block;
    TRY(read_beginning(&b, r, id));
    *outcome = REWRAP_IN_CLEAR;
    if (!b.sealed)
        return NULL;
    TRY(key_block_get(&block, b.block));
    *outcome = REWRAP_HAS_IT;
    if (block.key_id == key->id)
        return check_takes(&b, key);
    *outcome = REWRAP_DONE;
    return rewrap(&b, r, id, key);
}

struct err *repo_rewrap(enum rewrap_outcome *outcome, struct repo *r, const char *id,
                        const struct archive_key *key)
{
    struct repo_use *use;
    if (repo_is_stream(r)) /* before it is read through */
        return err_make(REFUSED, "%s: keeps no keys beside its backups", repo_name(r));
    TRY(repo_use_begin(&use, r, id));
    struct err *e = rewrap_in_use(outcome, r, id, key);
    repo_use_end(use);
    return e;
}
