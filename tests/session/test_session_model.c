/*
 * craft/session against the plainest model that does the same, and against a
 * second server that now and then starts anew from what the first one saved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "session/session.h"

enum {
    NAMES = 12,
    NUMBERS = 24,
    STEPS = 200000,
    IMAGE_MAX = 1 << 16
};

/* The reply of a command is how many commands were applied before it. */
struct model_session {
    int open;
    uint64_t used; /* step */
    uint64_t used_at;
    uint64_t first_open;
    int replied[NUMBERS + 1];
    uint64_t reply[NUMBERS + 1];
};

struct model {
    struct model_session sessions[NAMES + 1];
    craft_sessions_limits limits;
    uint64_t time;
    uint64_t step;
    uint64_t applied;
};

struct trial {
    struct model model;
    craft_sessions *first;
    craft_sessions *second;
    struct craft_random random;
    uint8_t image[2][IMAGE_MAX];
    uint32_t verdicts[CRAFT_SESSION_FULL + 1];
};

static uint32_t below(struct trial *trial, uint32_t bound)
{
    return craft_random_below(&trial->random, bound);
}

/* ------------------------------------------------------------------ model */

static uint32_t model_len(const struct model *model)
{
    uint32_t len = 0;

    for (size_t i = 1; i <= NAMES; i++) {
        len += model->sessions[i].open != 0;
    }
    return len;
}

static void model_end(struct model_session *session)
{
    memset(session, 0, sizeof *session);
}

static void model_limit(struct model *model)
{
    for (size_t i = 1; i <= NAMES; i++) {
        struct model_session *session = &model->sessions[i];

        if (model->limits.idle_max != 0 && session->open &&
            model->time - session->used_at > model->limits.idle_max) {
            model_end(session);
        }
    }
    while (model_len(model) > model->limits.sessions_max) {
        struct model_session *oldest = NULL;

        for (size_t i = 1; i <= NAMES; i++) {
            struct model_session *session = &model->sessions[i];

            if (session->open &&
                (oldest == NULL || session->used < oldest->used)) {
                oldest = session;
            }
        }
        model_end(oldest);
    }
}

static uint32_t model_replies(const struct model_session *session)
{
    uint32_t len = 0;

    for (size_t i = 1; i <= NUMBERS; i++) {
        len += session->replied[i] != 0;
    }
    return len;
}

static int model_command(struct model *model,
                         const craft_session_request *request)
{
    struct model_session *session = &model->sessions[request->session];

    if (!session->open) {
        return CRAFT_SESSION_ENDED;
    }
    session->used = model->step;
    session->used_at = model->time;
    if (request->first_open > session->first_open) {
        session->first_open = request->first_open;
    }
    for (uint64_t i = 1; i < session->first_open; i++) {
        session->replied[i] = 0;
    }
    if (session->replied[request->number]) {
        return CRAFT_SESSION_REPEATED;
    }
    if (request->number < session->first_open) {
        return CRAFT_SESSION_FORGOTTEN;
    }
    if (model_replies(session) >= model->limits.replies_max) {
        return CRAFT_SESSION_FULL;
    }
    session->replied[request->number] = 1;
    session->reply[request->number] = model->applied;
    model->applied++;
    return CRAFT_SESSION_NEW;
}

/* ------------------------------------------------------------------ steps */

static void table_command(craft_sessions *sessions,
                          const craft_session_request *request, int verdict,
                          uint64_t expected)
{
    craft_session_reply reply = {.struct_size = sizeof reply};

    assert_int_equal(
        craft_session_begin(sessions, request, sizeof expected, &reply),
        verdict);
    if (verdict == CRAFT_SESSION_NEW) {
        assert_int_equal(craft_session_end(sessions, (const uint8_t *)&expected,
                                           sizeof expected),
                         0);
    } else if (verdict == CRAFT_SESSION_REPEATED) {
        assert_int_equal(reply.data_len, sizeof expected);
        assert_memory_equal(reply.data, &expected, sizeof expected);
    } else {
        assert_int_equal(reply.data_len, 0);
    }
}

static void step_command(struct trial *trial)
{
    struct model *model = &trial->model;
    uint64_t name = 1 + below(trial, NAMES);
    uint64_t number = 1 + below(trial, NUMBERS);
    craft_session_request request = {sizeof request, 0, name, number, 1};
    uint64_t expected;
    int verdict;

    if (below(trial, 4) == 0) { /* the client has many of its replies */
        request.first_open = 1 + below(trial, (uint32_t)number);
    }
    verdict = model_command(model, &request);
    trial->verdicts[verdict]++;
    expected = model->sessions[name].reply[number];
    table_command(trial->first, &request, verdict, expected);
    table_command(trial->second, &request, verdict, expected);
}

static void step_open(struct trial *trial)
{
    uint64_t name = 1 + below(trial, NAMES);
    struct model_session *session = &trial->model.sessions[name];
    int rv = session->open ? CRAFT_ERR_INVALID : 0;

    assert_int_equal(craft_session_open(trial->first, name), rv);
    assert_int_equal(craft_session_open(trial->second, name), rv);
    if (rv == 0) {
        session->open = 1;
        session->used = trial->model.step;
        session->used_at = trial->model.time;
        session->first_open = 1;
        model_limit(&trial->model);
    }
}

static void step_close(struct trial *trial)
{
    uint64_t name = 1 + below(trial, NAMES);

    assert_int_equal(craft_session_close(trial->first, name), 0);
    assert_int_equal(craft_session_close(trial->second, name), 0);
    model_end(&trial->model.sessions[name]);
}

static void step_time(struct trial *trial)
{
    uint64_t time = trial->model.time + below(trial, 40);

    time -= time < 10 ? 0 : 10; /* proposers' clocks differ */
    assert_int_equal(craft_sessions_advance(trial->first, time), 0);
    assert_int_equal(craft_sessions_advance(trial->second, time), 0);
    if (time > trial->model.time) {
        trial->model.time = time;
        model_limit(&trial->model);
    }
}

static void step_limits(struct trial *trial)
{
    craft_sessions_limits *limits = &trial->model.limits;

    limits->sessions_max = 1 + below(trial, NAMES);
    limits->replies_max = 1 + below(trial, 8);
    limits->idle_max = below(trial, 3) == 0 ? 0 : 50 + below(trial, 200);
    assert_int_equal(craft_sessions_limit(trial->first, limits), 0);
    assert_int_equal(craft_sessions_limit(trial->second, limits), 0);
    model_limit(&trial->model);
}

/* Both hold the same, byte for byte; the second starts anew from it. */
static void step_image(struct trial *trial)
{
    size_t len[2];

    assert_int_equal(
        craft_sessions_save(trial->first, trial->image[0], IMAGE_MAX, &len[0]),
        0);
    assert_int_equal(
        craft_sessions_save(trial->second, trial->image[1], IMAGE_MAX, &len[1]),
        0);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(trial->image[0], trial->image[1], len[0]);
    craft_sessions_free(trial->second);
    assert_int_equal(craft_sessions_new(NULL, NULL, &trial->second), 0);
    assert_int_equal(
        craft_sessions_load(trial->second, trial->image[0], len[0]), 0);
}

static void step(struct trial *trial)
{
    uint32_t what = below(trial, 100);

    trial->model.step++;
    if (what < 80) {
        step_command(trial);
    } else if (what < 90) {
        step_open(trial);
    } else if (what < 92) {
        step_close(trial);
    } else if (what < 97) {
        step_time(trial);
    } else if (what < 98) {
        step_limits(trial);
    } else {
        step_image(trial);
    }
    assert_null(craft_sessions_check(trial->first));
    assert_null(craft_sessions_check(trial->second));
}

static void every_server_says_what_the_model_says(void **state)
{
    struct trial *trial = calloc(1, sizeof *trial);

    (void)state;
    assert_non_null(trial);
    craft_random_init(&trial->random, 3, 1);
    assert_int_equal(craft_sessions_new(NULL, NULL, &trial->first), 0);
    assert_int_equal(craft_sessions_new(NULL, NULL, &trial->second), 0);
    craft_sessions_limits_init(&trial->model.limits,
                               sizeof trial->model.limits);
    for (int i = 0; i < STEPS; i++) {
        step(trial);
    }
    for (int verdict = 0; verdict <= CRAFT_SESSION_FULL; verdict++) {
        assert_true(trial->verdicts[verdict] > STEPS / 200);
    }
    craft_sessions_free(trial->first);
    craft_sessions_free(trial->second);
    free(trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_server_says_what_the_model_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
