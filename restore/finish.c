/* restore/finish.c: see finish.h. */
#include "restore/finish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "innodb/redo_mariadb.h"

/* "ibdata1:12M;ibdata2:64M:autoextend" for the restored files, which all lie in the datadir. The size of every file but
 * the last must be exact; the last one keeps what the server's own setting said of growing. */
static char *data_file_path(const struct backup_facts *facts, const struct layout *layout)
{
    const char *setting = facts->data_file_path ? facts->data_file_path : "ibdata1:12M:autoextend";
    const char *last = strrchr(setting, ';');
    const char *extend = strstr(last ? last : setting, ":autoextend");
    char *path = NULL;
    for (size_t i = 0; i < layout->n && layout->spaces[i].id == 0; i++) {
        const struct space_plan *p = &layout->spaces[i];
        char *longer;
        if (!p->last_of_space)
            longer = mem_printf("%s%s%s:%" PRIu64 "K", path ? path : "", path ? ";" : "", p->name,
                                p->base_size / 1024);
        else if (extend) /* any size up to that of the file will do */
            longer = mem_printf("%s%s%s:1M%s", path ? path : "", path ? ";" : "", p->name, extend);
        else
            longer = mem_printf("%s%s%s:%" PRIu64 "K", path ? path : "", path ? ";" : "", p->name,
                                p->base_size / 1024);
        free(path);
        path = longer;
    }
    return path;
}

static char *config_text(const struct backup_facts *facts, const struct layout *layout)
{
    AUTO_FREE char *files = data_file_path(facts, layout);
    AUTO_FREE char *text =
        mem_printf("# Options that a server needs on this restored datadir. Written by mbe.\n"
                   "# mariadbd --defaults-extra-file=%s --datadir=...\n"
                   "[mysqld]\n"
                   "innodb_page_size=%" PRIu32 "\n"
                   "innodb_data_file_path=%s\n",
                   FINISH_CONFIG, facts->page_size, files);
    AUTO_FREE char *undo = facts->undo_tablespaces
                               ? mem_printf("innodb_undo_tablespaces=%s\n", facts->undo_tablespaces)
                               : mem_strdup("");
    AUTO_FREE char *names =
        facts->lower_case_table_names
            ? mem_printf("lower_case_table_names=%s\n", facts->lower_case_table_names)
            : mem_strdup("");
    return mem_printf("%s%s%s", text, undo, names);
}

struct err *finish_datadir(const struct target *target, const struct backup_facts *facts,
                           const struct layout *layout)
{
    uint8_t log[REDO_SYNTHETIC_SIZE];
    AUTO_FREE char *config = config_text(facts, layout);
    TRY(target_write_file(target, FINISH_CONFIG, config, strlen(config), 0640));
    redo_log_synthetic_make(log, facts->to, facts->server_version);
    return target_write_file(target, "ib_logfile0", log, sizeof log, 0660);
}
