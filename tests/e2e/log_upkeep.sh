#!/bin/sh
# A durable log on real files that is compacted all the while: the process is
# killed again and again, and everything that it said was durable is there,
# within a few segments. And on a full disk votes and compactions still are.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

KILLS=${KILLS:-12}
WAL=$CRAFT_BUILD_DIR/craft-wal
WORK=$CRAFT_BUILD_DIR/tests/wal_work
DIR=$(mktemp -d "${TMPDIR:-/tmp}/craft-e2e.XXXXXX") || exit 1
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
at_end() {
    if [ -n "${work:-}" ]; then
        kill -9 "$work" 2>/dev/null
    fi
    umount -l "$DIR/disk" 2>/dev/null
}

# Whether the log has at least what the last whole line said.
has_all() {
    "$WAL" verify "$DIR/log" >"$DIR/verify" 2>&1 ||
        fail "$(cat "$DIR/verify")"
    grep '^[0-9][0-9]* [0-9][0-9]* [0-9][0-9]*$' "$DIR/said" |
        tail -n 1 >"$DIR/line"
    [ -s "$DIR/line" ] || return 0
    sed -n 's/.*entries [0-9]*\.\.\([0-9]*\), .*/\1/p' "$DIR/verify" |
        head -n 1 >"$DIR/last"
    sed -n 's/.*, snapshot \([0-9]*\)@.*/\1/p' "$DIR/verify" >"$DIR/snapshot"
    sed -n 's/.*, term \([0-9]*\) vote.*/\1/p' "$DIR/verify" >"$DIR/term"
    [ -s "$DIR/snapshot" ] || echo 0 >"$DIR/snapshot"
    read -r last snapshot term <"$DIR/line"
    [ "$(cat "$DIR/last")" -ge "$last" ] &&
        [ "$(cat "$DIR/snapshot")" -ge "$snapshot" ] &&
        [ "$(cat "$DIR/term")" -ge "$term" ]
}

i=0
most=0
while [ $i -lt "$KILLS" ]; do
    "$WORK" churn "$DIR/log" >"$DIR/said" 2>"$DIR/said.err" &
    work=$!
    sleep "0.$((2 + $(random_below 7)))"
    kill -9 $work || fail "it ended by itself: $(cat "$DIR/said.err")"
    wait $work 2>/dev/null
    work=
    has_all || fail "it said $(cat "$DIR/line"), and has $(cat "$DIR/verify")"
    # Two compactions' worth of segments, the next one, and one on its way out.
    count=$(find "$DIR/log" -name '*.wal' | wc -l)
    [ "$count" -gt $most ] && most=$count
    i=$((i + 1))
done
[ "$most" -le 10 ] || fail "up to $most segments were left"
"$WAL" print "$DIR/log" >"$DIR/print" || fail "print"
grep -q ' snapshot [0-9]*@1 size 1000 .* compact [0-9]*$' "$DIR/print" ||
    fail "print shows no compaction"
note "killed $i times, at most $most segments: $(head -n 1 "$DIR/verify")"

# Damage in a segment that is not the last one takes a range of entries.
first=$(find "$DIR/log" -name '*.wal' | sort | head -n 1)
"$WAL" print "$DIR/log" >"$DIR/print"
at=$(sed -n "s/^$(basename "$first"):\([0-9]*\) .* entries .*/\1/p" "$DIR/print" |
    tail -n 1)
if [ -n "$at" ] && [ "$(grep -c ': begin' "$DIR/print")" -gt 1 ]; then
    printf X | dd of="$first" bs=1 seek=$((at + 100)) conv=notrunc 2>/dev/null
    "$WAL" verify "$DIR/log" >"$DIR/verify" 2>"$DIR/verify.err" &&
        fail "verify does not see the damage"
    grep -q ': lost: .*, nothing else$\|: lost: no entry' "$DIR/verify" ||
        fail "not what is lost: $(cat "$DIR/verify" "$DIR/verify.err")"
    note "damaged: $(cat "$DIR/verify")"
fi

[ "$(id -u)" = 0 ] || skip "the full disk needs root, to mount a small tmpfs"
mkdir "$DIR/disk"
mount -t tmpfs -o size=6m,mode=755 tmpfs "$DIR/disk" 2>/dev/null ||
    skip "no tmpfs can be mounted here"
"$WORK" fill "$DIR/disk/log" >"$DIR/said" 2>&1 || fail "$(cat "$DIR/said")"
"$WAL" verify "$DIR/disk/log" || fail "verify"
note "$(cat "$DIR/said")"
