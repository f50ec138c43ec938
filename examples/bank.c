/*
 * bank: a state machine of your own in the simulator.
 *
 *   craft-bank --seeds 1..1000          the bank, in a thousand bad worlds
 *   craft-bank --bug --seeds 1..1000    with a mistake that shows only when a
 *                                       server crashes and comes back
 *
 * Accounts stand in branches, and money moves within a branch. The mistake: a
 * server keeps its accounts in a file, and finds them there when it starts
 * again, but not how far in the log they were; so it takes the whole log once
 * more, and moves all the money twice. (With the file belongs the applied
 * index, for craft_restore.applied_index; or the file does not belong there.)
 */
#include <craft/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BRANCHES = 6,
    ACCOUNTS = 4,
    OPENING_BALANCE = 50,
    COMMAND_LEN = 5, /* kind, branch, from, to, amount */
    REPLY_LEN = 3    /* result, balance of `from`, balance of `to` */
};

enum {
    BALANCE = 1,
    TRANSFER = 2
};

enum {
    REFUSED = 0,
    DONE = 1
};

struct bank {
    craft_id server;
    uint8_t balances[BRANCHES][ACCOUNTS];
};

/* What outlives a crash. */
struct disks {
    int with_bug;
    size_t files_len;
    struct bank files[CRAFT_SIM_SERVERS_MAX];
};

static struct bank *find_file(struct disks *disks, craft_id server)
{
    for (size_t i = 0; i < disks->files_len; i++) {
        if (disks->files[i].server == server) {
            return &disks->files[i];
        }
    }
    return NULL;
}

static void *bank_open(void *ctx, craft_id server)
{
    struct disks *disks = ctx;
    struct bank *bank = malloc(sizeof *bank);
    const struct bank *file = find_file(disks, server);

    if (server == 0) {
        disks->files_len = 0; /* the simulator's own comes first: a new run */
    }
    if (bank && file) {
        *bank = *file;
    } else if (bank) {
        bank->server = server;
        memset(bank->balances, OPENING_BALANCE, sizeof bank->balances);
    }
    return bank;
}

static void bank_close(void *ctx, void *instance)
{
    const struct bank *bank = instance;
    struct disks *disks = ctx;
    struct bank *file = find_file(disks, bank->server);

    if (disks->with_bug && bank->server != 0) {
        if (!file && disks->files_len < CRAFT_SIM_SERVERS_MAX) {
            file = &disks->files[disks->files_len++];
        }
        if (file) {
            *file = *bank;
        }
    }
    free(instance);
}

static void *bank_copy(void *ctx, const void *instance)
{
    struct bank *copy = malloc(sizeof *copy);

    (void)ctx;
    if (copy) {
        *copy = *(const struct bank *)instance;
    }
    return copy;
}

/* FNV-1a over all balances. */
static uint64_t bank_digest(void *ctx, const void *instance)
{
    const struct bank *bank = instance;
    uint64_t digest = 14695981039346656037u;

    (void)ctx;
    for (size_t i = 0; i < sizeof bank->balances; i++) {
        digest ^= bank->balances[i / ACCOUNTS][i % ACCOUNTS];
        digest *= 1099511628211u;
    }
    return digest;
}

static int is_command(const uint8_t *command, size_t len)
{
    return len == COMMAND_LEN && command[0] >= BALANCE &&
           command[0] <= TRANSFER && command[1] < BRANCHES &&
           command[2] < ACCOUNTS && command[3] < ACCOUNTS;
}

static size_t bank_apply(void *ctx, void *instance, const uint8_t *command,
                         size_t command_len, uint8_t *reply, size_t reply_max)
{
    struct bank *bank = instance;
    uint8_t *from;
    uint8_t *to;

    (void)ctx;
    if (reply_max < REPLY_LEN || !is_command(command, command_len)) {
        return 0;
    }
    from = &bank->balances[command[1]][command[2]];
    to = &bank->balances[command[1]][command[3]];
    reply[0] = DONE;
    if (command[0] == TRANSFER && *from < command[4]) {
        reply[0] = REFUSED;
    } else if (command[0] == TRANSFER) {
        *from = (uint8_t)(*from - command[4]);
        *to = (uint8_t)(*to + command[4]);
    }
    reply[1] = *from;
    reply[2] = *to;
    return REPLY_LEN;
}

static size_t bank_draw(void *ctx, craft_sim_random *random, uint64_t serial,
                        uint8_t *command, size_t command_max, uint64_t *key_out)
{
    (void)ctx;
    (void)serial;
    if (command_max < COMMAND_LEN) {
        return 0;
    }
    command[0] = (uint8_t)(BALANCE + craft_sim_random_below(random, 2));
    command[1] = (uint8_t)craft_sim_random_below(random, BRANCHES);
    command[2] = (uint8_t)craft_sim_random_below(random, ACCOUNTS);
    command[3] = (uint8_t)craft_sim_random_below(random, ACCOUNTS);
    command[4] = (uint8_t)(1 + craft_sim_random_below(random, 40));
    *key_out = command[1]; /* branches have nothing to do with each other */
    return COMMAND_LEN;
}

static size_t bank_describe(void *ctx, const uint8_t *command,
                            size_t command_len, const uint8_t *reply,
                            size_t reply_len, char *text, size_t size)
{
    char answer[48] = "";
    int len;

    (void)ctx;
    if (!is_command(command, command_len)) {
        len = snprintf(text, size, "garbage");
        return len > 0 ? (size_t)len : 0;
    }
    if (reply && reply_len == REPLY_LEN) {
        snprintf(answer, sizeof answer, " -> %s: a%d has %d, a%d has %d",
                 reply[0] == DONE ? "done" : "refused", command[2], reply[1],
                 command[3], reply[2]);
    }
    if (command[0] == BALANCE) {
        len = snprintf(text, size, "balance b%d a%d, a%d%s", command[1],
                       command[2], command[3], answer);
    } else {
        len = snprintf(text, size, "transfer b%d a%d to a%d %d%s", command[1],
                       command[2], command[3], command[4], answer);
    }
    return len > 0 ? (size_t)len : 0;
}

int main(int argc, char **argv)
{
    struct disks disks = {.with_bug = argc > 1 && strcmp(argv[1], "--bug") == 0,
                          .files_len = 0};
    const craft_sim_machine machine = {.struct_size = sizeof machine,
                                       .name = "bank",
                                       .ctx = &disks,
                                       .open = bank_open,
                                       .close = bank_close,
                                       .apply = bank_apply,
                                       .digest = bank_digest,
                                       .draw = bank_draw,
                                       .copy = bank_copy,
                                       .describe = bank_describe};

    if (disks.with_bug) {
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    return craft_sim_main(argc, argv, &machine);
}
