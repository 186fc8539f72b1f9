/* base/cleanup.h: automatic release at scope end.
 *
 *   AUTO(file) f = NULL;     releases with file_cleanup(&f) on every return
 *   AUTO_FREE char *s = ...; free(3)
 *   AUTO_FD int fd = -1;     close(2) when >= 0
 *
 * CLEANUP(type, fn) defines type_cleanup for `struct type` from its free function. Closing a
 * *written* file can fail: commit it explicitly before the scope ends; the cleanup path only
 * abandons. */
#ifndef MBE_BASE_CLEANUP_H
#define MBE_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO(type) __attribute__((cleanup(type##_cleanup))) struct type *
#define CLEANUP(type, fn)                                                      \
    static inline __attribute__((unused)) void type##_cleanup(struct type **p) \
    {                                                                          \
        fn(*p);                                                                \
        *p = NULL;                                                             \
    }

static inline void cleanup_free_(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_fd_(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define AUTO_FREE __attribute__((cleanup(cleanup_free_)))
#define AUTO_FD __attribute__((cleanup(cleanup_fd_)))

#endif
