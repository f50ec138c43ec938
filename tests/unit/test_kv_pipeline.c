/* A client's commands without an answer: examples/kv/pipeline.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kv/pipeline.h"

static uint64_t push(struct kv_pipeline *pipeline, const char *op,
                     uint64_t deadline_ns)
{
    kv_buffer_append(&pipeline->ops, op, strlen(op));
    return kv_pipeline_push(pipeline, deadline_ns);
}

static void answer(struct kv_pipeline *pipeline, uint64_t serial,
                   const char *text, struct kv_buffer *out)
{
    struct kv_buffer *reply = kv_pipeline_reply(pipeline, serial, out);

    kv_buffer_append(reply, text, strlen(text));
    kv_pipeline_answered(pipeline, serial, out);
}

static void assert_sent(struct kv_buffer *out, const char *expected)
{
    assert_int_equal(kv_buffer_len(out), strlen(expected));
    if (expected[0] != '\0') {
        assert_memory_equal(kv_buffer_data(out), expected, strlen(expected));
    }
    kv_buffer_clear(out);
}

/* Hand over the next request; its operation must be this. */
static uint64_t hand_over(struct kv_pipeline *pipeline, uint64_t route,
                          const char *op)
{
    uint64_t serial = 0;
    struct kv_request *request = kv_pipeline_ready(pipeline, route, &serial);
    struct kv_slice found;

    assert_non_null(request);
    found = kv_pipeline_op(pipeline, request);
    assert_int_equal(found.len, strlen(op));
    assert_memory_equal(found.data, op, found.len);
    kv_pipeline_opened(pipeline, route, 0);
    return serial;
}

static void replies_go_out_in_the_order_of_commands(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t a, b, c;

    (void)state;
    kv_pipeline_init(&pipeline);
    a = push(&pipeline, "A", 10);
    b = push(&pipeline, "BB", 10);
    c = push(&pipeline, "", UINT64_MAX);
    answer(&pipeline, c, "c", &out);
    assert_int_equal(hand_over(&pipeline, 1, "A"), a);
    assert_int_equal(hand_over(&pipeline, 1, "BB"), b);
    assert_null(kv_pipeline_ready(&pipeline, 1, &a));
    answer(&pipeline, b, "b", &out);
    assert_sent(&out, "");
    answer(&pipeline, a, "a", &out);
    assert_sent(&out, "abc");
    assert_true(kv_pipeline_empty(&pipeline));
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static void a_refused_command_is_not_overtaken(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t a, b, serial;

    (void)state;
    kv_pipeline_init(&pipeline);
    push(&pipeline, "A", 10);
    push(&pipeline, "B", 10);
    push(&pipeline, "C", 10);
    a = hand_over(&pipeline, 1, "A");
    b = hand_over(&pipeline, 1, "B");
    kv_pipeline_refused(&pipeline, a);
    /* B is on the old route still: nothing goes to the new one. */
    assert_null(kv_pipeline_ready(&pipeline, 2, &serial));
    kv_pipeline_refused(&pipeline, b);
    assert_int_equal(hand_over(&pipeline, 2, "A"), a);
    assert_int_equal(hand_over(&pipeline, 2, "B"), b);
    hand_over(&pipeline, 2, "C");
    /* Twice, or for what is not open: nothing happens. */
    answer(&pipeline, a, "a", &out);
    kv_pipeline_refused(&pipeline, a);
    assert_sent(&out, "a");
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static void what_is_lost_is_refused_at_once_or_answered(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t a, b, c, d, serial;

    (void)state;
    kv_pipeline_init(&pipeline);
    push(&pipeline, "A", 10);
    push(&pipeline, "B", 10);
    push(&pipeline, "C", 10);
    push(&pipeline, "D", 10);
    a = hand_over(&pipeline, 1, "A");
    b = hand_over(&pipeline, 1, "B");
    c = hand_over(&pipeline, 1, "C");
    d = hand_over(&pipeline, 1, "D");
    kv_pipeline_lost(&pipeline, a);
    kv_pipeline_lost(&pipeline, a);
    kv_pipeline_lost(&pipeline, b);
    kv_pipeline_lost(&pipeline, d);
    assert_int_equal(pipeline.lost, 3);
    assert_int_equal(pipeline.open, 4);
    /* It had entered the log after all. */
    answer(&pipeline, a, "a", &out);
    assert_int_equal(pipeline.lost, 2);
    kv_pipeline_lost(&pipeline, a);
    /* The end of C is still to be told: not handed over a second time. */
    kv_pipeline_refused_lost(&pipeline);
    assert_int_equal(pipeline.lost, 0);
    assert_int_equal(pipeline.open, 1);
    assert_null(kv_pipeline_ready(&pipeline, 2, &serial));
    kv_pipeline_refused(&pipeline, c);
    assert_int_equal(hand_over(&pipeline, 2, "B"), b);
    assert_int_equal(hand_over(&pipeline, 2, "C"), c);
    assert_int_equal(hand_over(&pipeline, 2, "D"), d);
    /* None of them is lost in this one. */
    kv_pipeline_refused_lost(&pipeline);
    assert_int_equal(pipeline.open, 3);
    kv_pipeline_lost(&pipeline, c);
    kv_pipeline_drop(&pipeline);
    assert_int_equal(pipeline.lost, 0);
    assert_sent(&out, "a");
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static uint64_t push_read(struct kv_pipeline *pipeline, const char *op)
{
    uint64_t serial = push(pipeline, op, 10);

    kv_pipeline_find(pipeline, serial)->only_reads = 1;
    return serial;
}

/* Ask the node for the next request, which must be that one. */
static void ask(struct kv_pipeline *pipeline, uint64_t expected)
{
    uint64_t serial = 0;
    struct kv_request *request = kv_pipeline_ready(pipeline, 1, &serial);

    assert_non_null(request);
    assert_int_equal(serial, expected);
    assert_true(kv_pipeline_may_ask(pipeline, request));
    kv_pipeline_asked(pipeline, serial);
}

/* R1 R2 W1: it sees neither, and they share a question. */
static void a_write_waits_for_the_reads_before_it(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t first, second, write, serial;

    (void)state;
    kv_pipeline_init(&pipeline);
    first = push_read(&pipeline, "R1");
    second = push_read(&pipeline, "R2");
    write = push(&pipeline, "W1", 10);
    ask(&pipeline, first);
    ask(&pipeline, second);
    assert_null(kv_pipeline_ready(&pipeline, 1, &serial));
    answer(&pipeline, first, "1", &out);
    assert_null(kv_pipeline_ready(&pipeline, 1, &serial));
    answer(&pipeline, second, "2", &out);
    assert_int_equal(hand_over(&pipeline, 1, "W1"), write);
    answer(&pipeline, write, "w", &out);
    assert_sent(&out, "12w");
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

/* W1 R1 W2 R2: all on the way at once, in the order of the log. */
static void a_read_behind_an_open_write_goes_through_the_log(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t first, second;

    (void)state;
    kv_pipeline_init(&pipeline);
    push(&pipeline, "W1", 10);
    first = push_read(&pipeline, "R1");
    push(&pipeline, "W2", 10);
    second = push_read(&pipeline, "R2");
    hand_over(&pipeline, 1, "W1");
    assert_false(
        kv_pipeline_may_ask(&pipeline, kv_pipeline_find(&pipeline, first)));
    assert_int_equal(hand_over(&pipeline, 1, "R1"), first);
    hand_over(&pipeline, 1, "W2");
    /* Nor when the route has changed: it waits for those before it. */
    assert_null(kv_pipeline_ready(&pipeline, 2, &first));
    assert_int_equal(hand_over(&pipeline, 1, "R2"), second);
    assert_int_equal(pipeline.asked, 0);
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

/* A read that was refused with its write is asked for when that is done. */
static void a_refused_read_needs_no_log_once_nothing_is_open(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t write, read, serial;

    (void)state;
    kv_pipeline_init(&pipeline);
    write = push(&pipeline, "W", 10);
    read = push_read(&pipeline, "R");
    hand_over(&pipeline, 1, "W");
    hand_over(&pipeline, 1, "R");
    kv_pipeline_refused(&pipeline, read);
    answer(&pipeline, write, "w", &out);
    ask(&pipeline, read);
    kv_pipeline_lost(&pipeline, read); /* of the log: not this one */
    kv_pipeline_refused_lost(&pipeline);
    assert_null(kv_pipeline_ready(&pipeline, 1, &serial));
    kv_pipeline_drop(&pipeline);
    assert_int_equal(pipeline.asked, 0);
    push(&pipeline, "NEXT", 10);
    hand_over(&pipeline, 1, "NEXT");
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static void deadlines_pass_in_order(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t a, b, c, serial = 0;

    (void)state;
    kv_pipeline_init(&pipeline);
    a = push(&pipeline, "A", 10);
    b = push(&pipeline, "", UINT64_MAX);
    c = push(&pipeline, "C", 20);
    answer(&pipeline, b, "b", &out);
    assert_null(kv_pipeline_overdue(&pipeline, 9, &serial));
    assert_non_null(kv_pipeline_overdue(&pipeline, 10, &serial));
    assert_int_equal(serial, a);
    answer(&pipeline, a, "-a", &out);
    assert_null(kv_pipeline_overdue(&pipeline, 19, &serial));
    assert_non_null(kv_pipeline_overdue(&pipeline, 25, &serial));
    assert_int_equal(serial, c);
    answer(&pipeline, c, "-c", &out);
    assert_null(kv_pipeline_overdue(&pipeline, 99, &serial));
    assert_sent(&out, "-ab-c");
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static void the_next_client_does_not_see_the_last_ones_replies(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t old, young;

    (void)state;
    kv_pipeline_init(&pipeline);
    push(&pipeline, "OLD", 10);
    old = hand_over(&pipeline, 1, "OLD");
    kv_pipeline_drop(&pipeline);
    assert_true(kv_pipeline_empty(&pipeline));
    push(&pipeline, "YOUNG", 10);
    young = hand_over(&pipeline, 2, "YOUNG");
    assert_null(kv_pipeline_find(&pipeline, old));
    kv_pipeline_refused(&pipeline, old);
    answer(&pipeline, young, "y", &out);
    assert_sent(&out, "y");
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static void it_is_full_at_its_limits(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};

    (void)state;
    kv_pipeline_init(&pipeline);
    while (!kv_pipeline_full(&pipeline)) {
        push(&pipeline, "x", 10);
    }
    assert_int_equal(pipeline.tail - pipeline.head, KV_PIPELINE_REQUESTS_MAX);
    for (uint64_t i = pipeline.head; i != pipeline.tail; i++) {
        hand_over(&pipeline, 1, "x");
        answer(&pipeline, i, ".", &out);
    }
    assert_int_equal(kv_buffer_len(&out), KV_PIPELINE_REQUESTS_MAX);
    assert_int_equal(kv_buffer_len(&pipeline.ops), 0);
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

static void it_is_full_of_few_requests_that_ask_for_much(void **state)
{
    struct kv_pipeline pipeline;
    struct kv_buffer out = {NULL, 0, 0, 0};
    uint64_t a, b;

    (void)state;
    kv_pipeline_init(&pipeline);
    a = push(&pipeline, "A", 10);
    b = push(&pipeline, "B", 10);
    kv_pipeline_expect(&pipeline, a, KV_PIPELINE_EXPECTED_MAX - 1);
    assert_false(kv_pipeline_full(&pipeline));
    kv_pipeline_expect(&pipeline, b, 1);
    assert_true(kv_pipeline_full(&pipeline));
    answer(&pipeline, a, "a", &out);
    assert_false(kv_pipeline_full(&pipeline));
    kv_buffer_room(&pipeline.ops, KV_PIPELINE_OPS_MAX);
    kv_buffer_grown(&pipeline.ops, KV_PIPELINE_OPS_MAX);
    kv_pipeline_push(&pipeline, 10);
    assert_true(kv_pipeline_full(&pipeline));
    kv_pipeline_drop(&pipeline);
    assert_false(kv_pipeline_full(&pipeline));
    assert_int_equal(pipeline.expected_bytes, 0);
    kv_pipeline_free(&pipeline);
    kv_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_go_out_in_the_order_of_commands),
        cmocka_unit_test(a_refused_command_is_not_overtaken),
        cmocka_unit_test(what_is_lost_is_refused_at_once_or_answered),
        cmocka_unit_test(a_write_waits_for_the_reads_before_it),
        cmocka_unit_test(a_read_behind_an_open_write_goes_through_the_log),
        cmocka_unit_test(a_refused_read_needs_no_log_once_nothing_is_open),
        cmocka_unit_test(deadlines_pass_in_order),
        cmocka_unit_test(the_next_client_does_not_see_the_last_ones_replies),
        cmocka_unit_test(it_is_full_at_its_limits),
        cmocka_unit_test(it_is_full_of_few_requests_that_ask_for_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
