/* Connections that are made to us: judge the hello, then receive. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "host/links_state.h"
#include "host/socket.h"

#define NS_PER_MS ((uint64_t)1000000)
#define READ_BYTES ((size_t)64 * 1024)
#define READS_PER_TURN 32 /* of one connection, so that none starves */
#define ACCEPTS_PER_TURN 16
#define RETRY_NS (100 * NS_PER_MS)
#define QUIET_NS (10000 * NS_PER_MS)

static uint64_t now_ns(const struct craft_links *links)
{
    return craft_loop_now(links->config.loop);
}

void craft_accept_close(struct craft_accepted *accepted)
{
    struct craft_links *links = accepted->links;

    (void)craft_loop_unwatch(links->config.loop, accepted->fd);
    (void)close(accepted->fd);
    craft_buffer_reset(&accepted->in, 0);
    links->accepted_len--;
    links->accepted[accepted->at] = links->accepted[links->accepted_len];
    links->accepted[accepted->at]->at = accepted->at;
    free(accepted);
}

static void close_broken(struct craft_accepted *accepted, const char *reason)
{
    struct craft_links *links = accepted->links;

    links->config.counters->broken++;
    craft_log_line(links->config.log, CRAFT_HOST_LOG_WARN,
                   "connection from %s (server %llu): %s; closed",
                   accepted->name, (unsigned long long)accepted->from, reason);
    craft_accept_close(accepted);
}

/* ---------------------------------------------------------------- judging */

/* A reason with its particulars, for the people at the other end. */
static void explain(const struct craft_links *links,
                    const struct craft_hello *hello,
                    struct craft_welcome *welcome)
{
    unsigned long long own = links->config.id;
    unsigned long long from = hello->from;
    char *text = welcome->text;
    size_t size = sizeof welcome->text;

    switch (welcome->code) {
    case CRAFT_REFUSAL_VERSION:
        (void)snprintf(text, size, "link protocol %u here, %u there",
                       CRAFT_LINK_VERSION, (unsigned)hello->version);
        break;
    case CRAFT_REFUSAL_WIRE:
        (void)snprintf(text, size, "message formats %u..%u here, %u..%u there",
                       CRAFT_LINK_WIRE_MIN, CRAFT_LINK_WIRE_MAX,
                       (unsigned)hello->wire_min, (unsigned)hello->wire_max);
        break;
    case CRAFT_REFUSAL_GROUP:
        (void)snprintf(text, size, "group %llu here, %llu there",
                       (unsigned long long)links->config.group,
                       (unsigned long long)hello->group);
        break;
    case CRAFT_REFUSAL_ADDRESSEE:
        (void)snprintf(text, size, "this is server %llu, not %llu", own,
                       (unsigned long long)hello->to);
        break;
    case CRAFT_REFUSAL_STRANGER:
        (void)snprintf(text, size,
                       "server %llu is not in the cluster of server %llu", from,
                       own);
        break;
    case CRAFT_REFUSAL_LINEAGE:
        (void)snprintf(text, size,
                       "bootstrapped with another cluster list than server "
                       "%llu: another cluster",
                       own);
        break;
    default:
        (void)snprintf(text, size, "%s", craft_refusal_text(welcome->code));
        break;
    }
}

static uint32_t judge(const struct craft_links *links,
                      const struct craft_hello *hello)
{
    if (hello->version != CRAFT_LINK_VERSION) {
        return CRAFT_REFUSAL_VERSION;
    }
    if (hello->wire_min > CRAFT_LINK_WIRE_MAX ||
        hello->wire_max < CRAFT_LINK_WIRE_MIN) {
        return CRAFT_REFUSAL_WIRE;
    }
    if (hello->group != links->config.group) {
        return CRAFT_REFUSAL_GROUP;
    }
    if (hello->to != links->config.id) {
        return CRAFT_REFUSAL_ADDRESSEE;
    }
    if (hello->from == links->config.id) {
        return CRAFT_REFUSAL_SELF;
    }
    /* A server that waits to be added cannot know who will add it. */
    if (!craft_links_knows(links, hello->from) && links->lineage != 0) {
        return CRAFT_REFUSAL_STRANGER;
    }
    if (hello->lineage != 0 && links->lineage != 0 &&
        hello->lineage != links->lineage) {
        return CRAFT_REFUSAL_LINEAGE;
    }
    return links->is_stopping ? CRAFT_REFUSAL_STOPPING : CRAFT_REFUSAL_NONE;
}

/* A stranger may knock ten times a second: one line in ten seconds. */
static void tell_refusal(struct craft_links *links,
                         const struct craft_accepted *accepted,
                         const char *text)
{
    links->config.counters->refused++;
    if (links->refusal_ns != 0 &&
        now_ns(links) < links->refusal_ns + QUIET_NS) {
        links->refusals_quiet++;
        return;
    }
    craft_log_line(links->config.log, CRAFT_HOST_LOG_WARN,
                   "connection from %s refused: %s (%llu more since the last "
                   "such line)",
                   accepted->name, text,
                   (unsigned long long)links->refusals_quiet);
    links->refusal_ns = now_ns(links);
    links->refusals_quiet = 0;
}

/* The newest connection of a peer is the one that it uses. */
static void replace_older(const struct craft_accepted *accepted)
{
    struct craft_links *links = accepted->links;

    for (size_t i = links->accepted_len; i > 0; i--) {
        struct craft_accepted *other = links->accepted[i - 1];

        if (other != accepted && other->from == accepted->from) {
            craft_accept_close(other);
        }
    }
}

/* 0, or -1: the connection is closed. */
static int answer_hello(struct craft_accepted *accepted,
                        const struct craft_hello *hello)
{
    struct craft_links *links = accepted->links;
    struct craft_welcome welcome = {0};
    struct craft_peer_link *peer;
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    size_t len;

    welcome.version = CRAFT_LINK_VERSION;
    welcome.code = judge(links, hello);
    welcome.wire = CRAFT_LINK_WIRE_MAX;
    welcome.id = links->config.id;
    welcome.process = links->config.process;
    if (welcome.code != CRAFT_REFUSAL_NONE) {
        explain(links, hello, &welcome);
    } else if (hello->wire_max < CRAFT_LINK_WIRE_MAX) {
        welcome.wire = hello->wire_max;
    }
    len = craft_welcome_put(bytes, &welcome);
    if (craft_socket_send(accepted->fd, bytes, len) != (int64_t)len) {
        craft_accept_close(accepted);
        return -1;
    }
    if (welcome.code != CRAFT_REFUSAL_NONE) {
        tell_refusal(links, accepted, welcome.text);
        craft_accept_close(accepted);
        return -1;
    }
    accepted->from = hello->from;
    replace_older(accepted);
    peer = craft_links_peer(links, hello->from);
    if (peer != NULL) {
        craft_dial_encourage(peer, hello->process);
    }
    return 0;
}

/* -------------------------------------------------------------- receiving */

/* Bytes taken, 0: more are needed, -1: the connection is closed. */
static int64_t take_hello(struct craft_accepted *accepted)
{
    struct craft_hello hello;
    int64_t taken = craft_hello_parse(craft_buffer_front(&accepted->in),
                                      craft_buffer_len(&accepted->in), &hello);

    if (taken < 0) {
        close_broken(accepted, "it does not speak craft's link protocol");
        return -1;
    }
    if (taken > 0 && answer_hello(accepted, &hello) != 0) {
        return -1;
    }
    return taken;
}

static int64_t take_frame(struct craft_accepted *accepted)
{
    struct craft_links *links = accepted->links;
    struct craft_frame frame;
    int64_t taken = craft_frame_parse(
        craft_buffer_front(&accepted->in), craft_buffer_len(&accepted->in),
        links->config.frame_max, &frame, &accepted->wanted);

    if (taken < 0) {
        close_broken(accepted, "a frame of bad length, checksum or type");
        return -1;
    }
    if (taken > 0) {
        links->config.counters->received++;
        if (links->config.received(links->config.ctx, accepted->from, &frame) !=
            0) {
            close_broken(accepted, "a frame that holds no message");
            return -1;
        }
    }
    return taken;
}

/* 0, or -1: the connection is closed. */
static int take_all(struct craft_accepted *accepted)
{
    while (craft_buffer_len(&accepted->in) > 0) {
        int64_t taken =
            accepted->from == 0 ? take_hello(accepted) : take_frame(accepted);

        if (taken < 0) {
            return -1;
        }
        if (taken == 0) {
            break;
        }
        craft_buffer_take(&accepted->in, (size_t)taken);
    }
    return 0;
}

/* How much to read at once: what a known frame lacks, and always enough to
 * read many small ones in one call. A stranger gets room for a hello. */
static size_t read_size(const struct craft_accepted *accepted)
{
    size_t held = craft_buffer_len(&accepted->in);

    if (accepted->from == 0) {
        return CRAFT_GREETING_LEN_MAX - held;
    }
    if (held > 0 && accepted->wanted > held + READ_BYTES) {
        return accepted->wanted - held;
    }
    return READ_BYTES;
}

/* 1: there may be more to read, 0: not now, -1: the connection is closed. */
static int read_once(struct craft_accepted *accepted)
{
    size_t len = read_size(accepted);
    uint8_t *room = craft_buffer_reserve(&accepted->in, len);
    int64_t received;

    if (room == NULL || len == 0) {
        close_broken(accepted, "no room for what it sends");
        return -1;
    }
    received = craft_socket_receive(accepted->fd, room, len);
    if (received < 0 && craft_socket_would_wait()) {
        return 0;
    }
    if (received <= 0) {
        craft_log_line(accepted->links->config.log, CRAFT_HOST_LOG_DEBUG,
                       "connection from %s (server %llu): closed",
                       accepted->name, (unsigned long long)accepted->from);
        craft_accept_close(accepted);
        return -1;
    }
    craft_buffer_added(&accepted->in, (size_t)received);
    accepted->links->config.counters->received_bytes += (uint64_t)received;
    if (take_all(accepted) != 0) {
        return -1;
    }
    return (size_t)received == len;
}

/*
 * Until the socket is empty: after a stall of the loop the heartbeats that
 * waited must be seen before the ticks that were missed.
 */
static void on_event(void *ctx, int fd, uint32_t events)
{
    struct craft_accepted *accepted = ctx;
    int more = 1;

    (void)fd;
    (void)events;
    for (int i = 0; i < READS_PER_TURN && more > 0; i++) {
        more = read_once(accepted);
    }
}

/* -------------------------------------------------------------- accepting */

/* Make room for a newcomer: of those that have not greeted, the oldest. */
static void evict(struct craft_links *links)
{
    struct craft_accepted *oldest = NULL;

    for (size_t i = 0; i < links->accepted_len; i++) {
        struct craft_accepted *other = links->accepted[i];

        if (other->from == 0 &&
            (oldest == NULL || other->serial < oldest->serial)) {
            oldest = other;
        }
    }
    if (oldest != NULL) {
        craft_accept_close(oldest);
    }
}

static void take_in(struct craft_links *links, int fd, const char *name)
{
    struct craft_accepted *accepted;

    if (links->accepted_len == links->config.accepted_max) {
        evict(links);
    }
    accepted = links->accepted_len < links->config.accepted_max
                   ? calloc(1, sizeof *accepted)
                   : NULL;
    if (accepted == NULL) {
        (void)close(fd);
        return;
    }
    accepted->links = links;
    accepted->fd = fd;
    links->last_serial++;
    accepted->serial = links->last_serial;
    accepted->deadline_ns = now_ns(links) + links->config.greet_ms * NS_PER_MS;
    (void)snprintf(accepted->name, sizeof accepted->name, "%s", name);
    accepted->at = links->accepted_len;
    links->accepted[links->accepted_len] = accepted;
    links->accepted_len++;
    if (craft_loop_watch(links->config.loop, fd, CRAFT_HOST_READ, on_event,
                         accepted) != 0) {
        craft_accept_close(accepted);
    }
}

void craft_accept_ready(void *ctx, int fd, uint32_t events)
{
    struct craft_links *links = ctx;
    char name[64];

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int accepted_fd = craft_socket_accept(fd, name, sizeof name);

        if (accepted_fd >= 0) {
            take_in(links, accepted_fd, name);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
            errno == ENOMEM) {
            /* The connection stays readable: look away, or spin. */
            (void)craft_loop_unwatch(links->config.loop, fd);
            links->is_listening = 0;
            links->listen_ns = now_ns(links) + RETRY_NS;
        }
        if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

void craft_accept_tick(struct craft_links *links)
{
    uint64_t now = now_ns(links);

    if (!links->is_listening && links->listen_fd >= 0 &&
        now >= links->listen_ns) {
        links->is_listening =
            craft_loop_watch(links->config.loop, links->listen_fd,
                             CRAFT_HOST_READ, craft_accept_ready, links) == 0;
        links->listen_ns = now + RETRY_NS;
    }
    for (size_t i = links->accepted_len; i > 0; i--) {
        struct craft_accepted *accepted = links->accepted[i - 1];

        if (accepted->from == 0 && now >= accepted->deadline_ns) {
            close_broken(accepted, "no hello in time");
        }
    }
}

uint64_t craft_accept_due(const struct craft_links *links)
{
    uint64_t least = UINT64_MAX;

    if (!links->is_listening && links->listen_fd >= 0) {
        least = links->listen_ns;
    }
    for (size_t i = 0; i < links->accepted_len; i++) {
        const struct craft_accepted *accepted = links->accepted[i];

        if (accepted->from == 0 && accepted->deadline_ns < least) {
            least = accepted->deadline_ns;
        }
    }
    return least;
}
