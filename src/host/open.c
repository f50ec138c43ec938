/* From options and a data directory to a host that can run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "host/address.h"
#include "host/host_state.h"
#include "host/socket.h"

#define RESTORE_ENTRIES 1024
#define RESTORE_BYTES ((size_t)1024 * 1024)
#define CONNECT_MS_MIN 250u
#define GREET_MS 2000u
#define PATH_MS_MIN 500u
#define STALL_MS_MIN 2000u
#define PATH_BYTES CRAFT_HOST_PATH_BYTES
#define MIB ((size_t)1024 * 1024)
#define DRIFT_PPM_MAX 500000u

/* ---------------------------------------------------------------- options */

void craft_host_options_init(craft_host_options *options, size_t struct_size)
{
    craft_host_options defaults;
    size_t size = struct_size < sizeof defaults ? struct_size : sizeof defaults;

    memset(&defaults, 0, sizeof defaults);
    defaults.struct_size = (uint32_t)struct_size;
    defaults.tick_ms = 10;
    defaults.election_ticks = 50;
    defaults.heartbeat_ticks = 5;
    defaults.link_bytes_max = (size_t)8 * 1024 * 1024;
    defaults.queue_bytes_max = (size_t)4 * 1024 * 1024;
    defaults.accepted_max = 64;
    defaults.snapshot_keep_bytes = 4 * MIB;
    defaults.snapshot_sync_bytes = 4 * MIB;
    memset(options, 0, struct_size);
    memcpy(options, &defaults, size);
}

/* The entry of an id in the cluster list, or NULL. */
static const craft_host_server *find_server(const craft_host_options *options,
                                            craft_id id)
{
    for (size_t i = 0; i < options->servers_len; i++) {
        if (options->servers[i].id == id) {
            return &options->servers[i];
        }
    }
    return NULL;
}

static const char *find_mistake(const craft_host_options *options)
{
    if (options->id == 0 || options->id >= CRAFT_NUMBER_MAX) {
        return "id is missing or out of range";
    }
    if (options->data_dir == NULL || options->data_dir[0] == '\0') {
        return "data_dir is missing";
    }
    if (options->servers_len > CRAFT_MEMBERS_MAX ||
        (options->servers == NULL && options->servers_len > 0)) {
        return "the cluster list is missing or too long";
    }
    if (options->tick_ms == 0 || options->heartbeat_ticks == 0 ||
        options->heartbeat_ticks >= options->election_ticks) {
        return "tick_ms, heartbeat_ticks and election_ticks must rise from 1";
    }
    if (options->link_bytes_max == 0 || options->queue_bytes_max == 0 ||
        options->accepted_max == 0) {
        return "link_bytes_max, queue_bytes_max and accepted_max may not be 0";
    }
    if (options->clock_drift_ppm > DRIFT_PPM_MAX) {
        return "clock_drift_ppm is above 500000";
    }
    if ((options->flags & ~(uint32_t)CRAFT_HOST_JOIN) != 0) {
        return "unknown flags";
    }
    if (options->snapshot_sync_bytes == 0) {
        return "snapshot_sync_bytes may not be 0";
    }
    if (find_server(options, options->id) == NULL) {
        if ((options->flags & CRAFT_HOST_JOIN) == 0) {
            return "the cluster list does not name this server";
        }
        if (options->listen == NULL) {
            return "listen is missing: the cluster list does not name this "
                   "server";
        }
    }
    return NULL;
}

static int check_options(struct craft_host *host,
                         const craft_host_options *options)
{
    struct craft_address_parts parts;
    const char *mistake = find_mistake(options);

    if (mistake == NULL &&
        (host->machine.save == NULL) != (host->machine.load == NULL)) {
        mistake = "a machine that has `save` has `load`, too";
    }
    if (mistake != NULL) {
        return craft_host_fail(host, CRAFT_ERR_INVALID, "%s", mistake);
    }
    for (size_t i = 0; i < options->servers_len; i++) {
        const craft_host_server *server = &options->servers[i];

        if (server->id == 0 || find_server(options, server->id) != server) {
            return craft_host_fail(host, CRAFT_ERR_INVALID,
                                   "the cluster list names server %llu twice, "
                                   "or server 0",
                                   (unsigned long long)server->id);
        }
        if (server->address == NULL ||
            craft_address_split(server->address, &parts) != 0 ||
            strlen(server->address) > CRAFT_ADDRESS_LEN_MAX) {
            return craft_host_fail(host, CRAFT_HOST_ERR_ADDRESS,
                                   "server %llu: \"%s\" is not host:port",
                                   (unsigned long long)server->id,
                                   server->address == NULL ? ""
                                                           : server->address);
        }
    }
    return 0;
}

/* ------------------------------------------------------------------- links */

static int listen_on(struct craft_host *host, const char *text)
{
    struct craft_address_parts parts;
    struct craft_address address;
    int fd;
    int rv;

    if (craft_address_split(text, &parts) != 0 ||
        craft_address_lookup(&parts, &address) != 0) {
        return craft_host_fail(host, CRAFT_HOST_ERR_ADDRESS,
                               "cannot listen on \"%s\": no such address",
                               text);
    }
    fd = craft_socket_listen(&address);
    if (fd < 0) {
        return craft_host_fail(host, CRAFT_HOST_ERR_ADDRESS,
                               "cannot listen on %s: %s", text,
                               strerror(errno));
    }
    host->port = craft_socket_port(fd);
    rv = craft_links_listen(host->links, fd);
    if (rv != 0) {
        (void)close(fd);
        return craft_host_fail(host, rv, "cannot watch the listening socket");
    }
    return 0;
}

/* Of the array that it needs. */
static size_t entries_wanted(const craft_message *message)
{
    return message->kind == CRAFT_MESSAGE_FORWARD
               ? message->as.forward.entries_len
               : message->as.append.entries_len;
}

/* Decode into the host's array, which grows with the largest append. */
static int decode(struct craft_host *host, const struct craft_frame *frame,
                  craft_message *message)
{
    int rv = craft_message_decode(message, host->received, host->received_max,
                                  frame->payload, frame->payload_len);

    if (rv == CRAFT_ERR_ENTRIES) {
        size_t len = entries_wanted(message);
        craft_entry *received = realloc(host->received, len * sizeof *received);

        if (received == NULL) {
            return CRAFT_ERR_NOMEM;
        }
        host->received = received;
        host->received_max = len;
        rv = craft_message_decode(message, received, len, frame->payload,
                                  frame->payload_len);
    }
    return rv;
}

/*
 * A message of a peer. It speaks for the server that the connection was
 * greeted as, and for no other.
 */
static int on_raft(struct craft_host *host, craft_id from,
                   const struct craft_frame *frame)
{
    craft_message message;
    int rv = decode(host, frame, &message);

    if (rv == CRAFT_ERR_NOMEM) {
        return 0; /* as if it were lost: it is sent again */
    }
    if (rv == 0 && message.from != from) {
        rv = CRAFT_ERR_MISADDRESSED;
    }
    if (rv == 0) {
        (void)craft_receive(host->node, &message);
    }
    return rv;
}

static int on_frame(void *ctx, craft_id from, const struct craft_frame *frame)
{
    struct craft_host *host = ctx;

    if (frame->type == CRAFT_FRAME_APPLICATION) {
        if (host->machine.message != NULL &&
            host->phase == CRAFT_HOST_RUNNING) {
            host->machine.message(host->user, from, frame->payload,
                                  frame->payload_len);
        }
        return 0;
    }
    return on_raft(host, from, frame);
}

static void on_link(void *ctx, craft_id peer, int up)
{
    struct craft_host *host = ctx;

    if (host->machine.link != NULL) {
        host->machine.link(host->user, peer, up);
    }
}

/* Nothing to hide, only to differ: processes, and the nodes' generators. */
static uint64_t draw(void)
{
    uint64_t drawn = craft_loop_clock() ^ (uint64_t)getpid() << 32;
    uint64_t bytes = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, &bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
            drawn ^= bytes;
        }
        (void)close(fd);
    }
    return drawn;
}

static uint32_t between(uint32_t least, uint32_t value, uint32_t most)
{
    if (value < least) {
        return least;
    }
    return value > most ? most : value;
}

/*
 * After a partition the links must be back before an election is lost for
 * lack of them. So they are tried in the time that the group has, not in that
 * of TCP, whose waits double: a second for the first packet that is lost.
 */
static void set_patience(struct craft_links_config *config,
                         uint32_t election_ms)
{
    uint32_t most = UINT32_MAX / 8;

    config->greet_ms = GREET_MS;
    config->connect_ms = between(CONNECT_MS_MIN, election_ms / 2, GREET_MS);
    config->path_ms = between(PATH_MS_MIN, election_ms, most);
    config->stall_ms = 4 * between(STALL_MS_MIN / 4, election_ms, most);
}

static int make_links(struct craft_host *host,
                      const craft_host_options *options)
{
    const craft_host_server *own = find_server(options, options->id);
    uint32_t election_ms = options->election_ticks * options->tick_ms;
    struct craft_links_config config = {
        .loop = host->loop,
        .log = &host->log,
        .counters = &host->counters,
        .id = host->id,
        .group = host->group,
        .process = draw(),
        .frame_max = host->frame_max,
        .link_bytes_max = options->link_bytes_max,
        .accepted_max = options->accepted_max,
        .ctx = host,
        .received = on_frame,
        .changed = on_link,
    };

    set_patience(&config, election_ms);
    if (craft_links_new(&config, &host->links) != 0) {
        return craft_host_fail(host, CRAFT_ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < options->servers_len; i++) {
        const craft_host_server *server = &options->servers[i];

        if (server->id == host->id) {
            continue;
        }
        if (craft_links_know(host->links, server->id, server->address) != 0) {
            return craft_host_fail(host, CRAFT_HOST_ERR_ADDRESS,
                                   "server %llu: \"%s\" cannot be dialled",
                                   (unsigned long long)server->id,
                                   server->address);
        }
        host->pinned[host->pinned_len] = server->id;
        host->pinned_len++;
    }
    return listen_on(host,
                     options->listen != NULL ? options->listen : own->address);
}

/* -------------------------------------------------------------------- disk */

static int translate(int wal_error)
{
    switch (wal_error) {
    case CRAFT_WAL_ERR_NOMEM:
        return CRAFT_ERR_NOMEM;
    case CRAFT_WAL_ERR_INVALID:
        return CRAFT_ERR_INVALID;
    case CRAFT_WAL_ERR_DAMAGED:
        return CRAFT_ERR_CORRUPT;
    case CRAFT_WAL_ERR_GROUP:
    case CRAFT_WAL_ERR_FOREIGN:
        return CRAFT_HOST_ERR_FOREIGN;
    default:
        return CRAFT_HOST_ERR_STORAGE;
    }
}

static int open_disk(struct craft_host *host, const craft_host_options *options)
{
    char directory[PATH_BYTES];
    craft_wal_report report;
    struct craft_disk_config config = {
        .directory = directory,
        .group = host->group,
        .segment_bytes = options->wal_segment_bytes,
        .is_inline = options->wal_inline != 0,
        .files = options->wal_files,
        .files_ctx = options->wal_files_ctx,
        .wake = &host->wake,
    };
    int rv = craft_host_identify(host, options->data_dir);

    if (rv != 0) {
        return rv;
    }
    (void)snprintf(directory, sizeof directory, "%s/wal", options->data_dir);
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    rv = craft_disk_open(&config, &host->disk, &report);
    if (rv != 0) {
        return craft_host_fail(host, translate(rv), "%s: %s", directory,
                               report.text[0] != '\0' ? report.text
                                                      : craft_wal_strerror(rv));
    }
    if ((report.flags & CRAFT_WAL_REPORT_TORN) != 0) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_INFO, "%s: %s", directory,
                       report.text);
    }
    return 0;
}

static int make_saving(struct craft_host *host,
                       const craft_host_options *options)
{
    struct craft_saving *saving = &host->saving;

    saving->file.handle = -1;
    if (host->machine.save == NULL) {
        return 0;
    }
    (void)snprintf(saving->directory, sizeof saving->directory, "%s/snapshots",
                   options->data_dir);
    saving->files.files = options->wal_files != NULL ? options->wal_files
                                                     : craft_wal_files_posix();
    saving->files.files_ctx = options->wal_files_ctx;
    saving->files.directory = saving->directory;
    saving->files.parent = options->data_dir;
    saving->files.group = host->group;
    saving->files.sync_bytes = options->snapshot_sync_bytes;
    saving->is_inline = options->snapshot_inline != 0;
    saving->log_bytes_max = options->snapshot_log_bytes;
    saving->keep_bytes = options->snapshot_keep_bytes;
    saving->is_on = 1;
    if (craft_carrier_new(&saving->files, &host->wake, &saving->carrier) != 0) {
        return craft_host_fail(host, CRAFT_ERR_NOMEM, "out of memory");
    }
    return 0;
}

/* ---------------------------------------------------------------- recovery */

static void lease_options(craft_config *config,
                          const craft_host_options *options)
{
    if (options->clock_drift_ppm != 0) {
        config->flags |= CRAFT_CONFIG_LEASE;
        config->clock_drift_ppm = options->clock_drift_ppm;
        config->lease_ms = options->election_ticks * options->tick_ms;
    }
}

static int make_node(struct craft_host *host, const craft_host_options *options)
{
    craft_hooks hooks;
    craft_config config;
    craft_wal_status status;
    int rv;

    craft_config_init(&config, sizeof config);
    if (options->core != NULL) {
        size_t size = options->core->struct_size;

        memcpy(&config, options->core,
               size < sizeof config ? size : sizeof config);
    }
    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    (void)craft_wal_status_get(craft_disk_wal(host->disk), &status);
    config.struct_size = sizeof config;
    config.id = host->id;
    config.group = host->group;
    config.seed = draw();
    config.incarnation = status.store_id;
    config.election_ticks = options->election_ticks;
    config.heartbeat_ticks = options->heartbeat_ticks;
    lease_options(&config, options);
    host->has_leases = (config.flags & CRAFT_CONFIG_LEASE) != 0;
    craft_host_hooks(host, &hooks);
    rv = craft_node_new(&config, &hooks, host, &host->node);
    if (rv != 0) {
        return craft_host_fail(host, rv, "the node's limits: %s",
                               craft_strerror(rv));
    }
    /* Twice, because entries take more room encoded than in memory. */
    host->frame_max = 2 * config.message_bytes_max + (size_t)64 * 1024;
    host->entry_bytes_max = config.entry_bytes_max;
    return 0;
}

static int bootstrap(struct craft_host *host, const craft_host_options *options)
{
    craft_member members[CRAFT_MEMBERS_MAX];
    int rv;

    if ((options->flags & CRAFT_HOST_JOIN) != 0) {
        return 0;
    }
    memset(members, 0, sizeof members);
    for (size_t i = 0; i < options->servers_len; i++) {
        const char *address = options->servers[i].address;

        members[i].id = options->servers[i].id;
        members[i].role = CRAFT_MEMBER_VOTER;
        members[i].address = (const uint8_t *)address;
        members[i].address_len = strlen(address);
    }
    rv = craft_node_bootstrap(host->node, members, options->servers_len);
    if (rv != 0) {
        return craft_host_fail(host, rv, "bootstrap: %s", craft_strerror(rv));
    }
    return 0;
}

/* One batch, from `first` on; *next_out is where the following begins. */
static int restore_batch(struct craft_host *host, craft_index first,
                         craft_wal_batch *batch, craft_index *next_out)
{
    craft_wal *wal = craft_disk_wal(host->disk);
    int rv = craft_wal_read(wal, first, batch);

    if (rv == CRAFT_WAL_ERR_BUFFER) {
        uint8_t *data = realloc(batch->data, batch->data_len);

        if (data == NULL) {
            return craft_host_fail(host, CRAFT_ERR_NOMEM, "out of memory");
        }
        batch->data = data;
        batch->data_max = batch->data_len;
        rv = craft_wal_read(wal, first, batch);
    }
    if (rv != 0) {
        return craft_host_fail(
            host, translate(rv), "cannot read entry %llu of the log: %s",
            (unsigned long long)first, craft_wal_strerror(rv));
    }
    rv = craft_node_restore_entries(host->node, batch->entries,
                                    batch->entries_len);
    if (rv != 0) {
        return craft_host_fail(host, rv, "entries %llu to %llu of the log: %s",
                               (unsigned long long)first,
                               (unsigned long long)first + batch->entries_len,
                               craft_strerror(rv));
    }
    *next_out = first + batch->entries_len;
    return 0;
}

static int restore_entries(struct craft_host *host)
{
    craft_wal_status status;
    craft_wal_batch batch;
    craft_index next;
    int rv = 0;

    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    (void)craft_wal_status_get(craft_disk_wal(host->disk), &status);
    next = status.first_index;
    memset(&batch, 0, sizeof batch);
    batch.struct_size = sizeof batch;
    batch.entries_max = RESTORE_ENTRIES;
    batch.entries = calloc(RESTORE_ENTRIES, sizeof *batch.entries);
    batch.data_max = RESTORE_BYTES;
    batch.data = malloc(RESTORE_BYTES);
    if (batch.entries == NULL || batch.data == NULL) {
        rv = craft_host_fail(host, CRAFT_ERR_NOMEM, "out of memory");
    }
    while (rv == 0 && next <= status.last_index) {
        rv = restore_batch(host, next, &batch, &next);
    }
    free(batch.entries);
    free(batch.data);
    return rv;
}

static int recover(struct craft_host *host, const craft_host_options *options)
{
    craft_restore restore;
    int found;
    int rv;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = sizeof restore;
    found = craft_wal_read_state(craft_disk_wal(host->disk), &restore);
    if (found < 0) {
        return craft_host_fail(host, translate(found),
                               "cannot read the log: %s",
                               craft_wal_strerror(found));
    }
    rv = craft_host_load(host, restore.snapshot, options->applied_index);
    host->saving.files.parent = NULL; /* borrowed for the opening */
    if (rv != 0) {
        return rv;
    }
    if (found == 0) {
        return bootstrap(host, options);
    }
    restore.applied_index = options->applied_index;
    rv = craft_node_restore(host->node, &restore);
    if (rv != 0) {
        return craft_host_fail(host, rv, "term and vote in the log: %s",
                               craft_strerror(rv));
    }
    return restore_entries(host);
}

/* -------------------------------------------------------------------- open */

static void on_wake(void *ctx, int fd, uint32_t events)
{
    struct craft_host *host = ctx;

    (void)fd;
    (void)events;
    craft_wake_clear(&host->wake);
}

static int make_loop(struct craft_host *host, const craft_host_options *options)
{
    int rv = craft_loop_new(&host->loop);

    if (rv != 0) {
        return craft_host_fail(host, rv, "cannot make the loop: %s",
                               strerror(errno));
    }
    if (craft_wake_open(&host->wake) != 0 ||
        craft_loop_watch(host->loop, host->wake.read_fd, CRAFT_HOST_READ,
                         on_wake, host) != 0) {
        return craft_host_fail(host, CRAFT_HOST_ERR_SYSTEM,
                               "cannot make the loop: %s", strerror(errno));
    }
    if (craft_inbox_open(&host->inbox, options->queue_bytes_max, &host->wake) !=
        0) {
        return craft_host_fail(host, CRAFT_HOST_ERR_SYSTEM, "no lock");
    }
    host->has_inbox = 1;
    return 0;
}

static int build(struct craft_host *host, const craft_host_options *options)
{
    int rv = check_options(host, options);

    if (rv == 0) {
        rv = make_loop(host, options);
    }
    if (rv == 0) {
        rv = open_disk(host, options);
    }
    if (rv == 0) {
        rv = make_saving(host, options);
    }
    if (rv == 0) {
        rv = make_node(host, options);
    }
    if (rv == 0) {
        rv = recover(host, options);
    }
    if (rv == 0) {
        rv = make_links(host, options);
    }
    return rv;
}

static struct craft_host *allocate(const craft_host_options *options,
                                   const craft_host_machine *machine,
                                   void *user)
{
    struct craft_host *host = calloc(1, sizeof *host);
    size_t size = machine->struct_size;

    if (host == NULL) {
        return NULL;
    }
    memcpy(&host->machine, machine,
           size < sizeof *machine ? size : sizeof *machine);
    host->user = user;
    host->log.write = options->log;
    host->log.ctx = options->log_ctx;
    host->id = options->id;
    host->group = options->group;
    host->wake.read_fd = -1;
    host->wake.write_fd = -1;
    host->tick_ns = options->tick_ms * (uint64_t)1000000;
    /* Half a timeout alone makes nobody campaign: heartbeats get a chance. */
    host->ticks_at_once = options->election_ticks / 2 + 1;
    host->election_ns = options->election_ticks * host->tick_ns;
    atomic_init(&host->stop_asked, 0);
    atomic_init(&host->signals_end, 0);
    return host;
}

static void copy_error(const craft_host_options *options, const char *text)
{
    if (options->error != NULL && options->error_size > 0) {
        (void)snprintf(options->error, options->error_size, "%s", text);
    }
}

int craft_host_open(const craft_host_options *options,
                    const craft_host_machine *machine, void *user,
                    craft_host **host_out)
{
    craft_host_options given;
    struct craft_host *host;
    int rv;

    if (host_out == NULL) {
        return CRAFT_ERR_INVALID;
    }
    *host_out = NULL;
    if (options == NULL || machine == NULL || machine->struct_size < 16 ||
        machine->apply == NULL || options->struct_size < 16) {
        return CRAFT_ERR_INVALID;
    }
    craft_host_options_init(&given, sizeof given);
    memcpy(&given, options,
           options->struct_size < sizeof given ? options->struct_size
                                               : sizeof given);
    host = allocate(&given, machine, user);
    if (host == NULL) {
        copy_error(&given, "out of memory");
        return CRAFT_ERR_NOMEM;
    }
    rv = build(host, &given);
    copy_error(&given, host->error_text);
    if (rv != 0) {
        craft_host_close(host);
        return rv;
    }
    *host_out = host;
    return 0;
}
