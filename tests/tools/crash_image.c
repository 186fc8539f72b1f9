/* tests/tools/crash_image.c: makes an ordinary full backup from the datadir of a server that was
 * killed, so that a restore of it can be compared with the server's own crash recovery. Half of
 * the oracle; the other half is page_compare.c. Which family the server is of, the datadir tells.
 *
 *     crash_image CRASHED_DATADIR REPOSITORY [KEY_FILE [INNODB_DATA_FILE_PATH]]
 *
 * Prints the id of the backup. The log is taken from its newest checkpoint to its end, as recovery
 * would. A page that is not whole is taken from the doublewrite buffer; if that has no whole copy
 * either, it is left out (zeros), which the restore accepts only if the log makes the page anew. A
 * tablespace whose page 0 was never written is in the log as a whole and is not stored. Nor is one of MySQL's that its log
 * deletes and whose file is still there, or an undo tablespace that was being emptied. */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/repo.h"
#include "engine/aria_copy.h"
#include "engine/manifest.h"
#include "engine/plain_copy.h"
#include "engine/redo_store.h"
#include "innodb/fil_page.h"
#include "innodb/space_map.h"
#include "tests/tools/crash_log.h"
#include "tests/tools/space_file.h"

struct image {
    struct datadir datadir;
    struct listing list;
    struct archive_writer *writer;
    struct copy_env env;
    uint8_t *doublewrite; /* page after page */
    size_t cap_doublewrite;
    uint32_t n_doublewrite;
    enum server_flavour flavour;
    struct key_file *keys; /* of an encrypted redo log; tablespaces are not to be encrypted */
    struct crash_log log;
    struct created_space *created; /* tablespaces that the log makes from nothing */
    size_t n_created, cap_created;
    unsigned pages_from_doublewrite, pages_left_out, spaces_left_out, spaces_deleted;
};

/* --- tablespaces ------------------------------------------------------------------------------ */

static uint8_t *add_doublewrite(struct image *im)
{
    const size_t size = im->datadir.page_size;
    mem_grow(&im->doublewrite, &im->cap_doublewrite, (im->n_doublewrite + 1) * size, 1);
    return im->doublewrite + im->n_doublewrite++ * size;
}

/* MariaDB: two extents of the system tablespace. */
static struct err *load_doublewrite_extents(struct image *im)
{
    struct space_file f;
    struct err *e = space_file_open(&f, &im->list.spaces[0], &im->datadir);
    for (int i = 0; !e && i < 2; i++)
        for (uint32_t k = 0; !e && f.doublewrite.first[i] && k < f.doublewrite.n_pages; k++)
            e = space_file_read(&f, f.doublewrite.first[i] + k, add_doublewrite(im));
    space_file_close(&f);
    return e;
}

static struct err *load_doublewrite_file(struct image *im, const char *path)
{
    const size_t size = im->datadir.page_size;
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    for (size_t got = size, at = 0; got == size; at += size) {
        uint8_t *slot = add_doublewrite(im);
        TRY(file_pread(fd, slot, size, at, &got, path));
        im->n_doublewrite -= got < size;
    }
    return NULL;
}

/* MySQL: files #ib_<page size>_<n>.dblwr beside those of the system tablespace. */
static struct err *load_doublewrite_files(struct image *im)
{
    const char *const root = im->datadir.root;
    const struct dirent *de;
    struct err *e;
    DIR *h = opendir(root);
    if (!h)
        return err_os("%s: cannot open", root);
    while (!(e = file_next_entry(&de, h, root)) && de) {
        const char *dot = strrchr(de->d_name, '.');
        if (strncmp(de->d_name, "#ib_", 4) || !dot || strcmp(dot, ".dblwr"))
            continue;
        AUTO_FREE char *path = mem_printf("%s/%s", root, de->d_name);
        e = load_doublewrite_file(im, path);
        if (e)
            break;
    }
    closedir(h);
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
    const enum page_state state = page_check(&f->format, f->id, no, page, why);
    /* MySQL takes a page that was never written from there as well. */
    if (state == PAGE_OK || (state == PAGE_ZERO && im->flavour != FLAVOUR_MYSQL))
        return;
    if (take_from_doublewrite(im, f, no, page)) {
        im->pages_from_doublewrite++;
        return;
    }
    if (state == PAGE_ZERO)
        return;
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
                                      .lsn_at_start = im->log.span.from};
    uint32_t entry;
    TRY(archive_entry_add(im->writer, &attr, &entry));
    TRY(store_pages(im, f, entry));
    return archive_entry_set(im->writer, entry, &attr);
}

/* A file without a page yet: the log makes it, if it says that the file was created. */
static void leave_to_log(struct image *im, const struct listed_space *l)
{
    im->spaces_left_out++;
    for (size_t i = 0; i < im->log.created.cap; i++) {
        if (!im->log.created.used[i])
            continue;
        const space_id_t id = (space_id_t)im->log.created.slots[2 * i];
        const char *name = im->log.names[im->log.created.slots[2 * i + 1] - 1];
        uint64_t unused;
        if (strcmp(name, l->name) || map64_get(&im->log.deleted, id, &unused))
            continue;
        mem_grow(&im->created, &im->cap_created, im->n_created, sizeof *im->created);
        im->created[im->n_created++] = (struct created_space){id, mem_strdup(name)};
    }
}

/* An undo tablespace that was being emptied: MySQL makes it anew when it starts, or not at all. */
static bool is_being_truncated(const struct image *im, space_id_t id)
{
    enum {
        FIRST_UNDO_ID = -17,
        IDS_PER_NUMBER = 127,
        IDS_MAX = 127 * 512
    }; /* ids count down; the same number comes back */
    const uint32_t below = (uint32_t)FIRST_UNDO_ID - id;
    AUTO_FREE char *log = mem_printf("%s/undo_%" PRIu32 "_trunc.log", im->datadir.undo_dir,
                                     below % IDS_PER_NUMBER + 1);
    return below < IDS_MAX && !access(log, F_OK);
}

static struct err *store_space_file(struct image *im, const struct listed_space *l)
{
    uint64_t unused;
    struct space_file f;
    struct err *e = space_file_open(&f, l, &im->datadir);
    if (!e && f.blank)
        leave_to_log(im, l);
    else if (!e && (map64_get(&im->log.deleted, f.id, &unused) ||
                    (im->flavour == FLAVOUR_MYSQL && is_being_truncated(im, f.id))))
        im->spaces_deleted++;
    else if (!e)
        e = store_space(im, &f);
    space_file_close(&f);
    return e;
}

static struct err *store_spaces(struct image *im)
{
    TRY(im->flavour == FLAVOUR_MYSQL ? load_doublewrite_files(im) : load_doublewrite_extents(im));
    for (size_t i = 0; i < im->list.n_spaces; i++)
        TRY(store_space_file(im, &im->list.spaces[i]));
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
    if (im->flavour == FLAVOUR_MYSQL)
        return NULL;
    struct aria_control control;
    TRY(aria_control_read(&control, &im->env));
    return aria_copy_logs(&im->env, &control);
}

static struct err *store_space_map(struct image *im)
{
    AUTO_FREE char *map = NULL;
    if (im->flavour == FLAVOUR_MYSQL)
        TRY(manifest_created_map_json(&map, im->created, im->n_created));
    else
        map = mem_strdup("{\"ghosts\":[],\"imports\":[]}\n");
    const struct archive_attr attr = {
        .kind = ARCHIVE_SPACE_MAP, .path = SPACE_MAP_PATH, .size = strlen(map), .mode = 0600};
    uint32_t entry;
    TRY(archive_entry_add(im->writer, &attr, &entry));
    TRY(archive_write(im->writer, entry, 0, map, strlen(map)));
    return archive_entry_set(im->writer, entry, &attr);
}

static struct err *store_redo(struct image *im, const char *spool, const char *version)
{
    struct crash_log *log = &im->log;
    return im->flavour == FLAVOUR_MYSQL
               ? redo_store_mysql(im->writer, spool, &log->span, &log->origin, NULL)
               : redo_store(im->writer, spool, &log->span, &log->header, version, NULL);
}

/* "10.11.19" of the log's creator "MariaDB 10.11.19" or "Backup 10.11.19", "9.7.4" of "MySQL 9.7.4". */
static const char *server_version(const struct image *im)
{
    const char *creator =
        im->flavour == FLAVOUR_MYSQL ? im->log.origin.header.creator : im->log.header.creator;
    const char *space = strchr(creator, ' ');
    return space ? space + 1 : creator;
}

static struct err *manifest(char **out, const struct image *im, const char *id,
                            const char *data_file_path)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:n, s:{s:s, s:s, s:i, s:s}, s:{s:I, s:I, s:I}, s:{s:b}, s:s, s:s}", "id", id,
        "type", "full", "base", "server", "flavour", server_flavour_text(im->flavour), "version",
        server_version(im), "page_size", (int)im->datadir.page_size, "innodb_data_file_path",
        data_file_path ? data_file_path : "ibdata1:12M:autoextend", "lsn", "checkpoint",
        (json_int_t)im->log.span.from, "from", (json_int_t)im->log.span.from, "to",
        (json_int_t)im->log.span.to, "redo", "encrypted", im->log.span.encrypted, "started",
        "1970-01-01T00:00:00Z", "finished", "1970-01-01T00:00:00Z");
    *out = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    return *out ? NULL : err_make(FAILED, "cannot make the manifest");
}

static struct err *store(struct image *im, struct repo_draft *draft, const char *data_file_path)
{
    AUTO_FREE char *spool = mem_printf("%s/redo", repo_draft_dir(draft));
    AUTO_FREE char *json = NULL;
    im->env = (struct copy_env){.writer = im->writer, .datadir = &im->datadir, .parallel = 1};
    TRY(crash_log_spool(&im->log, &im->datadir, im->flavour, key_file_keys(im->keys), spool));
    TRY(store_spaces(im));
    TRY(store_files(im));
    TRY(store_space_map(im));
    TRY(store_redo(im, spool, server_version(im)));
    TRY(manifest(&json, im, repo_draft_id(draft), data_file_path));
    return archive_writer_finish(im->writer, json);
}

static struct err *make_image(struct image *im, const char *root, const char *repo,
                              const char *key_file, const char *data_file_path)
{
    AUTO(repo) opened = NULL;
    AUTO(repo_draft) draft = NULL;
    const struct archive_writer_options options = {.codec = ARCHIVE_CODEC_ZSTD, .level = 1};
    im->flavour = space_file_flavour(root);
    TRY(key_file_open(&im->keys, redo_family_find(server_flavour_text(im->flavour)), key_file,
                      NULL));
    TRY(space_file_datadir(&im->datadir, root, data_file_path));
    TRY(listing_make(&im->list, &im->datadir));
    TRY(repo_open(&opened, repo, &(struct repo_options){0}));
    TRY(repo_begin(&draft, opened, NULL, "full"));
    struct sink *sink = repo_draft_sink(draft);
    struct err *e = archive_writer_open(&im->writer, sink, &options);
    if (!e)
        e = store(im, draft, data_file_path);
    if (!e)
        e = sink->commit(sink);
    archive_writer_free(im->writer);
    TRY(e);
    TRY(repo_publish(draft));
    fprintf(stderr,
            "crash_image: redo %" PRIu64 " ... %" PRIu64
            ", %zu tablespaces (%u left to the redo, %u deleted), "
            "%u pages from the doublewrite buffer, %u left out, %u counters, %u of them beyond the "
            "end\n",
            im->log.span.from, im->log.span.to, im->list.n_spaces, im->spaces_left_out,
            im->spaces_deleted, im->pages_from_doublewrite, im->pages_left_out, im->log.n_counters,
            im->log.n_beyond);
    puts(repo_draft_id(draft));
    return NULL;
}

int main(int argc, char **argv)
{
    struct image im = {0};
    if (argc < 3 || argc > 5) {
        fputs("usage: crash_image CRASHED_DATADIR REPOSITORY [KEY_FILE [INNODB_DATA_FILE_PATH]]\n",
              stderr);
        return 2;
    }
    struct err *e =
        make_image(&im, argv[1], argv[2], argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL);
    if (e)
        fprintf(stderr, "crash_image: %s\n", e->message);
    const int status = e ? 1 : 0;
    err_free(e);
    free(im.doublewrite);
    for (size_t i = 0; i < im.n_created; i++)
        free(im.created[i].name);
    free(im.created);
    crash_log_fini(&im.log);
    key_file_free(im.keys);
    listing_fini(&im.list);
    datadir_fini(&im.datadir);
    return status;
}
