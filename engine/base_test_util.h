/* engine/base_test_util.h: for tests of increments: what was copied becomes a base. cmocka.h comes before it. */
#ifndef MBE_ENGINE_BASE_TEST_UTIL_H
#define MBE_ENGINE_BASE_TEST_UTIL_H

#include "engine/base_facts.h"
#include "engine/engine_test_util.h"
#include "engine/space_set.h"

/* What is in the set, and in the archive in this directory, is the base, which ends at `lsn`, of what comes next: an empty set and another
 * archive. *facts is for base_facts_fini. */
static inline void base_on_set(struct base_facts *facts, struct space_set *set,
                               struct test_archive *archive, const char *dir, lsn_t lsn)
{
    struct copy_env *env = set->env;
    struct out_bytes o = {0};
    const struct file_mark none = {0};
    base_facts_put_head(&o, 0, &none);
    space_set_put_facts(set, &o);
    base_facts_put_end(&o);
    ok(base_facts_parse(facts, o.p, o.n));
    free(o.p);
    space_set_fini(set);
    archive_next(archive, dir);
    env->writer = archive->writer;
    env->base = facts;
    env->base_lsn = lsn;
    space_set_init(set, env);
}

#endif
