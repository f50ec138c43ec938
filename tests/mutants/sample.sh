#!/bin/sh
#
# Faults on purpose: a sample that changes every day, or with CRAFT_HEAVY=1 all.

[ -n "${CRAFT_HEAVY:-}" ] || set -- --sample
exec sh "$CRAFT_SOURCE_DIR/tests/mutants.sh" "$@"
