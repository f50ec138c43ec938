/*
 * sessions: the part of the replicated state that makes commands take effect
 * once, however often clients send them: craft/session.h, with the limits that
 * all servers agree on.
 *
 * Clients open a session, number their commands and send one again under the
 * number that it had: op.c. As everywhere in this program, running out of
 * memory ends it: to go on without a session that the others have would make
 * another state than theirs.
 */
#ifndef KV_SESSIONS_H
#define KV_SESSIONS_H

#include "craft/session.h"

/*
 * Part of the state machine: the same in every version of this program, or
 * their states differ. (An operation of its own could change them, from an
 * entry of the log on: craft_sessions_limit().)
 */
enum {
    KV_SESSIONS_MAX = 10000,
    KV_SESSION_REPLIES_MAX = 16,
    KV_SESSION_IDLE_MS = 60 * 60 * 1000,
    KV_SESSION_REPLY_MAX = 128 /* bytes, of any command that writes */
};

/* An empty table; to be freed by craft_sessions_free(). */
craft_sessions *kv_sessions_new(void);

/* Of all that it holds. Costs as much as it holds. */
uint64_t kv_sessions_digest(const craft_sessions *sessions);

/* End the program when rv tells of a mistake in it. */
void kv_sessions_must(int rv);

#endif
