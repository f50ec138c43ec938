#!/bin/sh
# The page about the language of scenarios is what the program's tables print;
# CRAFT_REWRITE=1 writes it anew. No command is without a story that uses it.
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

failed=0
commands=$(sed -n '/^| command /,/^$/s/^| `\([a-z-]*\).*/\1/p' "$page")
for command in $commands; do
    if ! grep -q "^$command\( \|\$\)" "$CRAFT_SOURCE_DIR"/tests/scenario/*.txt
    then
        echo "no story uses the command $command"
        failed=1
    fi
done
[ -n "$commands" ] && [ "$failed" -eq 0 ]
