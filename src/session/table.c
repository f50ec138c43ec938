/* Sessions by name and by use, and the replies of each. */
#include <string.h>

#include "session/session.h"

#define BUCKETS_MIN 16u

/* ------------------------------------------------------------------- hash */

/* Names are indexes of the log: close together, so they are spread
 * (Fibonacci hashing). */
static uint32_t bucket_of(uint64_t name, uint32_t mask)
{
    return (uint32_t)((name * 0x9E3779B97F4A7C15u) >> 32) & mask;
}

static size_t buckets_size(uint32_t mask)
{
    return ((size_t)mask + 1) * sizeof(struct craft_session *);
}

static struct craft_session **buckets_new(const craft_allocator *allocator,
                                          uint32_t mask)
{
    struct craft_session **buckets =
        craft_memory_alloc(allocator, buckets_size(mask));

    if (buckets != NULL) {
        memset(buckets, 0, buckets_size(mask));
    }
    return buckets;
}

static void bucket_insert(struct craft_session **buckets, uint32_t mask,
                          struct craft_session *session)
{
    uint32_t bucket = bucket_of(session->name, mask);

    session->next = buckets[bucket];
    buckets[bucket] = session;
}

static void bucket_remove(struct craft_sessions *table,
                          struct craft_session *session)
{
    struct craft_session **link =
        &table->buckets[bucket_of(session->name, table->mask)];

    while (*link != session) {
        CRAFT_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = session->next;
}

/* One bucket or more for each session, with one more session. */
static int buckets_reserve(struct craft_sessions *table)
{
    struct craft_session **buckets;
    uint32_t mask;

    if (table->len <= table->mask) {
        return 0;
    }
    mask = table->mask * 2 + 1;
    buckets = buckets_new(&table->allocator, mask);
    if (buckets == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    for (struct craft_session *session = table->oldest; session != NULL;
         session = session->newer) {
        bucket_insert(buckets, mask, session);
    }
    craft_memory_free(&table->allocator, table->buckets,
                      buckets_size(table->mask));
    table->buckets = buckets;
    table->mask = mask;
    return 0;
}

/* ------------------------------------------------------------------- list */

static void list_append(struct craft_sessions *table,
                        struct craft_session *session)
{
    session->newer = NULL;
    session->older = table->newest;
    if (table->newest != NULL) {
        table->newest->newer = session;
    } else {
        table->oldest = session;
    }
    table->newest = session;
}

static void list_remove(struct craft_sessions *table,
                        struct craft_session *session)
{
    if (session->older != NULL) {
        session->older->newer = session->newer;
    } else {
        table->oldest = session->newer;
    }
    if (session->newer != NULL) {
        session->newer->older = session->older;
    } else {
        table->newest = session->older;
    }
}

/* ------------------------------------------------------------------ table */

CRAFT_INTERNAL struct craft_sessions *
craft_table_new(const craft_sessions_limits *limits,
                const craft_allocator *allocator)
{
    struct craft_sessions *table = craft_memory_alloc(allocator, sizeof *table);

    if (table == NULL) {
        return NULL;
    }
    memset(table, 0, sizeof *table);
    table->allocator = *allocator;
    table->limits = *limits;
    table->mask = BUCKETS_MIN - 1;
    table->buckets = buckets_new(allocator, table->mask);
    if (table->buckets == NULL) {
        craft_memory_free(allocator, table, sizeof *table);
        return NULL;
    }
    return table;
}

CRAFT_INTERNAL void craft_table_free(struct craft_sessions *table)
{
    craft_allocator allocator = table->allocator;

    while (table->oldest != NULL) {
        craft_table_remove(table, table->oldest);
    }
    craft_memory_free(&allocator, table->room.data, table->room.size);
    craft_memory_free(&allocator, table->spare.data, table->spare.size);
    craft_memory_free(&allocator, table->buckets, buckets_size(table->mask));
    craft_memory_free(&allocator, table, sizeof *table);
}

CRAFT_INTERNAL struct craft_session *
craft_table_find(const struct craft_sessions *table, uint64_t name)
{
    struct craft_session *session =
        table->buckets[bucket_of(name, table->mask)];

    while (session != NULL && session->name != name) {
        session = session->next;
    }
    return session;
}

CRAFT_INTERNAL struct craft_session *
craft_table_add(struct craft_sessions *table, uint64_t name)
{
    struct craft_session *session;

    CRAFT_ASSERT(name != 0);
    CRAFT_ASSERT(craft_table_find(table, name) == NULL);
    if (buckets_reserve(table) != 0) {
        return NULL;
    }
    session = craft_memory_alloc(&table->allocator, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    memset(session, 0, sizeof *session);
    session->name = name;
    session->used_at = table->time;
    session->first_open = 1;
    bucket_insert(table->buckets, table->mask, session);
    list_append(table, session);
    table->len++;
    return session;
}

CRAFT_INTERNAL void craft_table_remove(struct craft_sessions *table,
                                       struct craft_session *session)
{
    CRAFT_ASSERT(session != table->open);
    craft_session_acknowledge(table, session, UINT64_MAX);
    craft_memory_free(&table->allocator, session->replies,
                      session->replies_max * sizeof *session->replies);
    bucket_remove(table, session);
    list_remove(table, session);
    craft_memory_free(&table->allocator, session, sizeof *session);
    table->len--;
}

CRAFT_INTERNAL void craft_table_use(struct craft_sessions *table,
                                    struct craft_session *session)
{
    session->used_at = table->time;
    list_remove(table, session);
    list_append(table, session);
}

/* ---------------------------------------------------------------- replies */

/* Where the reply of this number stands, or would. */
static uint32_t reply_place(const struct craft_session *session,
                            uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = session->replies_len;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (session->replies[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

CRAFT_INTERNAL const struct craft_reply *
craft_session_find(const struct craft_session *session, uint64_t number)
{
    uint32_t place = reply_place(session, number);

    return place < session->replies_len &&
                   session->replies[place].number == number
               ? &session->replies[place]
               : NULL;
}

static void buffer_free(struct craft_sessions *table, struct craft_reply *reply)
{
    craft_memory_free(&table->allocator, reply->data, reply->size);
    reply->data = NULL;
    reply->size = 0;
}

/* The reply goes; its buffer stays for another, if it is small. */
static void reply_drop(struct craft_sessions *table, struct craft_reply *reply)
{
    table->replies_len--;
    table->reply_bytes -= reply->len;
    if (reply->size <= CRAFT_REPLY_SPARE_MAX &&
        reply->size > table->spare.size) {
        struct craft_reply smaller = table->spare;

        table->spare = *reply;
        *reply = smaller;
    }
    buffer_free(table, reply);
}

CRAFT_INTERNAL void craft_session_acknowledge(struct craft_sessions *table,
                                              struct craft_session *session,
                                              uint64_t first_open)
{
    uint32_t gone = reply_place(session, first_open);

    if (first_open > session->first_open) {
        session->first_open = first_open;
    }
    if (gone == 0) {
        return;
    }
    for (uint32_t i = 0; i < gone; i++) {
        reply_drop(table, &session->replies[i]);
    }
    session->replies_len -= gone;
    memmove(session->replies, session->replies + gone,
            session->replies_len * sizeof *session->replies);
}

static int replies_grow(struct craft_sessions *table,
                        struct craft_session *session)
{
    uint32_t max = session->replies_max == 0 ? 1 : session->replies_max * 2;
    struct craft_reply *replies = craft_memory_grow(
        &table->allocator, session->replies,
        session->replies_max * sizeof *replies, max * sizeof *replies);

    if (replies == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    session->replies = replies;
    session->replies_max = max;
    return 0;
}

CRAFT_INTERNAL int craft_session_reserve(struct craft_sessions *table,
                                         struct craft_session *session,
                                         size_t reply_max)
{
    uint8_t *data;

    if (session->replies_len == session->replies_max &&
        replies_grow(table, session) != 0) {
        return CRAFT_ERR_NOMEM;
    }
    if (table->room.size < table->spare.size) {
        struct craft_reply larger = table->spare;

        table->spare = table->room;
        table->room = larger;
    }
    if (reply_max <= table->room.size) {
        return 0;
    }
    data = craft_memory_alloc(&table->allocator, reply_max);
    if (data == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    buffer_free(table, &table->room);
    table->room.data = data;
    table->room.size = reply_max;
    return 0;
}

CRAFT_INTERNAL void craft_session_keep(struct craft_sessions *table,
                                       struct craft_session *session,
                                       uint64_t number, const uint8_t *data,
                                       size_t data_len)
{
    uint32_t place = reply_place(session, number);
    struct craft_reply *reply = &session->replies[place];

    CRAFT_ASSERT(session->replies_len < session->replies_max);
    CRAFT_ASSERT(data_len <= table->room.size);
    memmove(reply + 1, reply,
            (session->replies_len - place) * sizeof *session->replies);
    *reply = table->room;
    reply->number = number;
    reply->len = data_len;
    if (data_len > 0) {
        memcpy(reply->data, data, data_len);
    }
    memset(&table->room, 0, sizeof table->room);
    session->replies_len++;
    table->replies_len++;
    table->reply_bytes += data_len;
}

/* ------------------------------------------------------------------ check */

static const char *session_check(const craft_sessions *table,
                                 const struct craft_session *session)
{
    uint64_t least = session->first_open;

    if (craft_table_find(table, session->name) != session) {
        return "a session is not found by its name";
    }
    if (session->newer != NULL ? session->newer->older != session
                               : table->newest != session) {
        return "the list by use is broken";
    }
    if (session->used_at >
        (session->newer != NULL ? session->newer->used_at : table->time)) {
        return "a session was used after a newer one";
    }
    for (uint32_t i = 0; i < session->replies_len; i++) {
        if (session->replies[i].number < least) {
            return "a reply is acknowledged or out of order";
        }
        least = session->replies[i].number + 1;
    }
    return session->first_open > 0 ? NULL : "no number is open";
}

const char *craft_sessions_check(const craft_sessions *table)
{
    uint64_t replies_len = 0;
    uint64_t reply_bytes = 0;
    uint32_t len = 0;

    for (const struct craft_session *session = table->oldest; session != NULL;
         session = session->newer) {
        const char *broken = session_check(table, session);

        if (broken != NULL) {
            return broken;
        }
        for (uint32_t i = 0; i < session->replies_len; i++) {
            reply_bytes += session->replies[i].len;
        }
        replies_len += session->replies_len;
        len++;
    }
    if (len != table->len || replies_len != table->replies_len ||
        reply_bytes != table->reply_bytes) {
        return "the counts are wrong";
    }
    return len <= table->limits.sessions_max ? NULL : "too many sessions";
}
