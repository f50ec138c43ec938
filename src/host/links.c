#include "host/links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "host/links_state.h"

#define PEERS_MAX ((size_t)CRAFT_MEMBERS_MAX * 2)
#define URGENT_BYTES_MAX ((size_t)64 * 1024)

/* ------------------------------------------------------------------- life */

int craft_links_new(const struct craft_links_config *config,
                    struct craft_links **links_out)
{
    struct craft_links *links = calloc(1, sizeof *links);

    *links_out = NULL;
    if (links == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    links->config = *config;
    links->listen_fd = -1;
    links->random = config->process | 1;
    links->accepted = calloc(config->accepted_max, sizeof(void *));
    if (links->accepted == NULL) {
        free(links);
        return CRAFT_ERR_NOMEM;
    }
    *links_out = links;
    return 0;
}

void craft_links_shut(struct craft_links *links)
{
    while (links->accepted_len > 0) {
        craft_accept_close(links->accepted[links->accepted_len - 1]);
    }
    for (size_t i = 0; i < links->peers_len; i++) {
        craft_dial_shut(links->peers[i]);
    }
    if (links->is_listening) {
        (void)craft_loop_unwatch(links->config.loop, links->listen_fd);
    }
    if (links->listen_fd >= 0) {
        (void)close(links->listen_fd);
    }
    links->is_listening = 0;
    links->listen_fd = -1;
    links->is_stopping = 1;
}

void craft_links_free(struct craft_links *links)
{
    if (links == NULL) {
        return;
    }
    craft_links_shut(links);
    for (size_t i = 0; i < links->peers_len; i++) {
        free(links->peers[i]);
    }
    free(links->accepted);
    free(links);
}

int craft_links_listen(struct craft_links *links, int fd)
{
    int rv = craft_loop_watch(links->config.loop, fd, CRAFT_HOST_READ,
                              craft_accept_ready, links);

    if (rv == 0) {
        links->listen_fd = fd;
        links->is_listening = 1;
    }
    return rv;
}

void craft_links_stop(struct craft_links *links)
{
    links->is_stopping = 1;
}

/* xorshift64*: spreads the dials, needs no quality. */
uint64_t craft_links_random(struct craft_links *links)
{
    links->random ^= links->random >> 12;
    links->random ^= links->random << 25;
    links->random ^= links->random >> 27;
    return links->random * 0x2545f4914f6cdd1dull;
}

/* ------------------------------------------------------------------ peers */

/* The place of an id, or where it belongs. */
static size_t place_of(const struct craft_links *links, craft_id id)
{
    size_t begin = 0;
    size_t end = links->peers_len;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (links->peers[middle]->id < id) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

struct craft_peer_link *craft_links_peer(const struct craft_links *links,
                                         craft_id id)
{
    size_t at = place_of(links, id);

    if (at < links->peers_len && links->peers[at]->id == id) {
        return links->peers[at];
    }
    return NULL;
}

int craft_links_knows(const struct craft_links *links, craft_id peer)
{
    return craft_links_peer(links, peer) != NULL;
}

static struct craft_peer_link *add_peer(struct craft_links *links, craft_id id)
{
    struct craft_peer_link *peer;
    size_t at = place_of(links, id);

    if (links->peers_len == PEERS_MAX) {
        return NULL;
    }
    peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    peer->links = links;
    peer->id = id;
    peer->fd = -1;
    for (size_t i = links->peers_len; i > at; i--) {
        links->peers[i] = links->peers[i - 1];
    }
    links->peers[at] = peer;
    links->peers_len++;
    return peer;
}

int craft_links_know(struct craft_links *links, craft_id peer_id,
                     const char *address)
{
    struct craft_peer_link *peer = craft_links_peer(links, peer_id);
    struct craft_address_parts parts;

    if (craft_address_split(address, &parts) != 0 || parts.port == 0) {
        return CRAFT_HOST_ERR_ADDRESS;
    }
    if (peer != NULL && strcmp(peer->address, address) == 0) {
        return 0;
    }
    if (peer == NULL) {
        peer = add_peer(links, peer_id);
    } else if (peer->state != CRAFT_DIAL_IDLE) {
        craft_dial_fail(peer, "it has a new address");
    }
    if (peer == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    peer->parts = parts;
    (void)snprintf(peer->address, sizeof peer->address, "%s", address);
    craft_dial_encourage(peer, peer->process);
    return 0;
}

void craft_links_set_lineage(struct craft_links *links, uint64_t lineage)
{
    links->lineage = lineage;
}

craft_id craft_links_lost(struct craft_links *links)
{
    for (size_t i = 0; i < links->peers_len; i++) {
        if (links->peers[i]->is_lost) {
            links->peers[i]->is_lost = 0;
            return links->peers[i]->id;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- sending */

/*
 * Small, and of the more use the sooner it comes: votes, and what tells a
 * leader that it is followed. It overtakes entries and the application's bytes,
 * or a busy link would cost a leader its office. Appends keep their order, also
 * the empty ones: one that overtook another would be refused as if that was
 * lost. They need no hurry: what they wait for tells as much to who follows.
 */
static int is_urgent(const craft_message *message)
{
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
    case CRAFT_MESSAGE_APPEND_REPLY:
    case CRAFT_MESSAGE_TIMEOUT_NOW:
    case CRAFT_MESSAGE_READ:
    case CRAFT_MESSAGE_READ_REPLY:
        return 1;
    default:
        return 0;
    }
}

/* Room for a frame with this payload, or NULL: so many bytes are waiting. A
 * frame is always taken by an empty link. */
static uint8_t *reserve_frame(struct craft_buffer *buffer, size_t bytes_max,
                              size_t payload_len)
{
    size_t waiting = craft_buffer_len(buffer);
    size_t len = CRAFT_FRAME_HEAD_LEN + payload_len;

    if (waiting > 0 && len + waiting > bytes_max) {
        return NULL;
    }
    return craft_buffer_reserve(buffer, len);
}

static void add_frame(struct craft_links *links, struct craft_buffer *buffer,
                      uint32_t type, size_t payload_len)
{
    craft_frame_seal(buffer->bytes + buffer->end, type, payload_len);
    craft_buffer_added(buffer, CRAFT_FRAME_HEAD_LEN + payload_len);
    links->config.counters->sent++;
}

void craft_links_send(struct craft_links *links, const craft_message *message)
{
    struct craft_peer_link *peer = craft_links_peer(links, message->to);
    size_t len = craft_message_encoded_len(message);
    size_t written = 0;
    size_t bytes_max = links->config.link_bytes_max;
    struct craft_buffer *buffer;
    uint8_t *bytes;

    if (peer == NULL || peer->state != CRAFT_DIAL_UP || len == 0 ||
        len + 1 > links->config.frame_max) {
        return;
    }
    buffer = &peer->out;
    if (is_urgent(message)) {
        buffer = &peer->urgent;
        bytes_max = URGENT_BYTES_MAX;
    }
    bytes = reserve_frame(buffer, bytes_max, len);
    if (bytes == NULL ||
        craft_message_encode(message, bytes + CRAFT_FRAME_HEAD_LEN, len,
                             &written) != 0) {
        /* The core believes it sent: it has to look anew what the peer has. */
        peer->dropped++;
        peer->is_lost = 1;
        return;
    }
    add_frame(links, buffer, CRAFT_FRAME_RAFT, written);
}

int craft_links_send_bytes(struct craft_links *links, craft_id to,
                           const uint8_t *data, size_t data_len)
{
    struct craft_peer_link *peer = craft_links_peer(links, to);
    uint8_t *bytes;

    if (data_len + 1 > links->config.frame_max || to == links->config.id ||
        (data == NULL && data_len > 0)) {
        return CRAFT_ERR_INVALID;
    }
    if (peer == NULL) {
        return CRAFT_ERR_UNKNOWN_ID;
    }
    if (peer->state != CRAFT_DIAL_UP) {
        return CRAFT_HOST_ERR_LINK;
    }
    bytes = reserve_frame(&peer->out, links->config.link_bytes_max, data_len);
    if (bytes == NULL) {
        return CRAFT_ERR_BUSY;
    }
    if (data_len > 0) {
        memcpy(bytes + CRAFT_FRAME_HEAD_LEN, data, data_len);
    }
    add_frame(links, &peer->out, CRAFT_FRAME_APPLICATION, data_len);
    return 0;
}

void craft_links_flush(struct craft_links *links)
{
    for (size_t i = 0; i < links->peers_len; i++) {
        /* A full socket says when it has room again. */
        if (!links->peers[i]->is_blocked) {
            craft_dial_flush(links->peers[i]);
        }
    }
}

size_t craft_links_waiting(const struct craft_links *links)
{
    size_t waiting = 0;

    for (size_t i = 0; i < links->peers_len; i++) {
        waiting += craft_links_waiting_for(links->peers[i]);
    }
    return waiting;
}

/* ------------------------------------------------------------------- time */

void craft_links_tick(struct craft_links *links)
{
    for (size_t i = 0; i < links->peers_len; i++) {
        craft_dial_tick(links->peers[i]);
    }
    craft_accept_tick(links);
}

uint64_t craft_links_due(const struct craft_links *links)
{
    uint64_t at = craft_accept_due(links);
    uint64_t now = craft_loop_clock();
    uint64_t least = UINT64_MAX;

    if (at != UINT64_MAX) {
        least = at > now ? at - now : 0;
    }
    for (size_t i = 0; i < links->peers_len; i++) {
        uint64_t due = craft_dial_due(links->peers[i]);

        least = due < least ? due : least;
    }
    return least;
}

/* ------------------------------------------------------------------- look */

int craft_links_look(const struct craft_links *links, craft_id peer_id,
                     craft_host_link_status *link_out)
{
    const struct craft_peer_link *peer = craft_links_peer(links, peer_id);

    if (peer == NULL) {
        return CRAFT_ERR_UNKNOWN_ID;
    }
    if (link_out->struct_size < sizeof *link_out) {
        return CRAFT_ERR_INVALID;
    }
    link_out->up = peer->state == CRAFT_DIAL_UP;
    link_out->attempts = peer->attempts;
    link_out->waiting_bytes = craft_links_waiting_for(peer);
    link_out->dropped = peer->dropped;
    link_out->reason = peer->reason;
    link_out->accepted = 0;
    for (size_t i = 0; i < links->accepted_len; i++) {
        if (links->accepted[i]->from == peer_id) {
            link_out->accepted = 1;
        }
    }
    return 0;
}
