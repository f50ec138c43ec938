/* What a state machine calls while it applies entries. */
#include <string.h>

#include "session/session.h"

/* ----------------------------------------------------------------- limits */

static const craft_sessions_limits defaults = {sizeof(craft_sessions_limits),
                                               10000, 64, 0, 0};

void craft_sessions_limits_init(craft_sessions_limits *limits,
                                size_t struct_size)
{
    if (limits == NULL || struct_size < sizeof(uint32_t)) {
        return;
    }
    memset(limits, 0, struct_size);
    memcpy(limits, &defaults,
           struct_size < sizeof defaults ? struct_size : sizeof defaults);
    limits->struct_size = (uint32_t)struct_size;
}

CRAFT_INTERNAL int
craft_sessions_limits_check(const craft_sessions_limits *limits)
{
    return limits->struct_size == sizeof *limits && limits->reserved == 0 &&
                   limits->sessions_max > 0 &&
                   limits->sessions_max <= CRAFT_SESSIONS_MAX &&
                   limits->replies_max > 0 &&
                   limits->replies_max <= CRAFT_REPLIES_MAX
               ? 0
               : CRAFT_ERR_INVALID;
}

/* -------------------------------------------------------------------- life */

int craft_sessions_new(const craft_sessions_limits *limits,
                       const craft_allocator *allocator,
                       craft_sessions **sessions_out)
{
    craft_allocator own = {NULL, NULL};
    struct craft_sessions *table;

    if (limits == NULL) {
        limits = &defaults;
    }
    if (sessions_out == NULL || craft_sessions_limits_check(limits) != 0) {
        return CRAFT_ERR_INVALID;
    }
    if (allocator != NULL) {
        own = *allocator;
    }
    craft_memory_init(&own);
    table = craft_table_new(limits, &own);
    if (table == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    *sessions_out = table;
    return 0;
}

void craft_sessions_free(craft_sessions *sessions)
{
    if (sessions == NULL) {
        return;
    }
    sessions->open = NULL;
    craft_table_free(sessions);
}

static int changeable(const struct craft_sessions *table)
{
    if (table == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return table->open != NULL ? CRAFT_ERR_STATE : 0;
}

static void end_oldest(struct craft_sessions *table)
{
    craft_table_remove(table, table->oldest);
    table->ended++;
}

static void end_idle(struct craft_sessions *table)
{
    uint64_t idle_max = table->limits.idle_max;

    while (idle_max != 0 && table->oldest != NULL &&
           table->time - table->oldest->used_at > idle_max) {
        end_oldest(table);
    }
}

int craft_sessions_limit(craft_sessions *sessions,
                         const craft_sessions_limits *limits)
{
    int rv = changeable(sessions);

    if (rv != 0) {
        return rv;
    }
    if (limits == NULL || craft_sessions_limits_check(limits) != 0) {
        return CRAFT_ERR_INVALID;
    }
    sessions->limits = *limits;
    while (sessions->len > limits->sessions_max) {
        end_oldest(sessions);
    }
    end_idle(sessions);
    return 0;
}

int craft_sessions_advance(craft_sessions *sessions, uint64_t time)
{
    int rv = changeable(sessions);

    if (rv != 0) {
        return rv;
    }
    if (time > sessions->time) {
        sessions->time = time;
        end_idle(sessions);
    }
    return 0;
}

int craft_session_open(craft_sessions *sessions, uint64_t session)
{
    int rv = changeable(sessions);

    if (rv != 0) {
        return rv;
    }
    if (session == 0 || craft_table_find(sessions, session) != NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (craft_table_add(sessions, session) == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    if (sessions->len > sessions->limits.sessions_max) {
        end_oldest(sessions);
    }
    return 0;
}

int craft_session_close(craft_sessions *sessions, uint64_t session)
{
    struct craft_session *found;
    int rv = changeable(sessions);

    if (rv != 0) {
        return rv;
    }
    found = craft_table_find(sessions, session);
    if (found != NULL) {
        craft_table_remove(sessions, found);
    }
    return 0;
}

/* ---------------------------------------------------------------- commands */

static void reply_tell(const struct craft_reply *kept, craft_session_reply *out)
{
    uint32_t struct_size = out->struct_size;
    craft_session_reply reply = {0, 0, NULL, 0};

    if (kept != NULL) {
        reply.data = kept->data;
        reply.data_len = kept->len;
    }
    memcpy(out, &reply,
           struct_size < sizeof reply ? struct_size : sizeof reply);
    out->struct_size = struct_size;
}

/*
 * Room is made before anything is acknowledged, so that a refusal leaves the
 * session as it was. Whether the reply may be kept is another question, which
 * has the same answer on every server.
 */
static int command_begin(struct craft_sessions *table,
                         struct craft_session *session,
                         const craft_session_request *request, size_t reply_max)
{
    int rv = craft_session_reserve(table, session, reply_max);

    if (rv != 0) {
        return rv;
    }
    craft_session_acknowledge(table, session, request->first_open);
    craft_table_use(table, session);
    if (session->replies_len >= table->limits.replies_max) {
        return CRAFT_SESSION_FULL;
    }
    table->open = session;
    table->open_number = request->number;
    table->open_reply_max = reply_max;
    return CRAFT_SESSION_NEW;
}

int craft_session_begin(craft_sessions *sessions,
                        const craft_session_request *request, size_t reply_max,
                        craft_session_reply *reply_out)
{
    struct craft_session *session;
    const struct craft_reply *kept;
    int rv = changeable(sessions);

    if (rv != 0) {
        return rv;
    }
    if (request == NULL || request->struct_size < sizeof *request ||
        request->first_open == 0 || request->first_open > request->number ||
        request->number >= CRAFT_NUMBER_MAX || reply_out == NULL ||
        reply_out->struct_size < sizeof(uint32_t)) {
        return CRAFT_ERR_INVALID;
    }
    reply_tell(NULL, reply_out);
    session = craft_table_find(sessions, request->session);
    if (session == NULL) {
        return CRAFT_SESSION_ENDED;
    }
    kept = craft_session_find(session, request->number);
    if (kept == NULL && request->number >= session->first_open) {
        return command_begin(sessions, session, request, reply_max);
    }
    /* number >= first_open of the request: the reply is not among those. */
    craft_session_acknowledge(sessions, session, request->first_open);
    craft_table_use(sessions, session);
    kept = craft_session_find(session, request->number);
    reply_tell(kept, reply_out);
    return kept != NULL ? CRAFT_SESSION_REPEATED : CRAFT_SESSION_FORGOTTEN;
}

int craft_session_end(craft_sessions *sessions, const uint8_t *data,
                      size_t data_len)
{
    if (sessions == NULL || (data == NULL && data_len > 0)) {
        return CRAFT_ERR_INVALID;
    }
    if (sessions->open == NULL) {
        return CRAFT_ERR_STATE;
    }
    if (data_len > sessions->open_reply_max) {
        return CRAFT_ERR_INVALID;
    }
    craft_session_keep(sessions, sessions->open, sessions->open_number, data,
                       data_len);
    sessions->open = NULL;
    return 0;
}

int craft_sessions_look(const craft_sessions *sessions,
                        craft_sessions_status *status_out)
{
    craft_sessions_status status;
    uint32_t struct_size;

    if (sessions == NULL || status_out == NULL ||
        status_out->struct_size < sizeof(uint32_t)) {
        return CRAFT_ERR_INVALID;
    }
    struct_size = status_out->struct_size;
    memset(&status, 0, sizeof status);
    status.sessions_len = sessions->len;
    status.time = sessions->time;
    status.replies_len = sessions->replies_len;
    status.reply_bytes = sessions->reply_bytes;
    status.ended = sessions->ended;
    memcpy(status_out, &status,
           struct_size < sizeof status ? struct_size : sizeof status);
    status_out->struct_size = struct_size;
    return 0;
}
