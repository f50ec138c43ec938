/* What is applied, and when: src/core/apply.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig.h"

static void propose(struct rig *rig, const char *text)
{
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)text, 1, 0), 0);
    rig_run(rig);
}

/*
 * Two writes are out, both entries are committed by the others. The first
 * write ends, its entry is applied; then the second: nothing but the end of
 * a write can start the next batch. At first only the no-op was to be applied,
 * which makes no batch.
 */
static void
committed_entries_are_applied_when_the_own_disk_follows(void **state)
{
    struct rig *rig = rig_new(1);
    craft_index last;

    (void)state;
    rig_lead(rig, 3);
    last = rig_status(rig).last_index;
    rig->slow_disk = true;
    propose(rig, "a");
    propose(rig, "b");
    assert_int_equal(rig_acknowledge(rig, 2, last + 2), 0);
    assert_int_equal(rig_acknowledge(rig, 3, last + 2), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).commit_index, last + 2);
    assert_int_equal(rig_status(rig).applied_index, last);

    assert_int_equal(craft_persisted(rig->node, rig->ticket - 1, 0), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, last + 1);
    assert_int_equal(craft_persisted(rig->node, rig->ticket, 0), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, last + 2);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            committed_entries_are_applied_when_the_own_disk_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
