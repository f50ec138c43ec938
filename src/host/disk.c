#include "host/disk.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "craft/host.h"

#define RECORDS_MAX 64u /* craft_config.persist_inflight_max is no larger */

struct craft_disk {
    craft_wal *wal;
    struct craft_wake *wake;
    int is_inline;

    craft_persist added[RECORDS_MAX]; /* the loop thread's */
    size_t added_len;
    craft_persist writing[RECORDS_MAX]; /* the writer's */
    size_t writing_len;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t writer_wakes;
    pthread_cond_t helper_wakes;
    craft_persist queued[RECORDS_MAX];
    size_t queued_len;
    struct craft_disk_news news;
    int is_parked; /* after news.failed, until that is taken */
    int is_closing;
    int is_segment_asked;

    int has_writer;
    int has_helper;
    pthread_t writer;
    pthread_t helper;
};

/* ---------------------------------------------------------------- writing */

/* Records past the first failure are not looked at: the core voids them. */
static struct craft_disk_news write_records(struct craft_disk *disk,
                                            const craft_persist *records,
                                            size_t records_len)
{
    struct craft_disk_news news = {0};
    size_t appended = 0;
    uint32_t flags = 0;
    int rv = craft_wal_append(disk->wal, records, records_len, &appended);

    for (size_t i = 0; i < appended; i++) {
        flags |= records[i].flags;
    }
    if ((flags & CRAFT_PERSIST_MUST_SYNC) != 0 &&
        craft_wal_sync(disk->wal) != 0) {
        /* The tickets before the first one here ended long ago. */
        news.failed = records[0].ticket;
        news.ending = CRAFT_ENDING_ERROR;
        return news;
    }
    if (appended > 0) {
        news.durable = records[appended - 1].ticket;
    }
    if (rv != 0) {
        CRAFT_ASSERT(appended < records_len);
        news.failed = records[appended].ticket;
        news.ending = rv == CRAFT_WAL_ERR_NOSPACE || rv == CRAFT_WAL_ERR_NOMEM
                          ? CRAFT_ENDING_NOSPACE
                          : CRAFT_ENDING_ERROR;
    }
    return news;
}

/* Under the lock. */
static void publish(struct craft_disk *disk, const struct craft_disk_news *news)
{
    if (news->durable != 0) {
        disk->news.durable = news->durable;
    }
    if (news->failed != 0) {
        disk->news.failed = news->failed;
        disk->news.ending = news->ending;
        disk->is_parked = 1;
    }
    /* A mark can wait for the helper's next round; a segment cannot. */
    if (!disk->is_segment_asked &&
        (craft_wal_wants(disk->wal) & CRAFT_WAL_WANTS_PREPARE) != 0) {
        disk->is_segment_asked = 1;
        (void)pthread_cond_signal(&disk->helper_wakes);
    }
}

static void *writer_run(void *ctx)
{
    struct craft_disk *disk = ctx;

    (void)pthread_mutex_lock(&disk->lock);
    for (;;) {
        struct craft_disk_news news;

        while ((disk->queued_len == 0 || disk->is_parked) &&
               !disk->is_closing) {
            (void)pthread_cond_wait(&disk->writer_wakes, &disk->lock);
        }
        if (disk->queued_len == 0 || disk->is_parked) {
            break;
        }
        memcpy(disk->writing, disk->queued,
               disk->queued_len * sizeof disk->queued[0]);
        disk->writing_len = disk->queued_len;
        disk->queued_len = 0;
        (void)pthread_mutex_unlock(&disk->lock);
        news = write_records(disk, disk->writing, disk->writing_len);
        (void)pthread_mutex_lock(&disk->lock);
        publish(disk, &news);
        (void)pthread_mutex_unlock(&disk->lock);
        craft_wake_raise(disk->wake);
        (void)pthread_mutex_lock(&disk->lock);
    }
    (void)pthread_mutex_unlock(&disk->lock);
    return NULL;
}

/* ------------------------------------------------------------- background */

static void wait_for_work(struct craft_disk *disk)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    (void)pthread_cond_timedwait(&disk->helper_wakes, &disk->lock, &until);
}

/*
 * Failures are not told: the segment in use goes on, and when the writer
 * needs the next one it meets the same failure itself.
 */
static void *helper_run(void *ctx)
{
    struct craft_disk *disk = ctx;

    (void)pthread_mutex_lock(&disk->lock);
    while (!disk->is_closing) {
        uint32_t wants = craft_wal_wants(disk->wal);

        disk->is_segment_asked = 0;
        (void)pthread_mutex_unlock(&disk->lock);
        if ((wants & CRAFT_WAL_WANTS_PREPARE) != 0) {
            (void)craft_wal_prepare(disk->wal);
        }
        if ((wants & CRAFT_WAL_WANTS_MARK) != 0) {
            (void)craft_wal_mark(disk->wal);
        }
        (void)pthread_mutex_lock(&disk->lock);
        if (!disk->is_closing) {
            wait_for_work(disk);
        }
    }
    (void)pthread_mutex_unlock(&disk->lock);
    return NULL;
}

/* ------------------------------------------------------------------- life */

int craft_disk_open(const struct craft_disk_config *config,
                    struct craft_disk **disk_out, craft_wal_report *report)
{
    struct craft_disk *disk = calloc(1, sizeof *disk);
    craft_wal_options options;
    int rv;

    *disk_out = NULL;
    if (disk == NULL) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    craft_wal_options_init(&options, sizeof options);
    options.directory = config->directory;
    options.group = config->group;
    options.files = config->files;
    options.files_ctx = config->files_ctx;
    if (config->segment_bytes != 0) {
        options.segment_bytes = config->segment_bytes;
    }
    rv = craft_wal_open(&options, &disk->wal, report);
    if (rv != 0) {
        free(disk);
        return rv;
    }
    disk->wake = config->wake;
    disk->is_inline = config->is_inline;
    (void)pthread_mutex_init(&disk->lock, NULL);
    (void)pthread_cond_init(&disk->writer_wakes, NULL);
    (void)pthread_cond_init(&disk->helper_wakes, NULL);
    *disk_out = disk;
    return 0;
}

craft_wal *craft_disk_wal(const struct craft_disk *disk)
{
    return disk->wal;
}

int craft_disk_start(struct craft_disk *disk)
{
    sigset_t all;
    sigset_t kept;

    /* Signals are the application's business, and its threads'. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &kept);
    disk->has_helper =
        pthread_create(&disk->helper, NULL, helper_run, disk) == 0;
    if (!disk->is_inline) {
        disk->has_writer =
            pthread_create(&disk->writer, NULL, writer_run, disk) == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return disk->has_helper && (disk->has_writer || disk->is_inline)
               ? 0
               : CRAFT_HOST_ERR_SYSTEM;
}

int craft_disk_close(struct craft_disk *disk)
{
    int rv;

    if (disk == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&disk->lock);
    disk->is_closing = 1;
    (void)pthread_cond_broadcast(&disk->writer_wakes);
    (void)pthread_cond_broadcast(&disk->helper_wakes);
    (void)pthread_mutex_unlock(&disk->lock);
    if (disk->has_writer) {
        (void)pthread_join(disk->writer, NULL);
    }
    if (disk->has_helper) {
        (void)pthread_join(disk->helper, NULL);
    }
    rv = craft_wal_close(disk->wal);
    (void)pthread_cond_destroy(&disk->helper_wakes);
    (void)pthread_cond_destroy(&disk->writer_wakes);
    (void)pthread_mutex_destroy(&disk->lock);
    free(disk);
    return rv;
}

/* --------------------------------------------------------- the loop's side */

void craft_disk_add(struct craft_disk *disk, const craft_persist *record)
{
    CRAFT_ASSERT(disk->added_len < RECORDS_MAX);
    disk->added[disk->added_len] = *record;
    disk->added_len++;
}

static int commit_inline(struct craft_disk *disk)
{
    struct craft_disk_news news =
        write_records(disk, disk->added, disk->added_len);

    disk->added_len = 0;
    (void)pthread_mutex_lock(&disk->lock);
    publish(disk, &news);
    (void)pthread_mutex_unlock(&disk->lock);
    return 1;
}

int craft_disk_commit(struct craft_disk *disk)
{
    if (disk->added_len == 0) {
        return 0;
    }
    if (disk->is_inline) {
        return commit_inline(disk);
    }
    (void)pthread_mutex_lock(&disk->lock);
    /* Both hold open tickets, of which there are at most RECORDS_MAX. */
    CRAFT_ASSERT(disk->queued_len + disk->added_len <= RECORDS_MAX);
    memcpy(disk->queued + disk->queued_len, disk->added,
           disk->added_len * sizeof disk->added[0]);
    disk->queued_len += disk->added_len;
    disk->added_len = 0;
    (void)pthread_cond_signal(&disk->writer_wakes);
    (void)pthread_mutex_unlock(&disk->lock);
    return 0;
}

int craft_disk_take(struct craft_disk *disk, struct craft_disk_news *news)
{
    (void)pthread_mutex_lock(&disk->lock);
    *news = disk->news;
    memset(&disk->news, 0, sizeof disk->news);
    if (news->failed != 0) {
        /* The records of voided tickets must not follow the gap. */
        disk->queued_len = 0;
        disk->added_len = 0;
        disk->is_parked = news->ending != CRAFT_ENDING_NOSPACE;
    }
    (void)pthread_mutex_unlock(&disk->lock);
    return news->durable != 0 || news->failed != 0;
}
