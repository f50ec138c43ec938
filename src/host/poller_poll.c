#include "host/poller.h"

#if !CRAFT_POLLER_EPOLL

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/base.h"
#include "craft/host.h"

struct craft_poller {
    struct pollfd *polled; /* [len], in no order */
    uint32_t *stamps;      /* [len], of each */
    size_t len;
    size_t capacity;
    size_t next; /* where the next look begins, so that none starves */
};

struct craft_poller *craft_poller_new(void)
{
    return calloc(1, sizeof(struct craft_poller));
}

void craft_poller_free(struct craft_poller *poller)
{
    if (poller != NULL) {
        free(poller->polled);
        free(poller->stamps);
        free(poller);
    }
}

static size_t find(const struct craft_poller *poller, int fd)
{
    size_t i = 0;

    while (i < poller->len && poller->polled[i].fd != fd) {
        i++;
    }
    return i;
}

static int grow(struct craft_poller *poller)
{
    size_t capacity = poller->capacity == 0 ? 64 : poller->capacity * 2;
    struct pollfd *polled;
    uint32_t *stamps;

    polled = realloc(poller->polled, capacity * sizeof *polled);
    if (polled == NULL) {
        return -1;
    }
    poller->polled = polled;
    stamps = realloc(poller->stamps, capacity * sizeof *stamps);
    if (stamps == NULL) {
        return -1;
    }
    poller->stamps = stamps;
    poller->capacity = capacity;
    return 0;
}

static void put(struct craft_poller *poller, size_t at,
                const struct craft_ready *watch)
{
    int in = (watch->events & CRAFT_HOST_READ) != 0 ? POLLIN : 0;
    int out = (watch->events & CRAFT_HOST_WRITE) != 0 ? POLLOUT : 0;

    poller->polled[at].fd = watch->fd;
    poller->polled[at].events = (short)(in | out);
    poller->polled[at].revents = 0;
    poller->stamps[at] = watch->stamp;
}

int craft_poller_add(struct craft_poller *poller, int fd, uint32_t events,
                     uint32_t stamp)
{
    struct craft_ready watch = {fd, stamp, events};

    if (poller->len == poller->capacity && grow(poller) != 0) {
        errno = ENOMEM;
        return -1;
    }
    put(poller, poller->len, &watch);
    poller->len++;
    return 0;
}

int craft_poller_change(struct craft_poller *poller, int fd, uint32_t events,
                        uint32_t stamp)
{
    struct craft_ready watch = {fd, stamp, events};
    size_t at = find(poller, fd);

    if (at == poller->len) {
        errno = ENOENT;
        return -1;
    }
    put(poller, at, &watch);
    return 0;
}

void craft_poller_remove(struct craft_poller *poller, int fd)
{
    size_t at = find(poller, fd);

    if (at < poller->len) {
        poller->len--;
        poller->polled[at] = poller->polled[poller->len];
        poller->stamps[at] = poller->stamps[poller->len];
    }
}

static uint32_t translate(short bits)
{
    uint32_t events = 0;

    if ((bits & (POLLIN | POLLHUP)) != 0) {
        events |= CRAFT_HOST_READ;
    }
    if ((bits & POLLOUT) != 0) {
        events |= CRAFT_HOST_WRITE;
    }
    if ((bits & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        events |= CRAFT_HOST_ERROR;
    }
    return events;
}

int craft_poller_wait(struct craft_poller *poller, struct craft_ready *ready,
                      int ready_max, int timeout_ms)
{
    int count = poll(poller->polled, (nfds_t)poller->len, timeout_ms);
    int filled = 0;

    if (count < 0) {
        return errno == EINTR ? 0 : -1;
    }
    for (size_t i = 0; i < poller->len && filled < ready_max; i++) {
        size_t at = (poller->next + i) % poller->len;

        if (poller->polled[at].revents != 0) {
            ready[filled].fd = poller->polled[at].fd;
            ready[filled].stamp = poller->stamps[at];
            ready[filled].events = translate(poller->polled[at].revents);
            filled++;
        }
    }
    if (count > ready_max) {
        poller->next++;
    }
    return filled;
}

#else
typedef int craft_poller_poll_not_here;
#endif
