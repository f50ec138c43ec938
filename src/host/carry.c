#include "host/carry.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "craft/host.h"

struct craft_carrier {
    const struct craft_snapshots *own;
    struct craft_wake *wake;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wakes;
    craft_snapshot_read read; /* ticket 0: nothing to read */
    craft_snapshot_write write;
    struct craft_carried news;
    int lets_go;
    int is_closing;

    /* The thread's own. */
    struct craft_snapshots_file source;
    craft_index source_index;
    uint64_t source_digest;
    struct craft_snapshots_file target;
    uint8_t *buffer; /* [buffer_max]; also the taker's, between two reads */
    size_t buffer_max;

    int has_thread;
    pthread_t thread;
};

/* ----------------------------------------------------------------- reading */

static int open_source(struct craft_carrier *carrier,
                       const craft_snapshot *snapshot)
{
    int rv;

    if (carrier->source.handle >= 0 &&
        carrier->source_index == snapshot->index &&
        carrier->source_digest == snapshot->digest) {
        return 0;
    }
    craft_snapshots_close(carrier->own, &carrier->source);
    rv = craft_snapshots_read_open(carrier->own, snapshot, &carrier->source);
    carrier->source_index = snapshot->index;
    carrier->source_digest = snapshot->digest;
    return rv;
}

static int read_part(struct craft_carrier *carrier,
                     const craft_snapshot_read *read, size_t *len_out)
{
    uint64_t left = read->snapshot->size - read->offset;
    size_t len =
        left < read->bytes_max ? (size_t)left : (size_t)read->bytes_max;
    int rv = open_source(carrier, read->snapshot);

    if (rv == 0 && len > carrier->buffer_max) {
        uint8_t *buffer = realloc(carrier->buffer, len);

        if (buffer == NULL) {
            return -ENOMEM;
        }
        carrier->buffer = buffer;
        carrier->buffer_max = len;
    }
    if (rv == 0) {
        rv = craft_snapshots_read(carrier->own, &carrier->source, read->offset,
                                  carrier->buffer, len);
    }
    if (rv != 0 || left == len) {
        craft_snapshots_close(carrier->own, &carrier->source);
    }
    *len_out = len;
    return rv;
}

/* ----------------------------------------------------------------- writing */

static int write_part(struct craft_carrier *carrier,
                      const craft_snapshot_write *write, uint64_t *offset_out)
{
    const struct craft_snapshots *own = carrier->own;
    struct craft_snapshots_file *target = &carrier->target;
    int rv;

    if ((write->flags & CRAFT_SNAPSHOT_WRITE_FIRST) != 0) {
        craft_snapshots_close(own, target);
        rv = craft_snapshots_receive(own, write->snapshot, target);
    } else if (target->handle < 0 || target->at != write->offset) {
        rv = -EBADF; /* an earlier part failed */
    } else {
        rv = craft_snapshots_write(own, target, write->data, write->data_len);
    }
    *offset_out = target->at;
    if (rv == 0 && (write->flags & CRAFT_SNAPSHOT_WRITE_LAST) != 0 &&
        target->handle >= 0) {
        rv = craft_snapshots_finish(own, target, write->snapshot);
    }
    if (rv != 0) {
        craft_snapshots_close(own, target);
    }
    return rv;
}

/* ------------------------------------------------------------------ thread */

/* Under the lock, which is given up meanwhile. */
static void do_read(struct craft_carrier *carrier)
{
    craft_snapshot_read read = carrier->read;
    size_t len = 0;
    int rv;

    (void)pthread_mutex_unlock(&carrier->lock);
    rv = read_part(carrier, &read, &len);
    (void)pthread_mutex_lock(&carrier->lock);
    carrier->read.ticket = 0;
    carrier->news.read_ticket = read.ticket;
    carrier->news.read_rv = rv;
    carrier->news.data = carrier->buffer;
    carrier->news.data_len = len;
}

static void do_write(struct craft_carrier *carrier)
{
    craft_snapshot_write write = carrier->write;
    uint64_t offset = 0;
    int rv;

    (void)pthread_mutex_unlock(&carrier->lock);
    rv = write_part(carrier, &write, &offset);
    (void)pthread_mutex_lock(&carrier->lock);
    carrier->write.ticket = 0;
    carrier->news.write_ticket = write.ticket;
    carrier->news.write_rv = rv;
    carrier->news.offset = offset;
}

static int is_asked(const struct craft_carrier *carrier)
{
    return carrier->read.ticket != 0 || carrier->write.ticket != 0;
}

static void *run(void *ctx)
{
    struct craft_carrier *carrier = ctx;

    (void)pthread_mutex_lock(&carrier->lock);
    while (!carrier->is_closing) {
        int has_news = is_asked(carrier);

        if (carrier->write.ticket != 0) {
            do_write(carrier);
        }
        if (carrier->read.ticket != 0) {
            do_read(carrier);
        }
        if (carrier->lets_go) {
            craft_snapshots_close(carrier->own, &carrier->source);
            carrier->lets_go = 0;
        }
        if (has_news) {
            (void)pthread_mutex_unlock(&carrier->lock);
            craft_wake_raise(carrier->wake);
            (void)pthread_mutex_lock(&carrier->lock);
        }
        while (!is_asked(carrier) && !carrier->lets_go &&
               !carrier->is_closing) {
            (void)pthread_cond_wait(&carrier->wakes, &carrier->lock);
        }
    }
    (void)pthread_mutex_unlock(&carrier->lock);
    return NULL;
}

int craft_carrier_new(const struct craft_snapshots *own,
                      struct craft_wake *wake,
                      struct craft_carrier **carrier_out)
{
    struct craft_carrier *carrier = calloc(1, sizeof *carrier);

    *carrier_out = carrier;
    if (carrier == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    carrier->own = own;
    carrier->wake = wake;
    carrier->source.handle = -1;
    carrier->target.handle = -1;
    (void)pthread_mutex_init(&carrier->lock, NULL);
    (void)pthread_cond_init(&carrier->wakes, NULL);
    return 0;
}

int craft_carrier_start(struct craft_carrier *carrier)
{
    sigset_t all;
    sigset_t kept;

    /* Signals are the application's business, and its threads'. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &kept);
    carrier->has_thread =
        pthread_create(&carrier->thread, NULL, run, carrier) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return carrier->has_thread ? 0 : CRAFT_HOST_ERR_SYSTEM;
}

void craft_carrier_free(struct craft_carrier *carrier)
{
    if (carrier == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&carrier->lock);
    carrier->is_closing = 1;
    (void)pthread_cond_signal(&carrier->wakes);
    (void)pthread_mutex_unlock(&carrier->lock);
    if (carrier->has_thread) {
        (void)pthread_join(carrier->thread, NULL);
    }
    craft_snapshots_close(carrier->own, &carrier->source);
    craft_snapshots_close(carrier->own, &carrier->target);
    (void)pthread_cond_destroy(&carrier->wakes);
    (void)pthread_mutex_destroy(&carrier->lock);
    free(carrier->buffer);
    free(carrier);
}

/* --------------------------------------------------------- the loop's side */

void craft_carrier_read(struct craft_carrier *carrier,
                        const craft_snapshot_read *read)
{
    (void)pthread_mutex_lock(&carrier->lock);
    CRAFT_ASSERT(carrier->read.ticket == 0);
    carrier->read = *read;
    (void)pthread_cond_signal(&carrier->wakes);
    (void)pthread_mutex_unlock(&carrier->lock);
}

void craft_carrier_write(struct craft_carrier *carrier,
                         const craft_snapshot_write *write)
{
    (void)pthread_mutex_lock(&carrier->lock);
    CRAFT_ASSERT(carrier->write.ticket == 0);
    carrier->write = *write;
    (void)pthread_cond_signal(&carrier->wakes);
    (void)pthread_mutex_unlock(&carrier->lock);
}

void craft_carrier_let_go(struct craft_carrier *carrier)
{
    (void)pthread_mutex_lock(&carrier->lock);
    carrier->lets_go = 1;
    (void)pthread_cond_signal(&carrier->wakes);
    (void)pthread_mutex_unlock(&carrier->lock);
}

int craft_carrier_take(struct craft_carrier *carrier,
                       struct craft_carried *carried)
{
    (void)pthread_mutex_lock(&carrier->lock);
    *carried = carrier->news;
    memset(&carrier->news, 0, sizeof carrier->news);
    (void)pthread_mutex_unlock(&carrier->lock);
    return carried->read_ticket != 0 || carried->write_ticket != 0;
}
