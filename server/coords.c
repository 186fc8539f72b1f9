/* server/coords.c: where the data stands in the binary logs; see coords.h. Called while commits
 * are blocked, so it asks as little as it can. */
#include "server/coords.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ACCESS_DENIED = 1227 };

static char *copy(const char *text)
{
    return mem_strdup(text ? text : "");
}

static uint64_t number(const char *text)
{
    return text ? strtoull(text, NULL, 10) : 0;
}

static struct err *load_gtid(struct coordinates *out, struct conn *c, bool *log_bin)
{
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT @@log_bin AS log_bin, @@gtid_binlog_pos AS binlog_pos,"
                   " @@gtid_current_pos AS current_pos, @@gtid_slave_pos AS slave_pos"));
    *log_bin = number(rows_get(&rows, 0, "log_bin")) != 0;
    out->gtid_binlog_pos = copy(rows_get(&rows, 0, "binlog_pos"));
    out->gtid_current_pos = copy(rows_get(&rows, 0, "current_pos"));
    out->gtid_slave_pos = copy(rows_get(&rows, 0, "slave_pos"));
    rows_fini(&rows);
    return NULL;
}

static struct err *load_binlog(struct coordinates *out, struct conn *c)
{
    struct rows rows;
    TRY(conn_query(c, &rows, "SHOW MASTER STATUS"));
    const char *file = rows_get(&rows, 0, "File");
    const char *position = rows_get(&rows, 0, "Position");
    if (file && position) {
        out->binlog_file = mem_strdup(file);
        out->binlog_position = number(position);
    }
    rows_fini(&rows);
    return out->binlog_file
               ? NULL
               : err_make(SERVER,
                          "the server writes a binary log but does not say where it stands");
}

static void take_replica(struct replica_coordinates *r, const struct rows *rows, size_t row)
{
    r->connection_name = copy(rows_get(rows, row, "Connection_name"));
    r->master_host = copy(rows_get(rows, row, "Master_Host"));
    r->relay_master_log_file = copy(rows_get(rows, row, "Relay_Master_Log_File"));
    r->gtid_slave_pos = copy(rows_get(rows, row, "Gtid_Slave_Pos"));
    r->using_gtid = copy(rows_get(rows, row, "Using_Gtid"));
    r->exec_master_log_pos = number(rows_get(rows, row, "Exec_Master_Log_Pos"));
    r->master_port = (unsigned)number(rows_get(rows, row, "Master_Port"));
}

static struct err *load_replicas(struct coordinates *out, struct conn *c)
{
    struct rows rows;
    struct err *e = conn_query(c, &rows, "SHOW ALL SLAVES STATUS");
    if (e && conn_errno(c) ==
                 ACCESS_DENIED) { /* asked for on replicas only, see server_check_privileges */
        err_free(e);
        return NULL;
    }
    TRY(e);
    out->replicas = mem_zalloc((rows.n_rows + 1) * sizeof *out->replicas);
    out->n_replicas = rows.n_rows;
    for (size_t row = 0; row < rows.n_rows; row++)
        take_replica(&out->replicas[row], &rows, row);
    rows_fini(&rows);
    return NULL;
}

struct err *coordinates_load(struct coordinates *out, struct conn *c)
{
    bool log_bin = false;

    *out = (struct coordinates){0};
    struct err *e = load_gtid(out, c, &log_bin);
    if (!e && log_bin)
        e = load_binlog(out, c);
    if (!e)
        e = load_replicas(out, c);
    if (e)
        coordinates_fini(out);
    return e;
}

/* The channel's own part of log_status, copied into a replica of that name. */
static void take_channel(struct replica_coordinates *r, const struct mysql_channel *channel)
{
    r->connection_name = copy(channel->name);
    r->relay_log_file = channel->relay_log_file ? mem_strdup(channel->relay_log_file) : NULL;
    r->relay_log_pos = channel->relay_log_position;
}

static void take_source(struct replica_coordinates *r, const struct rows *rows, size_t row)
{
    r->master_host = copy(rows_get(rows, row, "Source_Host"));
    r->master_port = (unsigned)number(rows_get(rows, row, "Source_Port"));
    r->relay_master_log_file = copy(rows_get(rows, row, "Relay_Source_Log_File"));
    r->exec_master_log_pos = number(rows_get(rows, row, "Exec_Source_Log_Pos"));
    r->using_gtid = copy(rows_get(rows, row, "Auto_Position"));
}

/* Channels that came since the log status was read are none of this state. */
static struct err *load_sources(struct coordinates *out, struct conn *c)
{
    struct rows rows;
    struct err *e = out->n_replicas ? conn_query(c, &rows, "SHOW REPLICA STATUS") : NULL;
    if (!out->n_replicas || (e && conn_errno(c) == ACCESS_DENIED)) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    for (size_t row = 0; row < rows.n_rows; row++) {
        const char *name = rows_get(&rows, row, "Channel_Name");
        for (size_t i = 0; name && i < out->n_replicas; i++)
            if (!out->replicas[i].master_host && !strcmp(out->replicas[i].connection_name, name))
                take_source(&out->replicas[i], &rows, row);
    }
    rows_fini(&rows);
    return NULL;
}

bool binlog_place_is_after(const char *file, uint64_t position, const char *than_file,
                           uint64_t than_position)
{
    const size_t n = strlen(file), than_n = strlen(than_file);
    if (n != than_n)
        return n > than_n;
    const int order = strcmp(file, than_file);
    return order > 0 || (!order && position > than_position);
}

bool gtid_set_has_gap(const char *set)
{
    unsigned intervals = 0;
    for (const char *p = set; *p; p++) {
        if (*p == ',')
            intervals = 0;
        else if (*p == ':')
            intervals = p[1] >= '0' && p[1] <= '9' ? intervals + 1 : 0;
        if (intervals > 1)
            return true;
    }
    return false;
}

static void forget_place(struct replica_coordinates *r)
{
    free(r->relay_master_log_file);
    r->relay_master_log_file = NULL;
    r->exec_master_log_pos = 0;
}

/* Whether the worker has been further than its channel's place so far, which is then its own. */
static bool take_worker(struct replica_coordinates *r, const char *file, uint64_t position)
{
    if (!r->relay_master_log_file ||
        !binlog_place_is_after(file, position, r->relay_master_log_file, r->exec_master_log_pos))
        return false;
    forget_place(r);
    r->relay_master_log_file = mem_strdup(file);
    r->exec_master_log_pos = position;
    return true;
}

static void take_workers(struct replica_coordinates *r, const struct rows *rows, bool in_order)
{
    bool ahead = false;
    for (size_t row = 0; row < rows->n_rows; row++) {
        const char *name = rows_get(rows, row, "channel"), *file = rows_get(rows, row, "file");
        if (name && file && !strcmp(name, r->connection_name))
            ahead |= take_worker(r, file, number(rows_get(rows, row, "position")));
    }
    if (ahead && !in_order)
        forget_place(r);
}

static struct err *load_workers(struct coordinates *out, struct conn *c)
{
    struct rows rows;
    struct err *e = conn_query(c, &rows,
                               "SELECT Channel_name AS channel, Master_log_name AS file,"
                               " Master_log_pos AS position,"
                               " @@GLOBAL.replica_preserve_commit_order AS in_order"
                               " FROM mysql.slave_worker_info");
    if (e && conn_errno_is_denied(conn_errno(c))) {
        err_free(e);
        for (size_t i = 0; i < out->n_replicas; i++)
            forget_place(&out->replicas[i]);
        return NULL;
    }
    TRY(e);
    const bool in_order =
        number(rows_get(&rows, 0, "in_order")) && !gtid_set_has_gap(out->gtid_executed);
    for (size_t i = 0; i < out->n_replicas; i++)
        take_workers(&out->replicas[i], &rows, in_order);
    rows_fini(&rows);
    return NULL;
}

struct err *coordinates_of_log_status(struct coordinates *out,
                                      const struct mysql_log_status *status, struct conn *c)
{
    *out = (struct coordinates){
        .binlog_file = status->binlog_file ? mem_strdup(status->binlog_file) : NULL,
        .binlog_position = status->binlog_position,
        .gtid_executed = copy(status->gtid_executed),
        .n_replicas = status->n_channels,
        .replicas = mem_zalloc((status->n_channels + 1) * sizeof *out->replicas)};
    for (size_t i = 0; i < status->n_channels; i++)
        take_channel(&out->replicas[i], &status->channels[i]);
    struct err *e = load_sources(out, c);
    if (!e && out->n_replicas)
        e = load_workers(out, c);
    if (e)
        coordinates_fini(out);
    return e;
}

void coordinates_fini(struct coordinates *c)
{
    for (size_t i = 0; i < c->n_replicas; i++) {
        free(c->replicas[i].connection_name);
        free(c->replicas[i].master_host);
        free(c->replicas[i].relay_master_log_file);
        free(c->replicas[i].gtid_slave_pos);
        free(c->replicas[i].using_gtid);
        free(c->replicas[i].relay_log_file);
    }
    free(c->replicas);
    free(c->binlog_file);
    free(c->gtid_binlog_pos);
    free(c->gtid_current_pos);
    free(c->gtid_slave_pos);
    free(c->gtid_executed);
    *c = (struct coordinates){0};
}
