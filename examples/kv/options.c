#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: craft-kv --id N --data DIR --client HOST:PORT --cluster LIST\n"
    "\n"
    "One server of a replicated key-value store that Redis clients can use.\n"
    "\n"
    "  --id N               this server's number in the cluster list\n"
    "  --data DIR           where its log is kept; made if missing\n"
    "  --client HOST:PORT   where clients connect; port 0 picks one\n"
    "  --cluster LIST       every server: 1=HOST:PORT,2=HOST:PORT,...\n"
    "                       the same list on each of them\n"
    "\n"
    "  --tick-ms N          length of a tick [10]\n"
    "  --election-ticks N   silence after which a leader is replaced [50]\n"
    "  --heartbeat-ticks N  how often a leader is heard [5]\n"
    "  --priority N         a leader with less hands over to this server, "
    "when\n"
    "                       it is well and up to date [0]\n"
    "  --never-campaign     vote, and lead only when told to by RAFT "
    "TRANSFER\n"
    "  --timeout-ms N       a command without an agreement by then is "
    "answered\n"
    "                       with -TIMEOUT [5000]\n"
    "  --max-clients N      connections at once [1000]\n"
    "  --wal-inline         write the log on the loop's own thread [the "
    "default\n"
    "                       with up to two processors]\n"
    "  --wal-thread         write it on a thread of its own [with more]\n"
    "  --snapshot-kib N     of the log, applied since the last snapshot, "
    "until\n"
    "                       the next [65536]\n"
    "  --keep-kib N         of the log before it, for servers a little behind\n"
    "                       [4096]\n"
    "  --segment-kib N      of one file of the log, a multiple of 4 [65536]\n"
    "  --lease-reads        a leader answers reads by the clock, without a\n"
    "                       round of messages; on every server of the group\n"
    "  --clock-drift-ppm N  how far these clocks may be off, at most [1000]\n"
    "  --verbose            tell more on stderr\n"
    "  --help               show this\n"
    "\n"
    "example, one of three servers on one machine:\n"
    "  craft-kv --id 1 --data /tmp/kv1 --client 127.0.0.1:7001 \\\n"
    "    --cluster 1=127.0.0.1:7101,2=127.0.0.1:7102,3=127.0.0.1:7103\n";

/* Where processors are few, a thread of its own costs more than it saves. */
#define INLINE_PROCESSORS 2

enum option_code {
    OPTION_ID = 1,
    OPTION_DATA,
    OPTION_CLIENT,
    OPTION_CLUSTER,
    OPTION_TICK,
    OPTION_ELECTION,
    OPTION_HEARTBEAT,
    OPTION_PRIORITY,
    OPTION_PASSIVE,
    OPTION_TIMEOUT,
    OPTION_CLIENTS,
    OPTION_INLINE,
    OPTION_THREAD,
    OPTION_SNAPSHOT,
    OPTION_KEEP,
    OPTION_SEGMENT,
    OPTION_LEASES,
    OPTION_DRIFT,
    OPTION_VERBOSE,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"id", required_argument, NULL, OPTION_ID},
    {"data", required_argument, NULL, OPTION_DATA},
    {"client", required_argument, NULL, OPTION_CLIENT},
    {"cluster", required_argument, NULL, OPTION_CLUSTER},
    {"tick-ms", required_argument, NULL, OPTION_TICK},
    {"election-ticks", required_argument, NULL, OPTION_ELECTION},
    {"heartbeat-ticks", required_argument, NULL, OPTION_HEARTBEAT},
    {"priority", required_argument, NULL, OPTION_PRIORITY},
    {"never-campaign", no_argument, NULL, OPTION_PASSIVE},
    {"timeout-ms", required_argument, NULL, OPTION_TIMEOUT},
    {"max-clients", required_argument, NULL, OPTION_CLIENTS},
    {"wal-inline", no_argument, NULL, OPTION_INLINE},
    {"wal-thread", no_argument, NULL, OPTION_THREAD},
    {"snapshot-kib", required_argument, NULL, OPTION_SNAPSHOT},
    {"keep-kib", required_argument, NULL, OPTION_KEEP},
    {"segment-kib", required_argument, NULL, OPTION_SEGMENT},
    {"lease-reads", no_argument, NULL, OPTION_LEASES},
    {"clock-drift-ppm", required_argument, NULL, OPTION_DRIFT},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int wrong(const char *what, const char *input)
{
    fprintf(stderr, "craft-kv: %s: '%s': see craft-kv --help\n", what, input);
    return KV_OPTIONS_WRONG;
}

static int parse_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return -1;
    }
    *number = strtoull(text, &end, 10);
    return *end != '\0' || *number == 0 || *number > max ? -1 : 0;
}

static int parse_u32(const char *name, const char *text, uint32_t *number)
{
    uint64_t value;

    if (parse_number(text, 1000000, &value) != 0) {
        fprintf(stderr, "craft-kv: --%s: '%s' is no number from 1 to 1000000\n",
                name, text);
        return KV_OPTIONS_WRONG;
    }
    *number = (uint32_t)value;
    return KV_OPTIONS_RUN;
}

/* host:port, a colon with something behind it. */
static int is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;

    if (colon == NULL) {
        return 0;
    }
    return strcmp(colon, ":0") == 0 ||
           parse_number(colon + 1, 65535, &port) == 0;
}

/* One "id=host:port" of the list. */
static int parse_server(struct kv_options *options, const char *text,
                        size_t len)
{
    uint64_t id = 0;
    char *place;
    char *address;

    if (options->servers_len == CRAFT_MEMBERS_MAX || len >= KV_ADDRESS_MAX) {
        return -1;
    }
    place = options->addresses[options->servers_len];
    memcpy(place, text, len);
    place[len] = '\0';
    address = strchr(place, '=');
    if (address == NULL) {
        return -1;
    }
    *address++ = '\0';
    if (parse_number(place, CRAFT_NUMBER_MAX - 1, &id) != 0 ||
        !is_address(address)) {
        return -1;
    }
    for (size_t i = 0; i < options->servers_len; i++) {
        if (options->servers[i].id == id) {
            return -1;
        }
    }
    options->servers[options->servers_len].id = id;
    options->servers[options->servers_len].address = address;
    options->servers_len++;
    return 0;
}

static int parse_cluster(struct kv_options *options, const char *text)
{
    const char *at = text;

    options->servers_len = 0;
    for (;;) {
        size_t len = strcspn(at, ",");

        if (parse_server(options, at, len) != 0) {
            return wrong("--cluster is not 1=HOST:PORT,2=HOST:PORT,...", text);
        }
        if (at[len] == '\0') {
            return KV_OPTIONS_RUN;
        }
        at += len + 1;
    }
}

/* KiB on the command line, bytes in the options. */
static int parse_kib(const char *name, const char *text, uint32_t *bytes)
{
    if (parse_u32(name, text, bytes) != KV_OPTIONS_RUN) {
        return KV_OPTIONS_WRONG;
    }
    *bytes *= 1024;
    return KV_OPTIONS_RUN;
}

static int parse_option(struct kv_options *options, int option,
                        const char *text)
{
    switch (option) {
    case OPTION_ID:
        if (parse_number(text, CRAFT_NUMBER_MAX - 1, &options->id) != 0) {
            return wrong("--id is no number above 0", text);
        }
        return KV_OPTIONS_RUN;
    case OPTION_DATA:
        options->data_dir = text;
        return KV_OPTIONS_RUN;
    case OPTION_CLIENT:
        options->client = text;
        return is_address(text) ? KV_OPTIONS_RUN
                                : wrong("--client is no HOST:PORT", text);
    case OPTION_CLUSTER:
        return parse_cluster(options, text);
    case OPTION_TICK:
        return parse_u32("tick-ms", text, &options->tick_ms);
    case OPTION_ELECTION:
        return parse_u32("election-ticks", text, &options->election_ticks);
    case OPTION_HEARTBEAT:
        return parse_u32("heartbeat-ticks", text, &options->heartbeat_ticks);
    case OPTION_PRIORITY:
        return parse_u32("priority", text, &options->priority);
    case OPTION_PASSIVE:
        options->is_passive = 1;
        return KV_OPTIONS_RUN;
    case OPTION_TIMEOUT:
        return parse_u32("timeout-ms", text, &options->timeout_ms);
    case OPTION_CLIENTS:
        if (parse_u32("max-clients", text, &options->clients_max) != 0) {
            return KV_OPTIONS_WRONG;
        }
        return options->clients_max <= KV_CLIENTS_MAX
                   ? KV_OPTIONS_RUN
                   : wrong("--max-clients is above 60000", text);
    case OPTION_INLINE:
    case OPTION_THREAD:
        options->wal_inline = option == OPTION_INLINE;
        return KV_OPTIONS_RUN;
    case OPTION_SNAPSHOT:
        return parse_kib("snapshot-kib", text, &options->snapshot_bytes);
    case OPTION_KEEP:
        return parse_kib("keep-kib", text, &options->keep_bytes);
    case OPTION_SEGMENT:
        if (parse_kib("segment-kib", text, &options->segment_bytes) != 0) {
            return KV_OPTIONS_WRONG;
        }
        return options->segment_bytes % 4096 == 0
                   ? KV_OPTIONS_RUN
                   : wrong("--segment-kib is no multiple of 4", text);
    case OPTION_LEASES:
        options->has_leases = 1;
        return KV_OPTIONS_RUN;
    case OPTION_DRIFT:
        return parse_u32("clock-drift-ppm", text, &options->clock_drift_ppm);
    default:
        options->is_verbose = 1;
        return KV_OPTIONS_RUN;
    }
}

/* What must be there, and what must fit together. */
static int check(const struct kv_options *options)
{
    size_t at = 0;

    if (options->id == 0) {
        return wrong("an option is missing", "--id");
    }
    if (options->data_dir == NULL || options->data_dir[0] == '\0') {
        return wrong("an option is missing", "--data");
    }
    if (options->client == NULL) {
        return wrong("an option is missing", "--client");
    }
    if (options->servers_len == 0) {
        return wrong("an option is missing", "--cluster");
    }
    while (at < options->servers_len &&
           options->servers[at].id != options->id) {
        at++;
    }
    if (at == options->servers_len) {
        fprintf(stderr,
                "craft-kv: --id %llu is not in --cluster: "
                "name this server in the list\n",
                (unsigned long long)options->id);
        return KV_OPTIONS_WRONG;
    }
    if (options->heartbeat_ticks >= options->election_ticks) {
        fprintf(stderr,
                "craft-kv: --heartbeat-ticks %u must be below "
                "--election-ticks %u\n",
                options->heartbeat_ticks, options->election_ticks);
        return KV_OPTIONS_WRONG;
    }
    if (options->is_passive && options->priority > 0) {
        return wrong("contradicts --priority", "--never-campaign");
    }
    return KV_OPTIONS_RUN;
}

int kv_options_parse(struct kv_options *options, int argc, char **argv)
{
    int option;

    memset(options, 0, sizeof *options);
    options->tick_ms = 10;
    options->election_ticks = 50;
    options->heartbeat_ticks = 5;
    options->timeout_ms = 5000;
    options->wal_inline = sysconf(_SC_NPROCESSORS_ONLN) <= INLINE_PROCESSORS;
    options->clients_max = 1000;
    options->segment_bytes = 64 * 1024 * 1024;
    options->snapshot_bytes = 64 * 1024 * 1024;
    options->keep_bytes = 4 * 1024 * 1024;
    options->clock_drift_ppm = 1000;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        int result;

        if (option == ':') {
            return wrong("an option lacks its value", argv[optind - 1]);
        }
        if (option == '?') {
            return wrong("no such option", argv[optind - 1]);
        }
        if (option == OPTION_HELP) {
            fputs(usage, stdout);
            return KV_OPTIONS_HELP;
        }
        result = parse_option(options, option, optarg);
        if (result != KV_OPTIONS_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("not an option", argv[optind]);
    }
    return check(options);
}
