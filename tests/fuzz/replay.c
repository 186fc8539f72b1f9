/* tests/fuzz/replay.c: main() of a fuzz target built without libFuzzer: runs the files named in argv, and those in
 * directories named there, through LLVMFuzzerTestOneInput. Exit 0 when all ran; a fault is reported by the sanitizers.
 *
 * Prints "replayed N inputs"; N == 0 is an error, so that an empty corpus cannot pass for a test. */
#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    struct stat st;
    /* Exactly as long as the input: a read one byte past the end is then seen by ASan. */
    uint8_t *data = NULL;
    size_t size = 0;
    int result = -1;
    if (fstat(fileno(f), &st) == 0) {
        size = (size_t)st.st_size;
        data = malloc(size ? size : 1);
        if (data && fread(data, 1, size, f) == size)
            result = 0;
    }
    if (result == 0)
        LLVMFuzzerTestOneInput(data, size);
    else
        fprintf(stderr, "%s: cannot be read in full\n", path);
    free(data);
    fclose(f);
    return result;
}

static int replay_directory(const char *path, uint64_t *count)
{
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return -1;
    }
    int result = 0;
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(dir)) != NULL) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= sizeof(name)) {
            fprintf(stderr, "%s/%s: name too long\n", path, entry->d_name);
            result = -1;
            break;
        }
        result = replay_file(name);
        ++*count;
    }
    closedir(dir);
    return result;
}

int main(int argc, char **argv)
{
    uint64_t count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            perror(argv[i]);
            return 1;
        }
        if (S_ISDIR(st.st_mode)) {
            if (replay_directory(argv[i], &count) != 0)
                return 1;
        } else {
            if (replay_file(argv[i]) != 0)
                return 1;
            count++;
        }
    }
    printf("replayed %" PRIu64 " inputs\n", count);
    return count > 0 ? 0 : 1;
}
