/*
 * Three servers in one process, after a warm-up: replicating entries takes no
 * memory from any of the three allocators, whatever stands in one hold, while
 * applied entries leave memory. Writes, applies and fetches end late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "craft.h"
#include "test_memory.h"

#define SERVERS 3u
#define QUEUE_MAX 4096u
#define STORE_MAX 16384u
#define DATA_MAX 1024u

struct parcel {
    craft_id to;
    uint8_t *bytes;
    size_t len;
};

struct stored {
    craft_entry entry;
    uint8_t data[DATA_MAX];
};

struct server {
    struct cluster *cluster;
    struct test_memory memory;
    craft_node *node;
    struct stored *store; /* [STORE_MAX], entry i at i % STORE_MAX */
    uint64_t ticket;      /* open; 0 = none */
    craft_index applied;  /* the same */
    craft_fetch fetch;    /* the same */
    size_t fetches;
    size_t done;
};

struct cluster {
    struct server servers[SERVERS + 1]; /* [id] */
    struct parcel queue[QUEUE_MAX];     /* ring */
    size_t first;
    size_t len;
    craft_id cut; /* nothing reaches this server; 0 = none */
};

/* ------------------------------------------------------------------- hooks */

static void on_send(void *host, const craft_message *message)
{
    struct cluster *cluster = ((struct server *)host)->cluster;
    struct parcel *parcel;

    if (message->to == cluster->cut) {
        return;
    }
    assert_true(cluster->len < QUEUE_MAX);
    parcel = &cluster->queue[(cluster->first + cluster->len++) % QUEUE_MAX];
    parcel->to = message->to;
    parcel->len = craft_message_encoded_len(message);
    parcel->bytes = malloc(parcel->len);
    assert_non_null(parcel->bytes);
    assert_int_equal(
        craft_message_encode(message, parcel->bytes, parcel->len, &parcel->len),
        0);
}

static void on_persist(void *host, const craft_persist *record)
{
    struct server *server = host;

    for (size_t i = 0; i < record->entries_len; i++) {
        const craft_entry *entry = &record->entries[i];
        struct stored *stored = &server->store[entry->index % STORE_MAX];

        stored->entry = *entry;
        assert_true(entry->data_len <= DATA_MAX);
        if (entry->data_len > 0) {
            memcpy(stored->data, entry->data, entry->data_len);
            stored->entry.data = stored->data;
        }
    }
    server->ticket = record->ticket;
}

static void on_apply(void *host, const craft_entry *entries, size_t entries_len)
{
    ((struct server *)host)->applied = entries[entries_len - 1].index;
}

static void on_fetch(void *host, const craft_fetch *fetch)
{
    ((struct server *)host)->fetch = *fetch;
    ((struct server *)host)->fetches++;
}

static void on_done(void *host, uint64_t token, int result, craft_index index)
{
    assert_true(token != 0 && index != 0);
    assert_int_equal(result, CRAFT_RESULT_OK);
    ((struct server *)host)->done++;
}

/* ----------------------------------------------------------------- driving */

static void end_fetch(struct server *server)
{
    craft_entry entries[512];
    craft_fetch fetch = server->fetch;
    size_t len = 0;
    size_t bytes = 0;

    memset(&server->fetch, 0, sizeof server->fetch);
    while (len < fetch.entries_max && len < 512) {
        const craft_entry *entry =
            &server->store[(fetch.first + len) % STORE_MAX].entry;

        assert_int_equal(entry->index, fetch.first + len);
        bytes += entry->data_len;
        if (len > 0 && bytes > 100000) {
            break; /* few large entries, or many small ones */
        }
        entries[len++] = *entry;
    }
    assert_int_equal(craft_fetched(server->node, fetch.ticket, entries, len,
                                   CRAFT_ENDING_OK),
                     0);
}

/* End what is open; was there anything? */
static bool end_work(struct server *server)
{
    uint64_t ticket = server->ticket;
    craft_index applied = server->applied;

    server->ticket = 0;
    server->applied = 0;
    server->memory.sealed = true; /* endings take no memory */
    if (ticket != 0) {
        assert_int_equal(craft_persisted(server->node, ticket, CRAFT_ENDING_OK),
                         0);
    }
    if (applied != 0) {
        assert_int_equal(craft_applied(server->node, applied, CRAFT_ENDING_OK),
                         0);
    }
    server->memory.sealed = false;
    if (server->fetch.ticket != 0) {
        end_fetch(server);
        return true;
    }
    return ticket != 0 || applied != 0;
}

static bool deliver(struct cluster *cluster)
{
    struct parcel parcel;

    if (cluster->len == 0) {
        return false;
    }
    parcel = cluster->queue[cluster->first % QUEUE_MAX];
    cluster->first++;
    cluster->len--;
    assert_int_equal(craft_receive_bytes(cluster->servers[parcel.to].node,
                                         parcel.bytes, parcel.len),
                     0);
    free(parcel.bytes);
    return true;
}

static void settle(struct cluster *cluster)
{
    bool busy = true;

    while (busy) {
        busy = deliver(cluster);
        for (craft_id id = 1; id <= SERVERS; id++) {
            busy |= end_work(&cluster->servers[id]);
            assert_null(craft_check(cluster->servers[id].node));
        }
    }
}

static void server_open(struct cluster *cluster, craft_id id)
{
    craft_hooks hooks = {.struct_size = sizeof hooks,
                         .send = on_send,
                         .persist = on_persist,
                         .apply = on_apply,
                         .fetch = on_fetch,
                         .done = on_done};
    struct server *server = &cluster->servers[id];
    craft_member members[SERVERS];
    craft_config config;

    memset(members, 0, sizeof members);
    for (size_t i = 0; i < SERVERS; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    craft_config_init(&config, sizeof config);
    config.id = id;
    config.log_cache_bytes_max = 100000;
    config.allocator = test_memory_allocator(&server->memory);
    server->cluster = cluster;
    server->store = calloc(STORE_MAX, sizeof *server->store);
    assert_non_null(server->store);
    assert_int_equal(craft_node_new(&config, &hooks, server, &server->node), 0);
    assert_int_equal(craft_node_bootstrap(server->node, members, SERVERS), 0);
    assert_int_equal(craft_node_start(server->node), 0);
}

static struct cluster *cluster_open(void)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);

    assert_non_null(cluster);
    for (craft_id id = 1; id <= SERVERS; id++) {
        server_open(cluster, id);
    }
    settle(cluster);
    assert_int_equal(craft_campaign(cluster->servers[1].node), 0);
    settle(cluster);
    return cluster;
}

static void cluster_close(struct cluster *cluster)
{
    for (craft_id id = 1; id <= SERVERS; id++) {
        craft_node_free(cluster->servers[id].node);
        assert_int_equal(cluster->servers[id].memory.blocks, 0);
        free(cluster->servers[id].store);
    }
    free(cluster);
}

static void propose(struct cluster *cluster, size_t count, size_t data_len)
{
    static const uint8_t data[DATA_MAX] = "data";
    craft_node *node = cluster->servers[1].node;

    assert_int_equal(craft_hold(node), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(craft_propose(node, data, data_len, i + 1), 0);
    }
    assert_int_equal(craft_release(node), 0);
    settle(cluster);
}

static void tick(struct cluster *cluster)
{
    for (craft_id id = 1; id <= SERVERS; id++) {
        assert_int_equal(craft_tick(cluster->servers[id].node, 1), 0);
    }
    settle(cluster);
}

static size_t allocations(const struct cluster *cluster)
{
    size_t sum = 0;

    for (craft_id id = 1; id <= SERVERS; id++) {
        sum += cluster->servers[id].memory.allocations;
    }
    return sum;
}

static craft_index first_index(const struct server *server)
{
    craft_status status;

    status.struct_size = sizeof status;
    assert_int_equal(craft_node_status(server->node, &status), 0);
    assert_int_equal(status.uncommitted_bytes, 0); /* etcd a370b6f */
    assert_int_equal(status.tokens_open, 0);
    return status.first_index;
}

static void replicate(size_t per_hold, size_t data_len)
{
    struct cluster *cluster = cluster_open();
    size_t rounds = per_hold > 100 ? 40 : 600;
    size_t before;

    for (size_t i = 0; i < rounds; i++) {
        propose(cluster, per_hold, data_len);
        tick(cluster);
    }
    before = allocations(cluster);
    for (size_t i = 0; i < rounds; i++) {
        propose(cluster, per_hold, data_len);
        tick(cluster);
    }
    assert_int_equal(allocations(cluster), before);
    assert_int_equal(cluster->servers[1].done, 2 * rounds * per_hold);
    for (craft_id id = 1; id <= SERVERS; id++) {
        assert_true(first_index(&cluster->servers[id]) > per_hold);
    }
    cluster_close(cluster);
}

/* ------------------------------------------------------------------- tests */

static void single_entries_take_no_memory(void **state)
{
    (void)state;
    replicate(1, 128);
    replicate(1, 1024);
}

static void sixty_four_entries_per_hold_take_no_memory(void **state)
{
    (void)state;
    replicate(64, 128);
    replicate(64, 1024);
}

static void a_thousand_entries_per_hold_take_no_memory(void **state)
{
    (void)state;
    replicate(1024, 128);
    replicate(1024, 1024);
}

/* Loads of different shapes, in turn, settle as well. */
static void mixed_loads_take_no_memory(void **state)
{
    static const size_t counts[] = {1, 64, 7, 256, 3};
    static const size_t lens[] = {0, 1024, 128, 17};
    struct cluster *cluster = cluster_open();
    size_t before = 0;

    (void)state;
    for (size_t i = 0; i < 400; i++) {
        propose(cluster, counts[i % 5], lens[i % 4]);
        tick(cluster);
        if (i == 200) {
            before = allocations(cluster);
        }
    }
    assert_int_equal(allocations(cluster), before);
    cluster_close(cluster);
}

/* A server falls behind what is in memory, and catches up by fetches. */
static void catching_up_again_and_again_takes_no_memory(void **state)
{
    struct cluster *cluster = cluster_open();
    size_t before = 0;
    size_t fetches = 0;

    (void)state;
    for (size_t i = 0; i < 30; i++) {
        cluster->cut = 3;
        for (size_t k = 0; k < 30; k++) {
            propose(cluster, 40, i % 2 == 0 ? 128 : 1024);
        }
        cluster->cut = 0;
        for (size_t k = 0; k < 10; k++) {
            tick(cluster);
        }
        if (i == 14) {
            before = allocations(cluster);
            fetches = cluster->servers[1].fetches;
        }
    }
    assert_true(cluster->servers[1].fetches > fetches + 15);
    assert_int_equal(allocations(cluster), before);
    assert_true(first_index(&cluster->servers[3]) > 1000);
    cluster_close(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_entries_take_no_memory),
        cmocka_unit_test(sixty_four_entries_per_hold_take_no_memory),
        cmocka_unit_test(a_thousand_entries_per_hold_take_no_memory),
        cmocka_unit_test(mixed_loads_take_no_memory),
        cmocka_unit_test(catching_up_again_and_again_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
