/* tests/fuzz/serve_fuzz.c: a hostile mbe on the other side of `mbe serve`: requests of any kind, in any order, and bytes that are none.
 * Whatever it says, nothing outside the repository is touched: the repository is all that is in its directory afterwards. */
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive/repo_serve.h"
#include "archive/wire.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#define ID "20261124T170632Z-full"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A repository with one backup in `dir`/repo. */
static struct repo *make_repo(const char *dir)
{
    struct repo *repo;
    AUTO_FREE char *path = mem_printf("%s/repo", dir), *backup = mem_printf("%s/" ID, path),
                   *archive = mem_printf("%s/backup.mbe", backup),
                   *marker = mem_printf("%s/mbe-repository", path);
    AUTO_FD int marker_fd = -1;
    AUTO_FD int archive_fd = -1;
    if (!taken(file_mkdirs(backup, 0700)) ||
        !taken(file_open(&marker_fd, marker, O_WRONLY | O_CREAT, 0600)) ||
        !taken(file_write(marker_fd, "mbe repository 1\n", 17, marker)) ||
        !taken(file_open(&archive_fd, archive, O_WRONLY | O_CREAT, 0600)) ||
        !taken(file_write(archive_fd, "archive", 7, archive)) ||
        !taken(repo_open(&repo, path, &(struct repo_options){0})))
        abort();
    return repo;
}

/* The input as it came; or as a greeting and requests: op, length of the fields, fields. */
static void put_messages(int fd, const uint8_t *data, size_t size)
{
    struct wire w;
    bool good = true;
    wire_init(&w, -1, fd, "fuzz");
    if (size && data[0] % 2) {
        good = taken(file_write(fd, data + 1, size - 1, "fuzz"));
    } else {
        wire_begin(&w, WIRE_HELLO);
        wire_put_number(&w, WIRE_VERSION);
        good = taken(wire_send(&w));
        for (size_t at = 1; good && at + 2 <= size;) {
            const size_t left = size - at - 2, n = data[at + 1] < left ? data[at + 1] : left;
            wire_begin(&w, (enum wire_op)data[at]);
            wire_put_bytes(&w, data + at + 2, n);
            good = taken(wire_send(&w));
            at += 2 + n;
        }
    }
    wire_fini(&w);
    if (!good || lseek(fd, 0, SEEK_SET) != 0)
        abort();
}

static void expect_only_the_repository(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *de;
    unsigned n = 0;
    while (d && taken(file_next_entry(&de, d, dir)) && de)
        n++;
    if (n != 1)
        abort();
    closedir(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char dir[] = "/tmp/mbe-serve-fuzz-XXXXXX";
    const int in = memfd_create("requests", MFD_CLOEXEC), out = open("/dev/null", O_WRONLY);
    if (in < 0 || out < 0 || !mkdtemp(dir))
        abort();
    struct repo *repo = make_repo(dir);
    put_messages(in, data, size);
    err_free(repo_serve(repo, in, out));
    repo_close(repo);
    expect_only_the_repository(dir);
    err_free(file_remove_tree(dir));
    close(in);
    close(out);
    return 0;
}
