#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES_MIN = 1024
};

void *kv_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size);

    if (moved == NULL) {
        fprintf(stderr,
                "craft-kv: out of memory asking for %zu bytes: "
                "give the machine more, or store less\n",
                size);
        exit(1);
    }
    return moved;
}

/* Move the content to the front of memory that fits len more bytes. */
static void make_room(struct kv_buffer *buffer, size_t len)
{
    size_t used = kv_buffer_len(buffer);
    size_t wanted = used + len;

    if (buffer->start > 0 && used > 0) {
        memmove(buffer->bytes, kv_buffer_data(buffer), used);
    }
    buffer->start = 0;
    buffer->end = used;
    /* Moving pays only when it frees at least half: else it would be done
     * for every few bytes of a full buffer. */
    if (wanted > buffer->capacity / 2) {
        size_t capacity = wanted * 2;

        if (capacity < BUFFER_BYTES_MIN) {
            capacity = BUFFER_BYTES_MIN;
        }
        if (capacity > buffer->capacity) {
            buffer->bytes = kv_realloc(buffer->bytes, capacity);
            buffer->capacity = capacity;
        }
    }
}

uint8_t *kv_buffer_room(struct kv_buffer *buffer, size_t len)
{
    if (buffer->capacity - buffer->end < len) {
        make_room(buffer, len);
    }
    return buffer->bytes + buffer->end;
}

void kv_buffer_append(struct kv_buffer *buffer, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }
    memcpy(kv_buffer_room(buffer, len), data, len);
    buffer->end += len;
}

void kv_buffer_consume(struct kv_buffer *buffer, size_t len)
{
    buffer->start += len;
    if (buffer->start == buffer->end) {
        buffer->start = 0;
        buffer->end = 0;
    }
}

void kv_buffer_trim(struct kv_buffer *buffer, size_t keep)
{
    if (kv_buffer_len(buffer) == 0 && buffer->capacity > keep) {
        kv_buffer_free(buffer);
    }
}

void kv_buffer_free(struct kv_buffer *buffer)
{
    free(buffer->bytes);
    memset(buffer, 0, sizeof *buffer);
}
