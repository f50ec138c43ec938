/*
 * The table as bytes, little-endian:
 *
 *   magic u32, version u32, sessions_max u32, replies_max u32, idle_max u64,
 *   time u64, sessions u32; for each, from the least recently used on: name
 *   u64, used_at u64, first_open u64, replies u32; for each of those, by
 *   number: number u64, len u64, the bytes; in the end the CRC32C of all
 *   before it, u32.
 */
#include <string.h>

#include "session/session.h"

#define MAGIC 0x53534543u /* "CESS" */
#define VERSION 1u

#define HEAD_LEN ((size_t)36)
#define SESSION_LEN ((size_t)28)
#define REPLY_LEN ((size_t)16)
#define CHECK_LEN ((size_t)4)

/* -------------------------------------------------------------------- save */

size_t craft_sessions_saved_len(const craft_sessions *sessions)
{
    if (sessions == NULL) {
        return 0;
    }
    return HEAD_LEN + sessions->len * SESSION_LEN +
           (size_t)sessions->replies_len * REPLY_LEN +
           (size_t)sessions->reply_bytes + CHECK_LEN;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    craft_store32(at, value);
    return at + sizeof value;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
    craft_store64(at, value);
    return at + sizeof value;
}

static uint8_t *put_session(uint8_t *at, const struct craft_session *session)
{
    at = put64(at, session->name);
    at = put64(at, session->used_at);
    at = put64(at, session->first_open);
    at = put32(at, session->replies_len);
    for (uint32_t i = 0; i < session->replies_len; i++) {
        const struct craft_reply *reply = &session->replies[i];

        at = put64(at, reply->number);
        at = put64(at, reply->len);
        if (reply->len > 0) {
            memcpy(at, reply->data, reply->len);
            at += reply->len;
        }
    }
    return at;
}

int craft_sessions_save(const craft_sessions *sessions, uint8_t *data,
                        size_t data_max, size_t *data_len)
{
    uint8_t *at = data;

    if (sessions == NULL || data == NULL || data_len == NULL ||
        data_max < craft_sessions_saved_len(sessions)) {
        return CRAFT_ERR_INVALID;
    }
    if (sessions->open != NULL) {
        return CRAFT_ERR_STATE;
    }
    at = put32(at, MAGIC);
    at = put32(at, VERSION);
    at = put32(at, sessions->limits.sessions_max);
    at = put32(at, sessions->limits.replies_max);
    at = put64(at, sessions->limits.idle_max);
    at = put64(at, sessions->time);
    at = put32(at, sessions->len);
    for (const struct craft_session *session = sessions->oldest;
         session != NULL; session = session->newer) {
        at = put_session(at, session);
    }
    at = put32(at, craft_crc32c(0, data, (size_t)(at - data)));
    *data_len = (size_t)(at - data);
    CRAFT_ASSERT(*data_len == craft_sessions_saved_len(sessions));
    return 0;
}

/* -------------------------------------------------------------------- load */

/* What has not been read yet; good falls when there was less than wanted. */
struct source {
    const uint8_t *at;
    size_t left;
    bool good;
};

static const uint8_t *take(struct source *source, uint64_t len)
{
    const uint8_t *at = source->at;

    if (!source->good || len > source->left) {
        source->good = false;
        return NULL;
    }
    source->at += len;
    source->left -= (size_t)len;
    return at;
}

static uint32_t take32(struct source *source)
{
    const uint8_t *at = take(source, sizeof(uint32_t));

    return at != NULL ? craft_load32(at) : 0;
}

static uint64_t take64(struct source *source)
{
    const uint8_t *at = take(source, sizeof(uint64_t));

    return at != NULL ? craft_load64(at) : 0;
}

static int load_reply(struct craft_sessions *table,
                      struct craft_session *session, struct source *source)
{
    uint64_t number = take64(source);
    uint64_t len = take64(source);
    const uint8_t *data = take(source, len);

    if (!source->good || number < session->first_open ||
        number >= CRAFT_NUMBER_MAX ||
        (session->replies_len > 0 &&
         number <= session->replies[session->replies_len - 1].number)) {
        return CRAFT_ERR_FORMAT;
    }
    if (craft_session_reserve(table, session, (size_t)len) != 0) {
        return CRAFT_ERR_NOMEM;
    }
    craft_session_keep(table, session, number, data, (size_t)len);
    return 0;
}

static int load_session(struct craft_sessions *table, struct source *source)
{
    uint64_t name = take64(source);
    uint64_t used_at = take64(source);
    uint64_t first_open = take64(source);
    uint32_t replies_len = take32(source);
    struct craft_session *session;

    if (!source->good || name == 0 || first_open == 0 ||
        first_open >= CRAFT_NUMBER_MAX || replies_len > CRAFT_REPLIES_MAX ||
        used_at > table->time ||
        (table->newest != NULL && used_at < table->newest->used_at) ||
        craft_table_find(table, name) != NULL) {
        return CRAFT_ERR_FORMAT;
    }
    session = craft_table_add(table, name);
    if (session == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    session->used_at = used_at;
    session->first_open = first_open;
    for (uint32_t i = 0; i < replies_len; i++) {
        int rv = load_reply(table, session, source);

        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static int load_sessions(struct craft_sessions *table, struct source *source)
{
    uint32_t sessions_len;

    table->time = take64(source);
    sessions_len = take32(source);
    if (sessions_len > table->limits.sessions_max) {
        return CRAFT_ERR_FORMAT;
    }
    for (uint32_t i = 0; i < sessions_len; i++) {
        int rv = load_session(table, source);

        if (rv != 0) {
            return rv;
        }
    }
    return source->good && source->left == 0 ? 0 : CRAFT_ERR_FORMAT;
}

/* Is it whole, and one of ours? The source is left at the limits. */
static int image_check(struct source *source, const uint8_t *data,
                       size_t data_len)
{
    uint32_t version;

    if (data_len < HEAD_LEN + CHECK_LEN) {
        return CRAFT_ERR_FORMAT;
    }
    source->at = data;
    source->left = data_len - CHECK_LEN;
    source->good = true;
    if (take32(source) != MAGIC) {
        return CRAFT_ERR_FORMAT;
    }
    version = take32(source);
    if (version != VERSION) {
        return version > VERSION ? CRAFT_ERR_VERSION : CRAFT_ERR_FORMAT;
    }
    return craft_load32(data + data_len - CHECK_LEN) ==
                   craft_crc32c(0, data, data_len - CHECK_LEN)
               ? 0
               : CRAFT_ERR_CORRUPT;
}

int craft_sessions_load(craft_sessions *sessions, const uint8_t *data,
                        size_t data_len)
{
    craft_sessions_limits limits;
    struct craft_sessions *loaded;
    struct source source;
    int rv;

    if (sessions == NULL || data == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (sessions->open != NULL) {
        return CRAFT_ERR_STATE;
    }
    rv = image_check(&source, data, data_len);
    if (rv != 0) {
        return rv;
    }
    craft_sessions_limits_init(&limits, sizeof limits);
    limits.sessions_max = take32(&source);
    limits.replies_max = take32(&source);
    limits.idle_max = take64(&source);
    if (craft_sessions_limits_check(&limits) != 0) {
        return CRAFT_ERR_FORMAT;
    }
    loaded = craft_table_new(&limits, &sessions->allocator);
    if (loaded == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    rv = load_sessions(loaded, &source);
    if (rv == 0) {
        struct craft_sessions old = *sessions;

        *sessions = *loaded;
        *loaded = old;
    }
    craft_table_free(loaded);
    return rv;
}
