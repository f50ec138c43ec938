/*
 * craft/session: commands that take effect once, however often they are sent
 * (thesis 6.3).
 *
 * Consensus alone cannot give this: a client whose answer was lost, because a
 * leader fell or a link broke, does not know whether its command was applied,
 * and one that sends it again may have it applied twice. So a client opens a
 * session, numbers its commands within it and repeats a command under the
 * number that it had; the state machine keeps the replies, and answers a
 * repeated command with the reply of the first time.
 *
 * A craft_sessions table is part of the replicated state machine. Every server
 * calls the same functions for the same entries in the same order and so has
 * the same table; it must be saved and loaded together with the rest of the
 * state, or a server that came by a snapshot would apply what the others do
 * not. Nothing in here reads a clock or draws a number: time is what the
 * entries say, and whose session ends is decided by the log.
 *
 * In apply, for an entry that carries a command of a session:
 *
 *     craft_sessions_advance(sessions, the entry's time);
 *     if (craft_session_begin(sessions, &request, reply_max, &reply) ==
 *         CRAFT_SESSION_NEW) {
 *         ... apply the command, which makes a reply of at most reply_max ...
 *         craft_session_end(sessions, data, data_len);
 *     }
 *
 * How a command carries session, number and time is the state machine's own
 * business. A table is used by one thread at a time; different tables share
 * nothing. Ownership phrases as in craft.h.
 */
#ifndef CRAFT_SESSION_H
#define CRAFT_SESSION_H

#include "craft.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct craft_sessions craft_sessions; /* opaque */

/*
 * The limits decide what every server does, so they are state: they belong to
 * a new table, are saved with it, and an image that is loaded brings its own.
 * To change them later, let an entry of the log say so and call
 * craft_sessions_limit() where it is applied.
 */
typedef struct craft_sessions_limits {
    uint32_t struct_size;
    uint32_t sessions_max; /* one more: the one that was used least recently
                              ends [10000] */
    uint32_t replies_max;  /* per session: commands that its client may have
                              open at once, 1 .. 1024 [64] */
    uint32_t reserved;
    uint64_t idle_max; /* a session unused for longer, in the unit of the times
                          that the entries carry, ends; 0 = never [0] */
} craft_sessions_limits;

/**
 * Fill in the defaults, which stand above in brackets.
 *
 * @param limits       [struct_size] bytes, written
 * @param struct_size  sizeof(craft_sessions_limits) of the caller
 * Since 0.1.
 */
CRAFT_API void craft_sessions_limits_init(craft_sessions_limits *limits,
                                          size_t struct_size);

/**
 * Make an empty table, whose time is 0.
 *
 * @param limits        copied; NULL: the defaults
 * @param allocator     copied; NULL, or realloc NULL: the C library's
 * @param sessions_out  the table; to be freed by craft_sessions_free()
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  a limit is out of range: mend it
 *   CRAFT_ERR_NOMEM    the allocator refused
 * Since 0.1.
 */
CRAFT_API int craft_sessions_new(const craft_sessions_limits *limits,
                                 const craft_allocator *allocator,
                                 craft_sessions **sessions_out);

/** Free the table and all replies. NULL is allowed. Since 0.1. */
CRAFT_API void craft_sessions_free(craft_sessions *sessions);

/**
 * Other limits, from this entry of the log on. Sessions that are too many end
 * at once, those used least recently first; replies that are too many stay
 * until they are acknowledged.
 *
 * @param limits  copied
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  a limit is out of range: nothing has changed
 *   CRAFT_ERR_STATE    a command is being applied: craft_session_end() first
 * Cost: O(sessions that end). Since 0.1.
 */
CRAFT_API int craft_sessions_limit(craft_sessions *sessions,
                                   const craft_sessions_limits *limits);

/**
 * The log's clock: the time that an entry carries, as its proposer read it. A
 * time before the latest one changes nothing, since proposers' clocks differ.
 * Sessions that were unused for longer than idle_max end.
 *
 * @param time  in any unit, the same in all entries
 *
 * @return 0, or
 *   CRAFT_ERR_STATE  a command is being applied: craft_session_end() first
 * Cost: O(sessions that end). Since 0.1.
 */
CRAFT_API int craft_sessions_advance(craft_sessions *sessions, uint64_t time);

/**
 * A client registered: its session begins. When there are sessions_max
 * already, the one that was used least recently ends.
 *
 * @param session  what the session is to be known by: the index of the entry
 *                 that registers it, which no other has. Not 0
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  the session is 0, or there is one of that name
 *   CRAFT_ERR_STATE    a command is being applied: craft_session_end() first
 *   CRAFT_ERR_NOMEM    nothing has changed. The entry must not be passed over:
 *                      the others have the session. Apply it again later, or
 *                      halt
 * Cost: O(1) amortized. Since 0.1.
 */
CRAFT_API int craft_session_open(craft_sessions *sessions, uint64_t session);

/**
 * A client is done with its session. None of that name: nothing happens.
 *
 * @return 0, or
 *   CRAFT_ERR_STATE  a command is being applied: craft_session_end() first
 * Cost: O(replies kept). Since 0.1.
 */
CRAFT_API int craft_session_close(craft_sessions *sessions, uint64_t session);

/* What a command says of itself, in the entry that carries it. */
typedef struct craft_session_request {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t session;
    uint64_t number;     /* of this command within the session: 1, 2, ...,
                            below CRAFT_NUMBER_MAX; the same whenever it is
                            sent again. Numbers may arrive in any order */
    uint64_t first_open; /* the client has the replies of all lower numbers,
                            and will not send those commands again;
                            1 .. number */
} craft_session_request;

/* A kept reply: borrowed until the next call for this table that changes it. */
typedef struct craft_session_reply {
    uint32_t struct_size;
    uint32_t reserved;
    const uint8_t *data; /* [data_len]; may be NULL when data_len is 0 */
    size_t data_len;
} craft_session_reply;

/*
 * What to do with a command. The same on every server, so it may itself be the
 * answer to the client.
 */
enum craft_session_verdict {
    CRAFT_SESSION_NEW = 0,       /* apply it, then craft_session_end() */
    CRAFT_SESSION_REPEATED = 1,  /* it was applied: here is the reply */
    CRAFT_SESSION_FORGOTTEN = 2, /* it was acknowledged before: do not apply;
                                    a late copy, for which nobody waits */
    CRAFT_SESSION_ENDED = 3,     /* no such session (any more): do not apply.
                                    Whether an earlier copy was applied is not
                                    known any more: the client must look */
    CRAFT_SESSION_FULL = 4       /* replies_max are kept: do not apply; the
                                    client must acknowledge some first, and may
                                    use the same number again */
};

/**
 * A command of a session is to be applied: is it the first time? Acknowledges
 * the replies below first_open, and counts as a use of the session.
 *
 * @param request    borrowed for this call
 * @param reply_max  room for the reply is reserved now, since afterwards it
 *                   would be too late to refuse
 * @param reply_out  struct_size set by the caller; filled in when the verdict
 *                   is CRAFT_SESSION_REPEATED; otherwise without data
 *
 * @return enum craft_session_verdict, or
 *   CRAFT_ERR_INVALID  number or first_open is out of range: do not apply; the
 *                      same on every server
 *   CRAFT_ERR_STATE    a command is being applied: craft_session_end() first
 *   CRAFT_ERR_NOMEM    nothing has changed. The entry must not be passed over:
 *                      the others apply it. Apply it again later, or halt
 * Cost: O(replies kept in the session). Since 0.1.
 */
CRAFT_API int craft_session_begin(craft_sessions *sessions,
                                  const craft_session_request *request,
                                  size_t reply_max,
                                  craft_session_reply *reply_out);

/**
 * The command for which craft_session_begin() said CRAFT_SESSION_NEW was
 * applied: its reply is kept until it is acknowledged.
 *
 * @param data  [data_len], copied; may be NULL when data_len is 0
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  data_len is over the reply_max of the begin: call again
 *   CRAFT_ERR_STATE    no command is being applied
 * Cost: O(data_len). Since 0.1.
 */
CRAFT_API int craft_session_end(craft_sessions *sessions, const uint8_t *data,
                                size_t data_len);

/* ------------------------------------------------------------------ images */

/**
 * Bytes that craft_sessions_save() will write. Cost: O(1). Since 0.1.
 */
CRAFT_API size_t craft_sessions_saved_len(const craft_sessions *sessions);

/**
 * Write the table, for the state machine's snapshot: versioned, checksummed,
 * the same bytes on every server that applied the same entries.
 *
 * @param data      [data_max], written
 * @param data_len  the length written
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  data_max is below craft_sessions_saved_len()
 *   CRAFT_ERR_STATE    a command is being applied: craft_session_end() first
 * Cost: O(bytes). Since 0.1.
 */
CRAFT_API int craft_sessions_save(const craft_sessions *sessions, uint8_t *data,
                                  size_t data_max, size_t *data_len);

/**
 * Become what was saved, limits and time included; what the table held is
 * gone.
 *
 * @param data  [data_len], borrowed for this call
 *
 * @return 0, or, with the table as it was,
 *   CRAFT_ERR_FORMAT   not a saved table
 *   CRAFT_ERR_VERSION  saved by a later version
 *   CRAFT_ERR_CORRUPT  its checksum is wrong: take another copy
 *   CRAFT_ERR_NOMEM    the allocator refused
 *   CRAFT_ERR_STATE    a command is being applied: craft_session_end() first
 * Cost: O(bytes). Since 0.1.
 */
CRAFT_API int craft_sessions_load(craft_sessions *sessions, const uint8_t *data,
                                  size_t data_len);

/* -------------------------------------------------------------------- look */

typedef struct craft_sessions_status {
    uint32_t struct_size; /* set by the caller */
    uint32_t sessions_len;
    uint64_t time;        /* the log's */
    uint64_t replies_len; /* kept, in all sessions */
    uint64_t reply_bytes; /* of those */
    uint64_t ended;       /* sessions that ended unasked, since it was made or
                             loaded */
} craft_sessions_status;

/**
 * How much the table holds.
 *
 * @param status_out  struct_size set by the caller; that much is written
 * @return 0, or CRAFT_ERR_INVALID. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_sessions_look(const craft_sessions *sessions,
                                  craft_sessions_status *status_out);

/**
 * Check every invariant of the table, slowly; for tests, after every step.
 *
 * @return NULL, or the invariant that is broken. Cost: O(everything). Since
 * 0.1.
 */
CRAFT_API const char *craft_sessions_check(const craft_sessions *sessions);

#ifdef __cplusplus
}
#endif

#endif
