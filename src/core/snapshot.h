/*
 * snapshot: what stands for a prefix of the log (thesis 5.1).
 *
 * Owns node.snapshot: the latest snapshot that this server has, and up to
 * where the log is to be given up. The bytes of a state are the host's; the
 * node knows which entry it ends with, the configuration of then, and what
 * the host says of the bytes.
 *
 * A snapshot is described (begin), made durable by the host, and then told
 * (end): it is checked against the node's own record, noted by the store with
 * the next persist record, and the log is compacted between hooks, when nobody
 * can hold what goes.
 *
 * Invariants:
 *  - log.base <= latest.index <= applied: nothing is dropped that no snapshot
 *    stands for, or that the state machine still has to get. But one that the
 *    leader sent is the base until it is installed;
 *  - latest.index only rises, whatever order snapshots are finished in;
 *  - latest and its configuration do not change while a record lends them.
 */
#ifndef CRAFT_CORE_SNAPSHOT_H
#define CRAFT_CORE_SNAPSHOT_H

#include "core/node.h"

CRAFT_INTERNAL void craft_snapshot_free(struct craft_node *node);

/*
 * The snapshot that the store held; the log begins behind it. 0,
 * CRAFT_ERR_CORRUPT, or CRAFT_ERR_NOMEM with nothing changed.
 */
CRAFT_INTERNAL int craft_snapshot_restore(struct craft_node *node,
                                          const craft_snapshot *snapshot);

/* The first entry that the store gives lies at or below the snapshot: the log
 * begins behind that one. */
CRAFT_INTERNAL void craft_snapshot_restore_tail(struct craft_node *node,
                                                const craft_entry *entry);
/* It does not, after all. */
CRAFT_INTERNAL void craft_snapshot_restore_undo(struct craft_node *node);

/* Term and configuration as of index; 0 = what is applied. */
CRAFT_INTERNAL int craft_snapshot_describe(struct craft_node *node,
                                           craft_index index,
                                           craft_snapshot *snapshot_out);

/* The snapshot is durable: it becomes the latest. 0, or the reason. */
CRAFT_INTERNAL int craft_snapshot_take(struct craft_node *node,
                                       const craft_snapshot *snapshot,
                                       size_t keep_bytes);

/* May another become the latest? Nobody holds what that would give up. */
CRAFT_INTERNAL bool craft_snapshot_replaceable(const struct craft_node *node);

/* The leader's snapshot becomes the latest, and the log's base; the blob is
 * taken over. */
CRAFT_INTERNAL void craft_snapshot_adopt(struct craft_node *node,
                                         const craft_snapshot *snapshot,
                                         struct craft_blob configuration);

/* The log's base that is wanted and possible now. */
CRAFT_INTERNAL craft_index craft_snapshot_base(const struct craft_node *node);

/* Between hooks: free what nobody holds any more. */
CRAFT_INTERNAL void craft_snapshot_tidy(struct craft_node *node);

#endif
