/* verify/key_file.c: see key_file.h. What is read is wiped before it is given back. */
#include "verify/key_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { KEY_FILE_MAX = 16 << 20, PASS_MAX = 4096 };

static void wipe(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

struct err *key_file_read(struct keyring **out, const struct redo_family *family, const char *path,
                          const char *pass_path)
{
    char *text = NULL, *pass = NULL;
    size_t len = 0, pass_len = 0;
    *out = NULL;
    if (!path && pass_path)
        return err_make(USAGE,
                        "--keyring-pass-file without a key file: name it with --keyring-file");
    if (!path)
        return NULL;
    struct err *e = pass_path ? file_read_all(&pass, &pass_len, pass_path, PASS_MAX) : NULL;
    if (!e)
        e = file_read_all(&text, &len, path, KEY_FILE_MAX);
    if (!e)
        e = err_wrap(family->parse_keys(out, text, len, pass, pass ? strcspn(pass, "\r\n") : 0),
                     "%s", path);
    wipe(text, len);
    wipe(pass, pass_len);
    return e;
}
