/* cli/cmd_pin.c: mbe pin, mbe unpin. What is printed is what is noted, durably. */
#include "cli/command.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "verify/pins.h"

/* The backup is ours until the pin is written: a deletion that has claimed it is waited for, and then it is gone; one that has not
 * looks for pins when it has. */
struct err *command_pin(const struct session *s)
{
    const struct options *o = s->options;
    AUTO_FREE char *id = NULL;
    AUTO(repo_use) in_use = NULL;
    TRY(repo_find(&id, s->repo, o->backup));
    TRY(repo_use_begin(&in_use, s->repo, id));
    TRY(pins_add(s->repo, id, o->reason));
    print_done("pinned", id, o->reason);
    return NULL;
}

static struct err *unpin(const struct session *s, const char *id)
{
    json_auto_t *pins = NULL;
    TRY(pins_load(&pins, s->repo, id));
    if (!json_array_size(pins))
        return err_make(REFUSED, "backup %s is not pinned", id);
    TRY(pins_remove(s->repo, id, pins));
    AUTO_FREE char *reasons = pins_reasons(pins);
    print_done("unpinned", id, reasons);
    return NULL;
}

struct err *command_unpin(const struct session *s)
{
    AUTO_FREE char *id = NULL;
    AUTO(repo_use) in_use = NULL;
    TRY(repo_find(&id, s->repo, s->options->backup));
    TRY(repo_use_begin(&in_use, s->repo, id));
    return unpin(s, id);
}
