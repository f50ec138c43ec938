/* What the host is told of a leader's peers; who yields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rig.h"

#include <cmocka.h>

#include "core/health.h"

static void
a_leader_tells_when_a_peer_replicates_and_when_it_probes(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->tell_events = true;
    rig_lead(rig, 3);
    (void)rig_told(rig);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "event peer value=1 id=2"));
    assert_int_equal(craft_peer_unreachable(rig->node, 2), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "event peer id=2"));
    assert_int_equal(craft_peer_unreachable(rig->node, 2), 0);
    rig_run(rig);
    assert_null(strstr(rig_told(rig), "event peer"));
    rig_free(rig);
}

static void a_leader_yields_when_its_disk_is_full(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    assert_false(craft_health_yields(rig->node));
    rig->slow_disk = true;
    assert_int_equal(craft_propose(rig->node, NULL, 0, 1), 0);
    rig_run(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    assert_true(craft_health_yields(rig->node));
    assert_int_equal(craft_release(rig->node), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    assert_false(craft_health_yields(rig->node));
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_leader_tells_when_a_peer_replicates_and_when_it_probes),
        cmocka_unit_test(a_leader_yields_when_its_disk_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
