#include "op.h"

#include <string.h>

#include "glob.h"
#include "resp.h"

enum {
    FORMAT = 1,
    ORIGIN_AT = 2,
    NUMBER_LEN = 8,
    NUMBER_TEXT_MAX = 24
};

/* The arguments not looked at yet. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

typedef void run_function(struct kv_store *store, struct cursor *arguments,
                          struct kv_buffer *reply);

/* --------------------------------------------------------------- encoding */

void kv_op_begin(struct kv_buffer *out, int code)
{
    uint8_t head[KV_OP_HEAD_LEN] = {FORMAT, (uint8_t)code};

    kv_buffer_append(out, head, sizeof head);
}

static void put(uint8_t *bytes, uint64_t number)
{
    for (unsigned i = 0; i < NUMBER_LEN; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

void kv_op_stamp(uint8_t *op, struct kv_op_origin origin)
{
    put(op + ORIGIN_AT, origin.life);
    put(op + ORIGIN_AT + NUMBER_LEN, origin.token);
}

void kv_op_argument(struct kv_buffer *out, struct kv_slice argument)
{
    uint8_t *to = kv_buffer_room(out, KV_OP_LENGTH_MAX + argument.len);
    size_t len = argument.len;
    size_t at = 0;

    for (; len > 0x7f; len >>= 7) {
        to[at++] = (uint8_t)(len | 0x80);
    }
    to[at++] = (uint8_t)len;
    if (argument.len > 0) {
        memcpy(to + at, argument.data, argument.len);
    }
    kv_buffer_grown(out, at + argument.len);
}

void kv_op_number(struct kv_buffer *out, int64_t number)
{
    uint8_t bytes[NUMBER_LEN];
    struct kv_slice slice = {bytes, sizeof bytes};

    put(bytes, (uint64_t)number);
    kv_op_argument(out, slice);
}

void kv_op_nest(struct kv_buffer *out, struct kv_slice op)
{
    struct kv_slice code = {op.data + 1, 1};

    kv_op_argument(out, code);
    kv_buffer_append(out, op.data + KV_OP_HEAD_LEN, op.len - KV_OP_HEAD_LEN);
}

/* --------------------------------------------------------------- decoding */

/* The next argument: 1, 0 at the end, -1 when the bytes are none. */
static int next(struct cursor *cursor, struct kv_slice *argument)
{
    uint64_t len = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;

    if (cursor->at == cursor->end) {
        return 0;
    }
    while (byte & 0x80) {
        if (cursor->at == cursor->end || shift > 56) {
            return -1;
        }
        byte = *cursor->at++;
        len |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    if (len > (uint64_t)(cursor->end - cursor->at)) {
        return -1;
    }
    argument->data = cursor->at;
    argument->len = (size_t)len;
    cursor->at += len;
    return 1;
}

/* The next argument of an operation that was checked. */
static struct kv_slice take(struct cursor *cursor)
{
    struct kv_slice argument = {NULL, 0};

    (void)next(cursor, &argument);
    return argument;
}

static uint64_t get(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < NUMBER_LEN; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

struct kv_op_origin kv_op_origin(struct kv_slice op)
{
    struct kv_op_origin origin;

    origin.life = get(op.data + ORIGIN_AT);
    origin.token = get(op.data + ORIGIN_AT + NUMBER_LEN);
    return origin;
}

static size_t count(struct cursor arguments)
{
    struct kv_slice argument;
    size_t n = 0;

    while (next(&arguments, &argument) == 1) {
        n++;
    }
    return n;
}

/* -------------------------------------------------------------- operations */

static void run_get(struct kv_store *store, struct cursor *arguments,
                    struct kv_buffer *reply)
{
    struct kv_slice value;

    if (kv_store_get(store, take(arguments), &value)) {
        kv_reply_bulk(reply, value.data, value.len);
    } else {
        kv_reply_nil(reply);
    }
}

static void run_set(struct kv_store *store, struct cursor *arguments,
                    struct kv_buffer *reply)
{
    struct kv_slice key = take(arguments);

    kv_store_set(store, key, take(arguments));
    kv_reply_simple(reply, "OK");
}

static void set_if(struct kv_store *store, struct cursor *arguments,
                   struct kv_buffer *reply, int wanted)
{
    struct cursor ahead = *arguments;
    struct kv_slice value;

    if (kv_store_get(store, take(&ahead), &value) == wanted) {
        run_set(store, arguments, reply);
    } else {
        kv_reply_nil(reply);
    }
}

static void run_set_nx(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    set_if(store, arguments, reply, 0);
}

static void run_set_xx(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    set_if(store, arguments, reply, 1);
}

static void run_del(struct kv_store *store, struct cursor *arguments,
                    struct kv_buffer *reply)
{
    struct kv_slice key;
    int64_t deleted = 0;

    while (next(arguments, &key) == 1) {
        deleted += kv_store_delete(store, key);
    }
    kv_reply_integer(reply, deleted);
}

static void run_exists(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    struct kv_slice key;
    struct kv_slice value;
    int64_t found = 0;

    while (next(arguments, &key) == 1) {
        found += kv_store_get(store, key, &value);
    }
    kv_reply_integer(reply, found);
}

/* The decimal text of value; returns where in text it begins. */
static struct kv_slice decimal(int64_t value, uint8_t text[NUMBER_TEXT_MAX])
{
    size_t at = NUMBER_TEXT_MAX;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    struct kv_slice slice;

    do {
        text[--at] = (uint8_t)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        text[--at] = '-';
    }
    slice.data = text + at;
    slice.len = NUMBER_TEXT_MAX - at;
    return slice;
}

static void run_incrby(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    struct kv_slice key = take(arguments);
    int64_t difference = (int64_t)get(take(arguments).data);
    uint8_t text[NUMBER_TEXT_MAX];
    struct kv_slice old;
    int64_t value = 0;

    if (kv_store_get(store, key, &old) && kv_resp_integer(old, &value) != 0) {
        kv_reply_error(reply, "ERR value is not an integer or out of range");
        return;
    }
    if ((difference < 0 && value < INT64_MIN - difference) ||
        (difference > 0 && value > INT64_MAX - difference)) {
        kv_reply_error(reply, "ERR increment or decrement would overflow");
        return;
    }
    value += difference;
    kv_store_set(store, key, decimal(value, text));
    kv_reply_integer(reply, value);
}

static void run_append(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    struct kv_slice key = take(arguments);
    struct kv_slice tail = take(arguments);
    struct kv_slice old = {NULL, 0};

    (void)kv_store_get(store, key, &old);
    if (old.len + tail.len > KV_OP_VALUE_BYTES_MAX) {
        kv_reply_error(reply, "ERR string exceeds maximum allowed size "
                              "(1048576 bytes)");
    } else {
        kv_reply_integer(reply, (int64_t)kv_store_append(store, key, tail));
    }
}

static void run_strlen(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    struct kv_slice value = {NULL, 0};

    (void)kv_store_get(store, take(arguments), &value);
    kv_reply_integer(reply, (int64_t)value.len);
}

static void run_mget(struct kv_store *store, struct cursor *arguments,
                     struct kv_buffer *reply)
{
    kv_reply_array(reply, count(*arguments));
    while (arguments->at != arguments->end) {
        run_get(store, arguments, reply);
    }
}

static void run_mset(struct kv_store *store, struct cursor *arguments,
                     struct kv_buffer *reply)
{
    struct kv_slice key;

    while (next(arguments, &key) == 1) {
        kv_store_set(store, key, take(arguments));
    }
    kv_reply_simple(reply, "OK");
}

static void run_dbsize(struct kv_store *store, struct cursor *arguments,
                       struct kv_buffer *reply)
{
    (void)arguments;
    kv_reply_integer(reply, (int64_t)store->len);
}

struct keys {
    struct kv_slice pattern;
    struct kv_buffer found; /* as replies */
    size_t found_len;
};

static void keys_each(void *ctx, struct kv_slice key)
{
    struct keys *keys = ctx;

    if (!kv_glob_match(keys->pattern, key)) {
        return;
    }
    kv_reply_bulk(&keys->found, key.data, key.len);
    keys->found_len++;
}

static void run_keys(struct kv_store *store, struct cursor *arguments,
                     struct kv_buffer *reply)
{
    struct keys keys = {take(arguments), {NULL, 0, 0, 0}, 0};

    kv_store_each(store, keys_each, &keys);
    kv_reply_array(reply, keys.found_len);
    kv_buffer_append(reply, kv_buffer_data(&keys.found),
                     kv_buffer_len(&keys.found));
    kv_buffer_free(&keys.found);
}

/* ---------------------------------------------------------------- sessions */

static uint64_t take_number(struct cursor *arguments)
{
    return get(take(arguments).data);
}

/* The log's clock, with which operations of sessions begin. */
static void take_time(struct kv_store *store, struct cursor *arguments)
{
    kv_sessions_must(
        craft_sessions_advance(store->sessions, take_number(arguments)));
}

static void run_session_open(struct kv_store *store, struct cursor *arguments,
                             struct kv_buffer *reply)
{
    take_time(store, arguments);
    kv_sessions_must(craft_session_open(store->sessions, store->index));
    kv_reply_integer(reply, (int64_t)store->index);
}

static void run_session_close(struct kv_store *store, struct cursor *arguments,
                              struct kv_buffer *reply)
{
    take_time(store, arguments);
    kv_sessions_must(
        craft_session_close(store->sessions, take_number(arguments)));
    kv_reply_simple(reply, "OK");
}

static void refuse_call(int verdict, struct kv_buffer *reply)
{
    switch (verdict) {
    case CRAFT_SESSION_FORGOTTEN:
        kv_reply_error(reply, "FORGOTTEN a later command of the session said "
                              "that the reply was received: not applied again");
        break;
    case CRAFT_SESSION_ENDED:
        kv_reply_error(reply, "ENDED no such session (any more): not applied "
                              "now; whether it was before is not known");
        break;
    case CRAFT_SESSION_FULL:
        kv_reply_error(reply, "FULL the session has too many replies that were "
                              "not acknowledged: not applied; raise "
                              "first_open, and repeat it");
        break;
    default:
        kv_reply_error(reply, "ERR first_open is at least 1 and not above "
                              "number, and that below 2^62");
        break;
    }
}

static void run_session_call(struct kv_store *store, struct cursor *arguments,
                             struct kv_buffer *reply);

/* ------------------------------------------------------------------ table */

/* clang-format off */
static const struct operation {
    run_function *run;
    size_t arguments_min;
    size_t arguments_max;
    int only_reads;
    size_t numbers; /* in front of the arguments; 0 = of no session */
} operations[KV_OP_END] = {
    [KV_OP_GET]    = {run_get,    1, 1,        1, 0},
    [KV_OP_SET]    = {run_set,    2, 2,        0, 0},
    [KV_OP_SET_NX] = {run_set_nx, 2, 2,        0, 0},
    [KV_OP_SET_XX] = {run_set_xx, 2, 2,        0, 0},
    [KV_OP_DEL]    = {run_del,    1, SIZE_MAX, 0, 0},
    [KV_OP_EXISTS] = {run_exists, 1, SIZE_MAX, 1, 0},
    [KV_OP_INCRBY] = {run_incrby, 2, 2,        0, 0},
    [KV_OP_APPEND] = {run_append, 2, 2,        0, 0},
    [KV_OP_STRLEN] = {run_strlen, 1, 1,        1, 0},
    [KV_OP_MGET]   = {run_mget,   1, SIZE_MAX, 1, 0},
    [KV_OP_MSET]   = {run_mset,   2, SIZE_MAX, 0, 0},
    [KV_OP_DBSIZE] = {run_dbsize, 0, 0,        1, 0},
    [KV_OP_KEYS]   = {run_keys,   1, 1,        1, 0},
    [KV_OP_SESSION_OPEN]  = {run_session_open,  0, 0,        0, 1},
    [KV_OP_SESSION_CALL]  = {run_session_call,  0, SIZE_MAX, 0, 4},
    [KV_OP_SESSION_CLOSE] = {run_session_close, 0, 0,        0, 2},
};
/* clang-format on */

static void run_session_call(struct kv_store *store, struct cursor *arguments,
                             struct kv_buffer *reply)
{
    craft_session_request request = {.struct_size = sizeof request};
    craft_session_reply kept = {.struct_size = sizeof kept};
    size_t before = kv_buffer_len(reply);
    uint8_t code;
    int verdict;

    take_time(store, arguments);
    request.session = take_number(arguments);
    request.number = take_number(arguments);
    request.first_open = take_number(arguments);
    code = take(arguments).data[0];
    verdict = craft_session_begin(store->sessions, &request,
                                  KV_SESSION_REPLY_MAX, &kept);
    if (verdict == CRAFT_SESSION_NEW) {
        operations[code].run(store, arguments, reply);
        kv_sessions_must(craft_session_end(store->sessions,
                                           kv_buffer_data(reply) + before,
                                           kv_buffer_len(reply) - before));
    } else if (verdict == CRAFT_SESSION_REPEATED) {
        kv_buffer_append(reply, kept.data, kept.data_len);
    } else {
        refuse_call(verdict, reply);
    }
}

int kv_op_may_be_called(int code)
{
    return code > 0 && code < KV_OP_END && operations[code].run != NULL &&
           !operations[code].only_reads && operations[code].numbers == 0;
}

/* Pass the numbers that stand in front: 1, or 0 when they do not. */
static int skip_numbers(struct cursor *cursor, size_t numbers)
{
    struct kv_slice argument;

    for (size_t i = 0; i < numbers; i++) {
        if (next(cursor, &argument) != 1 || argument.len != NUMBER_LEN) {
            return 0;
        }
    }
    return 1;
}

/* The operation that is called: its code, or an error. */
static int check_called(struct cursor *cursor)
{
    struct kv_slice argument;

    if (next(cursor, &argument) != 1 || argument.len != 1) {
        return KV_OP_ERR_FORMAT;
    }
    if (argument.data[0] >= KV_OP_END) {
        return KV_OP_ERR_LATER;
    }
    return kv_op_may_be_called(argument.data[0]) ? argument.data[0]
                                                 : KV_OP_ERR_FORMAT;
}

/* 1 when that code takes these arguments, which are all that follow. */
static int takes(int code, struct cursor arguments)
{
    const struct operation *operation = &operations[code];
    struct kv_slice argument = {NULL, 0};
    size_t n = 0;
    int rv;

    while ((rv = next(&arguments, &argument)) == 1) {
        n++;
    }
    return rv == 0 && n >= operation->arguments_min &&
           n <= operation->arguments_max &&
           (code != KV_OP_MSET || n % 2 == 0) &&
           (code != KV_OP_INCRBY || argument.len == NUMBER_LEN);
}

int kv_op_check(struct kv_slice op)
{
    struct cursor cursor = {op.data, op.data};
    int code;
    int whose;

    if (op.len < ORIGIN_AT) {
        return KV_OP_ERR_FORMAT;
    }
    code = op.data[1];
    if (op.data[0] != FORMAT || code >= KV_OP_END) {
        return KV_OP_ERR_LATER;
    }
    if (op.len < KV_OP_HEAD_LEN) {
        return KV_OP_ERR_FORMAT;
    }
    cursor.at = op.data + KV_OP_HEAD_LEN;
    cursor.end = op.data + op.len;
    if (operations[code].run == NULL ||
        !skip_numbers(&cursor, operations[code].numbers)) {
        return KV_OP_ERR_FORMAT;
    }
    whose = code == KV_OP_SESSION_CALL ? check_called(&cursor) : code;
    if (whose < 0) {
        return whose;
    }
    return takes(whose, cursor) ? code : KV_OP_ERR_FORMAT;
}

int kv_op_only_reads(int code)
{
    return operations[code].only_reads;
}

void kv_op_run(struct kv_store *store, struct kv_slice op,
               struct kv_buffer *reply)
{
    struct cursor arguments = {op.data + KV_OP_HEAD_LEN, op.data + op.len};

    operations[op.data[1]].run(store, &arguments, reply);
}

size_t kv_op_reply_bytes(const struct kv_store *store, struct kv_slice op)
{
    struct cursor keys = {op.data + KV_OP_HEAD_LEN, op.data + op.len};
    struct kv_slice key;
    struct kv_slice value;
    size_t bytes = 0;
    int code = op.data[1];

    if (code == KV_OP_KEYS) {
        return store->bytes;
    }
    while ((code == KV_OP_GET || code == KV_OP_MGET) &&
           next(&keys, &key) == 1) {
        if (kv_store_get(store, key, &value)) {
            bytes += value.len;
        }
    }
    return bytes;
}
