/* Transfers at their edges; see also tests/paper/test_paper_transfer.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/* Leads voter 2 and learner 3, which holds more than voter 2 does. */
static struct rig *rig_with_learner(void)
{
    static const craft_member members[3] = {
        {1, 0, CRAFT_MEMBER_VOTER, 0, 0, 0, NULL, 0},
        {2, 0, CRAFT_MEMBER_VOTER, 0, 0, 0, NULL, 0},
        {3, 0, CRAFT_MEMBER_LEARNER, 0, 0, 0, NULL, 0}};
    struct rig *rig = rig_new(1);
    craft_message reply;

    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_bootstrap(rig->node, members, 3), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, 2);
    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(rig_acknowledge(rig, 2, 1), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    rig_run(rig);
    (void)rig_told(rig);
    return rig;
}

static void a_learner_is_no_target_however_much_it_holds(void **state)
{
    struct rig *rig = rig_with_learner();

    (void)state;
    assert_int_equal(craft_transfer(rig->node, 3, 7), CRAFT_ERR_NOT_VOTER);
    assert_int_equal(craft_transfer(rig->node, 0, 7), 0);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "1 -> 2 timeout_now"));
    rig_free(rig);
}

static void a_node_that_is_not_started_transfers_nothing(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_transfer(rig->node, 2, 7), CRAFT_ERR_STATE);
    assert_int_equal(craft_transfer(NULL, 2, 7), CRAFT_ERR_INVALID);
    rig_free(rig);
}

/* Ticks that are held are not lost, nor do they wrap: the request is over. */
static void held_ticks_end_a_transfer_once(void **state)
{
    struct rig *rig = rig_with_learner();

    (void)state;
    assert_int_equal(craft_transfer(rig->node, 2, 7), 0);
    rig_run(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(craft_tick(rig->node, UINT32_MAX), 0);
    assert_int_equal(craft_ticks_until_due(rig->node), 1);
    assert_int_equal(craft_tick(rig->node, 5), 0);
    assert_int_equal(craft_ticks_until_due(rig->node), 1);
    (void)rig_told(rig);
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "done token=7 timeout index=0"));
    rig_run(rig);
    assert_null(strstr(rig_told(rig), "done"));
    rig_free(rig);
}

/* The order names the end of a log; of another term it is of another log. */
static void an_order_about_another_log_moves_nobody(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entry;
    craft_append payload = {1, 1, 1, &entry, 1};
    craft_message order;

    (void)state;
    rig_found(rig, 3);
    rig_entries(&entry, 1, 2, 2, 1);
    assert_int_equal(rig_append(rig, 2, 3, &payload), 0);
    rig_run(rig);
    order = rig_message(rig, CRAFT_MESSAGE_TIMEOUT_NOW, 2, 3);
    order.as.timeout_now.last_index = 2;
    order.as.timeout_now.last_term = 3;
    assert_int_equal(craft_receive(rig->node, &order), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    order.as.timeout_now.last_index = CRAFT_NUMBER_MAX;
    assert_int_equal(craft_receive(rig->node, &order), CRAFT_ERR_MESSAGE);
    order.as.timeout_now.last_index = 2;
    order.as.timeout_now.last_term = 2;
    assert_int_equal(craft_receive(rig->node, &order), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learner_is_no_target_however_much_it_holds),
        cmocka_unit_test(a_node_that_is_not_started_transfers_nothing),
        cmocka_unit_test(held_ticks_end_a_transfer_once),
        cmocka_unit_test(an_order_about_another_log_moves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
