/* tests/tools/crash_image.c: makes an ordinary full backup from the datadir of a server that was
 * killed, so that a restore of it can be compared with the server's own crash recovery. Half of
 * the oracle; the other half is page_compare.c.
 *
 *     crash_image CRASHED_DATADIR REPOSITORY [INNODB_DATA_FILE_PATH]
 *
 * Prints the id of the backup. The log is taken from its newest checkpoint to its end, as recovery
 * would. A page that is not whole is taken from the doublewrite buffer; if that has no whole copy
 * either, it is left out (zeros), which the restore accepts only if the log makes the page anew. A
 * tablespace whose page 0 was never written is in the log as a whole and is not stored. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "archive/catalog.h"
#include "engine/aria_copy.h"
#include "engine/plain_copy.h"
#include "engine/redo_store.h"
#include "innodb/fil_page.h"
#include "innodb/redo_mariadb.h"
#include "innodb/space_map.h"
#include "tests/tools/space_file.h"

enum { READ_BYTES = 8 << 20 };

struct image {
    struct datadir datadir;
    struct listing list;
    struct archive_writer *writer;
    struct copy_env env;
    uint8_t *doublewrite; /* both extents, page after page */
    uint32_t n_doublewrite;
    struct redo_log_header log;
    struct redo_span redo;
    unsigned pages_from_doublewrite, pages_left_out, spaces_left_out;
};

/* --- redo ------------------------------------------------------------------------------------- */

static struct err *log_read(int fd, const struct redo_geometry *g, lsn_t lsn, uint8_t *buf,
                            size_t n, const char *path)
{
    const uint64_t at = redo_offset(g, lsn), to_end = REDO_START_OFFSET + g->capacity - at;
    const size_t first = n < to_end ? n : (size_t)to_end;
    size_t got;
    memset(buf, 0, n);
    TRY(file_pread(fd, buf, first, at, &got, path));
    return first < n ? file_pread(fd, buf + first, n - first, REDO_START_OFFSET, &got, path) : NULL;
}

/* Writes the payload from the newest checkpoint on to `spool` and learns where it ends. */
static struct err *spool_redo(struct image *im, const char *spool)
{
    AUTO_FREE char *path = mem_printf("%s/ib_logfile0", im->datadir.log_dir);
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(READ_BYTES);
    AUTO_FD int in = -1, out = -1;
    struct stat st;
    size_t got;
    TRY(file_open(&in, path, O_RDONLY, 0));
    TRY(file_open(&out, spool, O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(file_pread(in, buf, REDO_START_OFFSET, 0, &got, path));
    TRY_AT(redo_log_header_parse(&im->log, buf, got), "%s", path);
    if (!im->log.checkpoint_lsn || fstat(in, &st) || st.st_size <= REDO_START_OFFSET)
        return err_make(CORRUPT, "%s: no valid checkpoint", path);
    const struct redo_geometry g = {.first_lsn = im->log.first_lsn,
                                    .capacity = (uint64_t)st.st_size - REDO_START_OFFSET,
                                    .encrypted = im->log.encrypted};
    const size_t window = g.capacity < READ_BYTES ? (size_t)g.capacity : READ_BYTES;
    lsn_t lsn = im->log.checkpoint_lsn;
    for (size_t n = 1; n;) {
        TRY(log_read(in, &g, lsn, buf, window, path));
        n = redo_frame(buf, window, lsn, UINT64_MAX, &g);
        TRY(file_write(out, buf, n, spool));
        lsn += n;
    }
    if (lsn < im->log.checkpoint_end_lsn)
        return err_make(CORRUPT, "%s: ends at LSN %" PRIu64 ", its checkpoint at %" PRIu64, path,
                        lsn, im->log.checkpoint_end_lsn);
    im->redo = (struct redo_span){
        .from = im->log.checkpoint_lsn, .checkpoint_end = im->log.checkpoint_end_lsn, .to = lsn};
    return NULL;
}

/* --- tablespaces ------------------------------------------------------------------------------ */

static struct err *load_doublewrite(struct image *im)
{
    struct space_file f;
    const uint32_t size = im->datadir.page_size;
    struct err *e = space_file_open(&f, &im->list.spaces[0], &im->datadir);
    const uint32_t n = f.doublewrite.n_pages;
    im->doublewrite = mem_zalloc((size_t)2 * n * size + 1);
    for (int i = 0; !e && i < 2; i++)
        for (uint32_t k = 0; !e && f.doublewrite.first[i] && k < n; k++)
            e = space_file_read(&f, f.doublewrite.first[i] + k,
                                im->doublewrite + (size_t)im->n_doublewrite++ * size);
    space_file_close(&f);
    return e;
}

/* Newest whole copy of the page. */
static bool take_from_doublewrite(const struct image *im, const struct space_file *f, page_no_t no,
                                  uint8_t *page)
{
    const uint8_t *best = NULL;
    char why[PAGE_WHY_SIZE];
    for (uint32_t i = 0; i < im->n_doublewrite; i++) {
        const uint8_t *slot = im->doublewrite + (size_t)i * im->datadir.page_size;
        if (page_check(&f->format, f->id, no, slot, why) == PAGE_OK &&
            (!best || be64(slot + FIL_LSN) > be64(best + FIL_LSN)))
            best = slot;
    }
    if (best)
        memcpy(page, best, f->format.physical);
    return best != NULL;
}

static void mend(struct image *im, const struct space_file *f, page_no_t no, uint8_t *page)
{
    char why[PAGE_WHY_SIZE];
    if (page_check(&f->format, f->id, no, page, why) != PAGE_CORRUPT)
        return;
    if (take_from_doublewrite(im, f, no, page)) {
        im->pages_from_doublewrite++;
        return;
    }
    fprintf(stderr, "%s: page %" PRIu32 ": %s; left out\n", f->listed->name, no, why);
    im->pages_left_out++;
    memset(page, 0, f->format.physical);
}

static struct err *store_pages(struct image *im, const struct space_file *f, uint32_t entry)
{
    AUTO_FREE uint8_t *page = mem_alloc_aligned(f->format.physical);
    for (page_no_t i = 0; i < f->n_pages; i++) {
        const page_no_t no = f->listed->first_page + i;
        TRY(space_file_read(f, i, page));
        if (doublewrite_has(&f->doublewrite, no))
            continue; /* served its purpose */
        mend(im, f, no, page);
        if (!bytes_are_zero(page, f->format.physical))
            TRY(archive_write(im->writer, entry, (uint64_t)i * f->format.physical, page,
                              f->format.physical));
    }
    return NULL;
}

static struct err *store_space(struct image *im, const struct space_file *f)
{
    const struct listed_space *l = f->listed;
    AUTO_FREE char *path = l->external ? mem_printf("external%s", l->path) : mem_strdup(l->name);
    const struct archive_attr attr = {.kind = ARCHIVE_SPACE,
                                      .path = path,
                                      .link_target = l->external ? l->path : NULL,
                                      .size = (uint64_t)f->n_pages * f->format.physical,
                                      .mode = f->st.st_mode & 07777,
                                      .mtime = f->st.st_mtime,
                                      .space_id = f->id,
                                      .page_size = f->format.physical,
                                      .space_flags = f->format.flags,
                                      .first_page = l->first_page,
                                      .lsn_at_start = im->redo.from};
    uint32_t entry;
    TRY(archive_entry_add(im->writer, &attr, &entry));
    TRY(store_pages(im, f, entry));
    return archive_entry_set(im->writer, entry, &attr);
}

static struct err *store_spaces(struct image *im)
{
    TRY(load_doublewrite(im));
    for (size_t i = 0; i < im->list.n_spaces; i++) {
        struct space_file f;
        struct err *e = space_file_open(&f, &im->list.spaces[i], &im->datadir);
        if (!e && f.blank)
            im->spaces_left_out++;
        else if (!e)
            e = store_space(im, &f);
        space_file_close(&f);
        TRY(e);
    }
    return NULL;
}

/* --- the rest --------------------------------------------------------------------------------- */

static struct err *store_files(struct image *im)
{
    uint32_t entry;
    for (size_t i = 0; i < im->list.n_dirs; i++) {
        const struct archive_attr dir = {
            .kind = ARCHIVE_EMPTY_DIR, .path = im->list.dirs[i], .mode = 0700};
        TRY(archive_entry_add(im->writer, &dir, &entry));
    }
    for (size_t i = 0; i < im->list.n_files; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", im->datadir.root, im->list.files[i].name);
        TRY(plain_copy_file(&im->env, path, im->list.files[i].name));
    }
    struct aria_control control;
    TRY(aria_control_read(&control, &im->env));
    return aria_copy_logs(&im->env, &control);
}

static struct err *store_space_map(struct image *im)
{
    static const char map[] = "{\"ghosts\":[],\"imports\":[]}\n";
    const struct archive_attr attr = {
        .kind = ARCHIVE_SPACE_MAP, .path = SPACE_MAP_PATH, .size = sizeof map - 1, .mode = 0600};
    uint32_t entry;
    TRY(archive_entry_add(im->writer, &attr, &entry));
    TRY(archive_write(im->writer, entry, 0, map, sizeof map - 1));
    return archive_entry_set(im->writer, entry, &attr);
}

/* "10.11.19" of the log's creator "MariaDB 10.11.19" or "Backup 10.11.19". */
static const char *server_version(const struct image *im)
{
    const char *space = strchr(im->log.creator, ' ');
    return space ? space + 1 : im->log.creator;
}

static struct err *manifest(char **out, const struct image *im, const char *id,
                            const char *data_file_path)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:n, s:{s:s, s:s, s:i, s:s}, s:{s:I, s:I, s:I}, s:s, s:s}", "id", id, "type",
        "full", "base", "server", "flavour", "mariadb", "version", server_version(im), "page_size",
        (int)im->datadir.page_size, "innodb_data_file_path",
        data_file_path ? data_file_path : "ibdata1:12M:autoextend", "lsn", "checkpoint",
        (json_int_t)im->redo.from, "from", (json_int_t)im->redo.from, "to", (json_int_t)im->redo.to,
        "started", "1970-01-01T00:00:00Z", "finished", "1970-01-01T00:00:00Z");
    *out = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    return *out ? NULL : err_make(FAILED, "cannot make the manifest");
}

static struct err *store(struct image *im, struct catalog_draft *draft, const char *data_file_path)
{
    AUTO_FREE char *spool = mem_printf("%s/redo", catalog_draft_dir(draft));
    AUTO_FREE char *json = NULL;
    im->env = (struct copy_env){.writer = im->writer, .datadir = &im->datadir, .parallel = 1};
    TRY(spool_redo(im, spool));
    TRY(store_spaces(im));
    TRY(store_files(im));
    TRY(store_space_map(im));
    TRY(redo_store(im->writer, spool, &im->redo, server_version(im), NULL));
    TRY(manifest(&json, im, catalog_draft_id(draft), data_file_path));
    return archive_writer_finish(im->writer, json);
}

static struct err *make_image(struct image *im, const char *root, const char *repo,
                              const char *data_file_path)
{
    AUTO(catalog_draft) draft = NULL;
    const struct archive_writer_options options = {.codec = ARCHIVE_CODEC_ZSTD, .level = 1};
    struct sink *sink = NULL;
    TRY(space_file_datadir(&im->datadir, root, data_file_path));
    TRY(listing_make(&im->list, &im->datadir));
    TRY(catalog_begin(&draft, repo, "full", NULL));
    TRY(sink_file_open(&sink, catalog_draft_archive(draft)));
    struct err *e = archive_writer_open(&im->writer, sink, &options);
    if (!e)
        e = store(im, draft, data_file_path);
    if (!e)
        e = sink->commit(sink);
    archive_writer_free(im->writer);
    sink->free(sink);
    TRY(e);
    TRY(catalog_publish(draft));
    fprintf(stderr,
            "crash_image: redo %" PRIu64 " ... %" PRIu64 ", %zu tablespaces (%u left to the redo), "
            "%u pages from the doublewrite buffer, %u left out\n",
            im->redo.from, im->redo.to, im->list.n_spaces, im->spaces_left_out,
            im->pages_from_doublewrite, im->pages_left_out);
    puts(catalog_draft_id(draft));
    return NULL;
}

int main(int argc, char **argv)
{
    struct image im = {0};
    if (argc != 3 && argc != 4) {
        fputs("usage: crash_image CRASHED_DATADIR REPOSITORY [INNODB_DATA_FILE_PATH]\n", stderr);
        return 2;
    }
    struct err *e = make_image(&im, argv[1], argv[2], argc == 4 ? argv[3] : NULL);
    if (e)
        fprintf(stderr, "crash_image: %s\n", e->message);
    const int status = e ? 1 : 0;
    err_free(e);
    free(im.doublewrite);
    listing_fini(&im.list);
    datadir_fini(&im.datadir);
    return status;
}
