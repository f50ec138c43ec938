#include "host/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define CAPACITY_MIN 4096u

uint8_t *craft_buffer_reserve(struct craft_buffer *buffer, size_t len)
{
    size_t held = craft_buffer_len(buffer);
    size_t capacity = buffer->capacity;
    uint8_t *bytes;

    if (len <= capacity - buffer->end && buffer->bytes != NULL) {
        return buffer->bytes + buffer->end;
    }
    if (len > SIZE_MAX / 4 - held) {
        return NULL;
    }
    /* Moving is worth it only while more is freed than is moved. */
    if (buffer->bytes != NULL && held + len <= capacity &&
        buffer->begin >= held) {
        memmove(buffer->bytes, buffer->bytes + buffer->begin, held);
        buffer->begin = 0;
        buffer->end = held;
        return buffer->bytes + held;
    }
    capacity = capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
    while (capacity < held + len || capacity < 2 * held) {
        capacity *= 2;
    }
    bytes = malloc(capacity);
    if (bytes == NULL) {
        return NULL;
    }
    if (held > 0) {
        CRAFT_ASSERT(buffer->bytes != NULL);
        memcpy(bytes, buffer->bytes + buffer->begin, held);
    }
    free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->begin = 0;
    buffer->end = held;
    buffer->capacity = capacity;
    return bytes + held;
}

void craft_buffer_added(struct craft_buffer *buffer, size_t len)
{
    CRAFT_ASSERT(len <= buffer->capacity - buffer->end);
    buffer->end += len;
}

void craft_buffer_take(struct craft_buffer *buffer, size_t len)
{
    CRAFT_ASSERT(len <= craft_buffer_len(buffer));
    buffer->begin += len;
    if (buffer->begin == buffer->end) {
        buffer->begin = 0;
        buffer->end = 0;
    }
}

void craft_buffer_reset(struct craft_buffer *buffer, size_t keep_bytes)
{
    buffer->begin = 0;
    buffer->end = 0;
    if (buffer->capacity > keep_bytes) {
        free(buffer->bytes);
        buffer->bytes = NULL;
        buffer->capacity = 0;
    }
}
