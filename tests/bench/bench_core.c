/*
 * The core's benchmark: three servers in one thread, a queue of messages, a
 * log in memory, every write and every apply ended at once.
 *
 *   bench_core craft|null WORKLOAD ROUNDS     a round: one batch of entries
 *   bench_core idle                           memory of a node that does
 *                                             nothing
 *
 * The null host has the same queue, buffers and copies, but no Raft: it only
 * counts two out of three. Prints lines `name value`; docs/benchmarks.md says
 * what tests/bench.sh makes of them.
 */
#include <stdbool.h>
#include <time.h>

#include "carrier.h"

#define SERVERS 3u
#define BATCH_MAX 1024u

struct workload {
    const char *name;
    size_t batch; /* entries of a round */
    size_t entry_bytes;
    size_t cache_bytes; /* log_cache_bytes_max, about as much as: */
    size_t keep;        /* entries: the null host's log, both hosts' disks */
    size_t queue_bytes;
    uint64_t warmup; /* rounds until nothing grows any more */
};

/* clang-format off */
static const struct workload workloads[] = {
    {"w1l",    1,  128,   48 * 1024,  256,   64 * 1024, 8192},
    {"w2",    64,  128,   48 * 1024,  256,   64 * 1024,  128},
    {"w3",  1024, 1024, 1024 * 1024, 2056, 6144 * 1024,   16},
};
/* clang-format on */

/* What was asked of the allocator. */
struct memory {
    uint64_t calls; /* that wanted memory */
    size_t bytes;
    size_t peak;
};

struct host;

struct server {
    struct host *host;
    craft_node *node;
    struct memory memory;
    struct store disk;
    craft_index applied;
    uint64_t done;

    /* null only */
    struct store log;
    craft_index commit;
    craft_index match[SERVERS];
};

struct host {
    const struct workload *workload;
    struct queue queue;
    size_t message_max;
    struct server servers[SERVERS];
    craft_entry entries[BATCH_MAX];
    uint8_t payload[BATCH_MAX];
};

/* ------------------------------------------------------------------ copies */

/* For a build in which the library calls these in place of libc's. */
void *bench_memcpy(void *to, const void *from, size_t len);
void *bench_memmove(void *to, const void *from, size_t len);

static uint64_t copied_bytes;

void *bench_memcpy(void *to, const void *from, size_t len)
{
    copied_bytes += len;
    return memcpy(to, from, len);
}

void *bench_memmove(void *to, const void *from, size_t len)
{
    copied_bytes += len;
    return memmove(to, from, len);
}

/* ------------------------------------------------------------------- craft */

static void *counted_realloc(void *ctx, void *ptr, size_t old_size,
                             size_t new_size)
{
    struct memory *memory = ctx;
    void *fresh;

    if (new_size == 0) {
        memory->bytes -= old_size;
        free(ptr);
        return NULL;
    }
    fresh = realloc(ptr, new_size);
    BENCH_CHECK(fresh != NULL);
    memory->calls++;
    memory->bytes += new_size - old_size;
    if (memory->bytes > memory->peak) {
        memory->peak = memory->bytes;
    }
    return fresh;
}

static void on_send(void *ctx, const craft_message *message)
{
    const struct server *server = ctx;
    struct host *host = server->host;
    uint8_t *data = queue_reserve(&host->queue, host->message_max);
    size_t len;
    int rv = craft_message_encode(message, data, host->message_max, &len);

    BENCH_CHECK(rv == 0);
    queue_push(&host->queue, (uint32_t)message->to - 1, len);
}

static void on_persist(void *ctx, const craft_persist *persist)
{
    struct server *server = ctx;
    int rv;

    BENCH_CHECK((persist->flags & CRAFT_PERSIST_TRUNCATE) == 0);
    for (size_t i = 0; i < persist->entries_len; i++) {
        store_append(&server->disk, &persist->entries[i]);
    }
    rv = craft_persisted(server->node, persist->ticket, CRAFT_ENDING_OK);
    BENCH_CHECK(rv == 0);
}

static void on_apply(void *ctx, const craft_entry *entries, size_t entries_len)
{
    struct server *server = ctx;
    int rv;

    server->applied = entries[entries_len - 1].index;
    rv = craft_applied(server->node, server->applied, CRAFT_ENDING_OK);
    BENCH_CHECK(rv == 0);
}

/* Nobody lags here: that the hook is there lets entries leave memory. */
static void on_fetch(void *ctx, const craft_fetch *fetch)
{
    (void)ctx;
    (void)fetch;
    bench_failed("an entry is fetched", __FILE__, __LINE__);
}

static void on_done(void *ctx, uint64_t token, int result, craft_index index)
{
    struct server *server = ctx;

    (void)token;
    BENCH_CHECK(result == CRAFT_RESULT_OK && index <= server->applied);
    server->done++;
}

static void bench_make(struct server *server, uint32_t place)
{
    craft_hooks hooks = {0};
    craft_config config;
    craft_member members[SERVERS];
    int rv;

    hooks.struct_size = sizeof hooks;
    hooks.send = on_send;
    hooks.persist = on_persist;
    hooks.apply = on_apply;
    hooks.fetch = on_fetch;
    hooks.done = on_done;
    craft_config_init(&config, sizeof config);
    config.id = place + 1;
    config.seed = place + 1;
    config.allocator.realloc = counted_realloc;
    config.allocator.ctx = &server->memory;
    if (server->host->workload != NULL) {
        config.log_cache_bytes_max = server->host->workload->cache_bytes;
    }
    rv = craft_node_new(&config, &hooks, server, &server->node);
    BENCH_CHECK(rv == 0);
    memset(members, 0, sizeof members);
    for (uint32_t i = 0; i < SERVERS; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
        if (server->host->workload != NULL) {
            members[i].address = (const uint8_t *)"127.0.0.1:7101";
            members[i].address_len = 14;
        }
    }
    rv = craft_node_bootstrap(server->node, members, SERVERS);
    BENCH_CHECK(rv == 0);
}

static void bench_deliver(struct host *host)
{
    craft_message message;
    struct frame frame;
    const uint8_t *data = queue_front(&host->queue, &frame);
    int rv = craft_message_decode(&message, host->entries, BATCH_MAX, data,
                                  frame.len);

    BENCH_CHECK(rv == 0);
    rv = craft_receive(host->servers[frame.to].node, &message);
    BENCH_CHECK(rv == 0);
    queue_pop(&host->queue, &frame);
}

static void bench_start(struct host *host)
{
    craft_status status;

    for (uint32_t i = 0; i < SERVERS; i++) {
        int rv = craft_node_start(host->servers[i].node);

        BENCH_CHECK(rv == 0);
    }
    craft_campaign(host->servers[0].node);
    while (host->queue.frames_len > 0) {
        bench_deliver(host);
    }
    status.struct_size = sizeof status;
    craft_node_status(host->servers[0].node, &status);
    BENCH_CHECK(status.role == CRAFT_ROLE_LEADER);
    BENCH_CHECK(status.commit_index == status.last_index);
}

static void bench_offer(struct host *host)
{
    const struct workload *workload = host->workload;
    craft_node *node = host->servers[0].node;
    bool held = workload->batch > 1;

    if (held) {
        craft_hold(node);
    }
    for (size_t i = 0; i < workload->batch; i++) {
        int rv =
            craft_propose(node, host->payload, workload->entry_bytes, i + 1);

        BENCH_CHECK(rv == 0);
    }
    if (held) {
        craft_release(node);
    }
}

static void bench_finish(struct host *host, uint64_t offered)
{
    while (host->queue.frames_len > 0) {
        bench_deliver(host);
    }
    BENCH_CHECK(host->servers[0].done == offered);
    for (uint32_t i = 0; i < SERVERS; i++) {
        BENCH_CHECK(craft_check(host->servers[i].node) == NULL);
        BENCH_CHECK(host->servers[i].disk.last == host->servers[0].disk.last);
    }
}

/* -------------------------------------------------------------------- null */

struct null_head {
    uint64_t reply; /* 1: a follower's, with its match in `last` */
    uint64_t from;
    uint64_t last;
    uint64_t commit;
    uint64_t entries_len;
};

struct null_entry {
    uint64_t term;
    uint32_t kind;
    uint32_t data_len;
};

static void null_apply(struct server *server)
{
    while (server->applied < server->commit) {
        server->applied++;
        server->done++;
    }
}

static void null_write(struct server *server, craft_index first)
{
    for (craft_index i = first; i <= server->log.last; i++) {
        store_append(&server->disk, &server->log.entries[i & server->log.mask]);
    }
}

/* Entries first .. last of the leader's log, to one follower. */
static void null_send(struct host *host, uint32_t to, craft_index first)
{
    const struct server *leader = &host->servers[0];
    uint8_t *data = queue_reserve(&host->queue, host->message_max);
    uint8_t *at = data + sizeof(struct null_head);
    struct null_head head = {.commit = leader->commit};

    head.last = first - 1;
    head.entries_len = leader->log.last - head.last;
    memcpy(data, &head, sizeof head);
    for (craft_index i = first; i <= leader->log.last; i++) {
        const craft_entry *entry = &leader->log.entries[i & leader->log.mask];
        struct null_entry fixed = {entry->term, entry->kind,
                                   (uint32_t)entry->data_len};

        memcpy(at, &fixed, sizeof fixed);
        memcpy(at + sizeof fixed, entry->data, entry->data_len);
        at += sizeof fixed + ((entry->data_len + 7) & ~(size_t)7);
    }
    queue_push(&host->queue, to, (size_t)(at - data));
}

static void null_offer(struct host *host)
{
    const struct workload *workload = host->workload;
    struct server *leader = &host->servers[0];
    craft_index first = leader->log.last + 1;
    craft_entry entry = {.term = 1, .kind = CRAFT_ENTRY_COMMAND};

    entry.data = host->payload;
    entry.data_len = workload->entry_bytes;
    for (size_t i = 0; i < workload->batch; i++) {
        entry.index = first + i;
        store_append(&leader->log, &entry);
    }
    for (uint32_t to = 1; to < SERVERS; to++) {
        null_send(host, to, first);
    }
    null_write(leader, first);
}

static void null_on_append(struct host *host, uint32_t place,
                           const struct null_head *head, const uint8_t *data)
{
    struct server *server = &host->servers[place];
    struct null_head reply = {.reply = 1, .from = place};
    uint8_t *out;

    for (uint64_t i = 0; i < head->entries_len; i++) {
        struct null_entry fixed;
        craft_entry entry = {.index = head->last + 1 + i};

        memcpy(&fixed, data, sizeof fixed);
        entry.term = fixed.term;
        entry.kind = fixed.kind;
        entry.data = data + sizeof fixed;
        entry.data_len = fixed.data_len;
        store_append(&server->log, &entry);
        data += sizeof fixed + ((fixed.data_len + 7u) & ~7u);
    }
    null_write(server, head->last + 1);
    reply.last = server->log.last;
    out = queue_reserve(&host->queue, host->message_max);
    memcpy(out, &reply, sizeof reply);
    queue_push(&host->queue, 0, sizeof reply);
    server->commit = head->commit;
    null_apply(server);
}

static void null_deliver(struct host *host)
{
    struct server *leader = &host->servers[0];
    struct null_head head;
    struct frame frame;
    const uint8_t *data = queue_front(&host->queue, &frame);

    memcpy(&head, data, sizeof head);
    if (head.reply == 0) {
        null_on_append(host, frame.to, &head, data + sizeof head);
    } else {
        leader->match[head.from] = head.last;
        if (head.last > leader->commit) {
            leader->commit = head.last; /* with the leader, two of three */
            null_apply(leader);
        }
    }
    queue_pop(&host->queue, &frame);
}

/* -------------------------------------------------------------------- runs */

/* An entry leaves every log when all three servers have applied it. */
static void forget(struct host *host, bool is_null)
{
    craft_index least = host->servers[0].applied;

    for (uint32_t i = 1; i < SERVERS; i++) {
        if (host->servers[i].applied < least) {
            least = host->servers[i].applied;
        }
    }
    for (uint32_t i = 0; i < SERVERS; i++) {
        store_release(&host->servers[i].disk, least);
        if (is_null) {
            store_release(&host->servers[i].log, least);
        }
    }
}

/* The next round begins as soon as the leader has applied this one. */
static void run_rounds(struct host *host, bool is_null, uint64_t rounds)
{
    struct server *leader = &host->servers[0];

    while (rounds-- > 0) {
        craft_index target = leader->disk.last + host->workload->batch;

        if (is_null) {
            null_offer(host);
        } else {
            bench_offer(host);
        }
        while (leader->applied < target) {
            if (is_null) {
                null_deliver(host);
            } else {
                bench_deliver(host);
            }
        }
        forget(host, is_null);
    }
}

static struct host *host_new(const struct workload *workload, bool is_null)
{
    struct host *host = bench_alloc(sizeof *host);

    host->workload = workload;
    host->message_max = 4096;
    if (workload != NULL) {
        host->message_max += workload->batch *
                             (workload->entry_bytes + sizeof(struct frame) * 2);
    }
    queue_init(&host->queue, workload != NULL ? workload->queue_bytes : 65536);
    memset(host->payload, 'x', sizeof host->payload);
    for (uint32_t i = 0; i < SERVERS; i++) {
        struct server *server = &host->servers[i];

        server->host = host;
        store_init(&server->disk, workload != NULL ? workload->keep : 64,
                   workload != NULL ? workload->entry_bytes : 256);
        if (is_null) {
            store_init(&server->log, workload->keep, workload->entry_bytes);
        } else {
            bench_make(server, i);
        }
    }
    return host;
}

/* Of this process: other programs on the machine take none of it. */
static double cpu_ns(void)
{
    return (double)clock() * (1e9 / (double)CLOCKS_PER_SEC);
}

static uint64_t memory_calls(const struct host *host)
{
    uint64_t calls = 0;

    for (uint32_t i = 0; i < SERVERS; i++) {
        calls += host->servers[i].memory.calls;
    }
    return calls;
}

/* Of the node that took most. */
static size_t memory_peak(const struct host *host)
{
    size_t peak = 0;

    for (uint32_t i = 0; i < SERVERS; i++) {
        if (host->servers[i].memory.peak > peak) {
            peak = host->servers[i].memory.peak;
        }
    }
    return peak;
}

static void run_workload(const struct workload *workload, bool is_null,
                         uint64_t rounds)
{
    struct host *host = host_new(workload, is_null);
    uint64_t entries = rounds * workload->batch;
    uint64_t copied;
    uint64_t calls;
    double ns;

    if (!is_null) {
        bench_start(host);
    }
    run_rounds(host, is_null, workload->warmup);
    calls = memory_calls(host);
    copied = copied_bytes;
    ns = cpu_ns();
    run_rounds(host, is_null, rounds);
    ns = cpu_ns() - ns;
    calls = memory_calls(host) - calls;
    copied = copied_bytes - copied;
    if (!is_null) {
        bench_finish(host, entries + workload->warmup * workload->batch);
    }
    printf("entries %llu\n", (unsigned long long)entries);
    printf("ns_per_entry %.3f\n", ns / (double)entries);
    printf("allocs %llu\n", (unsigned long long)calls);
    printf("peak %zu\n", memory_peak(host));
    printf("copied_per_entry %.3f\n", (double)copied / (double)entries);
}

static void idle_one(const struct host *host, const char *when)
{
    for (uint32_t i = 0; i < SERVERS; i++) {
        const struct memory *memory = &host->servers[i].memory;

        printf("%s_%u_bytes %zu\n", when, i + 1, memory->bytes);
        printf("%s_%u_peak %zu\n", when, i + 1, memory->peak);
    }
}

/* Before an election: started, entry 1 written. After: the no-op, as well. */
static void run_idle(void)
{
    struct host *host = host_new(NULL, false);

    for (uint32_t i = 0; i < SERVERS; i++) {
        int rv = craft_node_start(host->servers[i].node);

        BENCH_CHECK(rv == 0);
    }
    idle_one(host, "before");
    craft_campaign(host->servers[0].node);
    while (host->queue.frames_len > 0) {
        bench_deliver(host);
    }
    idle_one(host, "after");
}

static int usage(void)
{
    fputs("usage: bench_core craft|null w1l|w2|w3 ROUNDS | bench_core idle\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    bool is_null;

    if (argc == 2 && strcmp(argv[1], "idle") == 0) {
        run_idle();
        return 0;
    }
    if (argc != 4) {
        return usage();
    }
    is_null = strcmp(argv[1], "null") == 0;
    if (!is_null && strcmp(argv[1], "craft") != 0) {
        return usage();
    }
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (strcmp(argv[2], workloads[i].name) == 0) {
            run_workload(&workloads[i], is_null, strtoull(argv[3], NULL, 10));
            return 0;
        }
    }
    return usage();
}
