/* Reads of one leadership and of the next; see also tests/paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/*
 * A read failed when its leader was given up, and the host has not pulled that
 * yet when this server leads itself and is asked again. What proves the second
 * read proves nothing of the first.
 */
static void a_read_that_failed_ends_before_a_later_one_is_proven(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append payload = {1, 1, 1, NULL, 0};
    craft_message vote;

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_int_equal(craft_read(rig->node, 7), 0);
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_PERSIST);
    assert_int_equal(rig_persisted(rig), 0);
    vote = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, 3);
    vote.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    assert_int_equal(rig_status(rig).commit_index, 2);
    assert_int_equal(craft_read(rig->node, 8), 0);
    (void)rig_told(rig);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "done token=7 retry index=0\n"
                                          "done token=8 ok index=2\n"));
    rig_free(rig);
}

/* Its answer to a follower was owed when the node was stopped: that the reads
 * of its own end then must not bring it back. */
static void a_stopped_leader_answers_nobody(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message vote;
    craft_message ask;
    uint32_t kind;

    (void)state;
    rig_found(rig, 3);
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_PERSIST);
    assert_int_equal(rig_persisted(rig), 0);
    vote = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, 2);
    vote.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    rig_run(rig);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).commit_index, 2);
    ask = rig_message(rig, CRAFT_MESSAGE_READ, 3, 2);
    ask.as.read.question = 5;
    assert_int_equal(craft_receive(rig->node, &ask), 0);
    rig_run(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(craft_read(rig->node, 7), 0);
    assert_int_equal(craft_node_stop(rig->node), 0);
    assert_int_equal(craft_release(rig->node), 0);
    (void)rig_told(rig);
    while ((kind = rig_pull(rig)) != 0) {
        assert_int_not_equal(kind, CRAFT_EFFECT_SEND);
    }
    assert_non_null(strstr(rig_told(rig), "done token=7 retry index=0\n"));
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_that_failed_ends_before_a_later_one_is_proven),
        cmocka_unit_test(a_stopped_leader_answers_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
