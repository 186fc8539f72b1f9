/* base/dir_test_util.h: an empty directory for each test, as *state, gone afterwards with all that is in it. cmocka.h comes before
 * it: cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_remove). */
#ifndef MBE_BASE_DIR_TEST_UTIL_H
#define MBE_BASE_DIR_TEST_UTIL_H

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

static inline int test_dir_make(void **state)
{
    char *dir = mem_strdup("/tmp/mbe-test-XXXXXX");
    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static inline int test_dir_remove(void **state)
{
    struct err *e = file_remove_tree(*state);
    const int rc = e ? -1 : 0;
    err_free(e);
    free(*state);
    return rc;
}

#endif
