/* craft_check() tells what is broken: each fact is spoilt in turn, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node.h"
#include "rig.h"

/* Where the facts of a node stand. */
enum place {
    NOWHERE,
    NODE,
    TICKET, /* the newest that is open */
    SLOT,   /* of server 3 */
    TOKEN,  /* the second */
    READ,   /* the last that waits */
    MEMBERS,
    RUN,   /* the last run of terms */
    ENTRY, /* the last one */
    BLOCK  /* the newest segment */
};

struct poke {
    enum place place;
    size_t offset;
    size_t size;
    uint64_t value;
};

struct fault {
    const char *told;
    struct poke pokes[3];
};

#define FACT(place, type, field)                                               \
    (place), offsetof(type, field), sizeof(((type *)0)->field)
#define OF_NODE(field) FACT(NODE, struct craft_node, field)
#define OF_TICKET(field) FACT(TICKET, struct craft_stored, field)
#define OF_SLOT(field) FACT(SLOT, struct craft_peer, field)
#define OF_TOKEN(field) FACT(TOKEN, struct craft_token, field)
#define OF_READ(field) FACT(READ, struct craft_reading, field)
#define OF_RUN(field) FACT(RUN, struct craft_run, field)
#define OF_ENTRY(field) FACT(ENTRY, craft_entry, field)
#define OF_BLOCK(field) FACT(BLOCK, struct craft_block, field)

/* The log of the node below: 1 and 2 its own, commands 3 .. 6; commit 5. */
static const struct fault faults[] = {
    {"log: runs of terms rise", {{OF_RUN(term), 1}}},
    {"log: runs of terms rise", {{OF_RUN(first), 100}}},
    {"log: runs of terms rise", {{OF_RUN(first), 1}}},
    {"log: the last run has the last term", {{OF_NODE(log.last_term), 1}}},
    {"log: the last run has the last term",
     {{OF_NODE(log.last_term), 0}, {OF_NODE(log.runs_len), 0}}},
    {"log: an entry stands at its index with its term", {{OF_ENTRY(index), 5}}},
    {"log: an entry stands at its index with its term", {{OF_ENTRY(term), 1}}},
    {"log: running ends add up", {{OF_ENTRY(data_len), 2}}},
    {"log: segments are in order of their entries",
     {{OF_BLOCK(used), 1 << 30}}},
    {"log: the end is that of the last entry", {{OF_NODE(log.end), 1}}},
    {"log: the newest segment holds the last entry",
     {{OF_BLOCK(last_index), 5}}},

    {"persist: the store's match is within its log",
     {{OF_NODE(persist.durable.match), 6}}},
    {"persist: a ticket's match is within both logs", {{OF_TICKET(last), 5}}},
    {"persist: a ticket's match is within both logs",
     {{OF_TICKET(last), 7}, {OF_TICKET(match), 7}}},
    {"persist: terms rise from ticket to ticket", {{OF_TICKET(term), 1}}},
    {"persist: the store is not ahead of memory",
     {{OF_NODE(persist.durable.match), 7}, {OF_NODE(persist.durable.last), 7}}},
    {"persist: the store is not ahead of memory", {{OF_TICKET(term), 3}}},

    {"peers: in order of ids, without this server", {{OF_SLOT(id), 2}}},
    {"peers: in order of ids, without this server", {{OF_NODE(config.id), 2}}},
    {"peers: match < next", {{OF_SLOT(match_index), 7}}},
    {"peers: next and windows are within bounds", {{OF_SLOT(next_index), 8}}},
    {"peers: next and windows are within bounds", {{OF_SLOT(newer), 65}}},

    {"commit: applied <= commit <= last", {{OF_NODE(commit_index), 7}}},
    {"commit: applied <= commit <= last", {{OF_NODE(apply.index), 6}}},
    {"apply: not ahead of the own disk", {{OF_NODE(persist.durable.match), 1}}},
    {"apply: the open batch follows what is applied",
     {{OF_NODE(apply.first), 4}}},
    {"apply: the open batch follows what is applied",
     {{OF_NODE(apply.last), 6}}},
    {"follow: verified <= last", {{OF_NODE(following.verified), 7}}},

    {"standing: no entry is of a later term",
     {{OF_NODE(standing.term), 1},
      {OF_NODE(persist.durable.term), 1},
      {OF_TICKET(term), 1}}},
    {"standing: a leader follows itself and nobody else does",
     {{OF_NODE(standing.leader), 2}}},
    {"standing: a leader follows itself and nobody else does",
     {{OF_NODE(standing.role), CRAFT_ROLE_FOLLOWER}}},
    {"elect: a candidate or leader voted for itself",
     {{OF_NODE(election.voted_for), 2}}},
    {"replicate: a leader has its no-op",
     {{OF_NODE(replication.first_of_term), 7}}},

    {"members: indexes fall down the stack",
     {{FACT(MEMBERS, struct craft_members, index), 7}}},
    {"members: indexes fall down the stack",
     {{FACT(MEMBERS, struct craft_members, index), CRAFT_NUMBER_MAX}}},

    {"propose: tokens are bounded", {{OF_NODE(config.tokens_max), 3}}},
    {"propose: terms rise along the queue", {{OF_TOKEN(term), 1}}},
    {"propose: terms rise along the queue", {{OF_TOKEN(token), 0}}},

    {"read: those open are bounded", {{OF_NODE(config.tokens_max), 4}}},
    {"read: those open are bounded", {{OF_NODE(reads.failed), 6}}},
    {"read: numbers rise along the queue", {{OF_READ(number), 0}}},

    {"delivery: a hold ends the loop", {{OF_NODE(due), CRAFT_DELIVERY_ENDS}}},
    {"delivery: a hold ends the loop", {{OF_NODE(delivery.holds), 1}}},
};

static void propose(struct rig *rig, uint64_t token)
{
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, token),
                     0);
    rig_run(rig);
}

/* A leader of three with a record, a batch, four tokens and five reads open. */
static struct rig *rig_busy(void)
{
    struct rig *rig = rig_new(1);

    rig_lead(rig, 3);
    rig->slow_machine = true;
    for (uint64_t token = 1; token <= 3; token++) {
        propose(rig, token);
    }
    assert_int_equal(rig_acknowledge(rig, 2, 5), 0);
    rig_run(rig);
    rig->slow_disk = true;
    propose(rig, 4);
    for (uint64_t token = 5; token <= 9; token++) {
        assert_int_equal(craft_read(rig->node, token), 0);
    }
    rig_run(rig);
    assert_int_equal(rig_status(rig).commit_index, 5);
    assert_int_equal(rig_status(rig).last_index, 6);
    assert_int_equal(rig_status(rig).persists_open, 1);
    assert_int_equal(rig->apply_last, 5);
    return rig;
}

static void *place_of(struct craft_node *node, enum place place)
{
    struct craft_log *log = &node->log;

    switch (place) {
    case NODE:
        return node;
    case TICKET:
        return &node->persist
                    .tickets[(node->persist.next - 1) & node->persist.mask];
    case SLOT:
        return &node->peers.slots[1];
    case TOKEN:
        return &node->proposals.tokens[(node->proposals.first + 1) &
                                       (node->proposals.max - 1)];
    case READ:
        return &node->reads.waiting.items[(node->reads.waiting.first +
                                           node->reads.waiting.len - 1) &
                                          (node->reads.max - 1)];
    case MEMBERS:
        return node->configuration;
    case RUN:
        return &log->runs[log->runs_len - 1];
    case ENTRY:
        return &log->entries[log->last & log->mask];
    case BLOCK:
        return log->newest;
    default:
        return NULL;
    }
}

/* Puts the value there; the value that was there. */
static uint64_t poke(void *base, const struct poke *poke, uint64_t value)
{
    uint8_t *at = (uint8_t *)base + poke->offset;
    uint32_t narrow = (uint32_t)value;
    uint64_t before;

    if (poke->size == sizeof narrow) {
        uint32_t was;

        memcpy(&was, at, sizeof was);
        memcpy(at, &narrow, sizeof narrow);
        return was;
    }
    assert_int_equal(poke->size, sizeof value);
    memcpy(&before, at, sizeof before);
    memcpy(at, &value, sizeof value);
    return before;
}

static void every_broken_invariant_is_told(void **state)
{
    struct rig *rig = rig_busy();

    (void)state;
    assert_null(craft_check(rig->node));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct fault *fault = &faults[i];
        uint64_t before[3] = {0, 0, 0};
        void *bases[3];
        const char *told;

        for (size_t k = 0; k < 3; k++) {
            bases[k] = place_of(rig->node, fault->pokes[k].place);
        }
        for (size_t k = 0; k < 3 && bases[k] != NULL; k++) {
            before[k] = poke(bases[k], &fault->pokes[k], fault->pokes[k].value);
        }
        told = craft_check(rig->node);
        for (size_t k = 0; k < 3 && bases[k] != NULL; k++) {
            (void)poke(bases[k], &fault->pokes[k], before[k]);
        }
        assert_non_null(told);
        assert_string_equal(told, fault->told);
        assert_null(craft_check(rig->node));
    }
    rig_free(rig);
}

/* Two segments, and two configurations: their order counts, too. */
static void broken_orders_are_told(void **state)
{
    struct rig *rig = rig_busy();
    struct craft_log *log = &rig->node->log;
    struct craft_members *members = rig->node->configuration;
    craft_index oldest;

    (void)state;
    members->below = members; /* as if the one below had the same index */
    assert_string_equal(craft_check(rig->node),
                        "members: indexes fall down the stack");
    members->below = NULL;
    while (log->oldest == log->newest) {
        propose(rig, 0);
    }
    oldest = log->oldest->last_index;
    log->oldest->last_index = log->last + 1;
    assert_string_equal(craft_check(rig->node),
                        "log: segments are in order of their entries");
    log->oldest->last_index = oldest;
    rig_free(rig);
}

static void no_node_is_no_good_node(void **state)
{
    (void)state;
    assert_string_equal(craft_check(NULL), "node: there is one");
}

static void a_read_that_waits_for_nobody_is_told(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append payload = {1, 1, 1, NULL, 0};

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_int_equal(craft_read(rig->node, 7), 0);
    rig_run(rig);
    rig->node->standing.leader = 0;
    assert_string_equal(craft_check(rig->node),
                        "read: without a leader nothing waits for one");
    rig->node->standing.leader = 2;
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_invariant_is_told),
        cmocka_unit_test(broken_orders_are_told),
        cmocka_unit_test(no_node_is_no_good_node),
        cmocka_unit_test(a_read_that_waits_for_nobody_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
