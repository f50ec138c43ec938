#!/bin/sh
# The page about the language of scenarios is what the program's tables print;
# CRAFT_REWRITE=1 writes it anew.
set -eu

page=$CRAFT_SOURCE_DIR/docs/scenario-language.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$CRAFT_BUILD_DIR/tests/scenario" --describe >"$work/page"
if [ "${CRAFT_REWRITE:-}" = 1 ]; then
    cp "$work/page" "$page"
fi
if ! diff -u "$page" "$work/page"; then
    echo "docs/scenario-language.md is not what the tables say;" \
        "CRAFT_REWRITE=1 writes it anew"
    exit 1
fi
