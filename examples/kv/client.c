#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands.h"

/*
 * What one client may make this server keep. Beyond the lower limits it is
 * not read from until its replies have gone; see KV_OUT_BYTES_MAX.
 */
enum {
    READ_BYTES = 16 * 1024,
    KEPT_BYTES = 64 * 1024,        /* memory of an idle buffer */
    OUT_BYTES_PAUSE = 1024 * 1024, /* replies to be sent */
    FRAMING_MAX = 8,               /* wire bytes per byte of operation */
    PASSED_OVER_MAX = 16           /* reads of 4 KiB at the end */
};

void kv_client_note(struct kv_client *client)
{
    struct kv_server *server = client->server;

    if (client->noted) {
        return;
    }
    client->noted = 1;
    server->noted[server->noted_len++] = client;
}

void kv_client_fail(struct kv_client *client, uint64_t serial, const char *text)
{
    kv_reply_error(kv_pipeline_reply(&client->pipeline, serial, &client->out),
                   text);
    kv_pipeline_answered(&client->pipeline, serial, &client->out);
    kv_client_note(client);
}

void kv_client_dismiss(struct kv_client *client)
{
    if (client->fd >= 0) {
        client->closing = 1;
        kv_client_note(client);
    }
}

/*
 * What the client has sent meanwhile is passed over: closed with bytes unread,
 * the connection would be reset, and might lose replies on their way.
 */
static void hang_up(int fd)
{
    char bytes[4096];
    ssize_t got = 1;

    (void)shutdown(fd, SHUT_WR);
    for (int i = 0; i < PASSED_OVER_MAX && got > 0; i++) {
        got = recv(fd, bytes, sizeof bytes, 0);
    }
    close(fd);
}

void kv_client_close(struct kv_client *client)
{
    struct kv_server *server = client->server;

    if (client->fd < 0) {
        return;
    }
    (void)craft_host_unwatch(server->host, client->fd);
    hang_up(client->fd);
    client->fd = -1;
    kv_buffer_free(&client->in);
    kv_buffer_free(&client->out);
    kv_resp_free(&client->resp);
    kv_pipeline_drop(&client->pipeline);
    server->free_slots[server->free_len++] = client->slot;
    server->clients_len--;
    if (server->is_stopping) {
        craft_host_busy(server->host, server->clients_len > 0);
    }
}

/* ------------------------------------------------------------------ input */

static int may_parse(const struct kv_client *client)
{
    return !client->closing && kv_buffer_len(&client->out) < OUT_BYTES_PAUSE &&
           !kv_pipeline_full(&client->pipeline);
}

/* The stream cannot be read any further: say why, then close. */
static void protocol_error(struct kv_client *client, const char *why)
{
    struct kv_pipeline *pipeline = &client->pipeline;
    char text[KV_RESP_ERROR_MAX + 32];
    uint64_t serial;

    snprintf(text, sizeof text, "ERR Protocol error: %s", why);
    serial = kv_pipeline_push(pipeline, UINT64_MAX);
    kv_client_fail(client, serial, text);
    client->closing = 1;
}

/* Longest command: what can be proposed, and what RESP writes around it. */
static size_t command_bytes_max(const struct kv_client *client)
{
    return client->server->entry_bytes_max * FRAMING_MAX;
}

static void parse(struct kv_client *client)
{
    struct kv_resp *resp = &client->resp;

    while (kv_buffer_len(&client->in) > 0 && may_parse(client)) {
        enum kv_resp_status status = kv_resp_parse(
            resp, kv_buffer_data(&client->in), kv_buffer_len(&client->in));

        if (status == KV_RESP_ERROR) {
            protocol_error(client, resp->error);
        } else if (status == KV_RESP_MORE) {
            if (resp->bytes_min > command_bytes_max(client)) {
                protocol_error(client, "too big command");
            }
            break;
        } else {
            if (resp->args_len > 0) {
                kv_command_run(client, resp->args, resp->args_len);
            }
            kv_buffer_consume(&client->in, resp->consumed);
        }
    }
    if (client->closing) {
        kv_buffer_clear(&client->in);
    }
    kv_buffer_trim(&client->in, KEPT_BYTES);
}

/* Returns -1 when the connection is broken. */
static int receive(struct kv_client *client)
{
    size_t have = kv_buffer_len(&client->in);
    size_t room = READ_BYTES;
    ssize_t got;

    /* The rest of a long command in one piece, and not in one read each. */
    if (client->resp.bytes_min > have + room) {
        room = client->resp.bytes_min - have;
    }
    got = recv(client->fd, kv_buffer_room(&client->in, room), room, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    if (got == 0) {
        client->ended = 1;
    }
    kv_buffer_grown(&client->in, (size_t)got);
    return 0;
}

/* ----------------------------------------------------------------- output */

/* Returns -1 when the connection is broken. */
static int flush(struct kv_client *client)
{
    while (kv_buffer_len(&client->out) > 0) {
        ssize_t sent = send(client->fd, kv_buffer_data(&client->out),
                            kv_buffer_len(&client->out), 0);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0) {
            return -1;
        }
        kv_buffer_consume(&client->out, (size_t)sent);
    }
    kv_buffer_trim(&client->out, KEPT_BYTES);
    return kv_buffer_len(&client->out) > KV_OUT_BYTES_MAX ? -1 : 0;
}

static void on_events(void *ctx, int fd, uint32_t events);

/* Ask the host for what this client needs now. */
static void watch(struct kv_client *client)
{
    uint32_t events = 0;

    if (!client->ended && may_parse(client)) {
        events |= CRAFT_HOST_READ;
    }
    if (kv_buffer_len(&client->out) > 0) {
        events |= CRAFT_HOST_WRITE;
    }
    if (events == client->events) {
        return;
    }
    client->events = events;
    if (craft_host_watch(client->server->host, client->fd, events, on_events,
                         client) != 0) {
        kv_client_close(client);
    }
}

/* Has nothing more to say, and has been told everything. */
static int is_over(const struct kv_client *client)
{
    return (client->closing || client->ended) &&
           kv_buffer_len(&client->out) == 0 &&
           kv_pipeline_empty(&client->pipeline);
}

void kv_client_look(struct kv_client *client)
{
    client->noted = 0;
    if (client->fd < 0) {
        return;
    }
    parse(client);
    kv_replica_submit(client);
    if (flush(client) != 0 || is_over(client)) {
        kv_client_close(client);
        return;
    }
    watch(client);
}

static void on_events(void *ctx, int fd, uint32_t events)
{
    struct kv_client *client = ctx;

    (void)fd;
    if (((events & CRAFT_HOST_READ) && receive(client) != 0) ||
        (events & CRAFT_HOST_ERROR)) {
        kv_client_close(client);
        return;
    }
    /* Commands are handed over now, to share the log's next write; what they
     * answer is sent once, when the turn ends. */
    parse(client);
    kv_replica_submit(client);
    kv_client_note(client);
}

/* ------------------------------------------------------------------- life */

static struct kv_client *take_slot(struct kv_server *server)
{
    uint32_t slot = server->free_slots[--server->free_len];
    struct kv_client *client = server->clients[slot];

    if (client == NULL) {
        client = kv_realloc(NULL, sizeof *client);
        memset(client, 0, sizeof *client);
        kv_pipeline_init(&client->pipeline);
        client->server = server;
        client->slot = slot;
        server->clients[slot] = client;
    }
    server->clients_len++;
    return client;
}

void kv_client_accept(struct kv_server *server, int fd)
{
    static const char refusal[] = "-ERR max number of clients reached\r\n";
    struct kv_client *client;

    server->connections++;
    if (server->free_len == 0) {
        (void)!send(fd, refusal, sizeof refusal - 1, 0);
        close(fd);
        return;
    }
    client = take_slot(server);
    client->fd = fd;
    client->id = server->connections;
    client->name[0] = '\0';
    client->ended = 0;
    client->closing = 0;
    memset(&client->resp, 0, sizeof client->resp);
    client->resp.bulk_bytes_max = server->entry_bytes_max;
    client->events = CRAFT_HOST_READ;
    if (craft_host_watch(server->host, fd, CRAFT_HOST_READ, on_events,
                         client) != 0) {
        kv_client_close(client);
    }
}
