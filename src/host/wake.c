#include "host/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

#ifdef __linux__

int craft_wake_open(struct craft_wake *wake)
{
    atomic_init(&wake->is_asleep, 0);
    atomic_init(&wake->is_raised, 0);
    wake->read_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    wake->write_fd = wake->read_fd;
    return wake->read_fd < 0 ? -1 : 0;
}

#else

static int prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -1;
    }
    return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int craft_wake_open(struct craft_wake *wake)
{
    int ends[2];

    atomic_init(&wake->is_asleep, 0);
    atomic_init(&wake->is_raised, 0);
    wake->read_fd = -1;
    wake->write_fd = -1;
    if (pipe(ends) != 0) {
        return -1;
    }
    wake->read_fd = ends[0];
    wake->write_fd = ends[1];
    if (prepare(ends[0]) != 0 || prepare(ends[1]) != 0) {
        craft_wake_close(wake);
        return -1;
    }
    return 0;
}

#endif

void craft_wake_close(struct craft_wake *wake)
{
    if (wake->write_fd >= 0 && wake->write_fd != wake->read_fd) {
        (void)close(wake->write_fd);
    }
    if (wake->read_fd >= 0) {
        (void)close(wake->read_fd);
    }
    wake->read_fd = -1;
    wake->write_fd = -1;
}

void craft_wake_raise(struct craft_wake *wake)
{
    uint64_t one = 1;
    int kept = errno; /* a signal handler must not change it */

    atomic_store(&wake->is_raised, 1);
    if (atomic_exchange(&wake->is_asleep, 0) == 0) {
        return; /* it looks at is_raised before it sleeps */
    }
    /* Full means raised already, so every failure but EINTR is none. */
    while (write(wake->write_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = kept;
}

void craft_wake_clear(struct craft_wake *wake)
{
    uint64_t bytes[64];

    if (wake->read_fd == wake->write_fd) {
        while (read(wake->read_fd, bytes, sizeof bytes[0]) < 0 &&
               errno == EINTR) {
        }
        return;
    }
    while (read(wake->read_fd, bytes, sizeof bytes) > 0) {
    }
}

int craft_wake_sleep(struct craft_wake *wake)
{
    atomic_store(&wake->is_asleep, 1);
    return atomic_load(&wake->is_raised) == 0;
}

void craft_wake_up(struct craft_wake *wake)
{
    atomic_store(&wake->is_asleep, 0);
    atomic_store(&wake->is_raised, 0);
}
