/* archive/repo_copy.c: see repo_copy.h. */
#include "archive/repo_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "archive/format.h"
#include "archive/repo_kind.h"
#include "base/cleanup.h"
#include "base/signals.h"

/* ---- what is there already ---- */

/* The final record has the archive's random id, and how many chunks there are. */
static struct err *is_same(bool *same, struct source *a, struct source *b)
{
    uint8_t end_a[FINAL_SIZE], end_b[FINAL_SIZE];
    size_t got_a, got_b;
    *same = a->size == b->size && a->size >= FINAL_SIZE;
    if (!*same)
        return NULL;
    TRY(a->read_at(a, end_a, FINAL_SIZE, a->size - FINAL_SIZE, &got_a));
    TRY(b->read_at(b, end_b, FINAL_SIZE, b->size - FINAL_SIZE, &got_b));
    *same = got_a == FINAL_SIZE && got_b == FINAL_SIZE && !memcmp(end_a, end_b, FINAL_SIZE);
    return NULL;
}

/* REFUSED when there is another one. */
static struct err *look_over_there(bool *there, struct repo *to, const char *id,
                                   struct source *source)
{
    AUTO(source) found = NULL;
    *there = false;
    struct err *e = repo_open_source(&found, to, id);
    if (e && e->os_errno == ENOENT) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    TRY(is_same(there, source, found));
    return *there ? NULL
                  : err_make(REFUSED, "%s: has another backup of the name %s", repo_name(to), id);
}

/* ---- writing ---- */

/* A source that hands on to a sink what is read from it. Whoever walks through a whole archive reads each byte of it once, in their
 * order. */
struct tee {
    struct source source;
    struct source *below;
    struct sink *sink;
    struct progress *progress;
    uint64_t n;  /* bytes that were handed on */
    bool failed; /* they could not be read */
};

static struct err *tee_read_at(struct source *s, void *buf, size_t n, uint64_t offset, size_t *got)
{
    struct tee *t = (struct tee *)s; /* the first member, as below */
    TRY(signals_check());
    struct err *e = t->below->read_at(t->below, buf, n, offset, got);
    t->failed = e != NULL;
    TRY(e);
    const uint64_t end = offset + *got;
    if (offset > t->n)
        return err_make(FAILED, "%s: %" PRIu64 " bytes were passed over", s->name, offset - t->n);
    if (end <= t->n)
        return NULL;
    TRY(t->sink->append(t->sink, (uint8_t *)buf + (t->n - offset), (size_t)(end - t->n)));
    progress_add(t->progress, end - t->n);
    t->n = end;
    return NULL;
}

static void tee_drop(struct source *s, uint64_t offset, uint64_t n)
{
    struct tee *t = (struct tee *)s;
    t->below->drop(t->below, offset, n);
}

static void tee_in_order(struct source *s)
{
    struct tee *t = (struct tee *)s;
    t->below->in_order(t->below);
}

static void tee_free(struct source *s)
{
    (void)s; /* it owns nothing */
}

static struct err *on_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                            uint64_t len)
{
    (void)ctx;
    (void)entry;
    (void)offset;
    (void)data;
    (void)len;
    return NULL; /* it is checked, and that is all */
}

static struct err *on_damage(void *ctx, const char *what)
{
    const struct tee *t = ctx;
    return err_make(CORRUPT, "%s: %s", t->source.name, what);
}

/* K1 */
static struct err *pass_through(struct tee *t, bool *unopened, struct repo *from, const char *id)
{
    const struct archive_walk walk = {
        .on_piece = on_piece, .on_damage = on_damage, .ctx = t, .unopened = unopened};
    bool complete;
    TRY(repo_walk(from, id, &t->source, &walk, &complete));
    if (!complete || t->n != t->source.size)
        return err_make(CORRUPT, "%s: is incomplete: no final record at its end", t->source.name);
    return NULL;
}

static struct err *write_archive(struct repo_copy_result *out, struct repo *to, struct repo *from,
                                 const char *id, struct source *source, struct progress *progress)
{
    AUTO(repo_draft) draft = NULL;
    TRY(repo_begin_as(&draft, to, id));
    struct sink *sink = repo_draft_sink(draft);
    struct tee tee = {.source = {.name = source->name,
                                 .size = source->size,
                                 .read_at = tee_read_at,
                                 .drop = tee_drop,
                                 .in_order = tee_in_order,
                                 .free = tee_free},
                      .below = source,
                      .sink = sink,
                      .progress = progress};
    struct err *e = pass_through(&tee, &out->unopened, from, id);
    out->of_source =
        tee.failed ||
        (e && (e->kind == ERR_CORRUPT || e->kind == ERR_UNSIGNED || e->kind == ERR_SEALED));
    TRY(e);
    TRY(sink->commit(sink));
    return repo_publish(draft);
}

/* ---- the whole ---- */

/* K3 */
static struct err *put_key_block(struct repo *to, const char *id, const uint8_t *block)
{
    AUTO(repo_use) in_use = NULL;
    uint8_t other[KEY_BLOCK_SIZE];
    bool there;
    TRY(repo_use_begin(&in_use, to, id));
    TRY(repo_key_block_read(other, &there, to, id));
    return there ? NULL : repo_key_block_replace(to, id, block);
}

static struct err *copy_used(struct repo_copy_result *out, struct repo *to, struct repo *from,
                             const char *id, struct progress *progress)
{
    AUTO(source) source = NULL;
    uint8_t block[KEY_BLOCK_SIZE];
    struct key_block parsed;
    bool has_block;
    out->of_source = true;
    TRY(repo_open_source(&source, from, id));
    TRY(repo_key_block_read(block, &has_block, from, id));
    if (has_block)
        TRY_AT(key_block_get(&parsed, block), "%s: the key block beside it", source->name);
    out->of_source = false;
    out->bytes = source->size;
    TRY(look_over_there(&out->there, to, id, source));
    if (!out->there) {
        progress_phase(progress, "copy", source->size);
        TRY(write_archive(out, to, from, id, source, progress));
    }
    return has_block ? put_key_block(to, id, block) : NULL;
}

struct err *repo_copy(struct repo_copy_result *out, struct repo *to, struct repo *from,
                      const char *id, struct progress *progress)
{
    AUTO(repo_use) in_use = NULL;
    *out = (struct repo_copy_result){0};
    struct err *e = repo_use_begin(&in_use, from, id);
    out->gone = e && e->os_errno == ENOENT;
    if (!out->gone)
        return e ? e : copy_used(out, to, from, id, progress);
    err_free(e);
    return NULL;
}
