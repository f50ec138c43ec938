/*
 * counter: three servers in one process keep a sum; the leader crashes, the
 * others go on. Nothing is stored: for that see examples/single.c.
 */
#include <craft.h>
#include <stdio.h>

enum {
    SERVERS = 3,
    LETTERS_MAX = 64,
    LETTER_BYTES_MAX = 4096
};

static struct server {
    craft_node *node; /* NULL: crashed; every call refuses it */
    int id, sum;      /* the sum is the state machine */
} servers[SERVERS] = {{NULL, 1, 0}, {NULL, 2, 0}, {NULL, 3, 0}};

static struct letter {
    craft_id to;
    size_t len;
    uint8_t bytes[LETTER_BYTES_MAX];
} letters[LETTERS_MAX]; /* a ring; what finds no room is lost: no harm */
static size_t letters_sent, letters_read;

static void on_send(void *host, const craft_message *message)
{
    struct letter *letter = &letters[letters_sent % LETTERS_MAX];

    (void)host;
    if (letters_sent - letters_read < LETTERS_MAX &&
        craft_message_encode(message, letter->bytes, LETTER_BYTES_MAX,
                             &letter->len) == CRAFT_OK) {
        letter->to = message->to;
        letters_sent++;
    }
}

static void on_persist(void *host, const craft_persist *record)
{
    const struct server *server = host;

    craft_persisted(server->node, record->ticket, CRAFT_ENDING_OK);
}

static void on_apply(void *host, const craft_entry *entries, size_t len)
{
    struct server *server = host;

    for (size_t i = 0; i < len; i++) {
        server->sum += entries[i].data[0];
        printf("server %d: sum %d\n", server->id, server->sum);
    }
    craft_applied(server->node, entries[len - 1].index, CRAFT_ENDING_OK);
}

/* Every letter arrives, then a unit of time passes. */
static void turn(void)
{
    for (; letters_read < letters_sent; letters_read++) {
        const struct letter *letter = &letters[letters_read % LETTERS_MAX];

        craft_receive_bytes(servers[letter->to - 1].node, letter->bytes,
                            letter->len);
    }
    for (int i = 0; i < SERVERS; i++) {
        craft_tick(servers[i].node, 1);
    }
}

static int leads(const struct server *server)
{
    craft_status status = {.struct_size = sizeof status};

    return craft_node_status(server->node, &status) == CRAFT_OK &&
           status.role == CRAFT_ROLE_LEADER;
}

/* At the leader, and there may be none for a while. Another server would pass
 * it on, perhaps to one that has crashed: that is what tokens are for. */
static struct server *add(uint8_t number)
{
    struct server *server = servers;

    for (; !leads(server) || craft_propose(server->node, &number, 1, 0) != 0;
         turn()) {
        server = &servers[(server - servers + 1) % SERVERS];
    }
    printf("server %d leads: add %d\n", server->id, number);
    turn(); /* the others have it, so it is committed */
    turn(); /* and the heartbeat tells them so */
    return server;
}

int main(void)
{
    const craft_hooks hooks = {.struct_size = sizeof hooks,
                               .send = on_send,
                               .persist = on_persist,
                               .apply = on_apply};
    const craft_member members[SERVERS] = {
        {.id = 1, .role = CRAFT_MEMBER_VOTER},
        {.id = 2, .role = CRAFT_MEMBER_VOTER},
        {.id = 3, .role = CRAFT_MEMBER_VOTER}};
    craft_config config;
    struct server *leader;
    int agree = 0;

    craft_config_init(&config, sizeof config);
    for (int i = 0; i < SERVERS; i++) {
        config.id = config.seed = members[i].id;
        if (craft_node_new(&config, &hooks, &servers[i], &servers[i].node) ||
            craft_node_bootstrap(servers[i].node, members, SERVERS) ||
            craft_node_start(servers[i].node)) {
            return 1;
        }
    }
    leader = add(1);
    printf("server %d crashes\n", leader->id);
    craft_node_free(leader->node);
    leader->node = NULL;
    add(2);
    for (int i = 0; i < SERVERS; i++) {
        agree += servers[i].node != NULL && servers[i].sum == 3;
        craft_node_free(servers[i].node);
    }
    printf("%d servers agree\n", agree);
    return agree == SERVERS - 1 ? 0 : 1;
}
