/*
 * peers: what this server knows of each other member, and what it wants to
 * send to it (thesis 3.5, 10.2).
 *
 * Owns one slot per other member, in order of ids, and words with a bit per
 * slot: who wants what, who voted how. Several duties write here, each through
 * these functions or its own words.
 *
 * Invariants: match_index < next_index; match_index never falls within a term;
 * a slot's in-flight counts never understate what is unacknowledged.
 */
#ifndef CRAFT_PEERS_PEERS_H
#define CRAFT_PEERS_PEERS_H

#include "members/members.h"

/*
 * A probing peer gets entries once in a heartbeat at most, and only while it
 * says something: one that is dead costs empty heartbeats and nothing else.
 */
enum craft_asked {
    CRAFT_ASKED_NOT = 0,    /* one small append may leave */
    CRAFT_ASKED = 1,        /* it has left, and nothing was heard since */
    CRAFT_ASKED_HEARD = 2,  /* something was: again with the next heartbeat */
    CRAFT_ASKED_IN_VAIN = 3 /* nothing for a heartbeat: empty ones until then */
};

struct craft_peer {
    craft_id id;
    craft_index match_index; /* durable there and equal to this log */
    craft_index next_index;  /* next entry to send */
    uint64_t round;          /* the last one answered */

    /* What it asked about reads (thesis 6.4); see the words below. */
    uint64_t read_question;
    uint64_t read_round;    /* that proves the answer */
    craft_index read_index; /* the answer; 0 = not known yet */

    /* Of the snapshot that it is sent (thesis 5.3). */
    uint64_t part_sent;     /* bytes */
    uint64_t part_received; /* there, in a row */
    uint64_t part_written;
    uint32_t part_ticks; /* since that has moved, or was offered */
    bool part_known;     /* it has said from where on it wants it */

    /* Its session, for commands that it forwards (thesis 6.2). */
    uint64_t forward_session; /* 0 = none was opened in this term */
    uint64_t forward_first;   /* number with which it began */
    uint64_t forward_next;    /* number of the next command to be taken */
    uint64_t forward_closed;  /* where the session before it ended, if known */
    craft_index forward_low;  /* what it forwarded and does not know to be */
    craft_index forward_high; /* committed lies between these */
    uint32_t forward_reason;  /* for which it was shut; see the message */

    /*
     * In flight, in two generations: older ones end at or before `mark`. A
     * match that reaches the mark frees them and makes the newer ones the
     * older, so that windows are freed by match and need no list.
     */
    craft_index mark;
    uint64_t older_bytes;
    uint64_t newer_bytes;
    uint32_t older;
    uint32_t newer;
    uint32_t silent_ticks; /* since it was last heard */
    uint32_t promise_ms;   /* told with the last round that it answered */
    uint32_t priority;     /* told last */
    uint32_t well_ticks;   /* it could lead instead; 0 .. election_ticks */
    uint8_t role;          /* enum craft_member_role */
    uint8_t progress;      /* enum craft_progress */
    uint8_t asked;         /* enum craft_asked, while it probes */
    uint8_t forward_shut;  /* nothing more is taken in the session */
};

#define CRAFT_STRANGERS_MAX 2u

/* An answer that promises nothing, and to whom. */
struct craft_answer {
    craft_id to;   /* 0 = none is owed */
    uint32_t kind; /* enum craft_message_kind */
    bool granted;  /* of a pre-vote */
};

struct craft_peers {
    struct craft_peer *slots; /* [len], room for max */
    uint32_t len;
    uint32_t max;
    uint64_t all;        /* a bit per slot in use */
    uint64_t voters;     /* those that vote */
    uint32_t voters_len; /* with this server, if it votes */
    bool self_votes;

    uint64_t want_append;    /* there may be entries to send */
    uint64_t want_heartbeat; /* an append, empty if need be */
    uint64_t want_fetch;     /* entries that left memory */
    uint64_t want_vote;      /* a vote request, or a pre-vote */
    uint64_t refuse_vote;    /* to be told: a vote is refused */
    uint64_t refuse_append;  /* to be told: an append of an old term is */
    uint64_t answer_pre;     /* to be told: a pre-vote is granted or not */
    uint64_t grant_pre;      /* of those: it is */
    uint64_t reading;        /* asked about reads, and wait */
    uint64_t answer_read;    /* are to be answered */
    uint64_t want_offer;     /* to be asked: from where on a snapshot? */
    uint64_t want_part;      /* to be sent: the next part of it */
    uint64_t open_forward;   /* to be told: a session was opened */
    uint64_t shut_forward;   /* to be told: theirs is shut */
    uint64_t forwarding;     /* to be told at once what is committed */

    uint64_t turned; /* began to probe or to replicate: to be told */

    uint64_t granted; /* votes of this term, or pre-votes; thesis 3.4 */
    uint64_t refused;

    /* Answers to servers without a slot; more than these are forgotten. */
    struct craft_answer strangers[CRAFT_STRANGERS_MAX];
    uint32_t strangers_len;
};

/* Room for the members besides this server. 0, CRAFT_ERR_NOMEM. */
CRAFT_INTERNAL int craft_peers_reserve(struct craft_peers *peers,
                                       const craft_allocator *allocator,
                                       const struct craft_members *members,
                                       craft_id self);
CRAFT_INTERNAL void craft_peers_free(struct craft_peers *peers,
                                     const craft_allocator *allocator);

/*
 * Make the slots those of the configuration, which may be NULL. Who stays
 * keeps its slot's facts; who is new starts at next_index.
 */
CRAFT_INTERNAL void craft_peers_follow(struct craft_peers *peers,
                                       const struct craft_members *members,
                                       craft_id self, craft_index next_index);

/* Forget wants and votes: a new term or role. */
CRAFT_INTERNAL void craft_peers_clear(struct craft_peers *peers);

/* An answer is owed: by a bit to a member, in the short list to a stranger. */
CRAFT_INTERNAL void craft_peers_answer(struct craft_peers *peers,
                                       struct craft_answer answer);

/* The next one. */
CRAFT_INTERNAL struct craft_answer
craft_peers_next_answer(struct craft_peers *peers);

/* Voters, this server among them, of which something was heard within ticks;
 * of a leader. */
CRAFT_INTERNAL uint32_t craft_peers_heard(const struct craft_peers *peers,
                                          uint32_t ticks);

/*
 * The latest round that a majority of voters has answered, this server among
 * them, promising no less than that.
 */
CRAFT_INTERNAL uint64_t craft_peers_round(const struct craft_peers *peers,
                                          uint64_t own_round,
                                          uint32_t promise_ms);

/* A leadership begins: nothing is known of anyone (thesis 3.5). */
CRAFT_INTERNAL void craft_peers_lead(struct craft_peers *peers,
                                     craft_index next_index);

/* The slot of this id, or len when it has none. */
static inline uint32_t craft_peers_find(const struct craft_peers *peers,
                                        craft_id id)
{
    uint32_t i = 0;

    while (i < peers->len && peers->slots[i].id != id) {
        i++;
    }
    return i;
}

static inline uint32_t craft_peers_lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

static inline uint32_t craft_peer_inflight(const struct craft_peer *peer)
{
    return peer->older + peer->newer;
}

static inline uint64_t craft_peer_inflight_bytes(const struct craft_peer *peer)
{
    return peer->older_bytes + peer->newer_bytes;
}

/* An append that ends at `last` left for the peer. */
static inline void craft_peer_sent(struct craft_peer *peer, craft_index last,
                                   uint64_t bytes)
{
    if (peer->older == 0) {
        peer->mark = last;
        peer->older = 1;
        peer->older_bytes = bytes;
        return;
    }
    peer->newer++;
    peer->newer_bytes += bytes;
}

/* Free what ended at or before the match. */
static inline void craft_peer_acknowledged(struct craft_peer *peer)
{
    if (peer->match_index < peer->mark || peer->older == 0) {
        return;
    }
    if (peer->match_index + 1 >= peer->next_index) {
        peer->newer = 0;
        peer->newer_bytes = 0;
    }
    peer->older = peer->newer;
    peer->older_bytes = peer->newer_bytes;
    peer->mark = peer->next_index - 1;
    peer->newer = 0;
    peer->newer_bytes = 0;
}

/* A heartbeat is about to leave. */
static inline void craft_peer_beat(struct craft_peer *peer)
{
    if (CRAFT_UNLIKELY(peer->asked != CRAFT_ASKED_NOT)) {
        peer->asked = peer->asked == CRAFT_ASKED_HEARD ? CRAFT_ASKED_NOT
                                                       : CRAFT_ASKED_IN_VAIN;
    }
}

/* A probing peer said something, whatever: may it be asked at once? */
static inline bool craft_peer_spoke(struct craft_peer *peer)
{
    if (peer->asked == CRAFT_ASKED_IN_VAIN) {
        peer->asked = CRAFT_ASKED_NOT;
        return true;
    }
    if (peer->asked == CRAFT_ASKED) {
        peer->asked = CRAFT_ASKED_HEARD;
    }
    return false;
}

/* Begin again behind the match, one append at a time. */
CRAFT_INTERNAL void craft_peer_probe(struct craft_peer *peer,
                                     craft_index next_index);

/* It lacks what was compacted: only a snapshot helps, or that it has the entry
 * before next_index after all. */
CRAFT_INTERNAL void craft_peer_lacks(struct craft_peer *peer,
                                     craft_index next_index);

/* Pipeline from next_index on. */
CRAFT_INTERNAL void craft_peer_replicate(struct craft_peer *peer);

#endif
