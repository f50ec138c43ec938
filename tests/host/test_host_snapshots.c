/* Whole hosts that take snapshots, start from them and send them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_cluster.h"

#define DEADLINE_MS 20000
#define PATH_BYTES 700

static uint32_t is_inline; /* of the round that is running */

static int set_up_servers(void **state, size_t servers_len)
{
    struct fleet *cluster = fleet_new(servers_len);

    cluster->options.snapshot_inline = is_inline;
    cluster->options.snapshot_keep_bytes = 0;
    cluster->options.wal_segment_bytes = 16384;
    *state = cluster;
    return 0;
}

static int set_up(void **state)
{
    return set_up_servers(state, 3);
}

static int set_up_single(void **state)
{
    return set_up_servers(state, 1);
}

static int tear_down(void **state)
{
    fleet_free(*state);
    return 0;
}

/* ---------------------------------------------------------------- helpers */

/* Commands until all that run have applied so many of this fleet. */
static void write_up_to(struct fleet *cluster, size_t applied)
{
    while (cluster->history_len < applied) {
        size_t goal = cluster->history_len + 50;

        goal = goal < applied ? goal : applied;
        for (size_t i = cluster->history_len; i < goal; i++) {
            fleet_propose(fleet_elect(cluster), i + 1);
        }
        fleet_settle(cluster, goal);
    }
}

static void wait_saved(struct fleet *cluster, struct fleet_server *server,
                       size_t saved)
{
    uint64_t until = fleet_now_ms() + DEADLINE_MS;

    while (server->saved < saved) {
        assert_true(fleet_now_ms() < until);
        assert_int_equal(server->saved_error, 0);
        fleet_turn(cluster);
    }
}

static void wait_error(struct fleet *cluster, struct fleet_server *server)
{
    uint64_t until = fleet_now_ms() + DEADLINE_MS;

    while (server->saved_error == 0) {
        assert_true(fleet_now_ms() < until);
        fleet_turn(cluster);
    }
}

static void snapshot(struct fleet *cluster, struct fleet_server *server)
{
    assert_int_equal(craft_host_snapshot(server->host), 0);
    wait_saved(cluster, server, server->saved + 1);
}

/* Files of its snapshots whose name ends so; path: of the last. */
static size_t files_of(const struct fleet_server *server, const char *ending,
                       char path[PATH_BYTES])
{
    char directory[400];
    DIR *stream;
    const struct dirent *entry;
    size_t count = 0;

    (void)snprintf(directory, sizeof directory, "%s/snapshots",
                   server->data_dir);
    stream = opendir(directory);
    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len < strlen(ending) ||
            strcmp(entry->d_name + len - strlen(ending), ending) != 0) {
            continue;
        }
        (void)snprintf(path, PATH_BYTES, "%s/%s", directory, entry->d_name);
        count++;
    }
    (void)closedir(stream);
    return count;
}

static uint64_t installed(const struct fleet_server *server)
{
    craft_host_counters counters = {.struct_size = sizeof counters};

    assert_int_equal(craft_host_count(server->host, &counters), 0);
    return counters.snapshots_installed;
}

/* ------------------------------------------------------------------ taking */

static void restart_begins_with_the_snapshot(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    craft_status status;
    char path[PATH_BYTES];

    fleet_open_all(cluster);
    write_up_to(cluster, 100);
    snapshot(cluster, server);
    fleet_status(server, &status);
    assert_int_equal(status.snapshot_index, status.applied_index);
    assert_int_equal(status.base_index, status.applied_index);
    write_up_to(cluster, 110);
    snapshot(cluster, server);
    write_up_to(cluster, 115);
    assert_int_equal(files_of(server, ".snap", path), 1);
    assert_int_equal(files_of(server, ".part", path), 0);
    fleet_drop(cluster, 0);
    fleet_open(cluster, 0);
    assert_int_equal(server->loads, 1);
    assert_int_equal(server->applied, 110);
    fleet_elect(cluster);
    fleet_settle(cluster, 115);
    write_up_to(cluster, 120);
}

static void snapshots_come_by_size_and_the_log_stays_small(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    craft_status status;
    char path[PATH_BYTES];

    cluster->options.snapshot_log_bytes = 2000; /* 50 commands */
    fleet_open_all(cluster);
    write_up_to(cluster, 40);
    fleet_turn_for(cluster, 50);
    assert_int_equal(server->saved, 0);
    write_up_to(cluster, 60);
    wait_saved(cluster, server, 1);
    write_up_to(cluster, 500);
    wait_saved(cluster, server, 3);
    fleet_turn_for(cluster, 50);
    assert_int_equal(files_of(server, ".snap", path), 1);
    fleet_status(server, &status);
    assert_true(status.base_index > 100);
    fleet_drop(cluster, 0);
    fleet_open(cluster, 0);
    fleet_elect(cluster);
    fleet_settle(cluster, 500);
}

static void refused_when_it_makes_no_sense(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];

    fleet_open_all(cluster);
    assert_int_equal(craft_host_snapshot(server->host), CRAFT_ERR_STATE);
    write_up_to(cluster, 5);
    assert_int_equal(craft_host_snapshot(server->host), 0);
    assert_int_equal(craft_host_snapshot(server->host), CRAFT_ERR_BUSY);
    wait_saved(cluster, server, 1);
    assert_int_equal(craft_host_snapshot(server->host), CRAFT_ERR_INVALID);
    fleet_stop(cluster, 0);
    cluster->has_no_states = 1;
    /* It cannot begin with a state that it cannot load. */
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_CORRUPT);
    cluster->has_no_states = 0;
    cluster->options.snapshot_sync_bytes = 0;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_INVALID);
    assert_non_null(strstr(server->error, "snapshot_sync_bytes"));
}

static void failed_save_leaves_nothing_and_is_told(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    char path[PATH_BYTES];

    fleet_open_all(cluster);
    write_up_to(cluster, 30);
    server->save = FLEET_SAVE_FAILS;
    assert_int_equal(craft_host_snapshot(server->host), 0);
    wait_error(cluster, server);
    assert_int_equal(server->saved_error, CRAFT_HOST_ERR_STORAGE);
    assert_non_null(strstr(server->warning, "`save` failed"));
    assert_int_equal(files_of(server, ".snap", path), 0);
    server->save = FLEET_SAVE_WELL;
    server->saved_error = 0;
    snapshot(cluster, server);
    assert_int_equal(files_of(server, ".snap", path), 1);
    write_up_to(cluster, 31);
}

static void child_that_dies_is_noticed(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];

    if (is_inline) {
        skip();
    }
    fleet_open_all(cluster);
    write_up_to(cluster, 30);
    server->save = FLEET_SAVE_DIES;
    assert_int_equal(craft_host_snapshot(server->host), 0);
    wait_error(cluster, server);
    assert_int_equal(server->saved_error, CRAFT_HOST_ERR_STORAGE);
    server->save = FLEET_SAVE_WELL;
    server->saved_error = 0;
    snapshot(cluster, server);
}

/* The server goes on while the child writes, and a stop does not wait. */
static void stop_does_not_wait_for_a_child(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];

    if (is_inline) {
        skip();
    }
    fleet_open_all(cluster);
    write_up_to(cluster, 30);
    server->save = FLEET_SAVE_HANGS;
    assert_int_equal(craft_host_snapshot(server->host), 0);
    write_up_to(cluster, 60);
    fleet_stop(cluster, 0);
    assert_int_equal(server->saved_error, CRAFT_ERR_STOPPED);
    /* It held neither the lock of the log nor the port. */
    fleet_open(cluster, 0);
    write_up_to(cluster, 70);
    assert_int_equal(craft_host_snapshot(server->host), 0);
    fleet_drop(cluster, 0);
    fleet_open(cluster, 0);
    server->save = FLEET_SAVE_WELL;
    write_up_to(cluster, 80);
    snapshot(cluster, server);
}

/* ----------------------------------------------------------------- damage */

static void change_byte(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    int byte;

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_END), 0);
    byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_END), 0);
    assert_int_not_equal(fputc(byte ^ 1, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void damaged_or_missing_snapshot_is_refused(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    char path[PATH_BYTES];
    char aside[PATH_BYTES + 8];

    fleet_open_all(cluster);
    write_up_to(cluster, 100);
    snapshot(cluster, server);
    fleet_stop(cluster, 0);
    assert_int_equal(files_of(server, ".snap", path), 1);
    change_byte(path, -1);
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_CORRUPT);
    assert_non_null(strstr(server->error, "not what was written"));
    change_byte(path, -1);
    change_byte(path, -8 * 101 - 40);
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_CORRUPT);
    change_byte(path, -8 * 101 - 40);
    (void)snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_HOST_ERR_STORAGE);
    assert_int_equal(rename(aside, path), 0);
    fleet_open(cluster, 0);
    assert_int_equal(server->applied, 100);
}

/* ---------------------------------------------------------------- sending */

/* The one that is not to lead falls behind: entries it needs are gone. */
static struct fleet_server *leave_behind(struct fleet *cluster, size_t applied)
{
    struct fleet_server *leader;

    write_up_to(cluster, 10);
    leader = fleet_elect(cluster);
    for (size_t i = 0; i < cluster->servers_len; i++) {
        if (&cluster->servers[i] != leader) {
            fleet_drop(cluster, i);
            write_up_to(cluster, applied);
            snapshot(cluster, fleet_elect(cluster));
            return &cluster->servers[i];
        }
    }
    fail_msg("nobody else");
    return NULL;
}

static void server_far_behind_gets_the_state(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *behind;
    char path[PATH_BYTES];

    fleet_open_all(cluster);
    behind = leave_behind(cluster, 200);
    fleet_open(cluster, behind->id - 1);
    fleet_settle(cluster, 200);
    assert_int_equal(installed(behind), 1);
    assert_int_equal(behind->loads, 1);
    assert_int_equal(files_of(behind, ".snap", path), 1);
    assert_int_equal(files_of(behind, ".part", path), 0);
    write_up_to(cluster, 220);
    fleet_settle(cluster, 220);
    /* It is a snapshot like one of its own. */
    fleet_drop(cluster, behind->id - 1);
    fleet_open(cluster, behind->id - 1);
    assert_int_equal(behind->applied, 200);
    fleet_settle(cluster, 220);
}

/* In many small parts, while both go down again and again. */
static void transfer_survives_restarts(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *behind;
    craft_config core;
    char path[PATH_BYTES];
    struct stat info;
    off_t most = 0;
    uint64_t until;

    craft_config_init(&core, sizeof core);
    core.snapshot_chunk_bytes = 64;
    core.snapshot_window = 1;
    cluster->options.core = &core;
    fleet_open_all(cluster);
    behind = leave_behind(cluster, 600);
    fleet_open(cluster, behind->id - 1);
    until = fleet_now_ms() + DEADLINE_MS;
    for (int i = 0; i < 3; i++) {
        off_t goal = most + 1000;

        while (most < goal && files_of(behind, ".snap", path) == 0) {
            assert_true(fleet_now_ms() < until);
            fleet_turn(cluster);
            if (files_of(behind, "arriving.part", path) == 1 &&
                stat(path, &info) == 0) {
                most = info.st_size > most ? info.st_size : most;
                /* It never begins anew. */
                assert_true(info.st_size >= goal - 1000);
            }
        }
        fleet_drop(cluster, behind->id - 1);
        fleet_open(cluster, behind->id - 1);
    }
    fleet_settle(cluster, 600);
    assert_int_equal(installed(behind), 1);
}

/* A newer one is taken, and the one before it is still being sent. */
static void snapshot_that_is_sent_is_kept(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *behind;
    struct fleet_server *leader;
    craft_config core;
    craft_status status;
    char path[PATH_BYTES];
    uint64_t until;

    craft_config_init(&core, sizeof core);
    core.snapshot_chunk_bytes = 64;
    core.snapshot_window = 1;
    cluster->options.core = &core;
    fleet_open_all(cluster);
    behind = leave_behind(cluster, 300);
    fleet_open(cluster, behind->id - 1);
    leader = fleet_elect(cluster);
    until = fleet_now_ms() + DEADLINE_MS;
    do {
        assert_true(fleet_now_ms() < until);
        fleet_turn(cluster);
        fleet_status(leader, &status);
    } while (status.sending_index == 0);
    fleet_propose(leader, 301);
    while (cluster->history_len < 301) {
        fleet_turn(cluster);
    }
    snapshot(cluster, leader);
    fleet_settle(cluster, 301);
    assert_true(installed(behind) > 0);
    while (files_of(leader, ".snap", path) != 1) {
        assert_true(fleet_now_ms() < until);
        fleet_turn(cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(restart_begins_with_the_snapshot,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(
            snapshots_come_by_size_and_the_log_stays_small, set_up_single,
            tear_down),
        cmocka_unit_test_setup_teardown(refused_when_it_makes_no_sense,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(failed_save_leaves_nothing_and_is_told,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(child_that_dies_is_noticed,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(stop_does_not_wait_for_a_child,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(damaged_or_missing_snapshot_is_refused,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(server_far_behind_gets_the_state,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(transfer_survives_restarts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(snapshot_that_is_sent_is_kept, set_up,
                                        tear_down),
    };
    int failed = 0;

    for (is_inline = 0; is_inline <= 1; is_inline++) {
        failed |= cmocka_run_group_tests_name(
            is_inline ? "saved inline" : "saved by a child", tests, NULL, NULL);
    }
    return failed;
}
