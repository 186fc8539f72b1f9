/* engine/tracking_state.h: what a backup notes of a MySQL server's page tracking for those that are based on it. */
#ifndef MBE_ENGINE_TRACKING_STATE_H
#define MBE_ENGINE_TRACKING_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "innodb/types.h"

struct tracking_state {
    lsn_t begin; /* of the group; 0: it was not on, or not to be trusted */
    lsn_t reset; /* a reset point of it at or below the backup's end */
    /* What may have been written behind the reset point without being noted: P5 in page_tracking.h. */
    bool knows_escaped;
    uint64_t *pages; /* page_archive_id, in any order; owned */
    size_t n_pages, cap_pages;
    space_id_t *spaces; /* any page of these; some may be there twice; owned */
    size_t n_spaces, cap_spaces;
};

void tracking_state_add_page(struct tracking_state *t, uint64_t id);
void tracking_state_add_space(struct tracking_state *t, space_id_t id);
/* Adds the pages and spaces of another one. */
void tracking_state_add_all(struct tracking_state *t, const struct tracking_state *other);
void tracking_state_fini(struct tracking_state *t);

#endif
