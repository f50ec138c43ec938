/*
 * Why nothing happens: every cause, in a state that calls for it, and that an
 * answer changes nothing. That answers are so in any state is looked at after
 * every step of tests/paper and tests/scenario (support/cluster_explain.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/* But CRAFT_WHY_OTHER, which no state should be in. */
static const uint32_t codes[] = {
    CRAFT_WHY_NOTHING,
    CRAFT_WHY_NOT_STARTED,
    CRAFT_WHY_STOPPED,
    CRAFT_WHY_HALTED,
    CRAFT_WHY_UNSETTLED,
    CRAFT_WHY_DELIVERY,
    CRAFT_WHY_NO_LEADER,
    CRAFT_WHY_ASK_LEADER,
    CRAFT_WHY_OWN_DISK,
    CRAFT_WHY_DISK_FULL,
    CRAFT_WHY_NO_MEMORY,
    CRAFT_WHY_NUMBERS_END,
    CRAFT_WHY_FETCH,
    CRAFT_WHY_FETCH_FAILED,
    CRAFT_WHY_DISK_SILENT,
    CRAFT_WHY_INSTALL,
    CRAFT_WHY_LEADS,
    CRAFT_WHY_FOLLOWS,
    CRAFT_WHY_NO_CONFIGURATION,
    CRAFT_WHY_NOT_MEMBER,
    CRAFT_WHY_LEARNER,
    CRAFT_WHY_TIMER,
    CRAFT_WHY_LEADER_SILENT,
    CRAFT_WHY_PRE_VOTES,
    CRAFT_WHY_VOTES,
    CRAFT_WHY_PROMISED,
    CRAFT_WHY_COMMITTED,
    CRAFT_WHY_BEYOND_LOG,
    CRAFT_WHY_UNVERIFIED,
    CRAFT_WHY_NOT_TOLD,
    CRAFT_WHY_VOTERS,
    CRAFT_WHY_OLD_TERM,
    CRAFT_WHY_SELF,
    CRAFT_WHY_UNKNOWN_PEER,
    CRAFT_WHY_UP_TO_DATE,
    CRAFT_WHY_IN_FLIGHT,
    CRAFT_WHY_WINDOW_MESSAGES,
    CRAFT_WHY_WINDOW_BYTES,
    CRAFT_WHY_PROBING,
    CRAFT_WHY_PEER_SILENT,
    CRAFT_WHY_SNAPSHOT,
    CRAFT_WHY_UNKNOWN_READ,
    CRAFT_WHY_FIRST_COMMIT,
    CRAFT_WHY_ROUND,
    CRAFT_WHY_ANSWER,
    CRAFT_WHY_QUESTION,
    CRAFT_WHY_CATCH_UP,
    CRAFT_WHY_APPLY,
    CRAFT_WHY_READS_MAX,
    CRAFT_WHY_TOO_LONG,
    CRAFT_WHY_TRANSFER,
    CRAFT_WHY_UNCOMMITTED,
    CRAFT_WHY_TOKENS_MAX,
    CRAFT_WHY_FORWARDED,
    CRAFT_WHY_REFUSALS,
};

#define CODES (sizeof codes / sizeof codes[0])

static bool reached[CODES];

/* What is said, in full; saying it changes nothing. */
static const char *say(struct rig *rig, uint32_t question, uint64_t subject)
{
    static char text[512];
    craft_explanation told = {.struct_size = sizeof told};
    size_t allocations = rig->memory.allocations;
    uint32_t before = rig_digest(rig);
    size_t len;

    assert_int_equal(craft_explain(rig->node, question, subject, &told), 0);
    assert_int_equal(rig_digest(rig), before);
    assert_int_equal(rig->memory.allocations, allocations);
    assert_int_equal(told.struct_size, sizeof told);
    assert_int_equal(told.question, question);
    assert_int_equal(told.subject, subject);
    assert_true(told.needed <= told.servers_len);
    for (size_t i = 0; i < CODES; i++) {
        reached[i] |= codes[i] == told.code;
    }
    len = craft_describe_explanation(&told, text, sizeof text);
    assert_int_equal(len, strlen(text));
    return text;
}

#define LEADER(rig) say(rig, CRAFT_QUESTION_LEADER, 0)
#define COMMIT(rig, index) say(rig, CRAFT_QUESTION_COMMIT, index)
#define PEER(rig, id) say(rig, CRAFT_QUESTION_PEER, id)
#define READ(rig, token) say(rig, CRAFT_QUESTION_READ, token)
#define PROPOSE(rig, len) say(rig, CRAFT_QUESTION_PROPOSE, len)

static void propose(struct rig *rig, size_t commands)
{
    for (size_t i = 0; i < commands; i++) {
        assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0),
                         0);
        rig_run(rig);
    }
}

static void grant(struct rig *rig, uint32_t kind, craft_id from, bool granted)
{
    craft_message reply = rig_message(rig, kind, from, rig_status(rig).term);

    reply.as.vote_reply.granted = granted;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
}

/* Entries 2 .. 1 + len of term 2, from server 2; the commit is told. */
static void follow(struct rig *rig, size_t len, craft_index commit)
{
    craft_entry entries[32];
    craft_append append = {1, 1, commit, entries, len};

    rig_entries(entries, len, 2, 2, 1);
    assert_int_equal(rig_append(rig, 2, 2, &append), 0);
}

/* ------------------------------------------------------------ phases, holds */

static void a_node_that_takes_no_inputs_says_so(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_string_equal(LEADER(rig), "leader: the node is not started");
    assert_string_equal(PROPOSE(rig, 0), "propose: the node is not started "
                                         "error=CRAFT_ERR_STATE");
    assert_string_equal(READ(rig, 0), "read: the node is not started "
                                      "error=CRAFT_ERR_STATE");
    craft_node_free(rig->node);
    rig_lead(rig, 1);
    assert_int_equal(craft_node_stop(rig->node), 0);
    assert_string_equal(PEER(rig, 2), "peer 2: the node was stopped");
    assert_string_equal(
        PROPOSE(rig, 1),
        "propose 1: the node was stopped error=CRAFT_ERR_STOPPED");
    assert_string_equal(COMMIT(rig, 1), "commit 1: it is committed reached=2");
    assert_string_equal(COMMIT(rig, 3), "commit 3: the node was stopped");
    rig_free(rig);
}

static void a_node_that_halted_says_so(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->slow_disk = true;
    rig_found(rig, 1);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_ERROR), 0);
    assert_string_equal(READ(rig, 7), "read 7: the node halted: a write or an "
                                      "apply failed");
    assert_string_equal(READ(rig, 0), "read: the node halted: a write or an "
                                      "apply failed error=CRAFT_ERR_HALTED");
    rig_free(rig);
}

/* A hold may have taken what decides, and an answer must not guess. */
static void what_a_hold_postpones_is_not_guessed(void **state)
{
    static const char unsettled[] =
        ": what was taken in this hold is not settled yet";
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_non_null(strstr(LEADER(rig), "too few voters have granted"));
    grant(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, true);
    assert_non_null(strstr(LEADER(rig), unsettled));
    assert_non_null(strstr(COMMIT(rig, 1), "it is committed"));
    assert_non_null(strstr(PEER(rig, 2), unsettled));
    assert_non_null(strstr(READ(rig, 0), unsettled));
    assert_non_null(strstr(READ(rig, 9), "no read with this token is open"));
    assert_non_null(strstr(PROPOSE(rig, 0), unsettled));
    assert_int_equal(craft_release(rig->node), 0);
    assert_string_equal(LEADER(rig), "leader: this server leads id=1");
    rig_run(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_non_null(strstr(COMMIT(rig, 2), unsettled));
    assert_int_equal(craft_release(rig->node), 0);
    assert_non_null(strstr(COMMIT(rig, 2), "it is committed"));
    rig_free(rig);
}

/* ------------------------------------------------------------------ leader */

static void a_server_that_joins_waits_to_be_told(void **state)
{
    struct rig *rig = rig_new(9);
    uint8_t blob[256];
    craft_entry entry = {1, 1, 0, CRAFT_ENTRY_CONFIGURATION, 0, blob, 0};
    craft_append append = {0, 0, 0, &entry, 1};

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_string_equal(LEADER(rig),
                        "leader: this server has no configuration yet");
    assert_string_equal(PROPOSE(rig, 0), "propose: no leader is known here "
                                         "error=CRAFT_ERR_NOT_LEADER");
    assert_string_equal(READ(rig, 0), "read: no leader is known here "
                                      "error=CRAFT_ERR_NOT_LEADER");
    entry.data_len = rig_blob(3, blob, sizeof blob);
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    rig_run(rig);
    assert_string_equal(LEADER(rig), "leader: a leader was heard lately id=2");
    assert_int_equal(craft_tick(rig->node, 100), 0);
    assert_string_equal(LEADER(rig),
                        "leader: this server is not of the configuration");
    rig_free(rig);
}

static void a_learner_waits_for_the_others(void **state)
{
    static const craft_member members[2] = {
        {1, 0, CRAFT_MEMBER_LEARNER, 0, 0, 0, NULL, 0},
        {2, 0, CRAFT_MEMBER_VOTER, 0, 0, 0, NULL, 0}};
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_bootstrap(rig->node, members, 2), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_string_equal(LEADER(rig),
                        "leader: this server is a learner: the others elect");
    rig_free(rig);
}

static void a_follower_tells_until_when_it_waits(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message vote;
    craft_explanation told = {.struct_size = sizeof told};

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_explain(rig->node, CRAFT_QUESTION_LEADER, 0, &told),
                     0);
    assert_int_equal(told.code, CRAFT_WHY_TIMER);
    assert_int_equal(told.ticks, craft_ticks_until_due(rig->node));
    assert_true(told.ticks > 10); /* so that it can be heard of and silent */
    vote = rig_message(rig, CRAFT_MESSAGE_VOTE, 3, 2);
    vote.as.vote = (craft_vote){1, 1, 0, 0};
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    assert_non_null(strstr(LEADER(rig), "the election timeout is not over id=3 "
                                        "ticks="));
    rig_run(rig);
    follow(rig, 0, 0);
    assert_non_null(strstr(LEADER(rig), "a leader was heard lately id=2 "
                                        "ticks="));
    assert_int_equal(craft_tick(rig->node, 10), 0);
    assert_non_null(strstr(LEADER(rig), "the leader is silent, the election "
                                        "timeout not over id=2 ticks="));
    rig_free(rig);
}

static void a_candidate_names_those_that_have_not_voted(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.flags = CRAFT_CONFIG_PRE_VOTE;
    rig_found(rig, 5);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_string_equal(LEADER(rig), "leader: it goes with the next delivery");
    rig_run(rig);
    grant(rig, CRAFT_MESSAGE_PRE_VOTE_REPLY, 3, true);
    grant(rig, CRAFT_MESSAGE_PRE_VOTE_REPLY, 4, false);
    assert_non_null(strstr(LEADER(rig), "too few voters say that it could win "
                                        "needed=1 servers=4,2,5 refused=1 "
                                        "ticks="));
    rig->slow_disk = true;
    grant(rig, CRAFT_MESSAGE_PRE_VOTE_REPLY, 5, true);
    assert_string_equal(LEADER(rig), "leader: this server's disk has not ended "
                                     "the write");
    rig_run(rig);
    assert_string_equal(LEADER(rig), "leader: this server's disk has not ended "
                                     "the write ticket=2");
    assert_int_equal(rig_persisted(rig), 0);
    rig_run(rig);
    grant(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, false);
    assert_non_null(strstr(LEADER(rig), "too few voters have granted their "
                                        "vote needed=2 servers=2,3,4,5 "
                                        "refused=1 ticks="));
    rig_free(rig);
}

static void a_silent_disk_keeps_a_server_from_campaigning(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.flags = CRAFT_CONFIG_CHECK_QUORUM;
    rig_found(rig, 3);
    rig->slow_disk = true;
    follow(rig, 1, 0);
    rig_run(rig);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    assert_int_equal(craft_tick(rig->node, 100), 0);
    assert_string_equal(LEADER(rig), "leader: this server's disk ended nothing "
                                     "for an election timeout ticket=2");
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_BUSY);
    rig_free(rig);
}

/* Thesis 6.4.1: in case it heard a leader in an earlier life. */
static void a_server_that_has_promised_waits_for_its_clock(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.flags = CRAFT_CONFIG_LEASE;
    rig->config.lease_ms = 100;
    rig->config.clock_drift_ppm = 1;
    rig_found(rig, 3);
    assert_int_equal(craft_tick(rig->node, 100), 0);
    assert_string_equal(LEADER(rig), "leader: this server has promised to "
                                     "elect nobody yet");
    assert_int_equal(craft_clock(rig->node, 0), 0);
    assert_int_equal(craft_clock(rig->node, 100000000), 0);
    assert_non_null(strstr(LEADER(rig), "the election timeout is not over "
                                        "ticks=1"));
    assert_int_equal(craft_tick(rig->node, 1), 0);
    assert_string_equal(LEADER(rig), "leader: this server's disk has not ended "
                                     "the write");
    rig_run(rig);
    rig_free(rig);
}

/* For its vote there was room on the disk, for its log not. */
static void a_candidate_waits_for_its_log(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    follow(rig, 2, 0);
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_int_equal(craft_persisted(rig->node, 2, CRAFT_ENDING_NOSPACE), 0);
    rig->disk_last = 1;
    rig_run(rig);
    assert_string_equal(LEADER(rig), "leader: this server's disk has not ended "
                                     "the write ticket=3");
    assert_int_equal(rig_persisted(rig), 0);
    assert_string_equal(LEADER(rig), "leader: this server's disk is full "
                                     "index=3 reached=1 ticks=1");
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_string_equal(LEADER(rig), "leader: this server's disk has not ended "
                                     "the write index=3 reached=1 ticket=4");
    rig_free(rig);
}

/* Whoever might win needs room for one entry more; here the log is full. */
static void a_server_without_memory_does_not_campaign(void **state)
{
    bool full = false;

    (void)state;
    for (size_t len = 1; len < 32; len++) {
        struct rig *rig = rig_new(1);

        rig_found(rig, 3);
        follow(rig, len, 0);
        rig_run(rig);
        rig->memory.fail_all = true;
        assert_int_equal(craft_tick(rig->node, 100), 0);
        if (strcmp(LEADER(rig), "leader: memory is wanted for what winning "
                                "appends ticks=1") == 0) {
            full = true;
        } else {
            assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
        }
        rig_run(rig);
        rig_free(rig);
    }
    assert_true(full);
}

static void what_keeps_a_server_from_campaigning_is_named(void **state)
{
    static const craft_restore restore = {.struct_size = sizeof restore,
                                          .term = CRAFT_NUMBER_MAX - 1};
    struct rig *rig = rig_new(1);
    uint8_t blob[256];
    craft_entry entry = {1, 1, 0, CRAFT_ENTRY_CONFIGURATION, 0, blob, 0};

    (void)state;
    entry.data_len = rig_blob(3, blob, sizeof blob);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, &entry, 1), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_string_equal(LEADER(rig),
                        "leader: the end of all numbers is reached");
    craft_node_free(rig->node);

    rig->disk_last = 0;
    rig_found(rig, 3);
    rig->slow_disk = true;
    follow(rig, 1, 0);
    rig_run(rig);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    assert_int_equal(craft_tick(rig->node, 10), 0);
    assert_string_equal(LEADER(rig),
                        "leader: this server's disk is full ticks=1");
    rig_free(rig);
}

/* ------------------------------------------------------------------ commit */

static void a_follower_tells_what_its_leader_has_told(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append heartbeat = {1, 1, 1, NULL, 0};

    (void)state;
    rig_found(rig, 3);
    assert_string_equal(COMMIT(rig, 2),
                        "commit 2: this server has no such entry index=2 "
                        "reached=1");
    follow(rig, 3, 2);
    rig_run(rig);
    assert_string_equal(COMMIT(rig, 2), "commit 2: it is committed reached=2");
    assert_string_equal(COMMIT(rig, 4),
                        "commit 4: the leader has not told that it is "
                        "committed id=2 index=4 reached=2");
    assert_int_equal(rig_append(rig, 3, 3, &heartbeat), 0);
    rig_run(rig);
    assert_string_equal(COMMIT(rig, 4),
                        "commit 4: the leader has not compared its log that "
                        "far id=3 index=4 reached=1");
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_string_equal(COMMIT(rig, 4), "commit 4: no leader is known here");
    rig_free(rig);
}

static void a_leader_names_the_voters_that_lack_it(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 5);
    rig->slow_disk = true;
    propose(rig, 1);
    assert_int_equal(rig_acknowledge(rig, 4, 3), 0);
    assert_string_equal(COMMIT(rig, 3),
                        "commit 3: too few voters have it on their disks "
                        "index=3 ticket=4 needed=2 servers=2,3,5,1");
    assert_int_equal(rig_persisted(rig), 0);
    assert_string_equal(COMMIT(rig, 3),
                        "commit 3: too few voters have it on their disks "
                        "index=3 needed=1 servers=2,3,5");
    assert_int_equal(rig_acknowledge(rig, 5, 2), 0);
    assert_string_equal(COMMIT(rig, 3),
                        "commit 3: too few voters have it on their disks "
                        "index=3 reached=2 needed=1 servers=2,3,5");
    assert_int_equal(rig_acknowledge(rig, 5, 3), 0);
    assert_string_equal(COMMIT(rig, 3), "commit 3: it is committed reached=3");
    rig_free(rig);
}

static void a_single_voter_waits_for_its_own_disk(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 1);
    rig->slow_disk = true;
    assert_int_equal(craft_propose(rig->node, NULL, 0, 0), 0);
    assert_string_equal(COMMIT(rig, 3),
                        "commit 3: this server's disk has not ended the write "
                        "index=3 reached=2 needed=1 servers=1");
    rig_run(rig);
    assert_non_null(strstr(COMMIT(rig, 3), " ticket=4 "));
    rig_free(rig);
}

/* Thesis 3.6.2, Figure 3.7. */
static void an_entry_of_an_old_term_waits_for_one_of_this(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    follow(rig, 2, 1);
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    grant(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, true);
    rig_run(rig);
    assert_int_equal(rig_acknowledge(rig, 3, 3), 0);
    assert_string_equal(COMMIT(rig, 2),
                        "commit 2: it commits with the first entry of this "
                        "term index=4 reached=3 needed=1 servers=2,3");
    rig_free(rig);
}

/* ------------------------------------------------------------------- peers */

static void a_leader_tells_what_each_peer_waits_for(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.inflight_max = 2;
    rig->config.inflight_bytes_max = 4096;
    rig->config.heartbeat_ticks = 5;
    rig_found(rig, 3);
    assert_string_equal(PEER(rig, 1), "peer 1: it is this server");
    assert_string_equal(PEER(rig, 7),
                        "peer 7: no such server in the configuration");
    assert_string_equal(PEER(rig, 2), "peer 2: no leader is known here");
    follow(rig, 0, 0);
    assert_string_equal(PEER(rig, 3),
                        "peer 3: only the leader knows or does it id=2");
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    grant(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, true);
    assert_string_equal(PEER(rig, 3),
                        "peer 3: it goes with the next delivery index=2");
    rig_run(rig);
    assert_string_equal(PEER(rig, 3),
                        "peer 3: it was asked where the logs agree index=1 "
                        "ticks=5");
    assert_int_equal(craft_tick(rig->node, 3), 0);
    assert_non_null(strstr(PEER(rig, 3), " ticks=2 silent_ticks=3"));
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    assert_string_equal(PEER(rig, 3), "peer 3: it has all of the log ticks=2");
    propose(rig, 1);
    assert_string_equal(PEER(rig, 3),
                        "peer 3: all is sent and not all acknowledged index=3 "
                        "reached=2 amount=1");
    propose(rig, 2);
    assert_string_equal(PEER(rig, 3),
                        "peer 3: too many messages are not acknowledged "
                        "index=5 amount=2 limit=2");
    assert_int_equal(rig_acknowledge(rig, 3, 5), CRAFT_OK);
    rig_free(rig);
}

static void a_window_may_be_full_of_bytes(void **state)
{
    struct rig *rig = rig_new(1);
    uint8_t data[1024] = {0};

    (void)state;
    rig->config.inflight_bytes_max = 1000;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(craft_propose(rig->node, data, sizeof data, 0), 0);
    rig_run(rig);
    propose(rig, 1);
    assert_string_equal(PEER(rig, 2),
                        "peer 2: too many bytes are not acknowledged index=4 "
                        "amount=1088 limit=1000");
    assert_int_equal(craft_peer_unreachable(rig->node, 2), 0);
    assert_non_null(strstr(PEER(rig, 2), "nothing is heard of it, or its link "
                                         "broke index=2 reached=2 ticks="));
    rig_free(rig);
}

static void refuse(struct rig *rig, craft_id from)
{
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, from, 2);

    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
}

static void
entries_that_left_memory_are_fetched_for_one_after_the_other(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.log_cache_bytes_max = 0;
    rig->config.heartbeat_ticks = 5;
    rig_lead(rig, 5);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    for (craft_index last = 3; last < 200; last++) {
        propose(rig, 1);
        assert_int_equal(rig_acknowledge(rig, 2, last), 0);
        assert_int_equal(rig_acknowledge(rig, 3, last), 0);
        rig_run(rig);
        (void)rig_told(rig);
    }
    rig->slow_fetch = true;
    refuse(rig, 4);
    assert_string_equal(PEER(rig, 4),
                        "peer 4: it goes with the next delivery index=1");
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_FETCH);
    assert_string_equal(PEER(rig, 4), "peer 4: entries that left memory are "
                                      "fetched index=1 ticket=1");
    rig_run(rig);
    assert_int_equal(craft_fetched(rig->node, 1, NULL, 0, CRAFT_ENDING_ERROR),
                     0);
    assert_string_equal(PEER(rig, 4), "peer 4: a fetch of entries failed and "
                                      "is tried again index=1 ticks=1");
    rig_free(rig);
}

/* ------------------------------------------------------------------- reads */

static void a_leader_tells_what_its_reads_wait_for(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.tokens_max = 2;
    rig_lead(rig, 3);
    assert_string_equal(READ(rig, 0), "read: nothing stands in the way");
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(craft_read(rig->node, 5), 0);
    assert_non_null(strstr(READ(rig, 5), "is not settled yet"));
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_string_equal(READ(rig, 5), "read 5: the leader has committed "
                                      "nothing of its term yet index=2 "
                                      "reached=1");
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_string_equal(READ(rig, 5), "read 5: no read with this token is "
                                      "open");
    assert_int_equal(craft_read(rig->node, 6), 0);
    assert_string_equal(READ(rig, 6), "read 6: it goes with the next delivery");
    rig_run(rig);
    assert_string_equal(READ(rig, 6), "read 6: too few voters have answered "
                                      "the round index=3 reached=2 needed=1 "
                                      "servers=2,3");
    assert_int_equal(craft_read(rig->node, 7), 0);
    assert_string_equal(READ(rig, 0),
                        "read: too many reads are open amount=2 limit=2 "
                        "error=CRAFT_ERR_BUSY");
    assert_int_equal(craft_read(rig->node, 8), CRAFT_ERR_BUSY);
    assert_int_equal(rig_acknowledge(rig, 3, 0), 0);
    assert_string_equal(READ(rig, 6), "read 6: it goes with the next delivery");
    rig_run(rig);
    rig_free(rig);
}

static void answer(struct rig *rig, uint64_t question, craft_index index)
{
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_READ_REPLY, 2, 2);

    reply.as.read_reply.question = question;
    reply.as.read_reply.index = index;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
}

/* The question that the node has just asked. */
static uint64_t asked(struct rig *rig)
{
    while (rig_pull(rig) != CRAFT_EFFECT_SEND ||
           rig->effect.message->kind != CRAFT_MESSAGE_READ) {
    }
    return rig->effect.message->as.read.question;
}

static void a_follower_tells_what_its_reads_wait_for(void **state)
{
    struct rig *rig = rig_new(1);
    uint64_t question;

    (void)state;
    rig_found(rig, 3);
    follow(rig, 2, 1);
    rig_run(rig);
    assert_int_equal(craft_read(rig->node, 5), 0);
    assert_string_equal(READ(rig, 5), "read 5: it goes with the next delivery");
    question = asked(rig);
    assert_string_equal(READ(rig, 5),
                        "read 5: the leader has not answered id=2 ticks=2");
    assert_int_equal(craft_read(rig->node, 6), 0);
    assert_string_equal(READ(rig, 6), "read 6: the leader has not answered an "
                                      "earlier question id=2 ticks=2");
    answer(rig, question, 3);
    assert_string_equal(READ(rig, 5),
                        "read 5: this server does not know yet that it is "
                        "committed id=2 index=3 reached=1");
    rig_run(rig);
    rig->slow_machine = true;
    follow(rig, 2, 3);
    rig_run(rig);
    assert_string_equal(READ(rig, 5), "read 5: the host has not applied it "
                                      "index=3 reached=1");
    assert_int_equal(craft_applied(rig->node, 3, CRAFT_ENDING_OK), 0);
    assert_string_equal(READ(rig, 5), "read 5: it goes with the next delivery");
    rig_run(rig);
    assert_string_equal(READ(rig, 5), "read 5: no read with this token is "
                                      "open");
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_string_equal(READ(rig, 6), "read 6: it goes with the next delivery");
    rig_run(rig);
    rig_free(rig);
}

static void a_read_waits_until_what_is_applied_is_durable(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    follow(rig, 2, 3);
    rig_run(rig);
    assert_int_equal(craft_read(rig->node, 5), 0);
    answer(rig, asked(rig), 3);
    rig_run(rig);
    assert_string_equal(READ(rig, 5),
                        "read 5: this server's disk has not ended the write "
                        "index=3 reached=1 ticket=2");
    rig_free(rig);
}

/* --------------------------------------------------------------- proposals */

/* The answer, and what the input then says. */
static void assert_refused(struct rig *rig, size_t data_len, const char *want)
{
    static const uint8_t data[64];
    craft_explanation told = {.struct_size = sizeof told};

    assert_string_equal(PROPOSE(rig, data_len), want);
    assert_int_equal(
        craft_explain(rig->node, CRAFT_QUESTION_PROPOSE, data_len, &told), 0);
    assert_int_equal(craft_propose(rig->node, data, data_len, 99), told.error);
}

static void what_a_proposal_would_be_told_is_foretold(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.entry_bytes_max = 40;
    rig->config.tokens_max = 3;
    rig->config.uncommitted_bytes_max = 300;
    rig_found(rig, 3);
    assert_refused(rig, 41,
                   "propose 41: the command is too long amount=41 limit=40 "
                   "error=CRAFT_ERR_INVALID");
    follow(rig, 0, 0);
    rig_run(rig);
    assert_refused(rig, 1,
                   "propose 1: only the leader knows or does it id=2 "
                   "error=CRAFT_ERR_NOT_LEADER");
    craft_node_free(rig->node);
    rig->disk_last = 0;
    rig_lead(rig, 3);
    assert_refused(rig, 40, "propose 40: nothing stands in the way");
    assert_refused(rig, 40, "propose 40: nothing stands in the way");
    assert_refused(rig, 40,
                   "propose 40: too many bytes are not committed and applied "
                   "amount=272 limit=300 error=CRAFT_ERR_BUSY");
    assert_int_equal(rig_acknowledge(rig, 2, 4), 0);
    rig_run(rig);
    for (int i = 0; i < 3; i++) {
        assert_refused(rig, 0, "propose: nothing stands in the way");
    }
    assert_refused(rig, 0,
                   "propose: too many proposals are open amount=3 limit=3 "
                   "error=CRAFT_ERR_BUSY");
    assert_int_equal(craft_transfer(rig->node, 3, 1), 0);
    assert_int_equal(craft_tick(rig->node, 4), 0);
    assert_refused(rig, 0,
                   "propose: leadership is being handed over id=3 ticks=6 "
                   "error=CRAFT_ERR_TRANSFER");
    rig_run(rig);
    rig_free(rig);
}

static void what_a_follower_would_be_told_is_foretold(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append heartbeat = {1, 1, 1, NULL, 0};

    (void)state;
    rig->config.flags = CRAFT_CONFIG_FORWARD;
    rig->config.tokens_max = 3;
    rig->config.forward_bytes_max = 150;
    rig_found(rig, 3);
    follow(rig, 0, 0);
    rig_run(rig);
    assert_refused(rig, 40, "propose 40: nothing stands in the way");
    assert_refused(rig, 40,
                   "propose 40: too many bytes wait for the leader's answer "
                   "id=2 amount=104 limit=150 error=CRAFT_ERR_BUSY");
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(rig_append(rig, 3, 3, &heartbeat), 0);
    assert_refused(rig, 0,
                   "propose: refusals of earlier ones are to be told first "
                   "amount=1 error=CRAFT_ERR_BUSY");
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_refused(rig, 0, "propose: nothing stands in the way");
    assert_refused(rig, 0, "propose: nothing stands in the way");
    rig_free(rig);
}

/* ------------------------------------------------------------------ shapes */

static void questions_that_make_no_sense_are_refused(void **state)
{
    struct rig *rig = rig_new(1);
    craft_explanation told = {.struct_size = sizeof told};
    struct {
        uint32_t question;
        uint64_t subject;
    } wrong[] = {{0, 0},
                 {CRAFT_QUESTION_END, 0},
                 {UINT32_MAX, 1},
                 {CRAFT_QUESTION_LEADER, 1},
                 {CRAFT_QUESTION_COMMIT, 0},
                 {CRAFT_QUESTION_PEER, 0}};

    (void)state;
    rig_lead(rig, 3);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(craft_explain(rig->node, wrong[i].question,
                                       wrong[i].subject, &told),
                         CRAFT_ERR_INVALID);
    }
    assert_int_equal(craft_explain(NULL, CRAFT_QUESTION_LEADER, 0, &told),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_explain(rig->node, CRAFT_QUESTION_LEADER, 0, NULL),
                     CRAFT_ERR_INVALID);
    told.struct_size = 3;
    assert_int_equal(craft_explain(rig->node, CRAFT_QUESTION_LEADER, 0, &told),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

static void any_subject_has_an_answer(void **state)
{
    static const uint64_t subjects[] = {1, 2, 999, CRAFT_NUMBER_MAX,
                                        UINT64_MAX};
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        (void)COMMIT(rig, subjects[i]);
        (void)PEER(rig, subjects[i]);
        (void)READ(rig, subjects[i]);
        (void)PROPOSE(rig, subjects[i]);
    }
    rig_free(rig);
}

static void an_answer_of_any_struct_size_is_a_prefix(void **state)
{
    struct rig *rig = rig_new(1);
    craft_explanation whole = {.struct_size = sizeof whole};
    union {
        craft_explanation told;
        uint8_t bytes[sizeof whole + 16];
    } part;

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(craft_explain(rig->node, CRAFT_QUESTION_COMMIT, 2, &whole),
                     0);
    for (uint32_t size = 4; size <= sizeof part; size += 4) {
        size_t written = size < sizeof whole ? size : sizeof whole;

        memset(&part, 0xee, sizeof part);
        part.told.struct_size = size;
        assert_int_equal(
            craft_explain(rig->node, CRAFT_QUESTION_COMMIT, 2, &part.told), 0);
        assert_int_equal(part.told.struct_size, size);
        assert_memory_equal(part.bytes + 4, (const uint8_t *)&whole + 4,
                            written - 4);
        for (size_t i = written; i < sizeof part; i++) {
            assert_int_equal(part.bytes[i], 0xee);
        }
    }
    rig_free(rig);
}

/* ------------------------------------------------------------------- codes */

static void every_code_has_a_name_and_a_sentence(void **state)
{
    craft_explanation told = {.question = 77};
    char texts[CODES][128];
    char text[128];

    (void)state;
    for (size_t i = 0; i < CODES; i++) {
        told.code = codes[i];
        assert_true(craft_describe_explanation(&told, texts[i], 128) < 128);
        assert_ptr_equal(strstr(texts[i], "?: "), texts[i]);
        assert_ptr_equal(strstr(craft_why_name(codes[i]), "CRAFT_WHY_"),
                         craft_why_name(codes[i]));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(texts[i], texts[k]);
            assert_string_not_equal(craft_why_name(codes[i]),
                                    craft_why_name(codes[k]));
        }
    }
    assert_string_equal(craft_why_name(CRAFT_WHY_VOTERS), "CRAFT_WHY_VOTERS");
    assert_string_equal(craft_why_name(CRAFT_WHY_OTHER), "CRAFT_WHY_OTHER");
    assert_string_equal(craft_why_name(12345), "CRAFT_WHY_?");
    told.code = 12345;
    (void)craft_describe_explanation(&told, text, sizeof text);
    assert_string_equal(text, "?: cause 12345");
}

/* ---------------------------------------------------------------- snapshots */

/* A voter alone, or the leader of three whose 3 has nothing, takes one at 4. */
static craft_snapshot snapshot_taken(struct rig *rig)
{
    craft_snapshot snapshot = {.struct_size = sizeof snapshot};

    assert_int_equal(craft_snapshot_begin(rig->node, 4, &snapshot), 0);
    snapshot.size = 10;
    snapshot.digest = 1;
    assert_int_equal(craft_snapshot_end(rig->node, &snapshot, 0), 0);
    rig_run(rig);
    return snapshot;
}

static void a_peer_gets_a_snapshot(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    propose(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 5), 0);
    rig_run(rig);
    (void)snapshot_taken(rig);
    assert_string_equal(PEER(rig, 3),
                        "peer 3: it lacks entries that were compacted and gets "
                        "a snapshot index=4 limit=10");
    rig_free(rig);
}

static void a_snapshot_is_installed_first(void **state)
{
    craft_restore restore = {.struct_size = sizeof restore, .term = 3};
    struct rig *rig = rig_new(1);
    struct rig *other = rig_new(1);
    craft_snapshot snapshot;

    (void)state;
    rig_lead(rig, 1);
    propose(rig, 3);
    snapshot = snapshot_taken(rig);
    restore.applied_index = 2;
    restore.snapshot = &snapshot;
    other->slow_machine = true;
    assert_int_equal(rig_open(other), 0);
    assert_int_equal(craft_node_restore(other->node, &restore), 0);
    assert_int_equal(craft_node_start(other->node), 0);
    rig_run(other);
    assert_string_equal(LEADER(other),
                        "leader: a snapshot is to be installed first index=4");
    rig_free(other);
    rig_free(rig);
}

/* Comes last. */
static void every_code_was_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODES; i++) {
        if (!reached[i]) {
            fail_msg("no state leads to %s", craft_why_name(codes[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_takes_no_inputs_says_so),
        cmocka_unit_test(a_node_that_halted_says_so),
        cmocka_unit_test(what_a_hold_postpones_is_not_guessed),
        cmocka_unit_test(a_server_that_joins_waits_to_be_told),
        cmocka_unit_test(a_learner_waits_for_the_others),
        cmocka_unit_test(a_follower_tells_until_when_it_waits),
        cmocka_unit_test(a_candidate_names_those_that_have_not_voted),
        cmocka_unit_test(a_silent_disk_keeps_a_server_from_campaigning),
        cmocka_unit_test(a_server_that_has_promised_waits_for_its_clock),
        cmocka_unit_test(a_candidate_waits_for_its_log),
        cmocka_unit_test(a_server_without_memory_does_not_campaign),
        cmocka_unit_test(what_keeps_a_server_from_campaigning_is_named),
        cmocka_unit_test(a_follower_tells_what_its_leader_has_told),
        cmocka_unit_test(a_leader_names_the_voters_that_lack_it),
        cmocka_unit_test(a_single_voter_waits_for_its_own_disk),
        cmocka_unit_test(an_entry_of_an_old_term_waits_for_one_of_this),
        cmocka_unit_test(a_leader_tells_what_each_peer_waits_for),
        cmocka_unit_test(a_window_may_be_full_of_bytes),
        cmocka_unit_test(
            entries_that_left_memory_are_fetched_for_one_after_the_other),
        cmocka_unit_test(a_leader_tells_what_its_reads_wait_for),
        cmocka_unit_test(a_follower_tells_what_its_reads_wait_for),
        cmocka_unit_test(a_read_waits_until_what_is_applied_is_durable),
        cmocka_unit_test(what_a_proposal_would_be_told_is_foretold),
        cmocka_unit_test(what_a_follower_would_be_told_is_foretold),
        cmocka_unit_test(questions_that_make_no_sense_are_refused),
        cmocka_unit_test(any_subject_has_an_answer),
        cmocka_unit_test(an_answer_of_any_struct_size_is_a_prefix),
        cmocka_unit_test(every_code_has_a_name_and_a_sentence),
        cmocka_unit_test(a_peer_gets_a_snapshot),
        cmocka_unit_test(a_snapshot_is_installed_first),
        cmocka_unit_test(every_code_was_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
