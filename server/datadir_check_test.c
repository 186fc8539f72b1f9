/* server/datadir_check_test.c: which directories are believed to be the server's, with real files and
 * real locks; the server's answers are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/datadir_check.h"

#define UUID "4bcf8252-e8ee-11f1-bdc7-02fc00000001"
#define OTHER_UUID "00000000-e8ee-11f1-bdc7-02fc00000001"

enum { CHECKPOINT = 19409570, OLDER = 19000000 };

/* Stands in for the connection. */
struct conn {
    int64_t peer;
    uint64_t checkpoint;
    const char *asked; /* status value asked for last */
};

struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name)
{
    c->asked = name;
    *out = c->checkpoint;
    return NULL;
}

int64_t conn_peer_pid(const struct conn *c)
{
    return c->peer;
}

struct fixture {
    char dir[32];
    char *own, *copy; /* datadir of the server; another */
    pid_t holder;     /* process with the locks; 0: none */
    struct conn conn;
    struct server_info server;
};

static void put(const char *dir, const char *name, const void *data, size_t n)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, data, n, 0600));
}

/* A redo file of MySQL with one checkpoint in the first block, an older one in the second. */
static void put_redo_file(const char *dir, const char *name, uint64_t lsn)
{
    uint8_t file[2048] = {0};
    for (int i = 0; i < 2; i++) {
        uint8_t *block = file + (i ? 1536 : 512);
        put_be64(block + 8, i ? OLDER : lsn);
        put_be32(block + 508, crc32c(0, block, 508));
    }
    put(dir, name, file, sizeof file);
}

static void make_mysql_datadir(const char *dir, const char *uuid, uint64_t checkpoint)
{
    AUTO_FREE char *cnf = mem_printf("[auto]\nserver-uuid=%s\n", uuid);
    put(dir, "auto.cnf", cnf, strlen(cnf));
    put(dir, "ibdata1", "x", 1);
    put_redo_file(dir, "#innodb_redo/#ib_redo9", checkpoint);
    put_redo_file(dir, "#innodb_redo/#ib_redo10", 0);
    put_redo_file(dir, "#innodb_redo/#ib_redo11_tmp", UINT64_C(1) << 40); /* spare: no log */
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    strcpy(f->dir, "/tmp/datadir-check-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->own = mem_printf("%s/own", f->dir);
    f->copy = mem_printf("%s/copy", f->dir);
    make_mysql_datadir(f->own, UUID, CHECKPOINT);
    make_mysql_datadir(f->copy, UUID, CHECKPOINT);
    f->server = (struct server_info){.flavour = FLAVOUR_MYSQL,
                                     .server_uuid = mem_strdup(UUID),
                                     .datadir = mem_strdup(f->own),
                                     .innodb_log_group_home_dir = mem_strdup("./"),
                                     .innodb_data_file_path = mem_strdup("ibdata1:12M:autoextend")};
    f->conn.checkpoint = CHECKPOINT;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->holder) {
        kill(f->holder, SIGKILL);
        waitpid(f->holder, NULL, 0);
    }
    struct err *e = file_remove_tree(f->dir);
    const int rc = e ? -1 : 0;
    err_free(e);
    free(f->server.server_uuid);
    free(f->server.datadir);
    free(f->server.innodb_log_group_home_dir);
    free(f->server.innodb_data_file_path);
    free(f->own);
    free(f->copy);
    free(f);
    return rc;
}

/* In the child. */
static void hold(const char *path, int ready)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) || write(ready, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void run_server_on(struct fixture *f, const char *dir, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    f->holder = fork();
    assert_true(f->holder >= 0);
    if (!f->holder)
        hold(path, ready[1]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static void refused(struct fixture *f, const char *dir, const char *message)
{
    struct err *e = server_check_datadir(&f->conn, &f->server, dir);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_REFUSED);
    if (!strstr(e->message, "is not the datadir of this server") || !strstr(e->message, message))
        fail_msg("got '%s', expected '%s'", e->message, message);
    assert_non_null(strstr(e->hint, f->server.datadir));
    err_free(e);
}

static void accepted(struct fixture *f, const char *dir)
{
    struct err *e = server_check_datadir(&f->conn, &f->server, dir);
    if (e)
        fail_msg("%s", e->message);
}

static void who_holds_the_lock_and_answers_is_the_server(void **state)
{
    struct fixture *f = *state;
    run_server_on(f, f->own, "ibdata1");
    f->conn.peer = f->holder;
    accepted(f, f->own);
    assert_null(f->conn.asked); /* the lock is proof enough */
}

static void a_server_may_hold_the_dictionary_alone(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *data_file = mem_printf("%s/ibdata1", f->own);
    put(f->own, "mysql.ibd", "x", 1);
    assert_int_equal(unlink(data_file), 0);
    run_server_on(f, f->own, "mysql.ibd");
    f->conn.peer = f->holder;
    accepted(f, f->own);
    assert_null(f->conn.asked);
}

static void another_uuid_is_refused_before_all_else(void **state)
{
    struct fixture *f = *state;
    make_mysql_datadir(f->copy, OTHER_UUID, CHECKPOINT);
    run_server_on(f, f->copy, "ibdata1");
    f->conn.peer = f->holder;
    refused(f, f->copy, "auto.cnf says server_uuid " OTHER_UUID ", and the server is " UUID);
}

static void an_exact_copy_is_told_by_the_lock(void **state)
{
    struct fixture *f = *state;
    run_server_on(f, f->own, "ibdata1");
    f->conn.peer = f->holder;
    refused(f, f->copy, "no server runs on it, and this one runs on");
}

static void a_copy_that_another_server_runs_on_is_refused(void **state)
{
    struct fixture *f = *state;
    run_server_on(f, f->copy, "ibdata1");
    f->conn.peer = f->holder + 1;
    refused(f, f->copy, "ibdata1 is in use by process");
}

static void without_processes_the_checkpoint_decides(void **state)
{
    struct fixture *f = *state;
    accepted(f, f->own);
    assert_string_equal(f->conn.asked, "Innodb_redo_log_checkpoint_lsn");
    f->conn.checkpoint = OLDER; /* is there as well, but is not the newest */
    refused(f, f->own, "#innodb_redo is at LSN 19409570, and the server's at 19000000");
}

static void a_damaged_checkpoint_block_counts_for_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t file[2048] = {0};
    put_be64(file + 512 + 8, CHECKPOINT + 4096); /* no checksum */
    put(f->own, "#innodb_redo/#ib_redo12", file, sizeof file);
    accepted(f, f->own);
}

static void without_auto_cnf_the_rest_decides(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *path = mem_printf("%s/auto.cnf", f->own);
    assert_int_equal(unlink(path), 0);
    accepted(f, f->own);
    f->conn.checkpoint++;
    refused(f, f->own, "the newest checkpoint");
}

static void a_directory_of_something_else_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *dir = mem_printf("%s/empty", f->dir);
    assert_null(file_mkdirs(dir, 0700));
    refused(f, dir, "no file of its InnoDB is in it");
}

static void mariadb_is_told_by_its_own_files(void **state)
{
    struct fixture *f = *state;
    uint8_t log[12288] = {0};
    put_be64(log + 4096, OLDER);
    put_be64(log + 8192, CHECKPOINT);
    put(f->own, "ib_logfile0", log, sizeof log);
    put(f->own, "aria_log_control", "x", 1);
    f->server.flavour = FLAVOUR_MARIADB;
    free(f->server.server_uuid);
    f->server.server_uuid = NULL;
    accepted(f, f->own);
    assert_string_equal(f->conn.asked, "Innodb_lsn_last_checkpoint");
    f->conn.checkpoint++;
    refused(f, f->own, "ib_logfile0 is at LSN 19409570, and the server's at 19409571");
    run_server_on(f, f->own, "aria_log_control");
    f->conn.peer = f->holder;
    accepted(f, f->own);
}

static void the_uuid_is_found_in_auto_cnf(void **state)
{
    static const struct {
        const char *text, *uuid;
    } cases[] = {
        {"[auto]\nserver-uuid=" UUID "\n", UUID},
        {"[auto]\r\n server-uuid = " UUID " \r\n", UUID},
        {"server-uuid=" UUID, UUID},
        {"[auto]\n#server-uuid=" UUID "\n", NULL},
        {"[auto]\nserver-uuid-x=1\nserver-uuid\n", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *uuid = auto_cnf_uuid(cases[i].text);
        if (!cases[i].uuid)
            assert_null(uuid);
        else
            assert_string_equal(uuid, cases[i].uuid);
    }
}

int main(void)
{
#define IN_FIXTURE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_FIXTURE(who_holds_the_lock_and_answers_is_the_server),
        IN_FIXTURE(a_server_may_hold_the_dictionary_alone),
        IN_FIXTURE(another_uuid_is_refused_before_all_else),
        IN_FIXTURE(an_exact_copy_is_told_by_the_lock),
        IN_FIXTURE(a_copy_that_another_server_runs_on_is_refused),
        IN_FIXTURE(without_processes_the_checkpoint_decides),
        IN_FIXTURE(a_damaged_checkpoint_block_counts_for_nothing),
        IN_FIXTURE(without_auto_cnf_the_rest_decides),
        IN_FIXTURE(a_directory_of_something_else_is_refused),
        IN_FIXTURE(mariadb_is_told_by_its_own_files),
        cmocka_unit_test(the_uuid_is_found_in_auto_cnf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
