/* A host and what comes over its port: strangers, garbage, peers that are
 * slow, gone, or somebody else. The other end is this test, byte by byte. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "host/frame.h"
#include "host_cluster.h"

static int set_up(void **state)
{
    *state = fleet_new(3);
    return 0;
}

static int tear_down(void **state)
{
    fleet_free(*state);
    return 0;
}

/* ------------------------------------------------------ the test as a peer */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    return fd;
}

static int listen_at(const char *text)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    assert_true(fd >= 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons((uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static int is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

static void send_all(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* What comes within two seconds: its length, 0 when closed, -1 for nothing. */
static ssize_t receive(struct fleet *cluster, int fd, uint8_t *data,
                       size_t data_max)
{
    uint64_t until = fleet_now_ms() + 2000;

    while (!is_readable(fd)) {
        if (fleet_now_ms() > until) {
            return -1;
        }
        fleet_turn(cluster);
    }
    return recv(fd, data, data_max, 0);
}

static uint64_t lineage_of(struct fleet *cluster)
{
    craft_configuration configuration = {.struct_size = sizeof configuration};

    assert_int_equal(
        craft_node_configuration(craft_host_node(cluster->servers[0].host),
                                 &configuration),
        0);
    return configuration.lineage;
}

static struct craft_hello good_hello(struct fleet *cluster)
{
    struct craft_hello hello = {
        .version = CRAFT_LINK_VERSION,
        .wire_min = CRAFT_LINK_WIRE_MIN,
        .wire_max = CRAFT_LINK_WIRE_MAX,
        .group = 0,
        .from = 2,
        .to = 1,
        .lineage = lineage_of(cluster),
        .process = 4711,
    };

    return hello;
}

/* Opens server 1, turns it once. */
static struct fleet_server *open_first(struct fleet *cluster)
{
    fleet_open(cluster, 0);
    fleet_turn(cluster);
    return &cluster->servers[0];
}

static int greet(struct fleet *cluster, const struct craft_hello *hello,
                 struct craft_welcome *welcome)
{
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    int fd = connect_to(craft_host_port(cluster->servers[0].host));
    ssize_t len;

    craft_hello_put(bytes, hello);
    send_all(fd, bytes, CRAFT_HELLO_LEN);
    len = receive(cluster, fd, bytes, sizeof bytes);
    assert_true(len > 0);
    assert_int_equal(craft_welcome_parse(bytes, (size_t)len, welcome), len);
    return fd;
}

static int greet_as_peer(struct fleet *cluster, craft_id from)
{
    struct craft_hello hello = good_hello(cluster);
    struct craft_welcome welcome;
    int fd;

    hello.from = from;
    hello.process += from;
    fd = greet(cluster, &hello, &welcome);
    assert_int_equal(welcome.code, CRAFT_REFUSAL_NONE);
    return fd;
}

static void assert_closed(struct fleet *cluster, int fd)
{
    uint8_t byte;
    ssize_t rv = receive(cluster, fd, &byte, 1);

    assert_true(rv == 0 || (rv < 0 && errno == ECONNRESET));
    assert_int_equal(close(fd), 0);
}

static craft_host_counters count(struct fleet_server *server)
{
    craft_host_counters counters = {.struct_size = sizeof counters};

    assert_int_equal(craft_host_count(server->host, &counters), 0);
    return counters;
}

static craft_host_link_status look(struct fleet_server *server, craft_id peer)
{
    craft_host_link_status link = {.struct_size = sizeof link};

    assert_int_equal(craft_host_link_look(server->host, peer, &link), 0);
    return link;
}

/* ---------------------------------------------------------------- handshake */

static void peer_is_welcomed(void **state)
{
    struct fleet *cluster = *state;
    struct craft_hello hello;
    struct craft_welcome welcome;
    int fd;

    (void)open_first(cluster);
    hello = good_hello(cluster);
    fd = greet(cluster, &hello, &welcome);
    assert_int_equal(welcome.code, CRAFT_REFUSAL_NONE);
    assert_int_equal(welcome.id, 1);
    assert_int_equal(welcome.wire, CRAFT_LINK_WIRE_MAX);
    assert_int_equal(look(&cluster->servers[0], 2).accepted, 1);
    (void)close(fd);
}

/* A server that does not know its cluster yet says 0. */
static void peer_without_a_lineage_is_welcomed(void **state)
{
    struct fleet *cluster = *state;
    struct craft_hello hello;
    struct craft_welcome welcome;

    (void)open_first(cluster);
    hello = good_hello(cluster);
    hello.lineage = 0;
    (void)close(greet(cluster, &hello, &welcome));
    assert_int_equal(welcome.code, CRAFT_REFUSAL_NONE);
}

static void stranger_is_refused_with_a_reason(void **state)
{
    struct fleet *cluster = *state;
    static const struct {
        uint32_t code;
        const char *text;
    } wanted[] = {
        {CRAFT_REFUSAL_VERSION, "link protocol 1 here, 2 there"},
        {CRAFT_REFUSAL_WIRE, "message formats 1..1 here, 2..3 there"},
        {CRAFT_REFUSAL_GROUP, "group 0 here, 7 there"},
        {CRAFT_REFUSAL_ADDRESSEE, "this is server 1, not 3"},
        {CRAFT_REFUSAL_SELF, "it has the id of this server"},
        {CRAFT_REFUSAL_STRANGER, "server 9 is not in the cluster of server 1"},
        {CRAFT_REFUSAL_LINEAGE, "another cluster"},
    };

    (void)open_first(cluster);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct craft_hello hello = good_hello(cluster);
        struct craft_welcome welcome;
        int fd;

        switch (wanted[i].code) {
        case CRAFT_REFUSAL_VERSION:
            hello.version = 2;
            break;
        case CRAFT_REFUSAL_WIRE:
            hello.wire_min = 2;
            hello.wire_max = 3;
            break;
        case CRAFT_REFUSAL_GROUP:
            hello.group = 7;
            break;
        case CRAFT_REFUSAL_ADDRESSEE:
            hello.to = 3;
            break;
        case CRAFT_REFUSAL_SELF:
            hello.from = 1;
            break;
        case CRAFT_REFUSAL_STRANGER:
            hello.from = 9;
            break;
        default:
            hello.lineage ^= 1;
            break;
        }
        fd = greet(cluster, &hello, &welcome);
        assert_int_equal(welcome.code, wanted[i].code);
        assert_non_null(strstr(welcome.text, wanted[i].text));
        assert_closed(cluster, fd);
    }
    assert_int_equal(count(&cluster->servers[0]).refused, 7);
    /* One line for all of them: strangers may knock all day. */
    assert_int_equal(cluster->servers[0].warnings, 1);
    assert_non_null(strstr(cluster->servers[0].warning, "link protocol"));
}

/* It learns its cluster from the leader that adds it, whoever that is. */
static void
server_that_waits_to_be_added_welcomes_anybody_of_its_group(void **state)
{
    struct fleet *fleet = *state;
    struct craft_hello hello;
    struct craft_welcome welcome;

    fleet->options.flags = CRAFT_HOST_JOIN;
    (void)open_first(fleet);
    hello = good_hello(fleet);
    hello.from = 9;
    hello.lineage = 12345;
    (void)close(greet(fleet, &hello, &welcome));
    assert_int_equal(welcome.code, CRAFT_REFUSAL_NONE);
    hello.group = 1;
    (void)close(greet(fleet, &hello, &welcome));
    assert_int_equal(welcome.code, CRAFT_REFUSAL_GROUP);
}

static void hello_in_single_bytes_is_taken(void **state)
{
    struct fleet *cluster = *state;
    struct craft_hello hello;
    struct craft_welcome welcome;
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    ssize_t len;
    int fd;

    (void)open_first(cluster);
    hello = good_hello(cluster);
    fd = connect_to(craft_host_port(cluster->servers[0].host));
    craft_hello_put(bytes, &hello);
    for (size_t i = 0; i < CRAFT_HELLO_LEN; i++) {
        assert_false(is_readable(fd));
        send_all(fd, bytes + i, 1);
        fleet_turn(cluster);
        fleet_turn(cluster);
    }
    len = receive(cluster, fd, bytes, sizeof bytes);
    assert_true(craft_welcome_parse(bytes, (size_t)len, &welcome) > 0);
    assert_int_equal(welcome.code, CRAFT_REFUSAL_NONE);
    (void)close(fd);
}

static void garbage_is_closed_without_an_answer(void **state)
{
    struct fleet *cluster = *state;
    static const char *const garbage[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03",
                                          "craft!\r\n0123456789"};
    struct fleet_server *server = open_first(cluster);

    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        int fd = connect_to(craft_host_port(server->host));

        send_all(fd, garbage[i], strlen(garbage[i]));
        assert_closed(cluster, fd);
    }
    assert_int_equal(count(server).broken, 3);
    assert_non_null(strstr(server->warning, "link protocol"));
}

/* Half-open: it connects and says nothing, or half a hello. */
static void connection_that_does_not_greet_is_closed(void **state)
{
    struct fleet *cluster = *state;
    struct craft_hello hello;
    uint8_t bytes[CRAFT_HELLO_LEN];
    uint64_t started;
    int silent;
    int half;

    (void)open_first(cluster);
    hello = good_hello(cluster);
    craft_hello_put(bytes, &hello);
    silent = connect_to(craft_host_port(cluster->servers[0].host));
    half = connect_to(craft_host_port(cluster->servers[0].host));
    send_all(half, bytes, 30);
    started = fleet_now_ms();
    while (!is_readable(silent) || !is_readable(half)) {
        assert_true(fleet_now_ms() < started + 5000);
        fleet_turn(cluster);
    }
    assert_true(fleet_now_ms() >= started + 1500);
    assert_closed(cluster, silent);
    assert_closed(cluster, half);
}

static void newest_connection_of_a_peer_is_kept(void **state)
{
    struct fleet *cluster = *state;
    int older;
    int newer;

    (void)open_first(cluster);
    older = greet_as_peer(cluster, 2);
    newer = greet_as_peer(cluster, 2);
    assert_closed(cluster, older);
    fleet_turn_for(cluster, 20);
    assert_false(is_readable(newer));
    (void)close(newer);
}

/* The oldest of those that have not greeted makes room. */
static void crowd_of_silent_connections_does_not_keep_a_peer_out(void **state)
{
    struct fleet *cluster = *state;
    int crowd[20];
    int peer;

    cluster->options.accepted_max = 8;
    (void)open_first(cluster);
    for (size_t i = 0; i < 20; i++) {
        crowd[i] = connect_to(craft_host_port(cluster->servers[0].host));
        fleet_turn(cluster);
    }
    peer = greet_as_peer(cluster, 3);
    assert_closed(cluster, crowd[0]);
    assert_false(is_readable(crowd[19]));
    for (size_t i = 1; i < 20; i++) {
        (void)close(crowd[i]);
    }
    (void)close(peer);
}

/* ------------------------------------------------------------------- frames */

static size_t make_frame(uint8_t *bytes, uint32_t type, const char *text)
{
    memcpy(bytes + CRAFT_FRAME_HEAD_LEN, text, strlen(text));
    craft_frame_seal(bytes, type, strlen(text));
    return CRAFT_FRAME_HEAD_LEN + strlen(text);
}

static void frame_arrives_whole_wherever_it_is_cut(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = open_first(cluster);
    uint8_t bytes[64];
    size_t len = make_frame(bytes, CRAFT_FRAME_APPLICATION, "some message");
    int fd = greet_as_peer(cluster, 2);

    for (size_t cut = 0; cut < len; cut++) {
        size_t before = server->messages;

        send_all(fd, bytes, cut);
        fleet_turn(cluster);
        fleet_turn(cluster);
        assert_int_equal(server->messages, before);
        send_all(fd, bytes + cut, len - cut);
        while (server->messages == before) {
            fleet_turn(cluster);
        }
        assert_int_equal(server->message_len, 12);
        assert_memory_equal(server->message, "some message", 12);
    }
    (void)close(fd);
}

static void bad_frame_closes_the_connection(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = open_first(cluster);
    static const char *const kinds[] = {"length", "zero",    "checksum",
                                        "type",   "message", "cut"};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t bytes[64];
        size_t len = make_frame(bytes, CRAFT_FRAME_APPLICATION, "text");
        int fd = greet_as_peer(cluster, 2);

        if (strcmp(kinds[i], "length") == 0) {
            craft_store32(bytes, 0x7fffffff);
        } else if (strcmp(kinds[i], "zero") == 0) {
            craft_store32(bytes, 0);
        } else if (strcmp(kinds[i], "checksum") == 0) {
            bytes[10] ^= 1;
        } else if (strcmp(kinds[i], "type") == 0) {
            len = make_frame(bytes, 77, "text");
        } else if (strcmp(kinds[i], "message") == 0) {
            len = make_frame(bytes, CRAFT_FRAME_RAFT, "no message of craft");
        } else {
            len = 5;
        }
        send_all(fd, bytes, len);
        if (len == 5) {
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
        }
        assert_closed(cluster, fd);
    }
    assert_int_equal(server->messages, 0);
    assert_int_equal(count(server).broken, 5); /* a cut one just ended */
}

/* A vote request of `from`, in a frame. */
static size_t make_vote(uint8_t *bytes, size_t bytes_max, craft_id from,
                        craft_term term)
{
    craft_message message;
    size_t len = 0;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = CRAFT_MESSAGE_VOTE;
    message.from = from;
    message.to = 1;
    message.term = term;
    assert_int_equal(
        craft_message_encode(&message, bytes + CRAFT_FRAME_HEAD_LEN,
                             bytes_max - CRAFT_FRAME_HEAD_LEN, &len),
        0);
    craft_frame_seal(bytes, CRAFT_FRAME_RAFT, len);
    return CRAFT_FRAME_HEAD_LEN + len;
}

static void connection_speaks_for_the_server_it_was_greeted_as(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = open_first(cluster);
    uint8_t bytes[256];
    craft_status status;
    int fd = greet_as_peer(cluster, 2);

    send_all(fd, bytes, make_vote(bytes, sizeof bytes, 3, 1000));
    assert_closed(cluster, fd);
    fleet_status(server, &status);
    assert_true(status.term < 1000);
    fd = greet_as_peer(cluster, 2);
    send_all(fd, bytes, make_vote(bytes, sizeof bytes, 2, 2000));
    do {
        fleet_turn(cluster);
        fleet_status(server, &status);
    } while (status.term < 2000);
    (void)close(fd);
}

static void connection_works_on_while_another_is_broken(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = open_first(cluster);
    uint8_t bytes[64];
    size_t len = make_frame(bytes, CRAFT_FRAME_APPLICATION, "text");
    int good = greet_as_peer(cluster, 2);
    int bad = greet_as_peer(cluster, 3);

    send_all(bad, "\xff\xff\xff\xff", 4);
    assert_closed(cluster, bad);
    send_all(good, bytes, len);
    while (server->messages == 0) {
        fleet_turn(cluster);
    }
    (void)close(good);
}

/* ----------------------------------------------------------------- dialling */

/* Take the next dial, read its hello. */
static int take_dial(struct fleet *cluster, int listen_fd,
                     struct craft_hello *hello)
{
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    uint64_t until = fleet_now_ms() + 5000;
    ssize_t len;
    int fd;

    while (!is_readable(listen_fd)) {
        assert_true(fleet_now_ms() < until);
        fleet_turn(cluster);
    }
    fd = accept(listen_fd, NULL, NULL);
    assert_true(fd >= 0);
    len = receive(cluster, fd, bytes, sizeof bytes);
    assert_int_equal(len, CRAFT_HELLO_LEN);
    assert_int_equal(craft_hello_parse(bytes, (size_t)len, hello), len);
    return fd;
}

static void answer(int fd, craft_id id, uint32_t code, const char *text)
{
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    struct craft_welcome welcome = {
        .version = CRAFT_LINK_VERSION,
        .code = code,
        .wire = CRAFT_LINK_WIRE_MAX,
        .id = id,
        .process = 4711,
    };

    memcpy(welcome.text, text, strlen(text));
    send_all(fd, bytes, craft_welcome_put(bytes, &welcome));
}

static void dialler_says_who_it_is(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    struct craft_hello hello;
    int fd;

    cluster->options.group = 5;
    (void)open_first(cluster);
    fd = take_dial(cluster, listen_fd, &hello);
    assert_int_equal(hello.from, 1);
    assert_int_equal(hello.to, 2);
    assert_int_equal(hello.group, 5);
    assert_true(hello.lineage == lineage_of(cluster));
    assert_true(hello.lineage != 0);
    answer(fd, 2, CRAFT_REFUSAL_NONE, "");
    while (cluster->servers[0].links_up == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(look(&cluster->servers[0], 2).up, 1);
    (void)close(fd);
    (void)close(listen_fd);
}

static void refusal_is_told_once_and_dialling_backs_off(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    uint64_t until;
    int dials = 0;

    (void)open_first(cluster);
    until = fleet_now_ms() + 3000;
    while (fleet_now_ms() < until) {
        struct craft_hello hello;
        int fd = take_dial(cluster, listen_fd, &hello);

        answer(fd, 2, CRAFT_REFUSAL_GROUP, "group 1 here, 0 there");
        assert_closed(cluster, fd);
        dials++;
    }
    assert_true(dials >= 3 && dials <= 8); /* every half to whole second */
    assert_string_equal(look(&cluster->servers[0], 2).reason,
                        "refused: group 1 here, 0 there");
    assert_int_equal(look(&cluster->servers[0], 2).up, 0);
    (void)close(listen_fd);
}

static void wrong_answer_to_a_hello_is_no_welcome(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    struct craft_hello hello;
    int fd;

    (void)open_first(cluster);
    fd = take_dial(cluster, listen_fd, &hello);
    send_all(fd, "-ERR unknown command\r\n", 22);
    assert_closed(cluster, fd);
    assert_non_null(strstr(look(&cluster->servers[0], 2).reason, "hello"));
    fd = take_dial(cluster, listen_fd, &hello);
    answer(fd, 3, CRAFT_REFUSAL_NONE, ""); /* it is another server */
    assert_closed(cluster, fd);
    fd = take_dial(cluster, listen_fd, &hello);
    answer(fd, 2, CRAFT_REFUSAL_NONE, "");
    while (look(&cluster->servers[0], 2).up == 0) {
        fleet_turn(cluster);
    }
    send_all(fd, "x", 1); /* nothing has to come on this connection */
    assert_closed(cluster, fd);
    (void)close(listen_fd);
}

/* As when the process is stopped: its kernel accepts, it does not answer. */
static void peer_that_does_not_answer_is_dialled_again(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    struct craft_hello hello;
    int silent;
    int fd;

    (void)open_first(cluster);
    silent = take_dial(cluster, listen_fd, &hello);
    fd = take_dial(cluster, listen_fd, &hello);
    assert_string_equal(look(&cluster->servers[0], 2).reason,
                        "no answer to our hello");
    assert_closed(cluster, silent);
    (void)close(fd);
    (void)close(listen_fd);
}

/* Fills the queue of a listener that takes nobody: its system then answers no
 * dial, as when a network loses all of them. */
static size_t fill_queue(int listen_fd, const char *text, int *fds,
                         size_t fds_max)
{
    struct sockaddr_in address;
    size_t len = 0;

    assert_int_equal(listen(listen_fd, 0), 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons((uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10));
    while (len < fds_max) {
        struct pollfd polled = {.events = POLLOUT};

        polled.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(polled.fd >= 0);
        (void)connect(polled.fd, (struct sockaddr *)&address, sizeof address);
        fds[len] = polled.fd;
        len++;
        if (poll(&polled, 1, 50) == 0) {
            return len; /* this one is not let in */
        }
    }
    return 0;
}

/*
 * Pitfall: a lost packet of a dial is sent again after a second, then after
 * two, which after a partition is longer than an election takes.
 */
static void dial_that_is_lost_is_not_waited_for(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    struct fleet_server *server;
    struct craft_hello hello;
    int fds[16];
    size_t fds_len = fill_queue(listen_fd, cluster->addresses[1], fds, 16);

    if (fds_len == 0) {
        (void)close(listen_fd);
        skip(); /* another system: a listener takes all there are */
    }
    server = open_first(cluster);
    fleet_turn_for(cluster, 1200);
    assert_true(look(server, 2).attempts >= 3);
    assert_string_equal(look(server, 2).reason, "cannot connect: no answer");
    for (size_t i = 0; i < fds_len; i++) {
        (void)close(fds[i]);
    }
    while (is_readable(listen_fd)) {
        int fd = accept(listen_fd, NULL, NULL);

        assert_true(fd >= 0);
        (void)close(fd);
    }
    (void)close(take_dial(cluster, listen_fd, &hello));
    (void)close(listen_fd);
}

static void peer_that_comes_back_is_reached_again(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = open_first(cluster);
    uint64_t started;

    fleet_turn_for(cluster, 1500);
    assert_true(look(server, 2).attempts >= 3);
    assert_true(look(server, 2).attempts <= 12);
    assert_non_null(strstr(look(server, 2).reason, "cannot connect"));
    fleet_open(cluster, 1);
    started = fleet_now_ms();
    while (look(server, 2).up == 0) {
        fleet_turn(cluster);
    }
    /* It dialled us, so it is there: no waiting for the own next try. */
    assert_true(fleet_now_ms() < started + 400);
    fleet_drop(cluster, 1);
    while (look(server, 2).up == 1) {
        fleet_turn(cluster);
    }
    assert_int_equal(server->links_broke, 1);
    fleet_open(cluster, 1);
    while (look(server, 2).up == 0) {
        fleet_turn(cluster);
    }
}

/* --------------------------------------------------------------- slow peers */

/*
 * A peer that is stopped: its kernel takes what its buffers hold, then
 * nothing. What waits is bounded, the link is given up after a while.
 */
static void peer_that_does_not_read_costs_bounded_memory(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    struct fleet_server *server;
    struct craft_hello hello;
    static uint8_t data[50000];
    size_t sent = 0;
    int fd;

    cluster->options.link_bytes_max = (size_t)1024 * 1024;
    server = open_first(cluster);
    fd = take_dial(cluster, listen_fd, &hello);
    answer(fd, 2, CRAFT_REFUSAL_NONE, "");
    while (look(server, 2).up == 0) {
        fleet_turn(cluster);
    }
    while (look(server, 2).up == 1) {
        int rv = craft_host_send(server->host, 2, data, sizeof data);

        assert_true(rv == 0 || rv == CRAFT_ERR_BUSY);
        sent += rv == 0 ? sizeof data : 0;
        assert_true(look(server, 2).waiting_bytes <= 1024 * 1024);
        fleet_turn(cluster);
    }
    assert_true(sent > 1024 * 1024);
    assert_string_equal(look(server, 2).reason,
                        "it does not read what it is sent");
    assert_int_equal(look(server, 2).waiting_bytes, 0);
    (void)close(fd);
    (void)close(listen_fd);
}

/* The same with the core's messages: server 3 is welcomed and never reads. */
static void leader_goes_on_beside_a_peer_that_does_not_read(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[2]);
    struct fleet_server *leader;
    static uint8_t data[20000];
    int fds[2];

    cluster->options.link_bytes_max = (size_t)256 * 1024;
    fleet_open(cluster, 0);
    fleet_open(cluster, 1);
    fleet_turn(cluster);
    for (int i = 0; i < 2; i++) {
        struct craft_hello hello;

        fds[i] = take_dial(cluster, listen_fd, &hello);
        answer(fds[i], 3, CRAFT_REFUSAL_NONE, "");
    }
    leader = fleet_elect(cluster);
    for (uint64_t i = 1; i <= 500; i++) {
        memcpy(data, &i, sizeof i);
        assert_int_equal(craft_host_propose(leader->host, data, sizeof data, i),
                         0);
        fleet_settle(cluster, (size_t)i);
        assert_true(look(leader, 3).waiting_bytes <= 256 * 1024);
    }
    assert_int_equal(leader->done[CRAFT_RESULT_OK], 500);
    (void)close(fds[0]);
    (void)close(fds[1]);
    (void)close(listen_fd);
}

/* ------------------------------------------------------------ a busy link */

/* With messages of the application, until it takes no more; their bytes. */
static uint64_t fill_link(struct fleet *cluster, struct fleet_server *server)
{
    static uint8_t data[50000];
    uint64_t sent = 0;
    int refused = 0;

    while (refused < 20) {
        int rv = craft_host_send(server->host, 2, data, sizeof data);

        assert_true(rv == 0 || rv == CRAFT_ERR_BUSY);
        sent += rv == 0 ? sizeof data : 0;
        refused = rv == 0 ? 0 : refused + 1;
        fleet_turn(cluster);
    }
    return sent;
}

static void send_heartbeat(int fd, craft_term term)
{
    uint8_t bytes[200];
    size_t len = 0;
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = CRAFT_MESSAGE_APPEND;
    message.from = 2;
    message.to = 1;
    message.term = term;
    message.round = 1;
    assert_int_equal(
        craft_message_encode(&message, bytes + CRAFT_FRAME_HEAD_LEN, 150, &len),
        0);
    craft_frame_seal(bytes, CRAFT_FRAME_RAFT, len);
    send_all(fd, bytes, CRAFT_FRAME_HEAD_LEN + len);
}

static int is_append_reply(const struct craft_frame *frame)
{
    craft_message message;

    if (frame->type != CRAFT_FRAME_RAFT) {
        return 0;
    }
    assert_int_equal(craft_message_decode(&message, NULL, 0, frame->payload,
                                          frame->payload_len),
                     0);
    return message.kind == CRAFT_MESSAGE_APPEND_REPLY;
}

/* Bytes of the application that come before the answer to an append. */
static uint64_t read_until_reply(struct fleet *cluster, int fd)
{
    static uint8_t bytes[1 << 17];
    struct craft_frame frame;
    uint64_t before = 0;
    size_t held = 0;
    size_t wanted;

    for (;;) {
        int64_t taken =
            craft_frame_parse(bytes, held, sizeof bytes, &frame, &wanted);

        assert_true(taken >= 0);
        if (taken == 0) {
            ssize_t got =
                receive(cluster, fd, bytes + held, sizeof bytes - held);

            assert_true(got > 0);
            held += (size_t)got;
            continue;
        }
        if (is_append_reply(&frame)) {
            return before;
        }
        before += frame.type == CRAFT_FRAME_APPLICATION ? frame.payload_len : 0;
        held -= (size_t)taken;
        memmove(bytes, bytes + taken, held);
    }
}

/*
 * A follower's link to its leader is full of other things. The answer to a
 * heartbeat is neither dropped nor sent behind them: the leader would hear from
 * nobody, and step down.
 */
static void reply_overtakes_what_waits_on_a_busy_link(void **state)
{
    struct fleet *cluster = *state;
    int listen_fd = listen_at(cluster->addresses[1]);
    struct fleet_server *server;
    struct craft_hello hello;
    struct craft_welcome welcome;
    int small = 32768;
    uint64_t sent;
    uint64_t before;
    int in_fd;
    int fd;

    (void)setsockopt(listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    cluster->options.link_bytes_max = (size_t)2 * 1024 * 1024;
    server = open_first(cluster);
    fd = take_dial(cluster, listen_fd, &hello);
    answer(fd, 2, CRAFT_REFUSAL_NONE, "");
    while (look(server, 2).up == 0) {
        fleet_turn(cluster);
    }
    hello = good_hello(cluster);
    in_fd = greet(cluster, &hello, &welcome);
    sent = fill_link(cluster, server);
    send_heartbeat(in_fd, 100);
    for (int i = 0; i < 20; i++) {
        fleet_turn(cluster);
    }
    before = read_until_reply(cluster, fd);
    print_message("%llu bytes, %llu of them before the answer\n",
                  (unsigned long long)sent, (unsigned long long)before);
    assert_true(sent > 2 * 1000 * 1000);
    assert_true(before < 500 * 1000);
    assert_int_equal(look(server, 2).dropped, 0);
    (void)close(in_fd);
    (void)close(fd);
    (void)close(listen_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            reply_overtakes_what_waits_on_a_busy_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(peer_is_welcomed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(peer_without_a_lineage_is_welcomed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(stranger_is_refused_with_a_reason,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            server_that_waits_to_be_added_welcomes_anybody_of_its_group, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(hello_in_single_bytes_is_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(garbage_is_closed_without_an_answer,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            connection_that_does_not_greet_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newest_connection_of_a_peer_is_kept,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            crowd_of_silent_connections_does_not_keep_a_peer_out, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(frame_arrives_whole_wherever_it_is_cut,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_frame_closes_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            connection_speaks_for_the_server_it_was_greeted_as, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            connection_works_on_while_another_is_broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dialler_says_who_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            refusal_is_told_once_and_dialling_backs_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_answer_to_a_hello_is_no_welcome,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            peer_that_does_not_answer_is_dialled_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dial_that_is_lost_is_not_waited_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(peer_that_comes_back_is_reached_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            peer_that_does_not_read_costs_bounded_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            leader_goes_on_beside_a_peer_that_does_not_read, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
