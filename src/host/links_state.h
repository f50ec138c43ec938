/*
 * What links.c, dial.c and accept.c share: the state of every connection.
 * dial.c writes peers, accept.c writes accepted connections.
 */
#ifndef CRAFT_HOST_LINKS_STATE_H
#define CRAFT_HOST_LINKS_STATE_H

#include "host/address.h"
#include "host/buffer.h"
#include "host/links.h"

#define CRAFT_LINK_REASON_MAX 200u

enum craft_dial_state {
    CRAFT_DIAL_IDLE = 0,       /* until next_ns */
    CRAFT_DIAL_RESOLVING = 1,  /* the name of the host */
    CRAFT_DIAL_CONNECTING = 2, /* until next_ns */
    CRAFT_DIAL_GREETING = 3,   /* hello sent; until next_ns */
    CRAFT_DIAL_UP = 4
};

/* A known server, and our connection to it. */
struct craft_peer_link {
    struct craft_links *links;
    craft_id id;
    struct craft_address_parts parts;
    char address[CRAFT_HOST_NAME_MAX + 10];
    enum craft_dial_state state;
    int fd;         /* -1: none */
    int is_blocked; /* the socket is full; progress_ns is set */
    int is_lost;    /* to be told by craft_links_lost() */
    uint32_t attempts;
    uint32_t backoff_ms;
    uint64_t next_ns;
    uint64_t begun_ns; /* of the attempt */
    uint64_t progress_ns;
    uint64_t asked_ns; /* the oldest sending that may be unacknowledged */
    uint64_t look_ns;  /* when to look whether it is; 0 = nothing was sent */
    uint64_t process;  /* of the one that welcomed us */
    uint64_t dropped;
    struct craft_resolve *resolve;
    /* Frames, each sent whole before another begins: those of `urgent` go
     * before those of `out`. */
    struct craft_buffer urgent;
    struct craft_buffer out;
    size_t out_left; /* of the first frame of `out`, which has begun to leave;
                        0: none has */
    uint8_t greeting[CRAFT_GREETING_LEN_MAX];
    size_t greeting_len;
    char reason[CRAFT_LINK_REASON_MAX];
};

/* A connection that somebody made to us. */
struct craft_accepted {
    struct craft_links *links;
    size_t at; /* its place in links->accepted */
    int fd;
    craft_id from; /* 0: has not greeted; until deadline_ns */
    uint64_t deadline_ns;
    uint64_t serial; /* the smallest is the oldest */
    struct craft_buffer in;
    size_t wanted; /* bytes of the frame in front, as far as known */
    char name[64]; /* of the other end */
};

struct craft_links {
    struct craft_links_config config;
    uint64_t lineage;
    uint64_t random;
    struct craft_peer_link *peers[CRAFT_MEMBERS_MAX * 2]; /* by id, rising */
    size_t peers_len;
    struct craft_accepted **accepted; /* [config.accepted_max] */
    size_t accepted_len;
    uint64_t last_serial;
    int listen_fd; /* -1: none */
    int is_listening;
    int is_stopping;
    uint64_t listen_ns;      /* when to listen again, after a failure */
    uint64_t refusal_ns;     /* of the last line about a refusal */
    uint64_t refusals_quiet; /* not told since */
};

struct craft_peer_link *craft_links_peer(const struct craft_links *links,
                                         craft_id id);
uint64_t craft_links_random(struct craft_links *links);

static inline size_t craft_links_waiting_for(const struct craft_peer_link *peer)
{
    return craft_buffer_len(&peer->urgent) + craft_buffer_len(&peer->out);
}

/* dial.c */
void craft_dial_tick(struct craft_peer_link *peer);
uint64_t craft_dial_due(const struct craft_peer_link *peer);
void craft_dial_flush(struct craft_peer_link *peer);
/* The peer is alive, as the process that greeted us: no reason to wait. */
void craft_dial_encourage(struct craft_peer_link *peer, uint64_t process);
void craft_dial_fail(struct craft_peer_link *peer, const char *reason);
void craft_dial_shut(struct craft_peer_link *peer);

/* accept.c */
void craft_accept_ready(void *ctx, int fd, uint32_t events);
void craft_accept_tick(struct craft_links *links);
uint64_t craft_accept_due(const struct craft_links *links);
void craft_accept_close(struct craft_accepted *accepted);

#endif
