/*
 * buffer: bytes that come in at one end and go out at the other.
 *
 * Contiguous, so that what a socket gives is parsed in place and what a link
 * has to send leaves in one call. Keeps its memory: steady state allocates
 * nothing.
 */
#ifndef CRAFT_HOST_BUFFER_H
#define CRAFT_HOST_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct craft_buffer {
    uint8_t *bytes;
    size_t begin; /* first byte not taken yet */
    size_t end;   /* one past the last */
    size_t capacity;
};

/* Room for len bytes behind the end, or NULL; they count when
 * craft_buffer_added() says so. Moves what the buffer holds. */
uint8_t *craft_buffer_reserve(struct craft_buffer *buffer, size_t len);
void craft_buffer_added(struct craft_buffer *buffer, size_t len);

static inline size_t craft_buffer_len(const struct craft_buffer *buffer)
{
    return buffer->end - buffer->begin;
}

static inline const uint8_t *
craft_buffer_front(const struct craft_buffer *buffer)
{
    return buffer->bytes != NULL ? buffer->bytes + buffer->begin : NULL;
}

void craft_buffer_take(struct craft_buffer *buffer, size_t len);

/* Empty it; memory beyond keep_bytes is given back. */
void craft_buffer_reset(struct craft_buffer *buffer, size_t keep_bytes);

#endif
