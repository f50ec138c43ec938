/* A disk that is full, that fails, that is another server's: src/host/disk.h
 * alone, and whole hosts above it. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/disk.h"
#include "host/wake.h"
#include "host_cluster.h"

/* ----------------------------------------------------- a disk with troubles */

#define SEGMENT_BYTES 16384
#define ENTRY_BYTES 1000
#define RECORDS 400

enum trouble {
    NONE,
    SYNC_FAILS,
    WRITE_FAILS,
    NO_SPACE
};

static atomic_int trouble;
static craft_wal_files files;

static int sync_or_fail(void *ctx, int file, int metadata)
{
    if (atomic_load(&trouble) == SYNC_FAILS) {
        return -EIO;
    }
    return craft_wal_files_posix()->sync(ctx, file, metadata);
}

static int64_t write_or_fail(void *ctx, int file, const void *data,
                             size_t data_len, uint64_t offset)
{
    if (atomic_load(&trouble) == WRITE_FAILS) {
        return -EIO;
    }
    return craft_wal_files_posix()->write(ctx, file, data, data_len, offset);
}

/* Segments are preallocated: a full disk is met when the next one is made. */
static int open_or_fail(void *ctx, const char *path, uint32_t flags)
{
    if (atomic_load(&trouble) == NO_SPACE &&
        (flags & CRAFT_WAL_OPEN_CREATE) != 0) {
        return -ENOSPC;
    }
    return craft_wal_files_posix()->open(ctx, path, flags);
}

static uint32_t wal_inline; /* of the round that is running */

static int set_up_servers(void **state, size_t servers_len)
{
    struct fleet *cluster = fleet_new(servers_len);

    atomic_store(&trouble, NONE);
    files = *craft_wal_files_posix();
    files.sync = sync_or_fail;
    files.write = write_or_fail;
    files.open = open_or_fail;
    cluster->options.wal_inline = wal_inline;
    cluster->options.wal_segment_bytes = SEGMENT_BYTES;
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

/* Only this server's disk gets into trouble. */
static void open_troubled(struct fleet *cluster, size_t at)
{
    cluster->options.wal_files = &files;
    fleet_open(cluster, at);
    cluster->options.wal_files = NULL;
}

/* ----------------------------------------------------------- the disk alone */

struct record {
    craft_entry entry;
    craft_persist persist;
};

static const uint8_t command[ENTRY_BYTES];

static void make_record(struct record *record, uint64_t ticket)
{
    memset(record, 0, sizeof *record);
    record->entry.index = ticket;
    record->entry.term = 1;
    record->entry.kind = CRAFT_ENTRY_COMMAND;
    record->entry.data = command;
    record->entry.data_len = sizeof command;
    record->persist.struct_size = sizeof record->persist;
    record->persist.flags = CRAFT_PERSIST_ENTRIES | CRAFT_PERSIST_MUST_SYNC;
    record->persist.ticket = ticket;
    record->persist.first_index = ticket;
    record->persist.entries = &record->entry;
    record->persist.entries_len = 1;
    if (ticket == 1) {
        record->persist.flags |= CRAFT_PERSIST_HARD_STATE;
        record->persist.term = 1;
    }
}

static struct craft_disk_news take(struct craft_disk *disk)
{
    struct craft_disk_news news;

    while (!craft_disk_take(disk, &news)) {
        (void)usleep(100);
    }
    return news;
}

static struct craft_disk *open_disk(struct fleet *cluster,
                                    struct craft_wake *wake)
{
    struct craft_disk *disk = NULL;
    struct craft_disk_config config = {
        .directory = cluster->servers[0].data_dir,
        .segment_bytes = SEGMENT_BYTES,
        .is_inline = (int)wal_inline,
        .files = &files,
        .wake = wake,
    };

    assert_int_equal(craft_wake_open(wake), 0);
    assert_int_equal(craft_disk_open(&config, &disk, NULL), 0);
    assert_int_equal(craft_disk_start(disk), 0);
    return disk;
}

static void record_becomes_durable(void **state)
{
    struct craft_wake wake;
    struct craft_disk *disk = open_disk(*state, &wake);
    struct record records[3];
    struct craft_disk_news news;
    uint64_t durable = 0;

    for (uint64_t i = 0; i < 3; i++) {
        make_record(&records[i], i + 1);
        craft_disk_add(disk, &records[i].persist);
    }
    assert_int_equal(craft_disk_commit(disk), wal_inline);
    while (durable < 3) {
        news = take(disk);
        assert_int_equal(news.failed, 0);
        assert_true(news.durable > durable);
        durable = news.durable;
    }
    assert_int_equal(craft_disk_commit(disk), 0);
    assert_int_equal(craft_disk_take(disk, &news), 0);
    assert_int_equal(craft_disk_close(disk), 0);
    craft_wake_close(&wake);
}

/*
 * The record that finds no space voids all later ones, also those that were
 * handed over before anybody knew; what comes after it was told is written.
 */
static void record_without_space_voids_those_behind_it(void **state)
{
    struct craft_wake wake;
    struct craft_disk *disk = open_disk(*state, &wake);
    static struct record records[RECORDS];
    struct craft_disk_news news = {0};
    craft_wal_status status = {.struct_size = sizeof status};
    uint64_t ticket = 0;
    uint64_t durable = 0;

    atomic_store(&trouble, NO_SPACE);
    while (news.failed == 0) {
        assert_true(ticket + 4 <= RECORDS);
        for (int i = 0; i < 4; i++) {
            ticket++;
            make_record(&records[ticket - 1], ticket);
            craft_disk_add(disk, &records[ticket - 1].persist);
            if (i % 2 == 1 && !wal_inline) {
                (void)craft_disk_commit(disk);
                (void)usleep(3000);
            }
        }
        (void)craft_disk_commit(disk);
        while (durable < ticket && news.failed == 0) {
            news = take(disk);
            durable = news.durable > durable ? news.durable : durable;
        }
    }
    atomic_store(&trouble, NONE);
    assert_int_equal(news.failed, durable + 1);
    assert_int_equal(news.ending, CRAFT_ENDING_NOSPACE);
    (void)usleep(3000);
    assert_int_equal(craft_disk_take(disk, &news), 0);
    assert_int_equal(craft_wal_status_get(craft_disk_wal(disk), &status), 0);
    assert_int_equal(status.last_index, durable);
    /* The same entry under a new ticket. */
    make_record(&records[0], durable + 1);
    records[0].persist.ticket = ticket + 1;
    craft_disk_add(disk, &records[0].persist);
    (void)craft_disk_commit(disk);
    news = take(disk);
    assert_int_equal(news.durable, ticket + 1);
    assert_int_equal(news.failed, 0);
    assert_int_equal(craft_disk_close(disk), 0);
    craft_wake_close(&wake);
}

static void failed_sync_is_an_error_and_nothing_follows(void **state)
{
    struct craft_wake wake;
    struct craft_disk *disk = open_disk(*state, &wake);
    struct record records[2];
    struct craft_disk_news news;

    make_record(&records[0], 1);
    make_record(&records[1], 2);
    atomic_store(&trouble, SYNC_FAILS);
    craft_disk_add(disk, &records[0].persist);
    (void)craft_disk_commit(disk);
    news = take(disk);
    assert_int_equal(news.durable, 0);
    assert_int_equal(news.failed, 1);
    assert_int_equal(news.ending, CRAFT_ENDING_ERROR);
    /* The disk says it is well again: what it lost it does not say. */
    atomic_store(&trouble, NONE);
    craft_disk_add(disk, &records[1].persist);
    if (craft_disk_commit(disk)) {
        assert_int_equal(take(disk).failed, 2);
    } else {
        (void)usleep(20000);
        assert_int_equal(craft_disk_take(disk, &news), 0);
    }
    assert_int_not_equal(craft_disk_close(disk), 0);
    craft_wake_close(&wake);
}

/* -------------------------------------------------------------- whole hosts */

static void failed_write_halts_the_host(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    uint64_t number = 2;

    open_troubled(cluster, 0);
    fleet_elect(cluster);
    fleet_propose(server, 1);
    fleet_settle(cluster, 1);
    atomic_store(&trouble, SYNC_FAILS);
    fleet_propose(server, number);
    while (server->ended == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(server->ended, CRAFT_ERR_HALTED);
    assert_int_equal(craft_host_run(server->host), CRAFT_ERR_STATE);
    assert_int_equal(craft_host_turn(server->host, 0), CRAFT_ERR_HALTED);
    assert_int_equal(server->done[CRAFT_RESULT_OK], 1);
    assert_int_equal(server->done[CRAFT_RESULT_UNKNOWN], 1);
    assert_true(strlen(craft_host_error_text(server->host)) > 0);
    assert_string_equal(server->warning, craft_host_error_text(server->host));
    assert_int_equal(craft_host_propose_threadsafe(
                         server->host, (const uint8_t *)&number, 8, 3),
                     CRAFT_ERR_STOPPED);
    /* Opened anew it has at least what was acknowledged. */
    atomic_store(&trouble, NONE);
    fleet_drop(cluster, 0);
    fleet_open(cluster, 0);
    fleet_elect(cluster);
    fleet_settle(cluster, 1);
}

static void others_go_on_when_the_disk_of_one_fails(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct fleet_server *ill = &cluster->servers[2];

    fleet_open(cluster, 0);
    fleet_open(cluster, 1);
    open_troubled(cluster, 2);
    leader = fleet_elect(cluster);
    fleet_propose(leader, 1);
    fleet_settle(cluster, 1);
    atomic_store(&trouble, WRITE_FAILS);
    if (leader != ill) {
        fleet_propose(leader, 2);
    }
    while (ill->ended == 0) {
        fleet_turn(cluster);
        if (leader == ill) {
            (void)craft_host_propose(ill->host, (const uint8_t *)"1234567890",
                                     10, 9);
        }
    }
    assert_int_equal(ill->ended, CRAFT_ERR_HALTED);
    leader = fleet_elect(cluster);
    fleet_propose(leader, 3);
    while (leader->done_token != 3) {
        fleet_turn(cluster);
    }
}

/* It refuses new entries, says so, and takes them again when there is space. */
static void full_disk_is_waited_for(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    uint8_t data[ENTRY_BYTES] = {0};
    uint64_t number = 1;
    craft_status status;
    uint64_t until;
    int rv = 0;

    open_troubled(cluster, 0);
    fleet_elect(cluster);
    fleet_propose(server, number);
    fleet_settle(cluster, 1);
    atomic_store(&trouble, NO_SPACE);
    until = fleet_now_ms() + 5000;
    while (rv != CRAFT_ERR_NOSPACE && fleet_now_ms() < until) {
        number++;
        memcpy(data, &number, sizeof number);
        rv = craft_host_propose(server->host, data, sizeof data, number);
        fleet_turn(cluster);
        fleet_status(server, &status);
        if (status.role != CRAFT_ROLE_LEADER) {
            rv = CRAFT_ERR_NOSPACE; /* it has yielded already */
        }
    }
    assert_int_equal(rv, CRAFT_ERR_NOSPACE);
    assert_int_equal(server->storage_ending, CRAFT_ENDING_NOSPACE);
    assert_int_equal(server->ended, 0);
    atomic_store(&trouble, NONE);
    fleet_elect(cluster);
    until = fleet_now_ms() + 10000;
    do {
        fleet_turn(cluster);
        rv = craft_host_propose(server->host, (const uint8_t *)&number, 8, 99);
        assert_true(fleet_now_ms() < until);
    } while (rv != 0);
    while (server->done_token != 99) {
        fleet_turn(cluster);
    }
    assert_int_equal(server->ended, 0);
}

/* -------------------------------------------------------------- directories */

static void directory_of_another_server_is_refused(void **state)
{
    struct fleet *cluster = *state;

    fleet_open(cluster, 0);
    fleet_drop(cluster, 0);
    (void)snprintf(cluster->servers[1].data_dir,
                   sizeof cluster->servers[1].data_dir, "%s",
                   cluster->servers[0].data_dir);
    assert_int_equal(fleet_try_open(cluster, 1), CRAFT_HOST_ERR_FOREIGN);
    assert_non_null(strstr(cluster->servers[1].error, "belongs to server 1"));
    cluster->options.group = 8;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_HOST_ERR_FOREIGN);
    cluster->options.group = 0;
    fleet_open(cluster, 0);
}

static void directory_in_use_is_refused(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    craft_host *first;

    fleet_open(cluster, 0);
    first = server->host;
    server->host = NULL;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_HOST_ERR_STORAGE);
    assert_true(strlen(server->error) > 0);
    server->host = first;
}

static void wrong_options_are_refused_with_a_reason(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    craft_host_server list[2] = {{2, "127.0.0.1:1"}, {2, "127.0.0.1:2"}};

    cluster->options.servers = list;
    cluster->options.servers_len = 1;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_INVALID);
    assert_non_null(strstr(server->error, "does not name this server"));
    cluster->options.flags = CRAFT_HOST_JOIN;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_INVALID);
    cluster->options.listen = "127.0.0.1:0";
    cluster->options.servers_len = 2;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_INVALID);
    assert_non_null(strstr(server->error, "twice"));
    cluster->options.servers_len = 1;
    cluster->options.listen = "127.0.0.1";
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_HOST_ERR_ADDRESS);
    cluster->options.listen = "127.0.0.1:0";
    cluster->options.heartbeat_ticks = 50;
    assert_int_equal(fleet_try_open(cluster, 0), CRAFT_ERR_INVALID);
    cluster->options.heartbeat_ticks = 5;
    fleet_open(cluster, 0); /* joining: it waits for a leader */
    assert_true(craft_host_port(server->host) != 0);
    fleet_turn_for(cluster, 600);
    assert_null(fleet_leader(cluster));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(record_becomes_durable, set_up_single,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            record_without_space_voids_those_behind_it, set_up_single,
            tear_down),
        cmocka_unit_test_setup_teardown(
            failed_sync_is_an_error_and_nothing_follows, set_up_single,
            tear_down),
        cmocka_unit_test_setup_teardown(failed_write_halts_the_host,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(others_go_on_when_the_disk_of_one_fails,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_disk_is_waited_for, set_up_single,
                                        tear_down),
        cmocka_unit_test_setup_teardown(directory_of_another_server_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(directory_in_use_is_refused,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(wrong_options_are_refused_with_a_reason,
                                        set_up, tear_down),
    };
    int failed = 0;

    for (wal_inline = 0; wal_inline <= 1; wal_inline++) {
        failed |= cmocka_run_group_tests_name(
            wal_inline ? "wal inline" : "wal on a thread", tests, NULL, NULL);
    }
    return failed;
}
