/*
 * What a binding or a program built against an older header relies on: sizes
 * and offsets of the records that stand in arrays, per width of a pointer,
 * and every number of an enum. A failure here is a break of the ABI.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "craft.h"
#include "craft/session.h"

#define IS(expression, value)                                                  \
    _Static_assert((expression) == (value), #expression " is " #value)
#define AT(type, field, value) IS(offsetof(type, field), value)

/* ---------------------------------------------------------- frozen records */

AT(craft_entry, index, 0);
AT(craft_entry, term, 8);
AT(craft_entry, token, 16);
AT(craft_entry, kind, 24);
AT(craft_entry, reserved, 28);
AT(craft_entry, data, 32);

AT(craft_member, id, 0);
AT(craft_member, incarnation, 8);
AT(craft_member, role, 16);
AT(craft_member, priority, 20);
AT(craft_member, flags, 24);
AT(craft_member, reserved, 28);
AT(craft_member, address, 32);

AT(craft_command, data, 0);

#if UINTPTR_MAX == UINT64_MAX
IS(sizeof(craft_entry), 48);
AT(craft_entry, data_len, 40);
IS(sizeof(craft_member), 48);
AT(craft_member, address_len, 40);
IS(sizeof(craft_command), 24);
AT(craft_command, data_len, 8);
AT(craft_command, token, 16);
#elif UINTPTR_MAX == UINT32_MAX
IS(sizeof(craft_entry), 40);
AT(craft_entry, data_len, 36);
IS(sizeof(craft_member), 40);
AT(craft_member, address_len, 36);
IS(sizeof(craft_command), 16);
AT(craft_command, data_len, 4);
AT(craft_command, token, 8);
#else
#error "sizes are not fixed for this width of a pointer"
#endif

IS(sizeof(craft_entry) % 8, 0);
IS(sizeof(craft_member) % 8, 0);
IS(sizeof(craft_command) % 8, 0);

/* Growable structs begin with their size, whatever follows. */
AT(craft_config, struct_size, 0);
AT(craft_hooks, struct_size, 0);
AT(craft_restore, struct_size, 0);
AT(craft_message, struct_size, 0);
AT(craft_persist, struct_size, 0);
AT(craft_snapshot, struct_size, 0);
AT(craft_snapshot_read, struct_size, 0);
AT(craft_snapshot_write, struct_size, 0);
AT(craft_chunk, struct_size, 0);
AT(craft_fetch, struct_size, 0);
AT(craft_event, struct_size, 0);
AT(craft_effect, struct_size, 0);
AT(craft_status, struct_size, 0);
AT(craft_peer_status, struct_size, 0);
AT(craft_configuration, struct_size, 0);
AT(craft_explanation, struct_size, 0);

/* The union of a message comes last: payloads may grow. */
IS(offsetof(craft_message, as), 56);

/* ----------------------------------------------------------------- numbers */

IS(CRAFT_OK, 0);
IS(CRAFT_ERR_INVALID, -101);
IS(CRAFT_ERR_STATE, -102);
IS(CRAFT_ERR_UNKNOWN_ID, -103);
IS(CRAFT_ERR_TICKET, -104);
IS(CRAFT_ERR_CLOCK, -105);
IS(CRAFT_ERR_NOT_LEADER, -201);
IS(CRAFT_ERR_BUSY, -202);
IS(CRAFT_ERR_NOMEM, -203);
IS(CRAFT_ERR_NOSPACE, -204);
IS(CRAFT_ERR_NOT_VOTER, -205);
IS(CRAFT_ERR_LEASE, -208);
IS(CRAFT_ERR_FORMAT, -301);
IS(CRAFT_ERR_VERSION, -302);
IS(CRAFT_ERR_ENTRIES, -303);
IS(CRAFT_ERR_MESSAGE, -304);
IS(CRAFT_ERR_MISADDRESSED, -305);
IS(CRAFT_ERR_CORRUPT, -306);
IS(CRAFT_ERR_STOPPED, -901);
IS(CRAFT_ERR_HALTED, -902);

IS(CRAFT_RESULT_OK, 0);
IS(CRAFT_RESULT_SUPERSEDED, 1);
IS(CRAFT_RESULT_UNKNOWN, 2);
IS(CRAFT_RESULT_TIMEOUT, 3);
IS(CRAFT_RESULT_RETRY, 4);
IS(CRAFT_RESULT_REFUSED, 5);

IS(CRAFT_ENDING_OK, 0);
IS(CRAFT_ENDING_NOSPACE, 1);
IS(CRAFT_ENDING_ERROR, 2);

IS(CRAFT_ROLE_FOLLOWER, 0);
IS(CRAFT_ROLE_CANDIDATE, 1);
IS(CRAFT_ROLE_LEADER, 2);
IS(CRAFT_ROLE_PRE_CANDIDATE, 3);

IS(CRAFT_CONFIG_PRE_VOTE, 1);
IS(CRAFT_CONFIG_STICKY, 2);
IS(CRAFT_CONFIG_CHECK_QUORUM, 4);
IS(CRAFT_CONFIG_LEASE, 8);
IS(CRAFT_CONFIG_FORWARD, 16);

/* These also stand on the wire or on the disk. */
IS(CRAFT_ENTRY_COMMAND, 1);
IS(CRAFT_ENTRY_NOOP, 2);
IS(CRAFT_ENTRY_CONFIGURATION, 3);
IS(CRAFT_MEMBER_VOTER, 1);
IS(CRAFT_MEMBER_LEARNER, 2);
IS(CRAFT_MESSAGE_VOTE, 1);
IS(CRAFT_MESSAGE_VOTE_REPLY, 2);
IS(CRAFT_MESSAGE_APPEND, 3);
IS(CRAFT_MESSAGE_APPEND_REPLY, 4);
IS(CRAFT_MESSAGE_PRE_VOTE, 5);
IS(CRAFT_MESSAGE_PRE_VOTE_REPLY, 6);
IS(CRAFT_MESSAGE_TIMEOUT_NOW, 7);
IS(CRAFT_MESSAGE_READ, 8);
IS(CRAFT_MESSAGE_READ_REPLY, 9);
IS(CRAFT_MESSAGE_SNAPSHOT, 10);
IS(CRAFT_MESSAGE_SNAPSHOT_REPLY, 11);
IS(CRAFT_MESSAGE_FORWARD, 12);
IS(CRAFT_MESSAGE_FORWARD_REPLY, 13);
IS(CRAFT_FORWARD_OPENED, 1);
IS(CRAFT_FORWARD_TAKEN, 2);
IS(CRAFT_FORWARD_REFUSED, 3);
IS(CRAFT_FORWARD_REASON_MAX, 899);
IS(CRAFT_VOTE_TRANSFER, 1);
IS(CRAFT_PERSIST_HARD_STATE, 1);
IS(CRAFT_PERSIST_TRUNCATE, 2);
IS(CRAFT_PERSIST_SNAPSHOT, 4);
IS(CRAFT_PERSIST_ENTRIES, 8);
IS(CRAFT_PERSIST_COMPACT, 16);
IS(CRAFT_PERSIST_MUST_SYNC, 32);

IS(CRAFT_EVENT_ROLE, 0);
IS(CRAFT_EVENT_LEADER, 1);
IS(CRAFT_EVENT_TERM, 2);
IS(CRAFT_EVENT_CONFIGURATION, 3);
IS(CRAFT_EVENT_PEER, 4);
IS(CRAFT_EVENT_STORAGE, 5);
IS(CRAFT_EVENT_REFUSED, 6);
IS(CRAFT_EVENT_FETCH, 7);
IS(CRAFT_EVENT_TRANSFER, 8);
IS(CRAFT_EVENT_TRANSFER_ENDED, 9);
IS(CRAFT_EVENT_SNAPSHOT, 10);
IS(CRAFT_EVENT_FORWARD, 11);

IS(CRAFT_EFFECT_SEND, 1);
IS(CRAFT_EFFECT_PERSIST, 2);
IS(CRAFT_EFFECT_FETCH, 3);
IS(CRAFT_EFFECT_APPLY, 4);
IS(CRAFT_EFFECT_DONE, 5);
IS(CRAFT_EFFECT_EVENT, 6);
IS(CRAFT_EFFECT_SNAPSHOT_READ, 7);
IS(CRAFT_EFFECT_SNAPSHOT_WRITE, 8);
IS(CRAFT_EFFECT_INSTALL, 9);

IS(CRAFT_STATUS_STARTED, 1);
IS(CRAFT_STATUS_STOPPED, 2);
IS(CRAFT_STATUS_HALTED, 4);
IS(CRAFT_STATUS_DISK_FULL, 8);
IS(CRAFT_STATUS_VOTER, 16);

IS(CRAFT_PROGRESS_PROBE, 0);
IS(CRAFT_PROGRESS_REPLICATE, 1);

IS(CRAFT_SESSION_NEW, 0);
IS(CRAFT_SESSION_REPEATED, 1);
IS(CRAFT_SESSION_FORGOTTEN, 2);
IS(CRAFT_SESSION_ENDED, 3);
IS(CRAFT_SESSION_FULL, 4);

IS(CRAFT_QUESTION_LEADER, 1);
IS(CRAFT_QUESTION_COMMIT, 2);
IS(CRAFT_QUESTION_PEER, 3);
IS(CRAFT_QUESTION_READ, 4);
IS(CRAFT_QUESTION_PROPOSE, 5);

IS(CRAFT_WHY_NOTHING, 0);
IS(CRAFT_WHY_NOT_STARTED, 1);
IS(CRAFT_WHY_STOPPED, 2);
IS(CRAFT_WHY_HALTED, 3);
IS(CRAFT_WHY_UNSETTLED, 4);
IS(CRAFT_WHY_DELIVERY, 5);
IS(CRAFT_WHY_OTHER, 6);
IS(CRAFT_WHY_NO_LEADER, 20);
IS(CRAFT_WHY_ASK_LEADER, 21);
IS(CRAFT_WHY_OWN_DISK, 22);
IS(CRAFT_WHY_DISK_FULL, 23);
IS(CRAFT_WHY_NO_MEMORY, 24);
IS(CRAFT_WHY_NUMBERS_END, 25);
IS(CRAFT_WHY_FETCH, 26);
IS(CRAFT_WHY_FETCH_FAILED, 27);
IS(CRAFT_WHY_DISK_SILENT, 28);
IS(CRAFT_WHY_INSTALL, 29);
IS(CRAFT_WHY_LEADS, 101);
IS(CRAFT_WHY_FOLLOWS, 102);
IS(CRAFT_WHY_NO_CONFIGURATION, 103);
IS(CRAFT_WHY_NOT_MEMBER, 104);
IS(CRAFT_WHY_LEARNER, 105);
IS(CRAFT_WHY_TIMER, 106);
IS(CRAFT_WHY_LEADER_SILENT, 107);
IS(CRAFT_WHY_PRE_VOTES, 108);
IS(CRAFT_WHY_VOTES, 109);
IS(CRAFT_WHY_PROMISED, 110);
IS(CRAFT_WHY_COMMITTED, 201);
IS(CRAFT_WHY_BEYOND_LOG, 202);
IS(CRAFT_WHY_UNVERIFIED, 203);
IS(CRAFT_WHY_NOT_TOLD, 204);
IS(CRAFT_WHY_VOTERS, 205);
IS(CRAFT_WHY_OLD_TERM, 206);
IS(CRAFT_WHY_SELF, 301);
IS(CRAFT_WHY_UNKNOWN_PEER, 302);
IS(CRAFT_WHY_UP_TO_DATE, 303);
IS(CRAFT_WHY_IN_FLIGHT, 304);
IS(CRAFT_WHY_WINDOW_MESSAGES, 305);
IS(CRAFT_WHY_WINDOW_BYTES, 306);
IS(CRAFT_WHY_PROBING, 307);
IS(CRAFT_WHY_PEER_SILENT, 308);
IS(CRAFT_WHY_SNAPSHOT, 309);
IS(CRAFT_WHY_UNKNOWN_READ, 401);
IS(CRAFT_WHY_FIRST_COMMIT, 402);
IS(CRAFT_WHY_ROUND, 403);
IS(CRAFT_WHY_ANSWER, 404);
IS(CRAFT_WHY_QUESTION, 405);
IS(CRAFT_WHY_CATCH_UP, 406);
IS(CRAFT_WHY_APPLY, 407);
IS(CRAFT_WHY_READS_MAX, 408);
IS(CRAFT_WHY_TOO_LONG, 501);
IS(CRAFT_WHY_TRANSFER, 502);
IS(CRAFT_WHY_UNCOMMITTED, 503);
IS(CRAFT_WHY_TOKENS_MAX, 504);
IS(CRAFT_WHY_FORWARDED, 505);
IS(CRAFT_WHY_REFUSALS, 506);

IS(CRAFT_ADDRESS_LEN_MAX, 255);
IS(CRAFT_MEMBERS_MAX, 64);
IS(CRAFT_NUMBER_MAX, (uint64_t)1 << 62);

/* --------------------------------------------------------------- behaviour */

/* Severity is a comparison. */
static void the_bands_of_errors_tell_their_severity(void **state)
{
    (void)state;
    assert_true(CRAFT_ERR_INVALID < -100 && CRAFT_ERR_TICKET > -200);
    assert_true(CRAFT_ERR_NOT_LEADER < -200 && CRAFT_ERR_NOT_VOTER > -300);
    assert_true(CRAFT_ERR_FORMAT < -300 && CRAFT_ERR_CORRUPT > -400);
    assert_true(CRAFT_ERR_STOPPED < -900 && CRAFT_ERR_HALTED < -900);
}

/* A library that grew a struct must not write beyond an older caller's. */
static void a_smaller_config_is_filled_as_far_as_it_goes(void **state)
{
    uint32_t *small = malloc(sizeof *small);

    (void)state;
    assert_non_null(small);
    craft_config_init((craft_config *)(void *)small, sizeof *small);
    assert_int_equal(*small, sizeof(craft_config));
    free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bands_of_errors_tell_their_severity),
        cmocka_unit_test(a_smaller_config_is_filled_as_far_as_it_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
