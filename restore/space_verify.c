/* restore/space_verify.c: see space_verify.h.
 *
 * What a page says of others is kept in 32 bytes for each page: in memory, or, of large tablespaces, in a file of the scratch
 * directory that is mapped. Threads write to the facts of their own pages; `use` of a page is written by the thread that has its
 * extent descriptor. They are read when all threads are done. */
#include "restore/space_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "innodb/doublewrite.h"
#include "innodb/fil_page.h"
#include "innodb/page_compress.h"
#include "innodb/page_zip.h"
#include "innodb/sdi.h"
#include "innodb/segment_check.h"
#include "innodb/space_use.h"
#include "innodb/sys_tables.h"
#include "restore/index_defs_sys.h"

enum {
    FACTS_IN_MEMORY = 64 << 20, /* bytes, of one tablespace */
};

/* An index page that is not whole: damage if it is in use, which its extent descriptor says. */
struct broken_page {
    page_no_t no;
    const char *why; /* static */
};

struct space_verify {
    const struct space_verify_options *o;
    const struct restored_file *files;
    size_t n_files;
    page_no_t n_pages;
    struct page_fact *facts;
    size_t facts_bytes;
    struct extent_fact *extents; /* written by the thread that has the descriptors */
    page_no_t sdi_root;          /* by page 0; PAGE_NO_NONE: there is none */
    struct doublewrite doublewrite;
    pthread_mutex_t lock; /* guards the list */
    struct broken_page *broken;
    size_t n_broken, cap_broken;
};

/* One thread's room for the page at hand, and what it is doing. */
struct worker {
    struct space_verify *s;
    const struct restored_file *file;
    uint8_t *clear; /* physical bytes: deciphered */
    uint8_t *image; /* page_size bytes: and unpacked */
    uint8_t *frame; /* page_size bytes: and of a COMPRESSED page, as the server works on it */
    struct page_zip_layout layout;
    struct index_records records;
    uint64_t n_pages;
    uint8_t *only; /* NULL, or: the page that is asked for goes here, and nothing is checked */
};

/* --- facts ------------------------------------------------------------------------------------ */

static struct err *map_facts(struct space_verify *s)
{
    AUTO_FD int fd = -1;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    s->facts_bytes = ((size_t)s->n_pages + 1) * sizeof *s->facts;
    if (s->facts_bytes > FACTS_IN_MEMORY) {
        flags = MAP_SHARED;
        TRY(file_open_nameless(&fd, s->o->scratch));
        const int error = posix_fallocate(fd, 0, (off_t)s->facts_bytes);
        if (error)
            return err_new_os(error, __FILE__, __LINE__, "%s: no room for %zu bytes about %s",
                              s->o->scratch, s->facts_bytes, s->files[0].plan->name);
    }
    s->facts = mmap(NULL, s->facts_bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (s->facts == MAP_FAILED) {
        s->facts = NULL;
        return err_os("cannot map %zu bytes about %s", s->facts_bytes, s->files[0].plan->name);
    }
    return NULL;
}

/* --- reports ---------------------------------------------------------------------------------- */

/* The file that a page of the tablespace is in. */
static const struct restored_file *file_of(const struct space_verify *s, page_no_t no)
{
    size_t i = s->n_files - 1;
    while (i > 0 && s->files[i].plan->first_page > no)
        i--;
    return &s->files[i];
}

static void report(const struct space_verify *s, page_no_t no, const char *what)
{
    damage_report(s->o->damage, "%s: page %" PRIu32 ": %s", file_of(s, no)->plan->name, no, what);
}

/* A page of which nothing more can be said. */
static void report_lost(const struct space_verify *s, page_no_t no, const char *what)
{
    report(s, no, what);
    s->facts[no].kind = PAGE_KIND_DAMAGED;
}

static void add_broken(struct space_verify *s, page_no_t no, const char *why)
{
    pthread_mutex_lock(&s->lock);
    mem_grow(&s->broken, &s->cap_broken, s->n_broken, sizeof *s->broken);
    s->broken[s->n_broken++] = (struct broken_page){no, why};
    pthread_mutex_unlock(&s->lock);
    s->facts[no].kind = PAGE_KIND_DAMAGED;
}

/* --- one page --------------------------------------------------------------------------------- */

/* The logical image of a page: deciphered, unpacked; of a COMPRESSED tablespace as it is stored. *image: in one of the worker's
 * buffers, or the page itself. */
static struct err *logical(struct worker *w, const uint8_t *page, page_no_t no,
                           const uint8_t **image)
{
    const struct restored_file *f = w->file;
    *image = page;
    if (page_is_encrypted(&f->format, page, no)) {
        TRY(page_decrypt(&f->key, &f->format, page, w->clear));
        *image = w->clear;
    }
    if (!page_is_compressed(&f->format, *image))
        return NULL;
    TRY(page_decompress(&f->format, *image, w->image));
    *image = w->image;
    if (be32(w->image + FIL_PAGE_NO) != no || be32(w->image + FIL_SPACE) != f->plan->id)
        return err_make(CORRUPT, "the page inside is page %" PRIu32 " of tablespace %" PRIu32,
                        be32(w->image + FIL_PAGE_NO), be32(w->image + FIL_SPACE));
    return NULL;
}

/* Makes w->frame of the logical image of an index page. NULL, or why that cannot be. */
static const char *make_frame(struct worker *w, const uint8_t *image)
{
    const struct space_format *format = &w->file->format;
    if (!format->zip) {
        memcpy(w->frame, image, format->page_size);
        return NULL;
    }
    const char *why =
        page_zip_decode(&w->layout, w->frame, format->page_size, image, format->physical);
    if (why)
        return why;
    const uint16_t gap = w->layout.log_end;
    return bytes_are_zero(image + gap, w->layout.trailer - gap)
               ? NULL
               : "there is something where the compressed page should be empty";
}

static struct index_checked checked_frame(const struct worker *w)
{
    return (struct index_checked){.frame = w->frame,
                                  .size = w->file->format.page_size,
                                  .instant_metadata = w->s->o->env->family->instant_metadata};
}

/* What the order of an index's records goes by, if that is known. */
static bool find_key(const struct worker *w, struct key_columns *key, const struct index_facts *f)
{
    if (be16(w->frame + FIL_TYPE) == FIL_TYPE_SDI) {
        *key = sdi_key();
        return true;
    }
    return !f->rtree && index_defs_key(w->s->o->defs, key, f->index_id);
}

static void check_index_page(struct worker *w, page_no_t no, const uint8_t *image)
{
    struct space_verify *s = w->s;
    struct page_fact *fact = &s->facts[no];
    struct index_facts f;
    struct key_columns key;
    const struct index_checked page = checked_frame(w);
    const char *why = make_frame(w, image);
    if (why) {
        add_broken(s, no, why);
        return;
    }
    why = index_check(&f, &w->records, &page);
    if (!why && find_key(w, &key, &f))
        why = key_order_check(&page, &key);
    fact->index_id = f.index_id;
    fact->prev = f.prev;
    fact->next = f.next;
    fact->level = f.level;
    fact->n_recs = f.n_recs;
    fact->rtree = f.rtree;
    fact->root = f.root;
    if (!index_is_change_buffer(w->file->plan->id, f.index_id))
        fact->kind = PAGE_KIND_INDEX;
    if (why)
        add_broken(s, no, why);
}

static bool is_index_page(const struct worker *w, const uint8_t *image)
{
    return index_check_is_type(be16(image + FIL_TYPE), w->s->o->env->family->instant_metadata);
}

/* Whether the tablespace carries definitions of its tables: MySQL's. */
static bool has_sdi(const struct redo_family *family, const struct space_format *format)
{
    return !family->instant_metadata && format->flags & FSP_FLAG_SDI;
}

static void check_contents(struct worker *w, page_no_t no, const uint8_t *image)
{
    struct space_verify *s = w->s;
    if (is_index_page(w, image)) {
        check_index_page(w, no, image);
    } else if (space_use_is_page(&w->file->format, no)) {
        const char *why = space_use_note(s->facts, s->n_pages, &w->file->format, no, image);
        if (why)
            report(s, no, why);
        else
            segment_note(s->extents, s->n_pages, &w->file->format, no, image);
        if (no == 0 && has_sdi(s->o->env->family, &w->file->format))
            s->sdi_root = sdi_root(&w->file->format, image);
    }
}

static struct err *check_page(struct worker *w, page_no_t no, const uint8_t *page)
{
    const struct space_verify *s = w->s;
    const struct restored_file *f = w->file;
    const uint8_t *image;
    char why[PAGE_WHY_SIZE];
    if (s->facts[no].kind == PAGE_KIND_DAMAGED ||
        (f->plan->id == 0 && doublewrite_has(&s->doublewrite, no)))
        return NULL;
    switch (page_crypt_check(&f->key, &f->format, f->plan->id, no, page, w->clear, why)) {
    case PAGE_ZERO:
        return NULL;
    case PAGE_CORRUPT:
        report_lost(s, no, why);
        return NULL;
    case PAGE_OK:
        break;
    }
    w->n_pages++;
    if (be64(page + FIL_LSN) > s->o->end) {
        snprintf(why, sizeof why, "LSN %" PRIu64 " is beyond the end of the backup, %" PRIu64,
                 be64(page + FIL_LSN), s->o->end);
        report(s, no, why);
    }
    struct err *e = logical(w, page, no, &image);
    if (e && e->kind == ERR_CORRUPT) {
        report_lost(s, no, e->message);
        err_free(e);
        return NULL;
    }
    TRY(e);
    check_contents(w, no, image);
    return NULL;
}

/* --- ranges ----------------------------------------------------------------------------------- */

static struct err *key_of(void *ctx, const struct space_key **key)
{
    const struct worker *w = ctx;
    *key = &w->file->key;
    return NULL;
}

static struct err *take_window(void *ctx, const uint8_t *data, size_t len, uint64_t at)
{
    struct worker *w = ctx;
    const uint32_t size = w->file->format.physical;
    const page_no_t first = w->file->plan->first_page + (page_no_t)(at / size);
    if (w->only) {
        memcpy(w->only, data, len < size ? len : size);
        return NULL;
    }
    for (size_t i = 0; i + size <= len; i += size)
        TRY(check_page(w, first + (page_no_t)(i / size), data + i));
    return NULL;
}

static struct err *take_lost(void *ctx, page_no_t no, struct err *e)
{
    const struct worker *w = ctx;
    if (!w->only) {
        damage_report(w->s->o->damage, "%s", e->message); /* names file and page */
        w->s->facts[no].kind = PAGE_KIND_DAMAGED;
    }
    err_free(e);
    return NULL;
}

static void worker_init(struct worker *w, struct space_verify *s, const struct restored_file *file)
{
    const uint32_t size = s->o->env->page_size;
    w->s = s;
    w->file = file;
    w->clear = mem_alloc_aligned(size);
    w->image = mem_alloc_aligned(size);
    w->frame = mem_alloc_aligned(size);
}

static void worker_fini(struct worker *w)
{
    free(w->clear);
    free(w->image);
    free(w->frame);
}

static struct err *run_range(struct worker *w, uint64_t from, uint64_t to)
{
    const struct page_range range = {.space = w->file->plan,
                                     .format = &w->file->format,
                                     .from = from,
                                     .to = to,
                                     .ctx = w,
                                     .key = key_of,
                                     .put = take_window,
                                     .whole_windows = true,
                                     .lost = take_lost};
    uint64_t n_recovered;
    return page_range_run(&n_recovered, w->s->o->env, &range);
}

struct err *space_verify_range(struct space_verify *s, const struct restored_file *file,
                               uint64_t from, uint64_t to, uint64_t *n_pages)
{
    AUTO_FREE struct worker *w = mem_zalloc(sizeof *w);
    worker_init(w, s, file);
    struct err *e = run_range(w, from, to);
    *n_pages += w->n_pages;
    worker_fini(w);
    return e;
}

/* Page `no`, as it would be stored, into slot: page_size bytes. */
static struct err *read_stored(struct worker *w, page_no_t no, uint8_t *slot)
{
    const uint32_t size = w->s->o->env->page_size;
    w->file = file_of(w->s, no);
    const uint64_t at = (uint64_t)(no - w->file->plan->first_page) * w->file->format.physical;
    memset(slot, 0, size);
    w->only = slot;
    struct err *e = run_range(w, at, at + w->file->format.physical);
    w->only = NULL;
    return e;
}

/* --- what is known at the beginning and at the end -------------------------------------------- */

static struct err *find_doublewrite(struct space_verify *s)
{
    AUTO_FREE struct worker *w = mem_zalloc(sizeof *w);
    AUTO_FREE uint8_t *page = mem_alloc_aligned(s->o->env->page_size);
    const uint8_t *image;
    if (s->n_pages <= TRX_SYS_PAGE_NO)
        return NULL;
    worker_init(w, s, &s->files[0]);
    struct err *e = read_stored(w, TRX_SYS_PAGE_NO, page);
    if (!e)
        e = logical(w, page, TRX_SYS_PAGE_NO, &image);
    if (!e)
        s->doublewrite = doublewrite_of(image, s->o->env->page_size);
    worker_fini(w);
    if (!e || e->kind != ERR_CORRUPT)
        return e;
    err_free(e); /* the page is reported in its turn */
    return NULL;
}

/* Files and number of pages. */
static struct err *set_files(struct space_verify *s, const struct space_verify_options *options,
                             const struct restored_file *files, size_t n)
{
    const struct restored_file *last = &files[n - 1];
    const uint64_t pages = last->plan->first_page + last->size / last->format.physical;
    s->o = options;
    s->files = files;
    s->n_files = n;
    if (pages > PAGE_NO_NONE)
        return err_make(CORRUPT, "%s: %" PRIu64 " pages are more than a tablespace can have",
                        last->plan->name, pages);
    s->n_pages = (page_no_t)pages;
    return NULL;
}

struct err *space_verify_new(struct space_verify **out, const struct space_verify_options *options,
                             const struct restored_file *files, size_t n)
{
    AUTO(space_verify) s = mem_zalloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->sdi_root = PAGE_NO_NONE;
    TRY(set_files(s, options, files, n));
    TRY(map_facts(s));
    s->extents =
        mem_zalloc((segment_n_extents(&files[0].format, s->n_pages) + 1) * sizeof *s->extents);
    if (files[0].plan->id == 0)
        TRY(find_doublewrite(s));
    *out = s;
    s = NULL;
    return NULL;
}

/* --- pages out of their turn ------------------------------------------------------------------ */

struct reader_of_pages {
    struct worker worker;
    uint8_t *page;
};

static struct reader_of_pages *reader_of_pages_new(struct space_verify *s)
{
    struct reader_of_pages *r = mem_zalloc(sizeof *r);
    r->page = mem_alloc_aligned(s->o->env->page_size);
    worker_init(&r->worker, s, &s->files[0]);
    return r;
}

static void reader_of_pages_free(struct reader_of_pages *r)
{
    if (!r)
        return;
    worker_fini(&r->worker);
    free(r->page);
    free(r);
}
CLEANUP(reader_of_pages, reader_of_pages_free)

/* The logical image of a page; borrowed until the next call. */
static struct err *read_logical(struct reader_of_pages *r, const uint8_t **image, page_no_t no)
{
    TRY(read_stored(&r->worker, no, r->page));
    return logical(&r->worker, r->page, no, image);
}

/* The frame of an index page, likewise. */
static struct err *read_frame(struct reader_of_pages *r, page_no_t no)
{
    const uint8_t *image;
    TRY(read_logical(r, &image, no));
    const char *why = make_frame(&r->worker, image);
    return why ? err_make(CORRUPT, "page %" PRIu32 ": %s", no, why) : NULL;
}

/* The logical image of a page; *image NULL: it is damaged, which is reported in its turn. */
static struct err *read_raw(void *ctx, const uint8_t **image, page_no_t no)
{
    struct reader_of_pages *r = ctx;
    struct err *e = read_logical(r, image, no);
    if (!e || e->kind != ERR_CORRUPT)
        return e;
    err_free(e);
    *image = NULL;
    return NULL;
}

static struct err *read_for_tree(void *ctx, struct index_checked *page, page_no_t no)
{
    struct reader_of_pages *r = ctx;
    TRY(read_frame(r, no));
    *page = checked_frame(&r->worker);
    return NULL;
}

static bool is_live_for_tree(void *ctx, uint64_t index_id)
{
    const struct reader_of_pages *r = ctx;
    return index_defs_may_know(r->worker.s->o->defs, index_id);
}

static void report_for_tree(void *ctx, page_no_t no, const char *what)
{
    const struct reader_of_pages *r = ctx;
    report(r->worker.s, no, what);
}

/* --- definitions of indexes ------------------------------------------------------------------- */

static struct err *read_for_sdi(void *ctx, const uint8_t **frame, page_no_t no, bool raw)
{
    struct reader_of_pages *r = ctx;
    if (raw)
        return read_raw(r, frame, no);
    struct err *e = read_frame(r, no);
    *frame = r->worker.frame;
    if (!e || e->kind != ERR_CORRUPT)
        return e;
    err_free(e); /* reported in its turn */
    *frame = NULL;
    return NULL;
}

static struct err *take_sdi(void *ctx, uint32_t type, const char *text, size_t len)
{
    const struct reader_of_pages *r = ctx;
    const struct space_verify *s = r->worker.s;
    if (type == SDI_TABLE)
        index_defs_add_sdi(s->o->defs, s->files[0].plan->id, text, len);
    return signals_check();
}

struct err *space_verify_learn(const struct space_verify_options *options,
                               const struct restored_file *files, size_t n)
{
    struct space_verify s = {0};
    const uint8_t *page;
    if (!has_sdi(options->env->family, &files[0].format))
        return NULL;
    TRY(set_files(&s, options, files, n));
    AUTO(reader_of_pages) r = reader_of_pages_new(&s);
    const struct sdi_walk w = {.format = &files[0].format,
                               .n_pages = s.n_pages,
                               .ctx = r,
                               .read = read_for_sdi,
                               .take = take_sdi};
    TRY(read_for_sdi(r, &page, 0, true));
    return page ? sdi_walk_run(&w, sdi_root(&files[0].format, page)) : NULL;
}

/* The rows on a leaf of one of MariaDB's tables. */
static struct err *read_rows(struct reader_of_pages *r, struct sys_join *join, enum sys_table table,
                             page_no_t no)
{
    const struct index_checked page = checked_frame(&r->worker);
    const struct key_columns key = sys_table_key(table);
    TRY(read_frame(r, no));
    const char *why = key_order_check(&page, &key);
    if (why)
        report(r->worker.s, no, why);
    for (uint32_t at = index_check_next(&page, 0); at; at = index_check_next(&page, at)) {
        struct sys_row row;
        if (sys_table_row(&row, &page, at, table))
            sys_join_add(join, table, &row);
    }
    return NULL;
}

/* The dictionary's own indexes are not in it. */
static void add_own_indexes(const struct space_verify *s, const uint8_t *page_7)
{
    for (uint32_t i = 0; i < SYS_ROOTS; i++) {
        const page_no_t root = sys_root(page_7, i);
        if (root < s->n_pages && s->facts[root].kind == PAGE_KIND_INDEX)
            index_defs_add(s->o->defs,
                           &(struct index_def){.id = s->facts[root].index_id, .root = root});
    }
}

/* MariaDB's definitions of all indexes. */
static struct err *read_sys_tables(struct space_verify *s, struct reader_of_pages *r)
{
    AUTO(sys_join) join = sys_join_new();
    page_no_t roots[SYS_TABLE_COUNT];
    const uint8_t *image;
    if (!s->o->env->family->instant_metadata || s->files[0].plan->id != 0 ||
        s->n_pages <= SYS_TABLES_PAGE_NO)
        return NULL;
    TRY(read_logical(r, &image, SYS_TABLES_PAGE_NO));
    for (int table = 0; table < SYS_TABLE_COUNT; table++)
        roots[table] = sys_table_root(image, (enum sys_table)table);
    add_own_indexes(s, image);
    for (int table = 0; table < SYS_TABLE_COUNT; table++) {
        if (roots[table] >= s->n_pages)
            continue;
        const uint64_t id = s->facts[roots[table]].index_id;
        for (page_no_t no = 0; no < s->n_pages; no++) {
            const struct page_fact *f = &s->facts[no];
            if (f->kind == PAGE_KIND_INDEX && f->use != PAGE_USE_FREE && f->index_id == id &&
                f->level == 0)
                TRY(read_rows(r, join, (enum sys_table)table, no));
        }
    }
    sys_join_finish(join, s->o->defs);
    return NULL;
}

static void note_roots(const struct space_verify *s)
{
    const bool has_defs = s->o->env->family->instant_metadata && s->files[0].plan->id == 0;
    for (page_no_t no = 0; no < s->n_pages; no++) {
        const struct page_fact *f = &s->facts[no];
        if (f->kind == PAGE_KIND_DAMAGED && has_defs && f->use != PAGE_USE_FREE)
            index_defs_lost(s->o->defs);
        if (f->kind == PAGE_KIND_DAMAGED)
            index_defs_found(s->o->defs, s->files[0].plan->id, no, INDEX_DAMAGED);
        else if (f->kind == PAGE_KIND_INDEX && f->root && f->use != PAGE_USE_FREE)
            index_defs_found(s->o->defs, s->files[0].plan->id, no, f->index_id);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static int by_page(const void *a, const void *b)
{
    const struct broken_page *x = a, *y = b;
    return x->no < y->no ? -1 : x->no > y->no;
}

static void report_broken(struct space_verify *s)
{
    if (s->n_broken)
        qsort(s->broken, s->n_broken, sizeof *s->broken, by_page);
    for (size_t i = 0; i < s->n_broken; i++)
        if (s->facts[s->broken[i].no].use != PAGE_USE_FREE)
            report(s, s->broken[i].no, s->broken[i].why);
}

/* What is in use lies before the end that page 0 names. */
static void check_size(const struct space_verify *s)
{
    for (page_no_t no = s->files[0].fsp_size; no < s->n_pages; no++)
        if (s->facts[no].use == PAGE_USE_USED) {
            report(s, no, "is in use behind the end of the tablespace that page 0 names");
            return;
        }
}

static void check_sdi_root(const struct space_verify *s)
{
    const struct page_fact *f = s->sdi_root < s->n_pages ? &s->facts[s->sdi_root] : NULL;
    if (f && f->kind != PAGE_KIND_DAMAGED &&
        (f->kind != PAGE_KIND_INDEX || !f->root || f->use == PAGE_USE_FREE))
        report(s, s->sdi_root, "is no root, and by page 0 that of the definitions of tables");
}

struct err *space_verify_finish(struct space_verify *s)
{
    AUTO(reader_of_pages) r = reader_of_pages_new(s);
    const struct tree_check t = {.facts = s->facts,
                                 .n_pages = s->n_pages,
                                 .ctx = r,
                                 .read = read_for_tree,
                                 .is_live = is_live_for_tree,
                                 .report = report_for_tree};
    const struct segment_check segments = {.format = &s->files[0].format,
                                           .space = s->files[0].plan->id,
                                           .facts = s->facts,
                                           .n_pages = s->n_pages,
                                           .extents = s->extents,
                                           .ctx = r,
                                           .read = read_raw,
                                           .is_live = is_live_for_tree,
                                           .report = report_for_tree};
    check_size(s);
    check_sdi_root(s);
    report_broken(s);
    note_roots(s);
    TRY(read_sys_tables(s, r)); /* what follows asks which indexes there are */
    TRY(tree_check_run(&t));
    return segment_check_run(&segments);
}

void space_verify_free(struct space_verify *s)
{
    if (!s)
        return;
    if (s->facts)
        munmap(s->facts, s->facts_bytes);
    pthread_mutex_destroy(&s->lock);
    free(s->extents);
    free(s->broken);
    free(s);
}
