/* verify/key_file.c: see key_file.h. What is read is wiped before it is given back. */
#include "verify/key_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    KEY_FILE_MAX = 16 << 20,
    PASS_MAX = 4096,
    READ_TRIES = 10, /* of a file that may be in the middle of being written */
    READ_AGAIN_MS = 20,
};

struct key_file {
    const struct redo_family *family;
    char *path, *pass_path;
    pthread_mutex_t lock; /* guards the list */
    struct keyring *
        *read; /* n of them: as it was read each time it had more keys; the last one counts */
    size_t n, cap;
};

static void wipe(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

static struct err *read_keys(struct keyring **out, const struct key_file *f)
{
    char *text = NULL, *pass = NULL;
    size_t len = 0, pass_len = 0;
    *out = NULL;
    struct err *e = f->pass_path ? file_read_all(&pass, &pass_len, f->pass_path, PASS_MAX) : NULL;
    if (!e)
        e = file_read_all(&text, &len, f->path, KEY_FILE_MAX);
    if (!e)
        e = err_wrap(f->family->parse_keys(out, text, len, pass, pass ? strcspn(pass, "\r\n") : 0),
                     "%s", f->path);
    wipe(text, len);
    wipe(pass, pass_len);
    return e;
}

static void add(struct key_file *f, struct keyring *k)
{
    mem_grow(&f->read, &f->cap, f->n, sizeof(struct keyring *));
    f->read[f->n++] = k;
}

struct err *key_file_open(struct key_file **out, const struct redo_family *family, const char *path,
                          const char *pass_path)
{
    struct keyring *k;
    *out = NULL;
    if (!path && pass_path)
        return err_make(USAGE,
                        "--keyring-pass-file without a key file: name it with --keyring-file");
    if (!path)
        return NULL;
    struct key_file *f = mem_zalloc(sizeof *f);
    f->family = family;
    f->path = mem_strdup(path);
    f->pass_path = pass_path ? mem_strdup(pass_path) : NULL;
    pthread_mutex_init(&f->lock, NULL);
    struct err *e = read_keys(&k, f);
    if (e) {
        key_file_free(f);
        return e;
    }
    add(f, k);
    *out = f;
    return NULL;
}

void key_file_free(struct key_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        keyring_free(f->read[i]);
    free(f->read);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
    free(f->pass_path);
    free(f);
}

const struct keyring *key_file_keys(struct key_file *f)
{
    if (!f)
        return NULL;
    pthread_mutex_lock(&f->lock);
    const struct keyring *k = f->read[f->n - 1];
    pthread_mutex_unlock(&f->lock);
    return k;
}

/* With the lock held. Whether there are more keys than before; fewer mean that the file is being written. */
static bool read_again(struct key_file *f)
{
    const size_t before = keyring_count(f->read[f->n - 1]);
    for (int i = 0; i < READ_TRIES; i++) {
        struct keyring *k;
        struct err *e = read_keys(&k, f);
        const size_t now = keyring_count(k);
        if (!e && now > before) {
            add(f, k);
            return true;
        }
        const bool same = !e && now == before;
        err_free(e);
        keyring_free(k);
        if (same)
            return false;
        clock_sleep_ms(READ_AGAIN_MS);
    }
    return false;
}

struct err *key_file_retry(struct key_file *f, struct err *e, bool *again)
{
    *again = false;
    if (!f || !e || e->kind != ERR_REFUSED)
        return e;
    pthread_mutex_lock(&f->lock);
    *again = read_again(f);
    pthread_mutex_unlock(&f->lock);
    if (!*again)
        return e;
    err_free(e);
    return NULL;
}
