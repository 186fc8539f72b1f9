/* base/mem.h: allocation that does not return NULL. Sizes are bounded by the callers (every size
 * from outside is checked first), so running out of memory is not an input error: the process
 * prints one line and exits with 1. */
#ifndef MBE_BASE_MEM_H
#define MBE_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
/* Aligned to 4096; release with free(3). */
void *mem_alloc_aligned(size_t n) __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
/* Grows *items (of item_size) so that index n fits; *cap is updated. */
void mem_grow(void *items, size_t *cap, size_t n, size_t item_size);

#endif
