#include "image.h"

#include <string.h>
#include <sys/mman.h>

struct saving {
    craft_host_sink *sink;
    int rv;
};

static void put(struct saving *saving, const void *data, size_t len)
{
    if (len > 0 && craft_host_sink_write(saving->sink, data, len) != 0) {
        saving->rv = -1;
    }
}

static void put_number(struct saving *saving, uint64_t number)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    put(saving, bytes, sizeof bytes);
}

static void put_pair(void *ctx, struct kv_slice key, struct kv_slice value)
{
    put_number(ctx, key.len);
    put_number(ctx, value.len);
    put(ctx, key.data, key.len);
    put(ctx, value.data, value.len);
}

/* Into memory of the system's own: the allocator may be locked for ever. */
static void put_sessions(struct saving *saving, const craft_sessions *sessions)
{
    const size_t room = craft_sessions_saved_len(sessions);
    size_t len = 0;
    void *bytes;

    /* Memory that is no file's: -1 is what is to be given. */
    bytes = mmap(NULL, room, PROT_READ | PROT_WRITE,
                 /* cppcheck-suppress invalidFunctionArg */
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED ||
        craft_sessions_save(sessions, bytes, room, &len) != 0) {
        saving->rv = -1;
        return;
    }
    put_number(saving, len);
    put(saving, bytes, len);
    (void)munmap(bytes, room);
}

int kv_image_save(const struct kv_store *store, craft_host_sink *sink)
{
    struct saving saving = {sink, 0};

    put_number(&saving, store->len);
    kv_store_each_pair(store, put_pair, &saving);
    put_number(&saving, store->sum);
    put_sessions(&saving, store->sessions);
    return saving.rv;
}

static int take_number(craft_host_source *source, uint64_t *number)
{
    uint8_t bytes[8];

    if (craft_host_source_read(source, bytes, sizeof bytes) != 0) {
        return -1;
    }
    *number = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        *number |= (uint64_t)bytes[i] << (8 * i);
    }
    return 0;
}

static int take_pair(struct kv_store *store, craft_host_source *source,
                     struct kv_buffer *scratch)
{
    uint64_t key_len;
    uint64_t value_len;
    struct kv_slice key;
    struct kv_slice value;

    if (take_number(source, &key_len) != 0 ||
        take_number(source, &value_len) != 0 ||
        key_len > craft_host_source_left(source) ||
        value_len > craft_host_source_left(source) - key_len) {
        return -1;
    }
    kv_buffer_clear(scratch);
    key.len = (size_t)key_len;
    value.len = (size_t)value_len;
    key.data = kv_buffer_room(scratch, key.len + value.len);
    value.data = key.data + key.len;
    if (craft_host_source_read(source, kv_buffer_data(scratch),
                               key.len + value.len) != 0) {
        return -1;
    }
    kv_store_set(store, key, value);
    return 0;
}

static int take_sessions(craft_sessions *sessions, craft_host_source *source)
{
    struct kv_buffer image = {0};
    uint64_t len = 0;
    int rv = take_number(source, &len);

    if (rv == 0 && len != craft_host_source_left(source)) {
        rv = -1;
    }
    if (rv == 0) {
        uint8_t *bytes = kv_buffer_room(&image, (size_t)len);

        rv = craft_host_source_read(source, bytes, (size_t)len);
        if (rv == 0) {
            rv = craft_sessions_load(sessions, bytes, (size_t)len);
        }
    }
    kv_buffer_free(&image);
    return rv == 0 ? 0 : -1;
}

int kv_image_load(struct kv_store *store, craft_host_source *source)
{
    struct kv_buffer scratch = {0};
    uint64_t len = 0;
    uint64_t sum = 0;
    int rv;

    kv_store_free(store);
    kv_store_init(store);
    rv = take_number(source, &len);
    for (uint64_t i = 0; rv == 0 && i < len; i++) {
        rv = take_pair(store, source, &scratch);
    }
    kv_buffer_free(&scratch);
    if (rv == 0) {
        rv = take_number(source, &sum);
    }
    if (rv != 0 || store->len != len || store->sum != sum) {
        return -1;
    }
    return take_sessions(store->sessions, source);
}
