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

/* ------------------------------------------------------------------ table */

/* clang-format off */
static const struct operation {
    run_function *run;
    size_t arguments_min;
    size_t arguments_max;
    int only_reads;
} operations[KV_OP_END] = {
    [KV_OP_GET]    = {run_get,    1, 1,        1},
    [KV_OP_SET]    = {run_set,    2, 2,        0},
    [KV_OP_SET_NX] = {run_set_nx, 2, 2,        0},
    [KV_OP_SET_XX] = {run_set_xx, 2, 2,        0},
    [KV_OP_DEL]    = {run_del,    1, SIZE_MAX, 0},
    [KV_OP_EXISTS] = {run_exists, 1, SIZE_MAX, 1},
    [KV_OP_INCRBY] = {run_incrby, 2, 2,        0},
    [KV_OP_APPEND] = {run_append, 2, 2,        0},
    [KV_OP_STRLEN] = {run_strlen, 1, 1,        1},
    [KV_OP_MGET]   = {run_mget,   1, SIZE_MAX, 1},
    [KV_OP_MSET]   = {run_mset,   2, SIZE_MAX, 0},
    [KV_OP_DBSIZE] = {run_dbsize, 0, 0,        1},
    [KV_OP_KEYS]   = {run_keys,   1, 1,        1},
};
/* clang-format on */

int kv_op_check(struct kv_slice op)
{
    struct cursor cursor = {op.data, op.data};
    struct kv_slice argument = {NULL, 0};
    const struct operation *operation;
    size_t n = 0;
    int code;
    int rv;

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
    operation = &operations[code];
    if (operation->run == NULL) {
        return KV_OP_ERR_FORMAT;
    }
    cursor.at = op.data + KV_OP_HEAD_LEN;
    cursor.end = op.data + op.len;
    while ((rv = next(&cursor, &argument)) == 1) {
        n++;
    }
    if (rv != 0 || n < operation->arguments_min ||
        n > operation->arguments_max || (code == KV_OP_MSET && n % 2 != 0) ||
        (code == KV_OP_INCRBY && argument.len != NUMBER_LEN)) {
        return KV_OP_ERR_FORMAT;
    }
    return code;
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
