/*
 * session: the replies that clients may ask for again (thesis 6.3).
 *
 * Owns the table of sessions: by name in a hash, by use in a list. A session
 * holds the replies that its client has not acknowledged, in the order of
 * their numbers.
 *
 * Invariants.
 * - What the table decides follows from the calls alone: no address, no order
 *   of the hash and no refused allocation shows in a verdict or in an image.
 * - Along the list, from `oldest` on, the times of use do not fall and none is
 *   after `time`, so those that expire are its first.
 * - A session has a reply for no number below its first_open, and one at most
 *   for each other.
 * - While a command is being applied (`open`) nothing else changes; what its
 *   end needs was reserved when it began.
 */
#ifndef CRAFT_SESSION_SESSION_H
#define CRAFT_SESSION_SESSION_H

#include "base/memory.h"
#include "craft/session.h"

#define CRAFT_SESSIONS_MAX ((uint32_t)1 << 24)
#define CRAFT_REPLIES_MAX 1024u

/* A larger buffer is given back when its reply goes. */
#define CRAFT_REPLY_SPARE_MAX 256u

struct craft_reply {
    uint64_t number;
    size_t len;
    size_t size;   /* of data */
    uint8_t *data; /* NULL when size is 0 */
};

struct craft_session {
    uint64_t name;
    uint64_t used_at;
    uint64_t first_open;
    struct craft_session *newer; /* the list by use */
    struct craft_session *older;
    struct craft_session *next;  /* in the bucket */
    struct craft_reply *replies; /* [replies_max], by number */
    uint32_t replies_len;
    uint32_t replies_max;
};

struct craft_sessions {
    craft_allocator allocator;
    craft_sessions_limits limits;
    uint64_t time;
    struct craft_session **buckets; /* [mask + 1] */
    uint32_t mask;
    uint32_t len;
    struct craft_session *oldest;
    struct craft_session *newest;
    struct craft_session *open; /* whose command is being applied */
    uint64_t open_number;
    size_t open_reply_max;
    struct craft_reply room;  /* for the reply of the next command */
    struct craft_reply spare; /* a buffer whose reply went */
    uint64_t replies_len;     /* of all */
    uint64_t reply_bytes;     /* of all */
    uint64_t ended;
};

CRAFT_INTERNAL int
craft_sessions_limits_check(const craft_sessions_limits *limits);

/* NULL: out of memory. The allocator's realloc is set. */
CRAFT_INTERNAL struct craft_sessions *
craft_table_new(const craft_sessions_limits *limits,
                const craft_allocator *allocator);
CRAFT_INTERNAL void craft_table_free(struct craft_sessions *table);

/* NULL: none of that name. */
CRAFT_INTERNAL struct craft_session *
craft_table_find(const struct craft_sessions *table, uint64_t name);

/* Another session, used now: the newest. No other has that name. NULL: out of
 * memory, nothing has changed. */
CRAFT_INTERNAL struct craft_session *
craft_table_add(struct craft_sessions *table, uint64_t name);

CRAFT_INTERNAL void craft_table_remove(struct craft_sessions *table,
                                       struct craft_session *session);

/* The session is used now: it becomes the newest. */
CRAFT_INTERNAL void craft_table_use(struct craft_sessions *table,
                                    struct craft_session *session);

/* The kept reply, or NULL. */
CRAFT_INTERNAL const struct craft_reply *
craft_session_find(const struct craft_session *session, uint64_t number);

/* Replies below first_open go. */
CRAFT_INTERNAL void craft_session_acknowledge(struct craft_sessions *table,
                                              struct craft_session *session,
                                              uint64_t first_open);

/* Make room for one more reply of so many bytes. 0, or CRAFT_ERR_NOMEM with
 * nothing changed but capacity. */
CRAFT_INTERNAL int craft_session_reserve(struct craft_sessions *table,
                                         struct craft_session *session,
                                         size_t reply_max);

/* Keep a reply within what was reserved; there is none of that number. */
CRAFT_INTERNAL void craft_session_keep(struct craft_sessions *table,
                                       struct craft_session *session,
                                       uint64_t number, const uint8_t *data,
                                       size_t data_len);

#endif
