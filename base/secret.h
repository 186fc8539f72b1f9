/* base/secret.h: memory for keys. It is in pages of its own: in no core dump, not swapped out where the system lets us lock it,
 * and overwritten before it is given back. Copies that others make of it (libcrypto of a key in use) are not: see
 * secret_no_dumps. */
#ifndef MBE_BASE_SECRET_H
#define MBE_BASE_SECRET_H

#include <stddef.h>

/* n > 0 zero bytes, owned by caller, for secret_free with the same n. Does not return NULL, as mem_alloc (base/mem.h). */
void *secret_alloc(size_t n) __attribute__((malloc, returns_nonnull));
/* Overwrites and releases; NULL is fine. */
void secret_free(void *p, size_t n);
/* Overwrites what does not need to be released. The compiler does not leave it out. */
void secret_wipe(void *p, size_t n);
/* From now on the process leaves no core dump, and no other process of its user can look into it. Programs that it starts are
 * not concerned. To be called before a key is there. */
void secret_no_dumps(void);

#endif
