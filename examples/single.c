/*
 * single: one server that keeps a sum in a durable log.
 *
 *   craft-single DIR [NUMBER...]     adds the numbers and prints the sum
 *
 * Run it again and it goes on where it was, also after a kill -9. The log is
 * craft/wal.h; a host with a store of its own does the same in on_persist()
 * and restore().
 */
#include <craft.h>
#include <craft/wal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server {
    craft_node *node;
    craft_wal *wal;
    int64_t sum; /* the state machine, built anew from the log */
    int rv;      /* 0, or what went wrong */
};

/* There is nobody else. */
static void on_send(void *host, const craft_message *message)
{
    (void)host;
    (void)message;
}

/*
 * Written and synced, or not at all. A server that outlives a full disk would
 * answer CRAFT_WAL_ERR_NOSPACE with CRAFT_ENDING_NOSPACE; here it is the end.
 */
static void on_persist(void *host, const craft_persist *record)
{
    struct server *server = host;

    server->rv = craft_wal_append(server->wal, record, 1, NULL);
    if (server->rv == 0) {
        server->rv = craft_wal_sync(server->wal);
    }
    craft_persisted(server->node, record->ticket,
                    server->rv == 0 ? CRAFT_ENDING_OK : CRAFT_ENDING_ERROR);
}

static void on_apply(void *host, const craft_entry *entries, size_t len)
{
    struct server *server = host;

    for (size_t i = 0; i < len; i++) {
        int64_t number = 0;

        if (entries[i].data_len == sizeof number) {
            memcpy(&number, entries[i].data, sizeof number);
        }
        server->sum += number;
    }
    craft_applied(server->node, entries[len - 1].index, CRAFT_ENDING_OK);
}

/* Give the node what the disk holds. */
static int restore(struct server *server, const craft_restore *state)
{
    static craft_entry entries[256];
    static uint8_t data[64 * 1024];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = 256,
                             .data = data,
                             .data_max = sizeof data};
    craft_wal_status status = {.struct_size = sizeof status};
    craft_index next = 1;
    int rv = craft_node_restore(server->node, state);

    craft_wal_status_get(server->wal, &status);
    while (rv == 0 && next <= status.last_index) {
        rv = craft_wal_read(server->wal, next, &batch);
        if (rv == 0) {
            rv = craft_node_restore_entries(server->node, entries,
                                            batch.entries_len);
            next += batch.entries_len;
        }
    }
    return rv;
}

/* The same as before its last end, or a new group of one. */
static int start(struct server *server)
{
    const craft_hooks hooks = {.struct_size = sizeof hooks,
                               .send = on_send,
                               .persist = on_persist,
                               .apply = on_apply};
    const craft_member self = {.id = 1, .role = CRAFT_MEMBER_VOTER};
    craft_restore state = {.struct_size = sizeof state};
    craft_config config;
    int rv;

    craft_config_init(&config, sizeof config);
    config.id = self.id;
    config.entry_bytes_max = sizeof(int64_t);
    rv = craft_node_new(&config, &hooks, server, &server->node);
    if (rv == 0) {
        rv = craft_wal_read_state(server->wal, &state) == 1
                 ? restore(server, &state)
                 : craft_node_bootstrap(server->node, &self, 1);
    }
    if (rv == 0) {
        rv = craft_node_start(server->node);
    }
    /* With nobody to wait for, it leads when the call is over. */
    return rv == 0 ? craft_campaign(server->node) : rv;
}

/* All numbers under one hold: one record, one sync. */
static int add(struct server *server, char **numbers, int numbers_len)
{
    int rv = craft_hold(server->node);

    for (int i = 0; rv == 0 && i < numbers_len; i++) {
        int64_t number = strtoll(numbers[i], NULL, 10);
        uint8_t bytes[sizeof number];

        memcpy(bytes, &number, sizeof number);
        rv = craft_propose(server->node, bytes, sizeof bytes, 0);
    }
    craft_release(server->node);
    return rv == 0 ? server->rv : rv;
}

int main(int argc, char **argv)
{
    struct server server = {0};
    craft_wal_report report = {.struct_size = sizeof report};
    craft_wal_options options;
    int rv;

    if (argc < 2) {
        fprintf(stderr, "usage: craft-single DIR [NUMBER...]\n");
        return 2;
    }
    craft_wal_options_init(&options, sizeof options);
    options.directory = argv[1];
    options.segment_bytes = (uint64_t)1 << 20;
    if (craft_wal_open(&options, &server.wal, &report) != 0) {
        fprintf(stderr, "craft-single: %s\n", report.text);
        return 1;
    }
    rv = start(&server);
    if (rv == 0) {
        rv = add(&server, argv + 2, argc - 2);
    }
    if (rv == 0) {
        printf("%lld\n", (long long)server.sum);
    } else {
        craft_wal_last_report(server.wal, &report);
        fprintf(stderr, "craft-single: %s: %s\n", argv[1],
                report.error != 0 ? report.text : craft_strerror(rv));
    }
    craft_node_free(server.node);
    craft_wal_close(server.wal);
    return rv == 0 ? 0 : 1;
}
