/* tests/fuzz/base_facts_fuzz.c: hostile notes of a base: a value or an error, and whatever is read is written and read again as
 * the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/base_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_facts first, second;
    struct out_bytes o = {0};
    struct err *e = base_facts_parse(&first, data, size);
    if (e) {
        expect(e->kind == ERR_CORRUPT || e->kind == ERR_FAILED);
        err_free(e);
        return 0;
    }
    base_facts_put_head(&o, first.server_start, &first.system);
    for (size_t i = 0; i < first.n_spaces; i++)
        base_facts_put_space(&o, &first.spaces[i]);
    for (size_t i = 0; i < first.n_plains; i++)
        base_facts_put_plain(&o, &first.plains[i]);
    base_facts_put_end(&o);
    expect(!base_facts_parse(&second, o.p, o.n));
    expect(second.n_spaces == first.n_spaces && second.n_plains == first.n_plains);
    for (size_t i = 0; i < first.n_spaces; i++)
        expect(base_facts_space(&second, first.spaces[i].id, first.spaces[i].first_page) ==
               &second.spaces[i]);
    for (size_t i = 0; i < first.n_plains; i++)
        expect(base_facts_plain(&second, first.plains[i].name) == &second.plains[i]);
    free(o.p);
    base_facts_fini(&first);
    base_facts_fini(&second);
    return 0;
}
