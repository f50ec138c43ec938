#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 511,
    ACCEPTS_PER_TURN = 64,
    CHECK_MS = 50, /* how exactly deadlines are kept */
    ERROR_MAX = 512
};

/* --------------------------------------------------------------- listener */

/* Split "host:port" or "[v6]:port"; ":port" is loopback. */
static int split(const char *address, char *host, size_t host_size,
                 const char **port)
{
    const char *colon = strrchr(address, ':');
    size_t len;

    if (colon == NULL) {
        return -1;
    }
    len = (size_t)(colon - address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len >= host_size) {
        return -1;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    if (len == 0) {
        snprintf(host, host_size, "127.0.0.1");
    }
    *port = colon + 1;
    return 0;
}

/* Never waits, and is not handed on to other programs. */
static void set_flags(int fd)
{
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int listen_on(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM, info->ai_protocol);
    int on = 1;
    int saved;

    if (fd < 0) {
        return -1;
    }
    set_flags(fd);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
        listen(fd, BACKLOG) == 0) {
        return fd;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int open_listener(const char *address)
{
    struct addrinfo hints = {0};
    struct addrinfo *found = NULL;
    char host[KV_ADDRESS_MAX];
    const char *port = NULL;
    const char *why = "no such address";
    int fd = -1;

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    if (split(address, host, sizeof host, &port) == 0 &&
        getaddrinfo(host, port, &hints, &found) == 0) {
        fd = listen_on(found);
        why = strerror(errno);
        freeaddrinfo(found);
    }
    if (fd < 0) {
        fprintf(stderr,
                "craft-kv: cannot listen on '%s': %s: "
                "give --client another HOST:PORT\n",
                address, why);
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    socklen_t len = sizeof address;

    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    if (address.ss_family == AF_INET6) {
        memcpy(&v6, &address, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    memcpy(&v4, &address, sizeof v4);
    return ntohs(v4.sin_port);
}

static void on_connection(void *ctx, int fd, uint32_t events)
{
    struct kv_server *server = ctx;
    int on = 1;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int accepted = accept(fd, NULL, NULL);

        if (accepted < 0 && (errno == EINTR || errno == ECONNABORTED)) {
            continue;
        }
        if (accepted < 0 && errno != EAGAIN) {
            /* No descriptor left: the waiting connection would wake the loop
             * for ever. The timer listens again. */
            (void)craft_host_watch(server->host, fd, 0, on_connection, server);
            server->is_deaf = 1;
        }
        if (accepted < 0) {
            return;
        }
        set_flags(accepted);
        (void)setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        kv_client_accept(server, accepted);
    }
}

/* ------------------------------------------------------------------- turns */

static void look_at_noted(struct kv_server *server)
{
    uint32_t noted_len = server->noted_len;

    /* A look may note a client again, for the next turn: those stand behind.
     * None is looked at twice, so one client cannot hold the others up. */
    for (uint32_t i = 0; i < noted_len; i++) {
        kv_client_look(server->noted[i]);
    }
    memmove(server->noted, server->noted + noted_len,
            (server->noted_len - noted_len) * sizeof(void *));
    server->noted_len -= noted_len;
}

/*
 * The host's `turn`: what was applied and read has left notes. Reads that came
 * in this turn are asked for at once; so are the few that a look finds behind
 * others. A server that is alone answers on the spot: look again, to send that.
 */
static void on_turn(void *user)
{
    struct kv_server *server = user;

    kv_replica_turn(server);
    (void)kv_raft_explain_all(server);
    (void)kv_reads_ask(server);
    do {
        look_at_noted(server);
    } while (kv_raft_explain_all(server) | kv_reads_ask(server));
}

/* What was sent is answered; what is sent from now on is for other servers. */
static void on_stopping(void *user)
{
    struct kv_server *server = user;

    server->is_stopping = 1;
    server->is_deaf = 0;
    (void)craft_host_unwatch(server->host, server->listener);
    close(server->listener);
    server->listener = -1;
    for (uint32_t i = 0; i < server->clients_max; i++) {
        if (server->clients[i] != NULL) {
            kv_client_dismiss(server->clients[i]);
        }
    }
    craft_host_busy(server->host, server->clients_len > 0);
}

static void on_check(void *ctx, uint64_t timer)
{
    struct kv_server *server = ctx;

    (void)timer;
    kv_replica_deadlines(server);
    if (!server->is_deaf) {
        return;
    }
    server->is_deaf = 0;
    (void)craft_host_watch(server->host, server->listener, CRAFT_HOST_READ,
                           on_connection, server);
}

/* -------------------------------------------------------------------- life */

static void on_log(void *ctx, int level, const char *text)
{
    const struct kv_server *server = ctx;

    /* What ends the host is told by what it returns: one line, not two. */
    if (level == CRAFT_HOST_LOG_ERROR) {
        return;
    }
    if (level == CRAFT_HOST_LOG_WARN || server->options->is_verbose) {
        fprintf(stderr, "craft-kv: server %llu: %s\n",
                (unsigned long long)server->options->id, text);
    }
}

static int open_host(struct kv_server *server)
{
    const struct kv_options *options = server->options;
    craft_host_options host;
    craft_host_machine machine;
    craft_config core;
    char error[ERROR_MAX] = "";
    int rv;

    craft_config_init(&core, sizeof core);
    core.priority = options->priority;
    core.flags |= options->is_passive ? (uint32_t)CRAFT_CONFIG_PASSIVE : 0u;
    server->entry_bytes_max = core.entry_bytes_max;
    craft_host_options_init(&host, sizeof host);
    host.id = options->id;
    host.data_dir = options->data_dir;
    host.servers = options->servers;
    host.servers_len = options->servers_len;
    host.tick_ms = options->tick_ms;
    host.election_ticks = options->election_ticks;
    host.heartbeat_ticks = options->heartbeat_ticks;
    host.wal_inline = options->wal_inline;
    host.wal_segment_bytes = options->segment_bytes;
    host.snapshot_log_bytes = options->snapshot_bytes;
    host.snapshot_keep_bytes = options->keep_bytes;
    host.clock_drift_ppm = options->has_leases ? options->clock_drift_ppm : 0;
    host.core = &core;
    host.log = on_log;
    host.log_ctx = server;
    host.error = error;
    host.error_size = sizeof error;
    kv_replica_machine(&machine);
    machine.turn = on_turn;
    machine.stopping = on_stopping;
    rv = craft_host_open(&host, &machine, server, &server->host);
    if (rv != 0) {
        fprintf(stderr, "craft-kv: server %llu: %s\n",
                (unsigned long long)options->id,
                error[0] != '\0' ? error : craft_strerror(rv));
    }
    return rv == 0 ? 0 : -1;
}

/* A number that no other process of the cluster has, nor an earlier one. */
static void choose_life(struct kv_server *server)
{
    int fd = open("/dev/urandom", O_RDONLY);
    uint64_t number = 0;

    if (fd < 0 || read(fd, &number, sizeof number) != sizeof number) {
        fprintf(stderr,
                "craft-kv: cannot read /dev/urandom: %s: "
                "make it readable\n",
                strerror(errno));
        exit(1);
    }
    close(fd);
    server->life = number | 1;
}

static void make_tables(struct kv_server *server)
{
    uint32_t max = server->options->clients_max;

    server->clients_max = max;
    server->clients = kv_realloc(NULL, max * sizeof(void *));
    memset(server->clients, 0, max * sizeof(void *));
    server->free_slots = kv_realloc(NULL, max * sizeof *server->free_slots);
    /* A client is noted at most once before a turn, and once while it is
     * looked at. */
    server->noted = kv_realloc(NULL, (size_t)max * 2 * sizeof(void *));
    for (uint32_t i = 0; i < max; i++) {
        server->free_slots[i] = max - 1 - i;
    }
    server->free_len = max;
    kv_store_init(&server->store);
    choose_life(server);
}

int kv_server_open(struct kv_server *server, const struct kv_options *options)
{
    memset(server, 0, sizeof *server);
    server->options = options;
    server->listener = open_listener(options->client);
    if (server->listener < 0) {
        return -1;
    }
    server->client_port = port_of(server->listener);
    server->snapshot = UINT64_MAX;
    make_tables(server);
    if (open_host(server) != 0) {
        return -1;
    }
    if (craft_host_handle_signals(server->host) != 0 ||
        craft_host_watch(server->host, server->listener, CRAFT_HOST_READ,
                         on_connection, server) != 0 ||
        craft_host_timer(server->host, CHECK_MS, CHECK_MS, on_check, server,
                         NULL) != 0) {
        fprintf(stderr,
                "craft-kv: cannot set up the loop: %s: "
                "look at the limit of open files\n",
                strerror(errno));
        return -1;
    }
    server->started_ns = craft_host_now_ns(server->host);
    return 0;
}

int kv_server_run(struct kv_server *server)
{
    int rv;

    printf("craft-kv: server %llu: clients on port %u, servers on port %u\n",
           (unsigned long long)server->options->id, server->client_port,
           craft_host_port(server->host));
    fflush(stdout);
    rv = craft_host_run(server->host);
    if (rv == 0) {
        return 0;
    }
    fprintf(stderr, "craft-kv: server %llu: stopped: %s\n",
            (unsigned long long)server->options->id,
            craft_host_error_text(server->host)[0] != '\0'
                ? craft_host_error_text(server->host)
                : craft_strerror(rv));
    return -1;
}

void kv_server_close(struct kv_server *server)
{
    kv_replica_stopped(server);
    for (uint32_t i = 0; i < server->clients_max; i++) {
        struct kv_client *client = server->clients[i];

        if (client == NULL) {
            continue;
        }
        if (client->fd >= 0) {
            client->closing = 1;
            kv_client_look(client);
            kv_client_close(client);
        }
        kv_pipeline_free(&client->pipeline);
        free(client);
    }
    if (server->listener >= 0) {
        close(server->listener);
    }
    craft_host_close(server->host);
    kv_reads_free(server);
    kv_store_free(&server->store);
    kv_buffer_free(&server->scratch);
    kv_buffer_free(&server->explains);
    free(server->clients);
    free(server->free_slots);
    free(server->noted);
}
