#include "host_cluster.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS 20000

uint64_t fleet_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint16_t fleet_free_port(void)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(close(fd), 0);
    return ntohs(address.sin_port);
}

/* ----------------------------------------------------------------- machine */

static void on_apply(void *user, const craft_entry *entries, size_t entries_len)
{
    struct fleet_server *server = user;
    struct fleet *cluster = server->cluster;

    for (size_t i = 0; i < entries_len; i++) {
        uint64_t number;

        assert_int_equal(entries[i].kind, CRAFT_ENTRY_COMMAND);
        assert_true(entries[i].data_len >= sizeof number);
        memcpy(&number, entries[i].data, sizeof number);
        assert_true(server->applied < CLUSTER_HISTORY_MAX);
        if (server->applied == cluster->history_len) {
            cluster->history[cluster->history_len] = number;
            cluster->history_len++;
        }
        assert_true(cluster->history[server->applied] == number);
        server->applied++;
    }
}

static void on_done(void *user, uint64_t token, int result, craft_index index)
{
    struct fleet_server *server = user;

    (void)index;
    server->done_token = token;
    server->done_applied = server->applied;
    if (result < 0) {
        server->refused++;
        server->refused_with = result;
    } else {
        server->done[result]++;
    }
}

static void on_event(void *user, const craft_event *event)
{
    struct fleet_server *server = user;

    if (event->kind == CRAFT_EVENT_STORAGE) {
        server->storage_ending = event->value;
    }
}

static void on_message(void *user, craft_id from, const uint8_t *data,
                       size_t data_len)
{
    struct fleet_server *server = user;

    server->messages++;
    server->message_from = from;
    server->message_len = data_len;
    if (data_len > 0) {
        memcpy(server->message, data,
               data_len < sizeof server->message ? data_len
                                                 : sizeof server->message);
    }
}

static void on_link(void *user, craft_id peer, int up)
{
    struct fleet_server *server = user;

    (void)peer;
    server->links_up += up ? 1 : -1;
    server->links_broke += up ? 0 : 1;
}

static void on_turn(void *user)
{
    struct fleet_server *server = user;

    server->turns++;
}

static void on_stopping(void *user)
{
    struct fleet_server *server = user;

    server->stopping++;
}

static void on_log(void *ctx, int level, const char *text)
{
    struct fleet_server *server = ctx;

    if (getenv("CRAFT_TEST_LOG") != NULL) {
        (void)fprintf(stderr, "%d %d %s\n", (int)server->id, level, text);
    }
    if (level <= CRAFT_HOST_LOG_WARN) {
        (void)snprintf(server->warning, sizeof server->warning, "%s", text);
        server->warnings++;
    }
}

/* The state: all commands that were applied, and how many. */
static int on_save(void *user, craft_host_sink *sink)
{
    const struct fleet_server *server = user;
    const uint64_t count = server->applied;

    if (server->save == FLEET_SAVE_FAILS) {
        return 1;
    }
    if (server->save == FLEET_SAVE_DIES) {
        (void)raise(SIGKILL);
    }
    while (server->save == FLEET_SAVE_HANGS) {
        (void)pause();
    }
    if (craft_host_sink_write(sink, &count, sizeof count) != 0) {
        return 1;
    }
    return craft_host_sink_write(sink, server->cluster->history,
                                 server->applied * sizeof count);
}

static int on_load(void *user, const craft_snapshot *snapshot,
                   craft_host_source *source)
{
    struct fleet_server *server = user;
    struct fleet *cluster = server->cluster;
    uint64_t count = 0;
    uint64_t number = 0;

    assert_int_equal(craft_host_source_read(source, &count, sizeof count), 0);
    assert_true(count <= cluster->history_len && count <= snapshot->index);
    assert_true(craft_host_source_left(source) == count * sizeof number);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(craft_host_source_read(source, &number, sizeof number),
                         0);
        assert_true(number == cluster->history[i]);
    }
    assert_int_equal(craft_host_source_read(source, &number, 1),
                     CRAFT_HOST_ERR_STORAGE);
    assert_true(server->applied <= count);
    server->applied = (size_t)count;
    server->loads++;
    return 0;
}

static void on_saved(void *user, craft_index index, int error)
{
    struct fleet_server *server = user;

    assert_true(index > 0);
    if (error == 0) {
        server->saved++;
    } else {
        server->saved_error = error;
    }
}

static const craft_host_machine machine = {
    .struct_size = sizeof machine,
    .apply = on_apply,
    .done = on_done,
    .event = on_event,
    .message = on_message,
    .link = on_link,
    .turn = on_turn,
    .stopping = on_stopping,
    .save = on_save,
    .load = on_load,
    .saved = on_saved,
};

/* -------------------------------------------------------------------- life */

struct fleet *fleet_new(size_t servers_len)
{
    struct fleet *cluster = calloc(1, sizeof *cluster);
    const char *base = getenv("TMPDIR");

    assert_non_null(cluster);
    assert_true(servers_len <= CLUSTER_SERVERS_MAX);
    (void)snprintf(cluster->directory, sizeof cluster->directory,
                   "%s/craft-host-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(cluster->directory));
    cluster->servers_len = servers_len;
    for (size_t i = 0; i < servers_len; i++) {
        struct fleet_server *server = &cluster->servers[i];

        (void)snprintf(cluster->addresses[i], sizeof cluster->addresses[i],
                       "127.0.0.1:%u", (unsigned)fleet_free_port());
        cluster->list[i].id = i + 1;
        cluster->list[i].address = cluster->addresses[i];
        server->cluster = cluster;
        server->id = i + 1;
        (void)snprintf(server->data_dir, sizeof server->data_dir, "%s/%d",
                       cluster->directory, (int)server->id);
    }
    craft_host_options_init(&cluster->options, sizeof cluster->options);
    cluster->options.tick_ms = 5;
    cluster->options.wal_segment_bytes = (size_t)1024 * 1024;
    return cluster;
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void fleet_free(struct fleet *cluster)
{
    for (size_t i = 0; i < cluster->servers_len; i++) {
        fleet_drop(cluster, i);
    }
    (void)nftw(cluster->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(cluster);
}

int fleet_try_open(struct fleet *cluster, size_t at)
{
    struct fleet_server *server = &cluster->servers[at];
    craft_host_options options = cluster->options;
    craft_host_machine own = machine;

    assert_null(server->host);
    options.id = server->id;
    options.data_dir = server->data_dir;
    if (options.servers == NULL) {
        options.servers = cluster->list;
        options.servers_len = cluster->servers_len;
    }
    options.log = on_log;
    options.log_ctx = server;
    options.error = server->error;
    options.error_size = sizeof server->error;
    server->ended = 0;
    server->applied = 0;
    server->links_up = 0;
    server->storage_ending = -1;
    server->saved = 0;
    server->saved_error = 0;
    server->loads = 0;
    if (cluster->has_no_states) {
        own.save = NULL;
        own.load = NULL;
    }
    return craft_host_open(&options, &own, server, &server->host);
}

void fleet_open(struct fleet *cluster, size_t at)
{
    int rv = fleet_try_open(cluster, at);

    if (rv != 0) {
        fail_msg("server %d: %d: %s", (int)at + 1, rv,
                 cluster->servers[at].error);
    }
}

void fleet_open_all(struct fleet *cluster)
{
    for (size_t i = 0; i < cluster->servers_len; i++) {
        fleet_open(cluster, i);
    }
}

void fleet_stop(struct fleet *cluster, size_t at)
{
    struct fleet_server *server = &cluster->servers[at];

    /* Twice: at once, the others are not turned meanwhile. */
    craft_host_stop(server->host);
    craft_host_stop(server->host);
    for (int i = 0; i < 100 && server->ended == 0; i++) {
        server->ended = craft_host_turn(server->host, 0);
    }
    assert_int_equal(server->ended, CRAFT_ERR_STOPPED);
    fleet_drop(cluster, at);
}

void fleet_drop(struct fleet *cluster, size_t at)
{
    craft_host_close(cluster->servers[at].host);
    cluster->servers[at].host = NULL;
}

/* -------------------------------------------------------------------- turns */

void fleet_turn(struct fleet *cluster)
{
    for (size_t i = 0; i < cluster->servers_len; i++) {
        struct fleet_server *server = &cluster->servers[i];

        if (server->host != NULL && server->ended == 0) {
            server->ended = craft_host_turn(server->host, i == 0);
        }
    }
}

void fleet_turn_for(struct fleet *cluster, uint32_t ms)
{
    uint64_t until = fleet_now_ms() + ms;

    while (fleet_now_ms() < until) {
        fleet_turn(cluster);
        (void)usleep(200);
    }
}

void fleet_status(const struct fleet_server *server, craft_status *status)
{
    memset(status, 0, sizeof *status);
    status->struct_size = sizeof *status;
    assert_int_equal(craft_node_status(craft_host_node(server->host), status),
                     0);
}

struct fleet_server *fleet_leader(struct fleet *cluster)
{
    struct fleet_server *leader = NULL;
    craft_term term = 0;

    for (size_t i = 0; i < cluster->servers_len; i++) {
        struct fleet_server *server = &cluster->servers[i];
        craft_status status;

        if (server->host == NULL || server->ended != 0) {
            continue;
        }
        fleet_status(server, &status);
        if (status.role == CRAFT_ROLE_LEADER && status.term > term) {
            leader = server;
            term = status.term;
        }
    }
    return leader;
}

/* It has committed its no-op. */
static int serves(const struct fleet_server *server)
{
    craft_status status;

    fleet_status(server, &status);
    return status.commit_index == status.last_index;
}

struct fleet_server *fleet_elect(struct fleet *cluster)
{
    uint64_t until = fleet_now_ms() + DEADLINE_MS;

    while (fleet_now_ms() < until) {
        struct fleet_server *leader = fleet_leader(cluster);

        if (leader != NULL && serves(leader)) {
            return leader;
        }
        fleet_turn(cluster);
    }
    fail_msg("nobody was elected");
    return NULL;
}

static int has_settled(const struct fleet *cluster, size_t applied)
{
    for (size_t i = 0; i < cluster->servers_len; i++) {
        const struct fleet_server *server = &cluster->servers[i];

        if (server->host != NULL && server->ended == 0 &&
            server->applied < applied) {
            return 0;
        }
    }
    return 1;
}

void fleet_settle(struct fleet *cluster, size_t applied)
{
    uint64_t until = fleet_now_ms() + DEADLINE_MS;

    while (!has_settled(cluster, applied)) {
        if (fleet_now_ms() > until) {
            fail_msg("after %d s: applied %d, %d, %d of %d", DEADLINE_MS / 1000,
                     (int)cluster->servers[0].applied,
                     (int)cluster->servers[1].applied,
                     (int)cluster->servers[2].applied, (int)applied);
        }
        fleet_turn(cluster);
    }
}

void fleet_propose(struct fleet_server *server, uint64_t number)
{
    int rv = craft_host_propose(server->host, (const uint8_t *)&number,
                                sizeof number, number);

    if (rv != 0) {
        fail_msg("proposal %d: %s", (int)number, craft_error_name(rv));
    }
}
