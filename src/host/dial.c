/* Connections that we make: dial, greet, send, give up, try again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "host/links_state.h"
#include "host/socket.h"

#define BACKOFF_MIN_MS 20u
#define BACKOFF_MAX_MS 1000u
#define RESTART_MS 100u
#define NS_PER_MS ((uint64_t)1000000)
#define OUT_KEEP_BYTES ((size_t)256 * 1024)

static uint64_t now_ns(const struct craft_peer_link *peer)
{
    return craft_loop_now(peer->links->config.loop);
}

/* ---------------------------------------------------------------- failing */

static void disconnect(struct craft_peer_link *peer)
{
    craft_resolve_drop(peer->resolve);
    peer->resolve = NULL;
    if (peer->fd >= 0) {
        (void)craft_loop_unwatch(peer->links->config.loop, peer->fd);
        (void)close(peer->fd);
        peer->fd = -1;
    }
    craft_buffer_reset(&peer->urgent, OUT_KEEP_BYTES);
    craft_buffer_reset(&peer->out, OUT_KEEP_BYTES);
    peer->out_left = 0;
    peer->greeting_len = 0;
    peer->is_blocked = 0;
    peer->look_ns = 0;
    peer->state = CRAFT_DIAL_IDLE;
}

/*
 * Half to all of the time, drawn anew: two servers that lost each other at
 * one moment do not dial in step for ever.
 */
static void back_off(struct craft_peer_link *peer)
{
    uint64_t most_ns = peer->backoff_ms * NS_PER_MS;
    uint64_t drawn = craft_links_random(peer->links) % (most_ns / 2 + 1);

    peer->next_ns = now_ns(peer) + most_ns / 2 + drawn;
    peer->backoff_ms *= 2;
    if (peer->backoff_ms > BACKOFF_MAX_MS) {
        peer->backoff_ms = BACKOFF_MAX_MS;
    }
}

/* Once per reason, not once per attempt: a server that is down for a day is
 * dialled a hundred thousand times. */
static void tell_failure(struct craft_peer_link *peer, const char *reason,
                         int was_up)
{
    int is_new = strcmp(peer->reason, reason) != 0;

    (void)snprintf(peer->reason, sizeof peer->reason, "%s", reason);
    if (was_up || is_new) {
        craft_log_line(peer->links->config.log,
                       was_up ? CRAFT_HOST_LOG_WARN : CRAFT_HOST_LOG_INFO,
                       "link to %llu (%s): %s; dialling on",
                       (unsigned long long)peer->id, peer->address, reason);
    }
}

void craft_dial_fail(struct craft_peer_link *peer, const char *reason)
{
    struct craft_links *links = peer->links;
    int was_up = peer->state == CRAFT_DIAL_UP;

    disconnect(peer);
    if (was_up) {
        peer->backoff_ms = BACKOFF_MIN_MS;
        peer->attempts = 0;
    }
    back_off(peer);
    tell_failure(peer, reason, was_up);
    if (was_up) {
        peer->is_lost = 1;
        links->config.changed(links->config.ctx, peer->id, 0);
    }
}

static void fail_with_errno(struct craft_peer_link *peer, const char *what,
                            int error)
{
    char reason[CRAFT_LINK_REASON_MAX];

    (void)snprintf(reason, sizeof reason, "%s: %s", what, strerror(error));
    craft_dial_fail(peer, reason);
}

/* ---------------------------------------------------------------- silence */

static uint64_t look_every_ns(const struct craft_peer_link *peer)
{
    return peer->links->config.path_ms * NS_PER_MS / 4;
}

/* Something was sent: it has to be acknowledged in time. */
static void expect_answer(struct craft_peer_link *peer)
{
    if (peer->look_ns == 0) {
        peer->asked_ns = now_ns(peer);
        peer->look_ns = peer->asked_ns + look_every_ns(peer);
    }
}

/* Nothing has come back for so long, neither from the system of the other end.
 * What was acknowledged before we asked says nothing. */
static int is_silent(const struct craft_peer_link *peer, uint32_t ms)
{
    return peer->look_ns != 0 &&
           now_ns(peer) >= peer->asked_ns + ms * NS_PER_MS &&
           craft_socket_unheard_ms(peer->fd) >= ms;
}

/*
 * Is the path still there? TCP asks ever more rarely, so that a path which was
 * cut for a second may be taken for cut for one more. A new connection finds
 * out at once.
 */
static void look_for_answer(struct craft_peer_link *peer)
{
    if (peer->look_ns == 0 || now_ns(peer) < peer->look_ns) {
        return;
    }
    if (is_silent(peer, peer->links->config.path_ms)) {
        craft_dial_fail(peer, "it acknowledges nothing");
        return;
    }
    peer->look_ns = now_ns(peer) + look_every_ns(peer);
    if (craft_socket_unheard_ms(peer->fd) == 0) {
        peer->look_ns = 0; /* until something is sent */
    }
}

/* ---------------------------------------------------------------- sending */

/* Writable is asked for only while the socket is full. */
static void watch_for_room(struct craft_peer_link *peer, int is_blocked);

static void take_out(struct craft_peer_link *peer, size_t len)
{
    while (len > 0) {
        size_t taken;

        if (peer->out_left == 0) {
            peer->out_left = craft_frame_len(craft_buffer_front(&peer->out));
        }
        taken = len < peer->out_left ? len : peer->out_left;
        craft_buffer_take(&peer->out, taken);
        peer->out_left -= taken;
        len -= taken;
    }
}

/* What has begun to leave is sent to its end, then what is urgent. */
static int64_t send_some(struct craft_peer_link *peer)
{
    size_t begun = peer->out_left;
    size_t urgent = craft_buffer_len(&peer->urgent);
    const uint8_t *out = craft_buffer_front(&peer->out);
    struct craft_socket_part parts[3] = {
        {out, begun},
        {craft_buffer_front(&peer->urgent), urgent},
        {out != NULL ? out + begun : NULL,
         craft_buffer_len(&peer->out) - begun},
    };
    int64_t sent = craft_socket_send_parts(peer->fd, parts, 3);
    size_t left = sent > 0 ? (size_t)sent : 0;

    if (left <= begun) {
        take_out(peer, left);
        return sent;
    }
    left -= begun;
    take_out(peer, begun);
    urgent = left < urgent ? left : urgent;
    craft_buffer_take(&peer->urgent, urgent);
    take_out(peer, left - urgent);
    return sent;
}

void craft_dial_flush(struct craft_peer_link *peer)
{
    struct craft_host_counters *counters = peer->links->config.counters;
    int64_t sent;

    if (peer->state != CRAFT_DIAL_UP || craft_links_waiting_for(peer) == 0) {
        return;
    }
    sent = send_some(peer);
    if (sent < 0 && !craft_socket_would_wait()) {
        fail_with_errno(peer, "cannot send", errno);
        return;
    }
    if (sent > 0) {
        counters->writes++;
        counters->sent_bytes += (uint64_t)sent;
        peer->progress_ns = now_ns(peer);
        expect_answer(peer);
    }
    if (craft_buffer_len(&peer->out) == 0 &&
        peer->out.capacity > OUT_KEEP_BYTES * 8) {
        craft_buffer_reset(&peer->out, OUT_KEEP_BYTES);
    }
    watch_for_room(peer, craft_links_waiting_for(peer) > 0);
}

/* --------------------------------------------------------------- greeting */

static void come_up(struct craft_peer_link *peer,
                    const struct craft_welcome *welcome)
{
    struct craft_links *links = peer->links;

    peer->state = CRAFT_DIAL_UP;
    peer->process = welcome->process;
    peer->backoff_ms = BACKOFF_MIN_MS;
    peer->attempts = 0;
    peer->reason[0] = '\0';
    craft_log_line(links->config.log, CRAFT_HOST_LOG_INFO,
                   "link to %llu (%s): up", (unsigned long long)peer->id,
                   peer->address);
    links->config.changed(links->config.ctx, peer->id, 1);
}

static void on_welcome(struct craft_peer_link *peer)
{
    struct craft_welcome welcome;
    int64_t taken;

    taken = craft_welcome_parse(peer->greeting, peer->greeting_len, &welcome);
    if (taken == 0) {
        return;
    }
    if (taken < 0 || (size_t)taken != peer->greeting_len) {
        craft_dial_fail(peer, "the answer to our hello is none of craft's");
        return;
    }
    if (welcome.code != CRAFT_REFUSAL_NONE) {
        const char *text = welcome.text[0] != '\0'
                               ? welcome.text
                               : craft_refusal_text(welcome.code);
        char reason[CRAFT_LINK_REASON_MAX];

        (void)snprintf(reason, sizeof reason, "refused: %s", text);
        peer->backoff_ms = BACKOFF_MAX_MS; /* it takes an operator */
        craft_dial_fail(peer, reason);
        return;
    }
    if (welcome.id != peer->id || welcome.wire < CRAFT_LINK_WIRE_MIN ||
        welcome.wire > CRAFT_LINK_WIRE_MAX) {
        craft_dial_fail(peer, "the welcome is not for us");
        return;
    }
    come_up(peer, &welcome);
}

static void send_hello(struct craft_peer_link *peer)
{
    const struct craft_links_config *config = &peer->links->config;
    uint8_t bytes[CRAFT_HELLO_LEN];
    struct craft_hello hello = {
        .version = CRAFT_LINK_VERSION,
        .wire_min = CRAFT_LINK_WIRE_MIN,
        .wire_max = CRAFT_LINK_WIRE_MAX,
        .group = config->group,
        .from = config->id,
        .to = peer->id,
        .lineage = peer->links->lineage,
        .process = config->process,
    };

    craft_hello_put(bytes, &hello);
    /* The buffer of a new socket always has room for these few. */
    if (craft_socket_send(peer->fd, bytes, sizeof bytes) !=
        (int64_t)sizeof bytes) {
        fail_with_errno(peer, "cannot greet", errno);
        return;
    }
    peer->state = CRAFT_DIAL_GREETING;
    peer->next_ns = now_ns(peer) + config->greet_ms * NS_PER_MS;
    expect_answer(peer);
    watch_for_room(peer, 0);
}

/* ----------------------------------------------------------------- events */

static void on_readable(struct craft_peer_link *peer)
{
    uint8_t *room = peer->greeting + peer->greeting_len;
    size_t room_len = sizeof peer->greeting - peer->greeting_len;
    int64_t received;

    if (peer->state == CRAFT_DIAL_UP) {
        room = peer->greeting;
        room_len = 1;
    }
    received = craft_socket_receive(peer->fd, room, room_len);
    if (received < 0 && craft_socket_would_wait()) {
        return;
    }
    if (received < 0) {
        fail_with_errno(peer, "broke", errno);
        return;
    }
    if (received == 0) {
        craft_dial_fail(peer, "closed by the other end");
        return;
    }
    if (peer->state == CRAFT_DIAL_UP) {
        craft_dial_fail(peer, "it sends where it has nothing to send");
        return;
    }
    peer->greeting_len += (size_t)received;
    on_welcome(peer);
}

static void on_event(void *ctx, int fd, uint32_t events)
{
    struct craft_peer_link *peer = ctx;

    if (peer->state == CRAFT_DIAL_CONNECTING) {
        int error = craft_socket_error(fd);

        if (error != 0) {
            fail_with_errno(peer, "cannot connect", error);
        } else {
            send_hello(peer);
        }
        return;
    }
    if ((events & (CRAFT_HOST_READ | CRAFT_HOST_ERROR)) != 0) {
        on_readable(peer);
    }
    if ((events & CRAFT_HOST_WRITE) != 0 && peer->fd == fd) {
        craft_dial_flush(peer);
    }
}

static void watch_for_room(struct craft_peer_link *peer, int is_blocked)
{
    uint32_t events = CRAFT_HOST_READ;

    if (is_blocked) {
        events |= CRAFT_HOST_WRITE;
        if (!peer->is_blocked) {
            peer->progress_ns = now_ns(peer);
        }
    }
    peer->is_blocked = is_blocked;
    if (craft_loop_watch(peer->links->config.loop, peer->fd, events, on_event,
                         peer) != 0) {
        craft_dial_fail(peer, "cannot be watched");
    }
}

/* ---------------------------------------------------------------- dialling */

static void connect_to(struct craft_peer_link *peer,
                       const struct craft_address *address)
{
    const struct craft_links_config *config = &peer->links->config;

    peer->fd = craft_socket_connect(address, config->stall_ms);
    if (peer->fd < 0) {
        fail_with_errno(peer, "cannot connect", errno);
        return;
    }
    peer->state = CRAFT_DIAL_CONNECTING;
    peer->begun_ns = now_ns(peer);
    peer->next_ns = peer->begun_ns + config->connect_ms * NS_PER_MS;
    if (craft_loop_watch(config->loop, peer->fd, CRAFT_HOST_WRITE, on_event,
                         peer) != 0) {
        craft_dial_fail(peer, "cannot be watched");
    }
}

static void dial(struct craft_peer_link *peer)
{
    struct craft_address address;

    peer->attempts++;
    if (craft_address_numeric(&peer->parts, &address) == 0) {
        connect_to(peer, &address);
        return;
    }
    peer->resolve = craft_resolve_start(&peer->parts);
    if (peer->resolve == NULL) {
        craft_dial_fail(peer, "cannot look up its name: no thread");
        return;
    }
    peer->state = CRAFT_DIAL_RESOLVING;
}

static void look_for_address(struct craft_peer_link *peer)
{
    struct craft_address address;
    int rv = craft_resolve_look(peer->resolve, &address);

    if (rv < 0) {
        craft_dial_fail(peer, "no such host");
    } else if (rv > 0) {
        craft_resolve_drop(peer->resolve);
        peer->resolve = NULL;
        connect_to(peer, &address);
    }
}

void craft_dial_tick(struct craft_peer_link *peer)
{
    const struct craft_links_config *config = &peer->links->config;
    uint64_t now = now_ns(peer);

    switch (peer->state) {
    case CRAFT_DIAL_IDLE:
        if (now >= peer->next_ns && !peer->links->is_stopping) {
            dial(peer);
        }
        break;
    case CRAFT_DIAL_RESOLVING:
        look_for_address(peer);
        break;
    case CRAFT_DIAL_CONNECTING:
        if (now >= peer->next_ns) {
            peer->backoff_ms = BACKOFF_MIN_MS; /* it has taken its time */
            craft_dial_fail(peer, "cannot connect: no answer");
        }
        break;
    case CRAFT_DIAL_GREETING:
        if (now >= peer->next_ns) {
            craft_dial_fail(peer, "no answer to our hello");
        } else {
            look_for_answer(peer);
        }
        break;
    case CRAFT_DIAL_UP:
        if (peer->is_blocked &&
            now >= peer->progress_ns + config->stall_ms * NS_PER_MS) {
            craft_dial_fail(peer, "it does not read what it is sent");
        } else {
            look_for_answer(peer);
        }
        break;
    default:
        break;
    }
}

/* When craft_dial_tick() has something to do; UINT64_MAX: never. */
static uint64_t due_at(const struct craft_peer_link *peer)
{
    uint64_t at = peer->next_ns;

    if (peer->state == CRAFT_DIAL_UP) {
        at = UINT64_MAX;
        if (peer->is_blocked) {
            at = peer->progress_ns + peer->links->config.stall_ms * NS_PER_MS;
        }
    } else if (peer->state == CRAFT_DIAL_IDLE && peer->links->is_stopping) {
        at = UINT64_MAX;
    }
    return peer->look_ns != 0 && peer->look_ns < at ? peer->look_ns : at;
}

uint64_t craft_dial_due(const struct craft_peer_link *peer)
{
    uint64_t at = due_at(peer);
    uint64_t now = craft_loop_clock();

    if (peer->is_lost) {
        return 0;
    }
    if (peer->state == CRAFT_DIAL_RESOLVING) {
        return 10 * NS_PER_MS;
    }
    if (at == UINT64_MAX) {
        return at;
    }
    return at > now ? at - now : 0;
}

/* It tries to get through, and TCP may not try again for a long time. */
static int is_stuck(const struct craft_peer_link *peer)
{
    if (peer->state == CRAFT_DIAL_CONNECTING) {
        return now_ns(peer) >= peer->begun_ns + RESTART_MS * NS_PER_MS;
    }
    return is_silent(peer, RESTART_MS);
}

void craft_dial_encourage(struct craft_peer_link *peer, uint64_t process)
{
    if (peer->state == CRAFT_DIAL_UP && peer->process != process) {
        /* Its old self is gone, whether TCP has noticed or not. */
        craft_dial_fail(peer, "it was started again");
    } else if (is_stuck(peer)) {
        craft_dial_fail(peer, "no answer, but it dials us");
    }
    if (peer->state == CRAFT_DIAL_IDLE) {
        peer->backoff_ms = BACKOFF_MIN_MS;
        peer->next_ns = now_ns(peer);
    }
}

void craft_dial_shut(struct craft_peer_link *peer)
{
    disconnect(peer);
    craft_buffer_reset(&peer->urgent, 0);
    craft_buffer_reset(&peer->out, 0);
}
