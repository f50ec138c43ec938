#!/bin/sh
#
# The faults of tests/mutants are still faults of these sources.

command -v patch >/dev/null || {
    echo "no patch (Debian: patch)"
    exit 77
}
exec sh "$CRAFT_SOURCE_DIR/tests/mutants.sh" --apply
