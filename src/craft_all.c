/*
 * craft_all: the core as one translation unit.
 *
 * Internal functions become static, which lets the compiler see through them.
 * Compile this file instead of the core's own .c files, with the same include
 * paths.
 */
#define CRAFT_AMALGAMATION 1

/* clang-format off */
#include "base/assert.c"
#include "base/crc32c.c"
#include "base/memory.c"
#include "base/random.c"
#include "base/results.c"
#include "quorum/quorum.c"
#include "members/members.c"
#include "log/blocks.c"
#include "log/log.c"
#include "peers/peers.c"
#include "core/answer.c"
#include "core/apply.c"
#include "core/commit.c"
#include "core/elect.c"
#include "core/fetch.c"
#include "core/follow.c"
#include "core/health.c"
#include "core/lease.c"
#include "core/persist.c"
#include "core/prefer.c"
#include "core/propose.c"
#include "core/read.c"
#include "core/replicate.c"
#include "core/snapshot.c"
#include "core/transfer.c"
#include "engine/effects.c"
#include "engine/role.c"
#include "engine/settle.c"
#include "engine/step.c"
#include "codec/decode.c"
#include "codec/encode.c"
#include "codec/sound.c"
#include "api/check.c"
#include "api/delivery.c"
#include "api/describe.c"
#include "api/explain.c"
#include "api/explain_log.c"
#include "api/explain_read.c"
#include "api/explain_text.c"
#include "api/inputs.c"
#include "api/look.c"
#include "api/node.c"
#include "api/receive_bytes.c"
#include "api/snapshots.c"
#include "session/image.c"
#include "session/session.c"
#include "session/table.c"
/* clang-format on */
