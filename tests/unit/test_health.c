/* What the host is told of a leader's peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rig.h"

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_leader_tells_when_a_peer_replicates_and_when_it_probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
