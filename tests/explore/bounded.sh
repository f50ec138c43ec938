#!/bin/sh
#
# Every behaviour of small clusters: nothing is broken, and the number of
# states is the one in bounds.txt, so that nothing is left out by mistake.

set -u
. "$(dirname "$0")/lib.sh"

failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# run NAME STATES OPTIONS...: the line for bounds.txt goes to $line.
run() {
    name=$1
    states=$2
    shift 2
    line="$name $states $*"
    expect="--expect $states"
    [ -n "${CRAFT_REWRITE:-}" ] && expect=
    # shellcheck disable=SC2086
    if ! "$explore" "$@" --check-facts 1 --refuse-memory 1 $expect >"$scratch/out" 2>&1; then
        echo "FAILED $name: explore $*"
        cat "$scratch/out"
        failed=1
        return
    fi
    echo "$name: $(tail -n 1 "$scratch/out")"
    line="$name $(sed -n 's/^explore: .*: \([0-9]*\) states.*/\1/p' \
        "$scratch/out") $*"
}

# wanted CLASS
wanted() {
    case $1:$CRAFT_BUILD_DIR in
    heavy:*) [ -n "${CRAFT_HEAVY:-}" ] ;;
    large:*/sanitize) [ -n "${CRAFT_HEAVY:-}" ] ;;
    esac
}

while read -r first rest; do
    class=
    case $first in
    large | heavy)
        class="$first "
        first=${rest%% *}
        rest=${rest#* }
        ;;
    esac
    line="$first $rest"
    case $first in
    '#'* | '') ;;
    *)
        if wanted "${class% }"; then
            # shellcheck disable=SC2086
            run "$first" $rest
        fi
        ;;
    esac
    echo "$class$line" >>"$scratch/bounds.txt"
done <"$here/bounds.txt"

if [ -n "${CRAFT_REWRITE:-}" ] && [ "$failed" -eq 0 ]; then
    cp "$scratch/bounds.txt" "$here/bounds.txt"
fi
exit "$failed"
