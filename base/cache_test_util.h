/* base/cache_test_util.h: what of a file is in the kernel's file cache, for tests. cmocka.h comes before it. */
#ifndef MBE_BASE_CACHE_TEST_UTIL_H
#define MBE_BASE_CACHE_TEST_UTIL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* Bytes of [from, to) that are in the cache, in whole pages; to is not behind the file's end. */
static inline size_t cached_bytes(int fd, size_t from, size_t to)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    AUTO_FREE unsigned char *in = mem_alloc(to / page + 1);
    void *map = mmap(NULL, to, PROT_READ, MAP_SHARED, fd, 0);
    size_t n = 0;
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mincore(map, to, in), 0);
    munmap(map, to);
    for (size_t at = from - from % page; at < to; at += page)
        n += in[at / page] & 1 ? page : 0;
    return n;
}

/* Takes the file out of the cache. False: it stays, for its file system is in memory. */
static inline bool make_cold(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    return cached_bytes(fd, 0, (size_t)st.st_size) == 0;
}

#endif
