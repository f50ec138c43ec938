/*
 * Commands that are offered to a server that does not lead: thesis 6.2. Of
 * each the cluster checks that its end is true, and that it is applied at one
 * place of the log at most (cluster.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster_play.h"

#define ELECTION_TICKS 10u /* the default */

static struct cluster_options forwarding(uint32_t nodes)
{
    struct cluster_options options;

    cluster_options_init(&options, nodes);
    options.config.flags = CRAFT_CONFIG_FORWARD;
    options.puppets = 0xfcu;
    options.own_data = true; /* puppets show entries of their own */
    return options;
}

/* Server 1 is real and follows server 2 in term 2; its log ends with 2@2,
 * which is committed. */
static struct cluster *follow(const struct cluster_options *options)
{
    struct cluster *cluster = cluster_new(options);

    assert_int_equal(play_append(cluster, (struct play_append){.from = 2,
                                                               .term = 2,
                                                               .prev = 1,
                                                               .prev_term = 1,
                                                               .commit = 2,
                                                               .entries = {2}}),
                     0);
    play_forget(cluster);
    return cluster;
}

static struct cluster *one_follows(void)
{
    struct cluster_options options = forwarding(3);

    return follow(&options);
}

/* Server 1 leads the played others in term 2; its no-op 2@2 is committed. */
static struct cluster *lead(const struct cluster_options *options)
{
    struct cluster *cluster = cluster_new(options);

    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 2, true);
    (void)play_match(cluster, 2, 2, 2);
    (void)play_match(cluster, 3, 2, 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    play_forget(cluster);
    return cluster;
}

static struct cluster *one_leads(void)
{
    struct cluster_options options = forwarding(3);

    return lead(&options);
}

/* Entries from `prev` on, of the leader 2 in that term. */
static void append(struct cluster *cluster, craft_term term, craft_index prev,
                   craft_index commit)
{
    assert_int_equal(
        play_append(cluster, (struct play_append){.from = term == 2 ? 2u : 3u,
                                                  .term = term,
                                                  .prev = prev,
                                                  .prev_term = 2,
                                                  .commit = commit,
                                                  .entries = {term}}),
        0);
}

static uint64_t propose(struct cluster *cluster)
{
    assert_int_equal(cluster_propose(cluster, 1), 0);
    return cluster_last_token(cluster);
}

/* The latest that server 1 forwarded to that one. */
static const craft_forward *forwarded(struct cluster *cluster, uint32_t to)
{
    const craft_message *message =
        play_sent(cluster, to, CRAFT_MESSAGE_FORWARD);

    assert_non_null(message);
    return &message->as.forward;
}

static size_t forwards(struct cluster *cluster)
{
    return play_sent_count(cluster, 2, CRAFT_MESSAGE_FORWARD);
}

static int reply(struct cluster *cluster, craft_forward_reply reply)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_FORWARD_REPLY, 2, 2);

    message.as.forward_reply = reply;
    return cluster_inject(cluster, &message);
}

static void opened(struct cluster *cluster, uint64_t session, uint64_t number,
                   uint64_t closed)
{
    assert_int_equal(
        reply(cluster, (craft_forward_reply){.verdict = CRAFT_FORWARD_OPENED,
                                             .session = session,
                                             .number = number,
                                             .closed = closed}),
        0);
}

static void taken(struct cluster *cluster, uint64_t session, uint64_t number,
                  uint32_t count, craft_index index)
{
    assert_int_equal(
        reply(cluster, (craft_forward_reply){.verdict = CRAFT_FORWARD_TAKEN,
                                             .session = session,
                                             .number = number,
                                             .count = count,
                                             .index = index}),
        0);
}

static void refused(struct cluster *cluster, uint64_t session, uint64_t number)
{
    assert_int_equal(
        reply(cluster,
              (craft_forward_reply){.verdict = CRAFT_FORWARD_REFUSED,
                                    .session = session,
                                    .number = number,
                                    .reason = (uint32_t)-CRAFT_ERR_BUSY}),
        0);
}

/* A session with the leader 2; the number of its first command, which waits
 * for it. */
static uint64_t session_open(struct cluster *cluster, uint64_t session)
{
    uint64_t number;

    (void)propose(cluster);
    number = forwarded(cluster, 2)->number;
    opened(cluster, session, number, 0);
    return number;
}

static void assert_open(struct cluster *cluster, uint64_t token)
{
    assert_int_equal(cluster_token(cluster, token)->state, CLUSTER_TOKEN_OPEN);
}

static void assert_ended(struct cluster *cluster, uint64_t token, int result,
                         craft_index index)
{
    assert_int_equal(cluster_token(cluster, token)->state, CLUSTER_TOKEN_ENDED);
    assert_int_equal(cluster_token(cluster, token)->result, result);
    assert_int_equal(cluster_token(cluster, token)->index, index);
}

static uint32_t open_count(struct cluster *cluster)
{
    return cluster_status(cluster, 1).forwards_open;
}

/* ------------------------------------------------------------- the follower */

/* "followers can redirect clients to the leader" or "proxy": and answer them,
 * when their own state machine has it. */
static void command_goes_to_the_leader_and_ends_when_applied_here(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number;

    (void)state;
    assert_int_equal(propose(cluster), 1);
    assert_int_equal(forwards(cluster), 1);
    assert_int_equal(forwarded(cluster, 2)->entries_len, 0);
    assert_int_equal(forwarded(cluster, 2)->session, 0);
    number = forwarded(cluster, 2)->number;
    opened(cluster, 5, number, 0);
    assert_int_equal(forwards(cluster), 2);
    assert_true(forwarded(cluster, 2)->session == 5);
    assert_true(forwarded(cluster, 2)->number == number);
    assert_int_equal(forwarded(cluster, 2)->entries_len, 1);
    taken(cluster, 5, number, 1, 3);
    assert_open(cluster, 1);
    append(cluster, 2, 2, 2);
    assert_open(cluster, 1);
    assert_int_equal(open_count(cluster), 1);
    append(cluster, 2, 3, 3);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 3);
    assert_int_equal(open_count(cluster), 0);
    cluster_free(cluster);
}

/* Its entry arrives, and is known to be committed, before the answer does. */
static void answer_may_come_after_the_entry(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 1);

    (void)state;
    append(cluster, 2, 2, 3);
    assert_open(cluster, 1);
    taken(cluster, 1, number, 1, 3);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 3);
    cluster_free(cluster);
}

static void commands_of_one_hold_share_a_message(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 1);

    (void)state;
    play_forget(cluster);
    cluster_hold(cluster, 1);
    for (int i = 0; i < 64; i++) {
        (void)propose(cluster);
    }
    (void)cluster_release(cluster, 1);
    assert_int_equal(forwards(cluster), 1);
    assert_true(forwarded(cluster, 2)->number == number + 1);
    assert_int_equal(forwarded(cluster, 2)->entries_len, 64);
    cluster_free(cluster);
}

/* In as many messages as their bytes need. */
static void messages_of_commands_are_bounded(void **state)
{
    struct cluster_options options = forwarding(3);
    struct cluster *cluster;
    size_t entries = 0;

    (void)state;
    options.config.entry_bytes_max = 512;
    options.config.message_bytes_max = 576;
    cluster = follow(&options);
    cluster_hold(cluster, 1);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(cluster_propose_sized(cluster, 1, 100 + 100 * i), 0);
    }
    (void)cluster_release(cluster, 1);
    opened(cluster, 1, forwarded(cluster, 2)->number, 0);
    for (size_t i = 1; i < forwards(cluster); i++) {
        struct cluster_filter filter = {1, 2, CRAFT_MESSAGE_FORWARD};
        const struct cluster_message *message =
            cluster_find(cluster, filter, i);
        size_t bytes = 0;

        for (size_t k = 0; k < message->commands_len; k++) {
            bytes += message->commands[k].data_len + 64;
        }
        assert_true(bytes <= 576);
        entries += message->commands_len;
    }
    assert_int_equal(entries, 5);
    assert_int_equal(forwards(cluster), 1 + 4);
    cluster_free(cluster);
}

static void command_without_a_leader_is_not_taken(void **state)
{
    struct cluster_options options = forwarding(3);
    struct cluster *cluster = cluster_new(&options);

    (void)state;
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_NOT_LEADER);
    cluster_free(cluster);
    options.config.flags = 0;
    cluster = follow(&options);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_NOT_LEADER);
    assert_int_equal(forwards(cluster), 0);
    cluster_free(cluster);
}

static void question_without_an_answer_is_asked_again(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number;

    (void)state;
    (void)propose(cluster);
    number = forwarded(cluster, 2)->number;
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(forwards(cluster), 1);
    (void)cluster_tick(cluster, 1, 1); /* two heartbeats */
    assert_int_equal(forwards(cluster), 2);
    assert_true(forwarded(cluster, 2)->number == number);
    opened(cluster, 1, number, 0);
    opened(cluster, 1, number, 0); /* to both */
    assert_int_equal(forwards(cluster), 3);
    cluster_free(cluster);
}

/* Only what the leader of now says of commands that were sent. */
static void answers_to_others_are_no_answers(void **state)
{
    struct cluster *cluster = one_follows();
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_FORWARD_REPLY, 3, 2);
    uint64_t number;

    (void)state;
    (void)propose(cluster);
    number = forwarded(cluster, 2)->number;
    opened(cluster, 1, number - 1, 0); /* an earlier question */
    opened(cluster, 1, number + 1, 0);
    taken(cluster, 1, number, 1, 3);  /* never sent */
    refused(cluster, 1, number - 10); /* nor that session opened */
    message.as.forward_reply.verdict = CRAFT_FORWARD_OPENED;
    message.as.forward_reply.session = 1;
    message.as.forward_reply.number = number;
    assert_int_equal(cluster_inject(cluster, &message), 0); /* no leader */
    assert_int_equal(forwards(cluster), 1);
    assert_open(cluster, 1);
    opened(cluster, 1, number, 0);
    taken(cluster, 1, number, 2, 3); /* one more than was sent */
    taken(cluster, 1, number - 5, 5, 3);
    assert_true(cluster_status(cluster, 1).commit_index == 2);
    append(cluster, 2, 2, 3);
    assert_open(cluster, 1);
    cluster_free(cluster);
}

/*
 * The answer was under way when the server crashed. Its next life asks again;
 * the number, and so the answer, is not its own. With numbers from 1 on in
 * every life, the new command would be told to be the old one's entry.
 */
static void answer_to_an_earlier_life_says_nothing(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 1);

    (void)state;
    cluster_crash(cluster, 1, CLUSTER_ALL);
    cluster_restart(cluster, 1);
    append(cluster, 2, 2, 3); /* what that life sent is committed */
    (void)propose(cluster);
    assert_true(forwarded(cluster, 2)->number != number);
    opened(cluster, 2, forwarded(cluster, 2)->number, 0);
    taken(cluster, 1, number, 1, 3);
    assert_open(cluster, 2);
    cluster_free(cluster);
}

/* Its place belongs to another. */
static void command_is_superseded_by_a_later_term(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 1);

    (void)state;
    taken(cluster, 1, number, 1, 3);
    append(cluster, 3, 2, 2);
    assert_open(cluster, 1);
    append(cluster, 3, 2, 3);
    assert_ended(cluster, 1, CRAFT_RESULT_SUPERSEDED, 3);
    cluster_free(cluster);
}

/* The leader that was may have it in its log, and has sent it on or not. */
static void what_has_no_answer_when_the_leader_changes_is_unknown(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    (void)session_open(cluster, 1);
    append(cluster, 3, 2, 2);
    assert_ended(cluster, 1, CRAFT_RESULT_UNKNOWN, 0);
    assert_int_equal(propose(cluster), 2); /* the next leader is asked */
    assert_int_equal(forwarded(cluster, 3)->entries_len, 0);
    assert_int_equal(forwarded(cluster, 3)->session, 0);
    cluster_free(cluster);
}

static void what_was_not_sent_when_the_leader_changes_is_refused(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    (void)propose(cluster);
    append(cluster, 3, 2, 2);
    assert_ended(cluster, 1, CRAFT_RESULT_REFUSED, 0);
    cluster_free(cluster);
}

/*
 * The first of several is refused: so are those behind it, sent or not, or
 * they would enter the log before it when it is offered again.
 */
static void refusal_refuses_all_that_stands_behind(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 7);

    (void)state;
    (void)propose(cluster);
    cluster_hold(cluster, 1);
    (void)propose(cluster);
    refused(cluster, 7, number + 1);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_BUSY);
    (void)cluster_release(cluster, 1);
    assert_open(cluster, 2);         /* they end in order */
    taken(cluster, 7, number, 1, 3); /* overtaken by the refusal */
    assert_ended(cluster, 2, CRAFT_RESULT_REFUSED, 0);
    assert_ended(cluster, 3, CRAFT_RESULT_REFUSED, 0);
    (void)propose(cluster);
    assert_int_equal(forwarded(cluster, 2)->entries_len, 0);
    assert_true(forwarded(cluster, 2)->number == number + 3);
    append(cluster, 2, 2, 3);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 3);
    cluster_free(cluster);
}

/* This server leads next: what was refused is not overtaken there either. */
static void leader_takes_nothing_before_refusals_are_told(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    (void)propose(cluster);
    cluster_hold(cluster, 1);
    assert_int_equal(cluster_campaign(cluster, 1), 0);
    (void)play_vote_reply(cluster, 2, 3, true);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_NOT_LEADER);
    (void)cluster_release(cluster, 1);
    assert_ended(cluster, 1, CRAFT_RESULT_REFUSED, 0);
    (void)play_vote_reply(cluster, 2, 3, true);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_LEADER);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    cluster_free(cluster);
}

/*
 * No answer: half of the time later the leader is asked what it has, in the
 * question for a new session, and what it has not is certain.
 */
static void leader_is_asked_what_became_of_commands(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 7);

    (void)state;
    (void)propose(cluster);
    play_forget(cluster);
    (void)cluster_tick(cluster, 1, ELECTION_TICKS / 2 - 1);
    assert_int_equal(forwards(cluster), 0);
    append(cluster, 2, 2, 2);
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(forwards(cluster), 1);
    assert_true(forwarded(cluster, 2)->session == 7);
    assert_int_equal(forwarded(cluster, 2)->entries_len, 0);
    opened(cluster, 8, number + 2, number + 1);
    assert_ended(cluster, 1, CRAFT_RESULT_UNKNOWN, 0); /* it has it: where? */
    assert_ended(cluster, 2, CRAFT_RESULT_REFUSED, 0);
    taken(cluster, 7, number, 1, 3); /* too late */
    append(cluster, 2, 3, 3);
    cluster_free(cluster);
}

static void command_without_an_answer_ends_unknown(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    (void)session_open(cluster, 7);
    for (uint32_t i = 0; i < ELECTION_TICKS; i++) {
        assert_open(cluster, 1);
        assert_true(craft_ticks_until_due(cluster_node(cluster, 1)->node) <=
                    ELECTION_TICKS - i);
        append(cluster, 2, 2, 2); /* the leader is there */
        (void)cluster_tick(cluster, 1, 1);
    }
    assert_ended(cluster, 1, CRAFT_RESULT_UNKNOWN, 0);
    cluster_free(cluster);
}

/* The leader is heard, and hears nothing: nothing waits for ever. */
static void command_that_could_not_be_sent_ends_refused(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    (void)propose(cluster);
    for (uint32_t i = 0; i < ELECTION_TICKS; i++) {
        assert_open(cluster, 1);
        append(cluster, 2, 2, 2);
        (void)cluster_tick(cluster, 1, 1);
    }
    assert_ended(cluster, 1, CRAFT_RESULT_REFUSED, 0);
    cluster_free(cluster);
}

/* The host says that the link broke: no need to wait. */
static void leader_is_asked_when_the_link_broke(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 7);

    (void)state;
    play_forget(cluster);
    assert_int_equal(cluster_unreachable(cluster, 1, 3), 0);
    assert_int_equal(forwards(cluster), 0);
    assert_int_equal(cluster_unreachable(cluster, 1, 2), 0);
    assert_true(forwarded(cluster, 2)->session == 7);
    opened(cluster, 8, number + 1, number);
    assert_ended(cluster, 1, CRAFT_RESULT_REFUSED, 0);
    cluster_free(cluster);
}

static void forwarded_commands_are_bounded(void **state)
{
    struct cluster_options options = forwarding(3);
    struct cluster *cluster;
    uint64_t number;

    (void)state;
    options.config.tokens_max = 3;
    options.config.forward_bytes_max = 200; /* each takes 80 */
    cluster = follow(&options);
    number = session_open(cluster, 1);
    (void)propose(cluster);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_BUSY);
    taken(cluster, 1, number, 2, 3); /* bytes are free, tokens are not */
    (void)propose(cluster);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_BUSY);
    append(cluster, 2, 2, 3);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    cluster_free(cluster);
}

/* A command that is larger than that is taken when nothing waits. */
static void bound_of_bytes_lets_single_commands_pass(void **state)
{
    struct cluster_options options = forwarding(3);
    struct cluster *cluster;

    (void)state;
    options.config.forward_bytes_max = 10;
    cluster = follow(&options);
    assert_int_equal(cluster_propose_sized(cluster, 1, 1000), 0);
    assert_int_equal(cluster_propose_sized(cluster, 1, 8), CRAFT_ERR_BUSY);
    cluster_free(cluster);
}

/* For a caller that decided by what it saw in that term. */
static void command_of_another_term_is_not_taken(void **state)
{
    struct cluster *cluster = one_follows();
    craft_node *node = cluster_node(cluster, 1)->node;

    (void)state;
    cluster_hold(cluster, 1);
    cluster_node(cluster, 1)->may_allocate = true; /* no input of the cluster */
    assert_int_equal(craft_propose_at(node, 1, NULL, 0, 0), CRAFT_ERR_TERM);
    assert_int_equal(craft_propose_at(node, 3, NULL, 0, 0), CRAFT_ERR_TERM);
    assert_int_equal(craft_propose_at(node, 2, NULL, 0, 0), 0);
    (void)cluster_release(cluster, 1);
    assert_int_equal(forwards(cluster), 1);
    assert_int_equal(open_count(cluster), 1);
    cluster_free(cluster);
}

static void commands_end_when_the_node_stops(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t number = session_open(cluster, 1);

    (void)state;
    (void)propose(cluster);
    taken(cluster, 1, number, 1, 3);
    cluster_hold(cluster, 1);
    (void)propose(cluster);
    assert_int_equal(cluster_stop(cluster, 1), 0);
    (void)cluster_release(cluster, 1);
    for (uint64_t token = 1; token <= 3; token++) {
        assert_int_equal(cluster_token(cluster, token)->result,
                         CRAFT_RESULT_UNKNOWN);
    }
    assert_int_equal(forwards(cluster), 3);
    cluster_free(cluster);
}

/* --------------------------------------------------------------- the leader */

static int ask(struct cluster *cluster, uint32_t from, uint64_t session,
               uint64_t number)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_FORWARD, from, 2);

    message.as.forward.session = session;
    message.as.forward.number = number;
    return cluster_inject(cluster, &message);
}

static int forward(struct cluster *cluster, uint32_t from, uint64_t session,
                   uint64_t number, size_t commands)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_FORWARD, from, 2);
    craft_entry entries[16] = {{0}};

    for (size_t i = 0; i < commands; i++) {
        entries[i].kind = CRAFT_ENTRY_COMMAND;
        entries[i].data = (const uint8_t *)"xyz";
        entries[i].data_len = 3;
    }
    message.as.forward.session = session;
    message.as.forward.number = number;
    message.as.forward.entries = entries;
    message.as.forward.entries_len = commands;
    return cluster_inject(cluster, &message);
}

/* The latest answer to that one. */
static const craft_forward_reply *answered(struct cluster *cluster, uint32_t to)
{
    const craft_message *message =
        play_sent(cluster, to, CRAFT_MESSAGE_FORWARD_REPLY);

    assert_non_null(message);
    return &message->as.forward_reply;
}

static size_t answers(struct cluster *cluster, uint32_t to)
{
    return play_sent_count(cluster, to, CRAFT_MESSAGE_FORWARD_REPLY);
}

static craft_index last_index(struct cluster *cluster)
{
    return cluster_status(cluster, 1).last_index;
}

static uint64_t open_for(struct cluster *cluster, uint32_t from,
                         uint64_t number)
{
    assert_int_equal(ask(cluster, from, 0, number), 0);
    assert_int_equal(answered(cluster, from)->verdict, CRAFT_FORWARD_OPENED);
    assert_true(answered(cluster, from)->number == number);
    return answered(cluster, from)->session;
}

static void leader_enters_each_command_once(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 2, 100);

    (void)state;
    assert_int_equal(forward(cluster, 2, session, 100, 3), 0);
    assert_int_equal(answered(cluster, 2)->verdict, CRAFT_FORWARD_TAKEN);
    assert_true(answered(cluster, 2)->number == 100);
    assert_int_equal(answered(cluster, 2)->count, 3);
    assert_true(answered(cluster, 2)->index == 3);
    assert_int_equal(forward(cluster, 2, session, 100, 3), 0); /* late */
    assert_true(last_index(cluster) == 5);
    assert_int_equal(forward(cluster, 2, session, 103, 1), 0);
    assert_int_equal(forward(cluster, 2, session, 100, 3), 0);
    assert_int_equal(forward(cluster, 2, session, 102, 1), 0);
    assert_true(last_index(cluster) == 6);
    assert_true(answered(cluster, 2)->index == 6);
    assert_int_equal(answers(cluster, 2), 3);
    cluster_free(cluster);
}

/* A gap: what is missing comes later, and must not follow what came first. */
static void gap_shuts_the_session(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 2, 100);

    (void)state;
    assert_int_equal(forward(cluster, 2, session, 100, 1), 0);
    assert_int_equal(forward(cluster, 2, session, 102, 1), 0);
    assert_int_equal(answered(cluster, 2)->verdict, CRAFT_FORWARD_REFUSED);
    assert_true(answered(cluster, 2)->number == 101);
    assert_true(answered(cluster, 2)->session == session);
    assert_int_equal(forward(cluster, 2, session, 101, 1), 0);
    assert_true(last_index(cluster) == 3);
    assert_true(answered(cluster, 2)->number == 101); /* said once more */
    assert_int_equal(answers(cluster, 2), 4);
    cluster_free(cluster);
}

/*
 * A question that was delayed opens a session that nobody asked for any more,
 * with numbers that were taken already: what comes for the session before is
 * not of this one.
 */
static void session_is_never_opened_twice(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t first = open_for(cluster, 2, 100);
    uint64_t second;

    (void)state;
    assert_int_equal(forward(cluster, 2, first, 100, 1), 0);
    assert_true(open_for(cluster, 2, 100) == first); /* asked again */
    second = open_for(cluster, 2, 101);
    assert_true(second != first);
    assert_int_equal(forward(cluster, 2, second, 101, 1), 0);
    assert_true(last_index(cluster) == 4);
    assert_true(open_for(cluster, 2, 100) != first); /* the delayed one */
    assert_int_equal(forward(cluster, 2, first, 100, 1), 0);
    assert_int_equal(forward(cluster, 2, second, 101, 1), 0);
    assert_int_equal(forward(cluster, 2, second, 102, 1), 0);
    assert_true(last_index(cluster) == 4);
    cluster_free(cluster);
}

/* What the session before has taken is told with the new one, also when that
 * is asked for again. */
static void new_session_tells_where_the_last_one_ended(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 2, 100);

    (void)state;
    assert_int_equal(forward(cluster, 2, session, 100, 2), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(cluster, 2, session, 105), 0);
        assert_int_equal(answered(cluster, 2)->verdict, CRAFT_FORWARD_OPENED);
        assert_true(answered(cluster, 2)->closed == 102);
        assert_true(answered(cluster, 2)->session == session + 1);
    }
    assert_int_equal(ask(cluster, 2, session, 110), 0); /* of one before it */
    assert_true(answered(cluster, 2)->closed == 0);
    cluster_free(cluster);
}

static void leader_refuses_what_it_would_not_take_itself(void **state)
{
    struct cluster_options options = forwarding(3);
    struct cluster *cluster;
    uint64_t session;

    (void)state;
    options.config.entry_bytes_max = 100;
    options.config.uncommitted_bytes_max = 200; /* each takes 67 */
    cluster = lead(&options);
    session = open_for(cluster, 2, 100);
    assert_int_equal(forward(cluster, 2, session, 100, 3), 0);
    assert_int_equal(answered(cluster, 2)->verdict, CRAFT_FORWARD_REFUSED);
    assert_true(answered(cluster, 2)->number == 100); /* all or none */
    assert_int_equal(answered(cluster, 2)->reason, -CRAFT_ERR_BUSY);
    session = open_for(cluster, 2, 103);
    assert_int_equal(forward(cluster, 2, session, 103, 2), 0);
    assert_true(last_index(cluster) == 4);
    assert_int_equal(forward(cluster, 2, session, 105, 1), 0);
    assert_int_equal(answered(cluster, 2)->reason, -CRAFT_ERR_BUSY);
    assert_true(last_index(cluster) == 4);
    cluster_free(cluster);
}

static void leader_that_goes_refuses(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 2, 100);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 3), 0);
    assert_int_equal(forward(cluster, 2, session, 100, 1), 0);
    assert_int_equal(answered(cluster, 2)->verdict, CRAFT_FORWARD_REFUSED);
    assert_int_equal(answered(cluster, 2)->reason, -CRAFT_ERR_TRANSFER);
    assert_true(last_index(cluster) == 2);
    cluster_free(cluster);
}

static void answers_in_a_row_are_one(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t two = open_for(cluster, 2, 100);
    uint64_t three = open_for(cluster, 3, 7);

    (void)state;
    play_forget(cluster);
    cluster_hold(cluster, 1);
    assert_int_equal(forward(cluster, 2, two, 100, 1), 0);
    assert_int_equal(forward(cluster, 2, two, 101, 1), 0);
    assert_int_equal(forward(cluster, 3, three, 7, 1), 0);
    assert_int_equal(forward(cluster, 2, two, 102, 1), 0);
    (void)cluster_release(cluster, 1);
    assert_int_equal(answers(cluster, 2), 2);
    assert_int_equal(answers(cluster, 3), 1);
    assert_true(answered(cluster, 2)->number == 102);
    assert_true(answered(cluster, 2)->index == 6);
    assert_true(answered(cluster, 3)->index == 5);
    cluster_free(cluster);
}

/* "a peer with an open forwarded request is told at once" what is committed. */
static void who_forwarded_is_told_of_commitment_at_once(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 3, 100);

    (void)state;
    assert_int_equal(forward(cluster, 3, session, 100, 2), 0);
    play_forget(cluster);
    assert_int_equal(play_match(cluster, 2, 2, 3), 0);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), 0);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND), 1);
    assert_true(play_sent(cluster, 3, CRAFT_MESSAGE_APPEND)->as.append.commit ==
                3);
    assert_int_equal(play_match(cluster, 2, 2, 4), 0);
    assert_true(play_sent(cluster, 3, CRAFT_MESSAGE_APPEND)->as.append.commit ==
                4);
    play_forget(cluster);
    assert_int_equal(cluster_propose(cluster, 1), 0); /* not its own */
    play_forget(cluster);
    assert_int_equal(play_match(cluster, 2, 2, 5), 0);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND), 0);
    cluster_free(cluster);
}

static void strangers_and_other_terms_are_not_served(void **state)
{
    struct cluster *cluster = one_leads();
    craft_message message = play_message(cluster, CRAFT_MESSAGE_FORWARD, 2, 1);

    (void)state;
    message.as.forward.number = 100;
    assert_int_equal(cluster_inject(cluster, &message), 0);
    message.term = 2;
    message.from = 9;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message), 0);
    assert_int_equal(answers(cluster, 2), 0);
    assert_int_equal(forward(cluster, 2, 1, 100, 1), 0); /* no session */
    assert_int_equal(answers(cluster, 2), 0);
    assert_true(last_index(cluster) == 2);
    cluster_free(cluster);
}

/* A leader that gives up answers nobody in its own name any more. */
static void answers_end_with_the_leadership(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 2, 100);

    (void)state;
    play_forget(cluster);
    cluster_hold(cluster, 1);
    assert_int_equal(forward(cluster, 2, session, 100, 1), 0);
    assert_int_equal(ask(cluster, 3, 0, 5), 0);
    append(cluster, 3, 2, 2);
    (void)cluster_release(cluster, 1);
    assert_int_equal(answers(cluster, 2), 0);
    assert_int_equal(answers(cluster, 3), 0);
    cluster_free(cluster);
}

/* -------------------------------------------------------------- the message */

static int inject(struct cluster *cluster, const craft_forward *payload)
{
    craft_message message = play_message(cluster, CRAFT_MESSAGE_FORWARD, 2, 2);

    message.as.forward = *payload;
    return cluster_inject_hostile(cluster, 1, &message);
}

static void commands_that_nobody_sends_are_refused(void **state)
{
    struct cluster *cluster = one_leads();
    uint64_t session = open_for(cluster, 2, 100);
    craft_entry entry = {0, 0, 0, CRAFT_ENTRY_COMMAND, 0, NULL, 0};
    const craft_forward good = {session, 100, &entry, 1};
    craft_forward bad = good;

    (void)state;
    bad.session = 0;
    assert_int_equal(inject(cluster, &bad), CRAFT_ERR_MESSAGE);
    bad.session = CRAFT_NUMBER_MAX;
    assert_int_equal(inject(cluster, &bad), CRAFT_ERR_MESSAGE);
    bad = good;
    bad.number = 0;
    assert_int_equal(inject(cluster, &bad), CRAFT_ERR_MESSAGE);
    bad.number = CRAFT_NUMBER_MAX;
    assert_int_equal(inject(cluster, &bad), CRAFT_ERR_MESSAGE);
    bad = good;
    bad.entries = NULL;
    assert_int_equal(inject(cluster, &bad), CRAFT_ERR_MESSAGE);
    bad = good;
    bad.entries_len = SIZE_MAX;
    assert_int_equal(inject(cluster, &bad), CRAFT_ERR_MESSAGE);
    entry.kind = CRAFT_ENTRY_CONFIGURATION; /* nobody but the leader */
    assert_int_equal(inject(cluster, &good), CRAFT_ERR_MESSAGE);
    entry.kind = CRAFT_ENTRY_COMMAND;
    entry.data_len = 1;
    assert_int_equal(inject(cluster, &good), CRAFT_ERR_MESSAGE);
    entry.data_len = 0;
    assert_true(last_index(cluster) == 2);
    assert_int_equal(inject(cluster, &good), 0);
    assert_true(last_index(cluster) == 3);
    cluster_free(cluster);
}

static void answers_that_nobody_gives_are_refused(void **state)
{
    struct cluster *cluster = one_follows();
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_FORWARD_REPLY, 2, 2);
    craft_forward_reply good = {.verdict = CRAFT_FORWARD_TAKEN,
                                .count = 1,
                                .session = 1,
                                .number = session_open(cluster, 1),
                                .index = 3};
    struct {
        size_t at;
        uint64_t value;
    } wrong[] = {
        {offsetof(craft_forward_reply, session), 0},
        {offsetof(craft_forward_reply, session), CRAFT_NUMBER_MAX},
        {offsetof(craft_forward_reply, number), 0},
        {offsetof(craft_forward_reply, number), CRAFT_NUMBER_MAX - 1},
        {offsetof(craft_forward_reply, index), 0},
        {offsetof(craft_forward_reply, index), CRAFT_NUMBER_MAX - 1},
        {offsetof(craft_forward_reply, closed), CRAFT_NUMBER_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        message.as.forward_reply = good;
        *(uint64_t *)(void *)((char *)&message.as.forward_reply + wrong[i].at) =
            wrong[i].value;
        assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                         CRAFT_ERR_MESSAGE);
    }
    message.as.forward_reply = good;
    message.as.forward_reply.count = 0;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    message.as.forward_reply = good;
    message.as.forward_reply.verdict = 4;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    message.as.forward_reply.verdict = CRAFT_FORWARD_REFUSED;
    message.as.forward_reply.reason = CRAFT_FORWARD_REASON_MAX + 1;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    assert_open(cluster, 1);
    cluster_free(cluster);
}

/* ----------------------------------------------------------- whole clusters */

/* Also learners forward; and each server reads what it wrote. */
static void every_server_takes_commands(void **state)
{
    struct cluster_options options = forwarding(4);
    struct cluster *cluster;

    (void)state;
    options.puppets = 0;
    options.own_data = false;
    options.learners = 1u << 4;
    options.bytes = true;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 2);
    for (int i = 0; i < 50; i++) {
        for (uint32_t position = 1; position <= 4; position++) {
            assert_int_equal(cluster_propose(cluster, position), 0);
        }
        cluster_settle(cluster);
    }
    assert_int_equal(cluster_last_token(cluster), 200);
    for (uint64_t token = 1; token <= 200; token++) {
        assert_int_equal(cluster_token(cluster, token)->result,
                         CRAFT_RESULT_OK);
    }
    cluster_free(cluster);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(command_goes_to_the_leader_and_ends_when_applied_here),
        TEST(answer_may_come_after_the_entry),
        TEST(commands_of_one_hold_share_a_message),
        TEST(messages_of_commands_are_bounded),
        TEST(command_without_a_leader_is_not_taken),
        TEST(question_without_an_answer_is_asked_again),
        TEST(answers_to_others_are_no_answers),
        TEST(answer_to_an_earlier_life_says_nothing),
        TEST(command_is_superseded_by_a_later_term),
        TEST(what_has_no_answer_when_the_leader_changes_is_unknown),
        TEST(what_was_not_sent_when_the_leader_changes_is_refused),
        TEST(refusal_refuses_all_that_stands_behind),
        TEST(leader_takes_nothing_before_refusals_are_told),
        TEST(leader_is_asked_what_became_of_commands),
        TEST(command_without_an_answer_ends_unknown),
        TEST(command_that_could_not_be_sent_ends_refused),
        TEST(leader_is_asked_when_the_link_broke),
        TEST(forwarded_commands_are_bounded),
        TEST(bound_of_bytes_lets_single_commands_pass),
        TEST(command_of_another_term_is_not_taken),
        TEST(commands_end_when_the_node_stops),
        TEST(leader_enters_each_command_once),
        TEST(gap_shuts_the_session),
        TEST(session_is_never_opened_twice),
        TEST(new_session_tells_where_the_last_one_ended),
        TEST(leader_refuses_what_it_would_not_take_itself),
        TEST(leader_that_goes_refuses),
        TEST(answers_in_a_row_are_one),
        TEST(who_forwarded_is_told_of_commitment_at_once),
        TEST(strangers_and_other_terms_are_not_served),
        TEST(answers_end_with_the_leadership),
        TEST(commands_that_nobody_sends_are_refused),
        TEST(answers_that_nobody_gives_are_refused),
        TEST(every_server_takes_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
