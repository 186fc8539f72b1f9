/* engine/tracking_state.c: see tracking_state.h. */
#include "engine/tracking_state.h"

#include <stdlib.h>

#include "base/mem.h"

void tracking_state_add_page(struct tracking_state *t, uint64_t id)
{
    mem_grow(&t->pages, &t->cap_pages, t->n_pages, sizeof *t->pages);
    t->pages[t->n_pages++] = id;
}

void tracking_state_add_space(struct tracking_state *t, space_id_t id)
{
    mem_grow(&t->spaces, &t->cap_spaces, t->n_spaces, sizeof *t->spaces);
    t->spaces[t->n_spaces++] = id;
}

void tracking_state_add_all(struct tracking_state *t, const struct tracking_state *other)
{
    for (size_t i = 0; i < other->n_pages; i++)
        tracking_state_add_page(t, other->pages[i]);
    for (size_t i = 0; i < other->n_spaces; i++)
        tracking_state_add_space(t, other->spaces[i]);
}

void tracking_state_fini(struct tracking_state *t)
{
    free(t->pages);
    free(t->spaces);
    *t = (struct tracking_state){0};
}
