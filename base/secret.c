/* base/secret.c: see secret.h. */
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <openssl/crypto.h>

void *secret_alloc(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fputs("mbe: out of memory\n", stderr);
        _Exit(1);
    }
    /* A system without either is no worse than before. */
    (void)madvise(p, n, MADV_DONTDUMP);
    (void)mlock(p, n);
    return p;
}

void secret_free(void *p, size_t n)
{
    if (!p)
        return;
    secret_wipe(p, n);
    munmap(p, n);
}

void secret_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

void secret_no_dumps(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0);
}
