#include "host/inbox.h"

#include <string.h>

#include "base/base.h"

#define KEEP_BYTES ((size_t)64 * 1024)

/* In front of each item's data, which is padded to 8. */
struct head {
    enum craft_inbox_kind kind;
    uint64_t token;
    uint64_t target;
    size_t data_len;
    void (*function)(void *ctx);
    void *ctx;
};

static size_t item_bytes(size_t data_len)
{
    return sizeof(struct head) + ((data_len + 7) & ~(size_t)7);
}

int craft_inbox_open(struct craft_inbox *inbox, size_t bytes_max,
                     struct craft_wake *wake)
{
    memset(inbox, 0, sizeof *inbox);
    inbox->bytes_max = bytes_max;
    inbox->wake = wake;
    return pthread_mutex_init(&inbox->lock, NULL) == 0 ? 0 : -1;
}

void craft_inbox_free(struct craft_inbox *inbox)
{
    craft_buffer_reset(&inbox->filling, 0);
    craft_buffer_reset(&inbox->taken, 0);
    (void)pthread_mutex_destroy(&inbox->lock);
}

/* Under the lock. */
static int append(struct craft_inbox *inbox,
                  const struct craft_inbox_item *item)
{
    struct head head = {item->kind,     item->token,    item->target,
                        item->data_len, item->function, item->ctx};
    size_t bytes = item_bytes(item->data_len);
    uint8_t *room;

    if (inbox->closed) {
        return CRAFT_ERR_STOPPED;
    }
    /* One item always fits into an empty inbox. */
    if (inbox->waiting_bytes > 0 &&
        inbox->waiting_bytes + bytes > inbox->bytes_max) {
        return CRAFT_ERR_BUSY;
    }
    room = craft_buffer_reserve(&inbox->filling, bytes);
    if (room == NULL) {
        return CRAFT_ERR_BUSY;
    }
    memcpy(room, &head, sizeof head);
    if (item->data_len > 0) {
        memcpy(room + sizeof head, item->data, item->data_len);
    }
    craft_buffer_added(&inbox->filling, bytes);
    inbox->waiting_bytes += bytes;
    return 0;
}

int craft_inbox_put(struct craft_inbox *inbox,
                    const struct craft_inbox_item *item)
{
    int was_empty;
    int rv;

    (void)pthread_mutex_lock(&inbox->lock);
    was_empty = craft_buffer_len(&inbox->filling) == 0;
    rv = append(inbox, item);
    (void)pthread_mutex_unlock(&inbox->lock);
    if (rv == 0 && was_empty) {
        craft_wake_raise(inbox->wake); /* one call for many items */
    }
    return rv;
}

/* The taken buffer is used up: change places with the filled one. */
static void exchange(struct craft_inbox *inbox)
{
    struct craft_buffer used = inbox->taken;

    craft_buffer_reset(&used, KEEP_BYTES);
    (void)pthread_mutex_lock(&inbox->lock);
    inbox->waiting_bytes -= inbox->taken_bytes;
    inbox->taken = inbox->filling;
    inbox->filling = used;
    inbox->taken_bytes = craft_buffer_len(&inbox->taken);
    (void)pthread_mutex_unlock(&inbox->lock);
}

int craft_inbox_front(struct craft_inbox *inbox, struct craft_inbox_item *item)
{
    struct head head;

    if (craft_buffer_len(&inbox->taken) == 0) {
        exchange(inbox);
        if (craft_buffer_len(&inbox->taken) == 0) {
            return 0;
        }
    }
    memcpy(&head, craft_buffer_front(&inbox->taken), sizeof head);
    item->data = craft_buffer_front(&inbox->taken) + sizeof head;
    item->data_len = head.data_len;
    item->kind = head.kind;
    item->token = head.token;
    item->target = head.target;
    item->function = head.function;
    item->ctx = head.ctx;
    item->taken = item_bytes(head.data_len);
    return 1;
}

void craft_inbox_next(struct craft_inbox *inbox,
                      const struct craft_inbox_item *item)
{
    craft_buffer_take(&inbox->taken, item->taken);
}

void craft_inbox_close(struct craft_inbox *inbox)
{
    (void)pthread_mutex_lock(&inbox->lock);
    inbox->closed = 1;
    (void)pthread_mutex_unlock(&inbox->lock);
}
