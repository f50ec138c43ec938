#include "server.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "craft.h"

enum {
    LINE_MAX_BYTES = 512
};

static void line(struct kv_buffer *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void line(struct kv_buffer *text, const char *format, ...)
{
    char bytes[LINE_MAX_BYTES];
    va_list values;
    int len;

    va_start(values, format);
    len = vsnprintf(bytes, sizeof bytes, format, values);
    va_end(values);
    if (len >= (int)sizeof bytes) {
        len = (int)sizeof bytes - 1;
    }
    kv_buffer_append(text, bytes, (size_t)len);
    kv_buffer_append(text, "\r\n", 2);
}

static void server_section(struct kv_server *server, struct kv_buffer *text)
{
    uint64_t up_ns = craft_host_now_ns(server->host) - server->started_ns;

    /* Client libraries choose by this what they may send. */
    line(text, "redis_version:7.0.0");
    line(text, "redis_mode:standalone");
    line(text, "craft_version:%s", craft_version());
    line(text, "process_id:%ld", (long)getpid());
    line(text, "tcp_port:%u", server->client_port);
    line(text, "uptime_in_seconds:%" PRIu64, up_ns / 1000000000);
}

static void clients_section(struct kv_server *server, struct kv_buffer *text)
{
    line(text, "connected_clients:%" PRIu32, server->clients_len);
    line(text, "maxclients:%" PRIu32, server->clients_max);
}

static void stats_section(struct kv_server *server, struct kv_buffer *text)
{
    craft_host_counters counters = {.struct_size = sizeof counters};

    (void)craft_host_count(server->host, &counters);
    line(text, "total_connections_received:%" PRIu64, server->connections);
    line(text, "total_commands_processed:%" PRIu64, server->commands);
    line(text, "loop_turns:%" PRIu64, counters.turns);
    line(text, "log_syncs:%" PRIu64, counters.syncs);
    line(text, "log_records:%" PRIu64, counters.records);
    line(text, "link_frames_sent:%" PRIu64, counters.sent);
    line(text, "link_bytes_sent:%" PRIu64, counters.sent_bytes);
    line(text, "link_writes:%" PRIu64, counters.writes);
    line(text, "link_frames_received:%" PRIu64, counters.received);
    line(text, "link_bytes_received:%" PRIu64, counters.received_bytes);
    line(text, "link_handshakes_refused:%" PRIu64, counters.refused);
    line(text, "link_broken:%" PRIu64, counters.broken);
}

static const char *progress_name(uint32_t progress)
{
    switch (progress) {
    case CRAFT_PROGRESS_REPLICATE:
        return "replicate";
    case CRAFT_PROGRESS_SNAPSHOT:
        return "snapshot";
    default:
        return "probe";
    }
}

/* What is known of a peer; progress only where it is followed: on a leader. */
static void peer_line(struct kv_server *server, const craft_status *status,
                      uint32_t position, struct kv_buffer *text)
{
    craft_peer_status peer = {.struct_size = sizeof peer};
    craft_host_link_status link = {.struct_size = sizeof link};
    const craft_node *node = craft_host_node(server->host);

    if (craft_node_peer(node, position, &peer) != 0) {
        return;
    }
    (void)craft_host_link_look(server->host, peer.id, &link);
    if (status->role != CRAFT_ROLE_LEADER) {
        line(text, "raft_peer_%" PRIu64 ":role=%s,link=%s", peer.id,
             peer.role == CRAFT_MEMBER_VOTER ? "voter" : "learner",
             link.up ? "up" : "down");
        return;
    }
    line(text,
         "raft_peer_%" PRIu64 ":role=%s,link=%s,progress=%s,match=%" PRIu64
         ",next=%" PRIu64 ",inflight=%" PRIu32 ",inflight_bytes=%zu"
         ",silent_ticks=%" PRIu32 ",priority=%" PRIu32,
         peer.id, peer.role == CRAFT_MEMBER_VOTER ? "voter" : "learner",
         link.up ? "up" : "down", progress_name(peer.progress),
         peer.match_index, peer.next_index, peer.inflight, peer.inflight_bytes,
         peer.silent_ticks, peer.priority);
}

static void raft_section(struct kv_server *server, struct kv_buffer *text)
{
    static const char *const roles[] = {"follower", "candidate", "leader",
                                        "pre_candidate"};
    craft_status status = {.struct_size = sizeof status};
    craft_host_counters counters = {.struct_size = sizeof counters};

    (void)craft_node_status(craft_host_node(server->host), &status);
    (void)craft_host_count(server->host, &counters);
    line(text, "raft_id:%" PRIu64, server->options->id);
    line(text, "raft_role:%s", status.role < 4 ? roles[status.role] : "?");
    line(text, "raft_priority:%" PRIu32, server->options->priority);
    line(text, "raft_never_campaigns:%" PRIu32, server->options->is_passive);
    line(text, "raft_term:%" PRIu64, status.term);
    line(text, "raft_leader:%" PRIu64, status.leader);
    line(text, "raft_transfer_target:%" PRIu64, status.transfer_target);
    line(text, "raft_last_index:%" PRIu64, status.last_index);
    line(text, "raft_durable_index:%" PRIu64, status.durable_index);
    line(text, "raft_commit_index:%" PRIu64, status.commit_index);
    line(text, "raft_applied_index:%" PRIu64, status.applied_index);
    line(text, "raft_digest:%016" PRIx64, kv_store_digest(&server->store));
    line(text, "raft_base_index:%" PRIu64, status.base_index);
    line(text, "raft_snapshot_index:%" PRIu64, status.snapshot_index);
    line(text, "raft_snapshots_taken:%" PRIu64, counters.snapshots);
    line(text, "raft_snapshots_failed:%" PRIu64, counters.snapshots_failed);
    line(text, "raft_snapshots_installed:%" PRIu64,
         counters.snapshots_installed);
    line(text, "raft_snapshot_sent:%" PRIu64, status.sending_index);
    line(text, "raft_snapshot_arriving:%" PRIu64, status.receiving_index);
    line(text, "raft_log_bytes:%zu", status.log_bytes);
    line(text, "raft_uncommitted_bytes:%zu", status.uncommitted_bytes);
    line(text, "raft_tokens_open:%" PRIu32, status.tokens_open);
    line(text, "raft_forwards_open:%" PRIu32, status.forwards_open);
    line(text, "raft_reads_open:%" PRIu32, status.reads_open);
    line(text, "raft_round:%" PRIu64, status.round);
    line(text, "raft_lease_until_ns:%" PRIu64, status.lease_until_ns);
    line(text, "raft_disk_full:%d",
         (status.flags & CRAFT_STATUS_DISK_FULL) != 0);
    for (uint32_t i = 0; i < status.peers_len; i++) {
        peer_line(server, &status, i, text);
    }
}

static void keyspace_section(struct kv_server *server, struct kv_buffer *text)
{
    if (server->store.len > 0) {
        line(text, "db0:keys=%zu,expires=0,avg_ttl=0", server->store.len);
    }
}

static void sessions_section(struct kv_server *server, struct kv_buffer *text)
{
    craft_sessions_status status = {.struct_size = sizeof status};

    kv_sessions_must(craft_sessions_look(server->store.sessions, &status));
    line(text, "sessions:%" PRIu32, status.sessions_len);
    line(text, "session_replies:%" PRIu64, status.replies_len);
    line(text, "session_reply_bytes:%" PRIu64, status.reply_bytes);
    line(text, "sessions_ended:%" PRIu64, status.ended);
}

static const struct section {
    const char *name;
    void (*write)(struct kv_server *server, struct kv_buffer *text);
} sections[] = {
    {"Server", server_section},     {"Clients", clients_section},
    {"Stats", stats_section},       {"Raft", raft_section},
    {"Sessions", sessions_section}, {"Keyspace", keyspace_section},
};

static int is_named(const struct kv_slice *names, size_t names_len,
                    const char *name)
{
    for (size_t i = 0; i < names_len; i++) {
        if (names[i].len == strlen(name) &&
            strncasecmp((const char *)names[i].data, name, names[i].len) == 0) {
            return 1;
        }
    }
    return 0;
}

void kv_info(struct kv_server *server, const struct kv_slice *names,
             size_t names_len, struct kv_buffer *text)
{
    int all = names_len == 0 || is_named(names, names_len, "all") ||
              is_named(names, names_len, "default") ||
              is_named(names, names_len, "everything");

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!all && !is_named(names, names_len, sections[i].name)) {
            continue;
        }
        if (kv_buffer_len(text) > 0) {
            kv_buffer_append(text, "\r\n", 2);
        }
        line(text, "# %s", sections[i].name);
        sections[i].write(server, text);
    }
}
