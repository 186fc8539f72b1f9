/* tests/tools/tiny_backup.c: makes an archive that holds nothing but a manifest, for tests of what is decided by manifests
 * alone.
 *
 *     tiny_backup ARCHIVE < MANIFEST
 *
 * Prints the id of the archive, as the manifest of an increment on it has to name it. */
#include <inttypes.h>
#include <stdio.h>

#include "archive/archive_file_test_util.h"
#include "archive/reader.h"
#include "archive/writer.h"
#include "base/file.h"

enum { MANIFEST_MAX = 1 << 20 };

static struct err *make(const char *path, const char *manifest)
{
    AUTO(archive_writer) writer = NULL;
    struct sink *sink;
    TRY(sink_file_open(&sink, path));
    struct err *e = archive_writer_open(
        &writer, sink, &(struct archive_writer_options){.codec = ARCHIVE_CODEC_NONE});
    if (!e)
        e = archive_writer_finish(writer, manifest);
    if (!e)
        e = sink->commit(sink);
    sink->free(sink);
    return e;
}

static struct err *run(const char *path)
{
    static char manifest[MANIFEST_MAX];
    AUTO(archive_reader) reader = NULL;
    manifest[fread(manifest, 1, sizeof manifest - 1, stdin)] = '\0';
    TRY(make(path, manifest));
    TRY(archive_file_open(&reader, path));
    printf("%016" PRIx64 "\n", archive_reader_id(reader));
    return NULL;
}

int main(int argc, char **argv)
{
    struct err *e = argc == 2 ? run(argv[1]) : err_make(USAGE, "tiny_backup ARCHIVE < MANIFEST");
    if (!e)
        return 0;
    fprintf(stderr, "%s\n", e->message);
    return err_kind_exit(e->kind);
}
