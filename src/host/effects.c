/* The hooks of the node: where its effects go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "host/address.h"
#include "host/host_state.h"

#define QUIET_NS ((uint64_t)10000000000)

static void on_send(void *ctx, const craft_message *message)
{
    struct craft_host *host = ctx;

    craft_links_send(host->links, message);
}

static void on_persist(void *ctx, const craft_persist *persist)
{
    struct craft_host *host = ctx;

    craft_host_saving_record(host, persist);
    craft_disk_add(host->disk, persist);
}

static void on_apply(void *ctx, const craft_entry *entries, size_t entries_len)
{
    struct craft_host *host = ctx;
    craft_index last = entries[entries_len - 1].index;
    int rv;

    host->machine.apply(host->user, entries, entries_len);
    craft_host_saving_applied(host, entries, entries_len);
    rv = craft_applied(host->node, last, CRAFT_ENDING_OK);
    CRAFT_ASSERT(rv == 0 || rv <= CRAFT_ERR_STOPPED);
}

static void on_done(void *ctx, uint64_t token, int result, craft_index index)
{
    struct craft_host *host = ctx;

    if (host->machine.done != NULL) {
        host->machine.done(host->user, token, result, index);
    }
}

/* ------------------------------------------------------------------ fetch */

static int grow_fetched(struct craft_host *host, size_t entries_max,
                        size_t data_max)
{
    if (entries_max > host->fetched_max) {
        craft_entry *entries =
            realloc(host->fetched, entries_max * sizeof *entries);

        if (entries == NULL) {
            return CRAFT_ERR_NOMEM;
        }
        host->fetched = entries;
        host->fetched_max = entries_max;
    }
    if (data_max > host->fetched_data_max) {
        uint8_t *data = realloc(host->fetched_data, data_max);

        if (data == NULL) {
            return CRAFT_ERR_NOMEM;
        }
        host->fetched_data = data;
        host->fetched_data_max = data_max;
    }
    return 0;
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* At most what was asked for, or the first entry, however long. */
static int read_back(struct craft_host *host, const craft_fetch *fetch,
                     craft_wal_batch *batch)
{
    size_t entries_max = least(fetch->entries_max, 4096);
    size_t data_max = fetch->bytes_max;
    int rv = CRAFT_WAL_ERR_BUFFER;

    for (int i = 0; i < 2 && rv == CRAFT_WAL_ERR_BUFFER; i++) {
        if (grow_fetched(host, entries_max, data_max) != 0) {
            return CRAFT_WAL_ERR_NOMEM;
        }
        memset(batch, 0, sizeof *batch);
        batch->struct_size = sizeof *batch;
        batch->entries = host->fetched;
        batch->entries_max = entries_max;
        batch->data = host->fetched_data;
        batch->data_max = data_max;
        rv = craft_wal_read(craft_disk_wal(host->disk), fetch->first, batch);
        data_max = batch->data_len;
    }
    return rv;
}

/*
 * On the loop thread: what left the node's cache not long ago is in the
 * system's, and bytes_max bounds the rest.
 */
static void on_fetch(void *ctx, const craft_fetch *fetch)
{
    struct craft_host *host = ctx;
    craft_wal_batch batch;
    int rv = read_back(host, fetch, &batch);

    if (rv == 0) {
        rv = craft_fetched(host->node, fetch->ticket, batch.entries,
                           batch.entries_len, CRAFT_ENDING_OK);
        if (rv == 0) {
            return;
        }
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "entries from %llu on, read from the log, were not "
                       "taken: %s",
                       (unsigned long long)fetch->first, craft_strerror(rv));
    } else {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "cannot read entries from %llu on from the log: %s",
                       (unsigned long long)fetch->first,
                       craft_wal_strerror(rv));
    }
    (void)craft_fetched(host->node, fetch->ticket, NULL, 0, CRAFT_ENDING_ERROR);
}

/* ---------------------------------------------------------- configuration */

/* What the operator said at the start wins over what the log says. */
static int is_pinned(const struct craft_host *host, craft_id id)
{
    for (size_t i = 0; i < host->pinned_len; i++) {
        if (host->pinned[i] == id) {
            return 1;
        }
    }
    return 0;
}

static void know_member(struct craft_host *host, const craft_member *member)
{
    char address[CRAFT_ADDRESS_LEN_MAX + 1];

    if (member->id == host->id || is_pinned(host, member->id)) {
        return;
    }
    if (member->address_len > CRAFT_ADDRESS_LEN_MAX) {
        return;
    }
    memcpy(address, member->address, member->address_len);
    address[member->address_len] = '\0';
    if (craft_links_know(host->links, member->id, address) != 0) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "server %llu has no address to dial: \"%s\"",
                       (unsigned long long)member->id, address);
    }
}

void craft_host_refresh(struct craft_host *host)
{
    craft_configuration configuration;

    memset(&configuration, 0, sizeof configuration);
    configuration.struct_size = sizeof configuration;
    if (craft_node_configuration(host->node, &configuration) != 0) {
        return;
    }
    craft_links_set_lineage(host->links, configuration.lineage);
    for (size_t i = 0; i < configuration.members_len; i++) {
        know_member(host, &configuration.members[i]);
    }
}

/* ----------------------------------------------------------------- events */

/* Once per change: a full disk is tried again at every tick. */
static void tell_storage(struct craft_host *host, int ending)
{
    if (ending == host->storage_told) {
        return;
    }
    host->storage_told = ending;
    if (ending == CRAFT_ENDING_NOSPACE) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "the disk is full: no new entries for now");
    } else if (ending == CRAFT_ENDING_OK) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_INFO,
                       "the disk takes entries again");
    }
}

static void tell_refused(struct craft_host *host, const craft_event *event)
{
    uint64_t now = craft_loop_now(host->loop);

    if (host->refused_ns != 0 && now < host->refused_ns + QUIET_NS) {
        return;
    }
    host->refused_ns = now;
    craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                   "a message of server %llu was refused: %s (%u times)",
                   (unsigned long long)event->id, craft_strerror(event->value),
                   (unsigned)event->count);
}

static void on_event(void *ctx, const craft_event *event)
{
    struct craft_host *host = ctx;
    char text[200];

    switch (event->kind) {
    case CRAFT_EVENT_ROLE:
    case CRAFT_EVENT_LEADER:
        (void)craft_describe_event(event, text, sizeof text);
        craft_log_line(&host->log, CRAFT_HOST_LOG_INFO, "%s", text);
        break;
    case CRAFT_EVENT_CONFIGURATION:
        craft_host_refresh(host);
        break;
    case CRAFT_EVENT_STORAGE:
        tell_storage(host, event->value);
        break;
    case CRAFT_EVENT_REFUSED:
        tell_refused(host, event);
        break;
    default:
        break;
    }
    if (host->machine.event != NULL) {
        host->machine.event(host->user, event);
    }
}

void craft_host_hooks(struct craft_host *host, craft_hooks *hooks)
{
    memset(hooks, 0, sizeof *hooks);
    hooks->struct_size = sizeof *hooks;
    hooks->send = on_send;
    hooks->persist = on_persist;
    hooks->apply = on_apply;
    hooks->fetch = on_fetch;
    hooks->done = on_done;
    hooks->event = on_event;
    craft_host_snapshot_hooks(host, hooks);
}

/* ------------------------------------------------------ endings of writes */

static void tell_failure(struct craft_host *host)
{
    craft_wal_report report;

    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    (void)craft_wal_last_report(craft_disk_wal(host->disk), &report);
    (void)craft_host_fail(host, CRAFT_ERR_HALTED,
                          "a write to the log failed: %s", report.text);
}

int craft_host_take_news(struct craft_host *host)
{
    struct craft_disk_news news;

    if (!craft_disk_take(host->disk, &news)) {
        return 0;
    }
    if (news.durable != 0) {
        craft_host_saving_durable(host, news.durable);
        (void)craft_persisted(host->node, news.durable, CRAFT_ENDING_OK);
    }
    if (news.failed != 0) {
        if (news.ending == CRAFT_ENDING_ERROR) {
            host->is_halted = 1;
            tell_failure(host);
        }
        craft_host_saving_voided(host, news.failed);
        (void)craft_persisted(host->node, news.failed, news.ending);
    }
    return 1;
}
