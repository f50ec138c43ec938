/*
 * The files of states alone, below them a file system in memory that crashes
 * at every call: what the log tells of is always there and whole.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/snapshots.h"
#include "memory_files.h"

#define STATE_BYTES 3000u
#define DIRECTORY "store"

static const uint8_t configuration[21] = "a configuration blob";

/* The bytes of a state tell its index. */
static void state_fill(uint8_t bytes[STATE_BYTES], craft_index index)
{
    for (size_t i = 0; i < STATE_BYTES; i++) {
        bytes[i] = (uint8_t)((i + 7 * index) * 2654435761u >> 11);
    }
}

static craft_snapshot snapshot_of(craft_index index)
{
    static uint8_t bytes[STATE_BYTES];
    craft_snapshot snapshot = {
        .struct_size = sizeof snapshot,
        .index = index,
        .term = 1,
        .configuration = configuration,
        .configuration_len = sizeof configuration,
        .size = STATE_BYTES,
    };
    struct craft_digest digest;

    state_fill(bytes, index);
    craft_digest_begin(&digest);
    craft_digest_add(&digest, bytes, sizeof bytes);
    snapshot.digest = craft_digest_end(&digest);
    return snapshot;
}

static struct craft_snapshots over(memory_files *files)
{
    struct craft_snapshots own = {
        .files = memory_files_table(),
        .files_ctx = files,
        .directory = DIRECTORY,
        .group = 5,
        .sync_bytes = 1000,
    };

    return own;
}

static int open_log(memory_files *files, craft_wal **wal)
{
    craft_wal_options options;

    craft_wal_options_init(&options, sizeof options);
    options.directory = DIRECTORY;
    options.group = 5;
    options.segment_bytes = 4096;
    options.files = memory_files_table();
    options.files_ctx = files;
    return craft_wal_open(&options, wal, NULL);
}

static int log_entries(craft_wal *wal)
{
    craft_entry entries[60];
    craft_persist persist = {.struct_size = sizeof persist};

    memset(entries, 0, sizeof entries);
    for (size_t i = 0; i < 60; i++) {
        entries[i].index = i + 1;
        entries[i].term = 1;
        entries[i].kind = CRAFT_ENTRY_COMMAND;
    }
    persist.flags = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_ENTRIES;
    persist.term = 1;
    persist.first_index = 1;
    persist.entries = entries;
    persist.entries_len = 60;
    return craft_wal_append(wal, &persist, 1, NULL) == 0 ? craft_wal_sync(wal)
                                                         : -1;
}

static int log_snapshot(craft_wal *wal, const craft_snapshot *snapshot)
{
    craft_persist persist = {.struct_size = sizeof persist};

    persist.flags = CRAFT_PERSIST_SNAPSHOT | CRAFT_PERSIST_COMPACT;
    persist.snapshot = snapshot;
    persist.keep_from = snapshot->index + 1;
    return craft_wal_append(wal, &persist, 1, NULL) == 0 ? craft_wal_sync(wal)
                                                         : -1;
}

/* ------------------------------------------------------------------- steps */

/* Written here, in uneven parts, and named. */
static int save(const struct craft_snapshots *own, craft_index index)
{
    static uint8_t bytes[STATE_BYTES];
    craft_snapshot wanted = snapshot_of(index);
    craft_snapshot snapshot = wanted;
    struct craft_snapshots_file file;
    size_t at = 0;
    int rv;

    state_fill(bytes, index);
    snapshot.size = 0;
    snapshot.digest = 0;
    rv = craft_snapshots_begin(own, &snapshot, &file);
    while (rv == 0 && at < STATE_BYTES) {
        size_t len = STATE_BYTES - at < 701 ? STATE_BYTES - at : 701;

        rv = craft_snapshots_write(own, &file, bytes + at, len);
        at += len;
    }
    if (rv == 0) {
        rv = craft_snapshots_seal(own, &file, &snapshot);
    }
    craft_snapshots_close(own, &file);
    if (rv != 0) {
        return rv;
    }
    assert_true(snapshot.digest == wanted.digest);
    assert_true(snapshot.size == wanted.size);
    return craft_snapshots_publish(own, &snapshot, CRAFT_SNAPSHOTS_SAVING);
}

/* As it comes from another server, from where this one says. */
static int receive(const struct craft_snapshots *own, craft_index index,
                   size_t part, uint64_t *resumed_at)
{
    static uint8_t bytes[STATE_BYTES];
    craft_snapshot snapshot = snapshot_of(index);
    struct craft_snapshots_file file;
    int rv = craft_snapshots_receive(own, &snapshot, &file);

    state_fill(bytes, index);
    *resumed_at = file.at;
    if (rv != 0 || file.handle < 0) {
        return rv;
    }
    while (rv == 0 && file.at < STATE_BYTES) {
        uint64_t left = STATE_BYTES - file.at;
        size_t len = left < part ? (size_t)left : part;

        rv = craft_snapshots_write(own, &file, bytes + file.at, len);
    }
    if (rv == 0) {
        rv = craft_snapshots_finish(own, &file, &snapshot);
    }
    craft_snapshots_close(own, &file);
    return rv;
}

/* Files under that ending. */
static size_t count(const memory_files *files, const char *ending)
{
    size_t found = 0;
    const char *name;

    for (size_t n = 0; (name = memory_files_name(files, n)) != NULL; n++) {
        size_t len = strlen(name);

        found += len > strlen(ending) &&
                 strcmp(name + len - strlen(ending), ending) == 0;
    }
    return found;
}

/* ------------------------------------------------------- crash at each call */

enum way {
    SAVED,
    ARRIVED
};

/*
 * A state at 10 that the log tells of, then another at 20: file, record,
 * removal, as the host does it. How far it came: the newest index that was
 * durable with its record.
 */
static craft_index live(memory_files *files, enum way way)
{
    struct craft_snapshots own = over(files);
    craft_wal *wal = NULL;
    craft_index known = 0;
    uint64_t resumed_at;
    int rv = open_log(files, &wal);

    if (rv == 0) {
        rv = craft_snapshots_open(&own, NULL);
    }
    if (rv == 0) {
        rv = log_entries(wal);
    }
    for (craft_index index = 10; rv == 0 && index <= 30; index += 10) {
        craft_snapshot snapshot = snapshot_of(index);

        rv = way == SAVED ? save(&own, index)
                          : receive(&own, index, 450, &resumed_at);
        if (rv == 0) {
            rv = log_snapshot(wal, &snapshot);
        }
        if (rv == 0) {
            known = index;
            rv = craft_snapshots_prune(&own, &snapshot, 0);
        }
    }
    (void)craft_wal_close(wal);
    return known;
}

/* Opened after the crash: at least what was known, whole, and little else. */
static void check_opens(memory_files *files, craft_index known)
{
    struct craft_snapshots own = over(files);
    craft_restore restore = {.struct_size = sizeof restore};
    craft_wal *wal = NULL;
    craft_index index = 0;

    assert_int_equal(open_log(files, &wal), 0);
    assert_true(craft_wal_read_state(wal, &restore) >= 0);
    assert_int_equal(craft_snapshots_open(&own, restore.snapshot), 0);
    if (restore.snapshot != NULL) {
        index = restore.snapshot->index;
        assert_int_equal(craft_snapshots_verify(&own, restore.snapshot), 0);
    }
    assert_true(index >= known);
    assert_int_equal(count(files, ".snap"), index > 0);
    assert_int_equal(count(files, CRAFT_SNAPSHOTS_SAVING), 0);
    assert_int_equal(craft_wal_close(wal), 0);
}

static void crash_at_every_call(enum way way)
{
    uint64_t calls;
    memory_files *files = memory_files_new();

    assert_int_equal(live(files, way), 30);
    calls = memory_files_calls(files);
    assert_true(calls > 50);
    memory_files_free(files);
    for (uint64_t at = 1; at <= calls; at++) {
        for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
            craft_index known;

            files = memory_files_new();
            memory_files_faults(files)->stop_at = at;
            known = live(files, way);
            memory_files_faults(files)->stop_at = 0;
            memory_files_crash(files, (enum memory_crash)how, at);
            check_opens(files, known);
            memory_files_free(files);
        }
    }
}

static void saving_survives_a_crash_at_every_call(void **state)
{
    (void)state;
    crash_at_every_call(SAVED);
}

static void arriving_survives_a_crash_at_every_call(void **state)
{
    (void)state;
    crash_at_every_call(ARRIVED);
}

/* After a crash in an arrival the same one comes again, and is what it was. */
static void arrival_goes_on_after_a_crash_at_every_call(void **state)
{
    uint64_t resumed_at = 0;
    uint64_t most = 0;

    (void)state;
    for (uint64_t at = 1; at < 40; at++) {
        for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
            memory_files *files = memory_files_new();
            struct craft_snapshots own = over(files);
            craft_snapshot snapshot = snapshot_of(20);
            int rv;

            assert_int_equal(craft_snapshots_open(&own, NULL), 0);
            memory_files_settle(files);
            memory_files_calls_reset(files);
            memory_files_faults(files)->stop_at = at;
            (void)receive(&own, 20, 300, &resumed_at);
            memory_files_faults(files)->stop_at = 0;
            memory_files_crash(files, (enum memory_crash)how, at);
            assert_int_equal(craft_snapshots_open(&own, NULL), 0);
            rv = receive(&own, 20, 300, &resumed_at);
            most = resumed_at > most ? resumed_at : most;
            if (rv == -EBADMSG) {
                /* Bytes that were not synced were not what was written. */
                assert_true(resumed_at > 0);
                rv = receive(&own, 20, 300, &resumed_at);
                assert_true(resumed_at == 0);
            }
            assert_int_equal(rv, 0);
            assert_int_equal(craft_snapshots_verify(&own, &snapshot), 0);
            assert_int_equal(count(files, ".part"), 0);
            memory_files_free(files);
        }
    }
    assert_true(most >= STATE_BYTES - 1);
}

/* ------------------------------------------------------------------ faults */

static void every_failing_call_is_told(void **state)
{
    static const int errors[] = {EIO, ENOSPC};
    uint64_t resumed_at;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t at = 1; at < 40; at++) {
            memory_files *files = memory_files_new();
            struct craft_snapshots own = over(files);
            craft_snapshot saved = snapshot_of(10);
            craft_snapshot arrived = snapshot_of(20);
            int save_rv;
            int receive_rv;

            assert_int_equal(craft_snapshots_open(&own, NULL), 0);
            memory_files_settle(files);
            memory_files_calls_reset(files);
            memory_files_faults(files)->fail_at = at;
            memory_files_faults(files)->fail_error = errors[i];
            save_rv = save(&own, 10);
            receive_rv = receive(&own, 20, 500, &resumed_at);
            /* Whatever says it is well is on the disk. */
            memory_files_crash(files, MEMORY_CRASH_NONE, 1);
            if (save_rv == 0) {
                assert_int_equal(craft_snapshots_verify(&own, &saved), 0);
            }
            if (receive_rv == 0) {
                assert_int_equal(craft_snapshots_verify(&own, &arrived), 0);
            }
            memory_files_free(files);
        }
    }
}

static void short_and_interrupted_calls_are_made_again(void **state)
{
    memory_files *files = memory_files_new();
    struct craft_snapshots own = over(files);
    craft_snapshot snapshot = snapshot_of(10);
    uint64_t resumed_at;

    (void)state;
    assert_int_equal(craft_snapshots_open(&own, NULL), 0);
    memory_files_faults(files)->short_writes = 1;
    memory_files_faults(files)->interrupts = 1;
    assert_int_equal(save(&own, 10), 0);
    assert_int_equal(receive(&own, 20, 999, &resumed_at), 0);
    assert_int_equal(craft_snapshots_verify(&own, &snapshot), 0);
    snapshot = snapshot_of(20);
    assert_int_equal(craft_snapshots_verify(&own, &snapshot), 0);
    memory_files_free(files);
}

/* ------------------------------------------------------- bytes and names */

static void every_changed_bit_is_found(void **state)
{
    memory_files *files = memory_files_new();
    struct craft_snapshots own = over(files);
    craft_snapshot snapshot = snapshot_of(10);
    uint8_t *data = NULL;
    size_t len = 0;

    (void)state;
    assert_int_equal(save(&own, 10), 0);
    for (size_t n = 0; data == NULL; n++) {
        const char *name = memory_files_name(files, n);

        assert_non_null(name);
        if (strstr(name, ".snap") != NULL) {
            data = memory_files_data(files, name, &len);
        }
    }
    for (size_t i = 0; i < len; i++) {
        data[i] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(craft_snapshots_verify(&own, &snapshot), -EBADMSG);
        data[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_int_equal(craft_snapshots_verify(&own, &snapshot), 0);
    snapshot.term = 2;
    assert_int_equal(craft_snapshots_verify(&own, &snapshot), -EBADMSG);
    memory_files_free(files);
}

static void old_ones_go_but_what_is_sent_stays(void **state)
{
    memory_files *files = memory_files_new();
    struct craft_snapshots own = over(files);
    craft_snapshot base = snapshot_of(30);
    uint64_t resumed_at;

    (void)state;
    for (craft_index index = 10; index <= 40; index += 10) {
        assert_int_equal(save(&own, index), 0);
    }
    memory_files_put(files, "0000000000000001.snap", configuration, 5);
    assert_int_equal(craft_snapshots_prune(&own, &base, 10), 0);
    assert_int_equal(count(files, ".snap"), 4); /* not 20 */
    assert_int_equal(craft_snapshots_prune(&own, &base, 0), 0);
    assert_int_equal(count(files, ".snap"), 3);
    /* What is there already need not arrive. */
    assert_int_equal(receive(&own, 40, 100, &resumed_at), 0);
    assert_true(resumed_at == STATE_BYTES);
    assert_int_equal(craft_snapshots_open(&own, &base), 0);
    assert_int_equal(count(files, ".snap"), 2); /* and what is not ours */
    assert_int_equal(craft_snapshots_verify(&own, &base), 0);
    assert_int_equal(craft_snapshots_remove(&own, &base), 0);
    assert_int_equal(craft_snapshots_verify(&own, &base), -ENOENT);
    memory_files_free(files);
}

/* Another one than what has begun to arrive: nothing of it is used. */
static void arrival_of_another_begins_anew(void **state)
{
    memory_files *files = memory_files_new();
    struct craft_snapshots own = over(files);
    craft_snapshot first = snapshot_of(20);
    struct craft_snapshots_file file;
    uint8_t bytes[STATE_BYTES];
    uint64_t resumed_at;

    (void)state;
    state_fill(bytes, 20);
    assert_int_equal(craft_snapshots_receive(&own, &first, &file), 0);
    assert_int_equal(craft_snapshots_write(&own, &file, bytes, 1000), 0);
    craft_snapshots_close(&own, &file);
    assert_int_equal(craft_snapshots_receive(&own, &first, &file), 0);
    assert_true(file.at == 1000);
    craft_snapshots_close(&own, &file);
    assert_int_equal(receive(&own, 30, 700, &resumed_at), 0);
    assert_true(resumed_at == 0);
    first.digest = 0;
    assert_int_equal(craft_snapshots_receive(&own, &first, &file), -EBADMSG);
    memory_files_free(files);
}

static void digest_does_not_depend_on_the_parts(void **state)
{
    uint8_t bytes[100];
    struct craft_digest whole;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        craft_digest_begin(&whole);
        craft_digest_add(&whole, bytes, len);
        for (size_t cut = 0; cut <= len; cut++) {
            struct craft_digest parts;

            craft_digest_begin(&parts);
            craft_digest_add(&parts, bytes, cut / 2);
            craft_digest_add(&parts, bytes + cut / 2, cut - cut / 2);
            craft_digest_add(&parts, bytes + cut, len - cut);
            assert_true(craft_digest_end(&parts) == craft_digest_end(&whole));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saving_survives_a_crash_at_every_call),
        cmocka_unit_test(arriving_survives_a_crash_at_every_call),
        cmocka_unit_test(arrival_goes_on_after_a_crash_at_every_call),
        cmocka_unit_test(every_failing_call_is_told),
        cmocka_unit_test(short_and_interrupted_calls_are_made_again),
        cmocka_unit_test(every_changed_bit_is_found),
        cmocka_unit_test(old_ones_go_but_what_is_sent_stays),
        cmocka_unit_test(arrival_of_another_begins_anew),
        cmocka_unit_test(digest_does_not_depend_on_the_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
