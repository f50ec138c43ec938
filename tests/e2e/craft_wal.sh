#!/bin/sh
# What craft-wal says of logs: of servers that run, of a torn and of a damaged
# one; and it leaves all of them as they are.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

WAL=$CRAFT_BUILD_DIR/craft-wal

# expect STATUS ARGUMENT...: what it prints is in $DIR/said.
expect() {
    status=$1
    shift
    "$WAL" "$@" >"$DIR/said" 2>"$DIR/said.err"
    rv=$?
    [ $rv = "$status" ] || fail "craft-wal $* ends with $rv, not $status:" \
        "$(cat "$DIR/said" "$DIR/said.err")"
    [ "$status" = 0 ] || [ "$(wc -l <"$DIR/said.err")" -le 1 ] ||
        fail "craft-wal $* says more than one line: $(cat "$DIR/said.err")"
}

says() {
    grep -q -- "$1" "$DIR/said" "$DIR/said.err" ||
        fail "it does not say \"$1\" but: $(cat "$DIR/said" "$DIR/said.err")"
}

begin 3
for args in "" "prin x" "print" "print a b" "print --from x a" "print --to" \
    "print --from 0 a" "print --from 5 --to 4 a" "print --fast a" "verify" \
    "print --from 18446744073709551616 a" "verify a b" "compare a" \
    "compare a b c"; do
    # shellcheck disable=SC2086
    expect 2 $args
    [ -s "$DIR/said" ] && fail "craft-wal $args prints something"
    [ "$(wc -l <"$DIR/said.err")" = 1 ] || fail "craft-wal $args: not one line"
done
expect 0 --help
says 'compare DIR1 DIR2'
expect 1 verify "$DIR/nothing"
says "^craft-wal: $DIR/nothing: .*not there"
expect 1 print "$DIR"
says "there is no store"
"$WAL" --help >/dev/full 2>/dev/null && fail "a full disk is no failure"

# In use: nothing is disturbed, and what was acknowledged is there.
start_all
leader >/dev/null || exit 1
i=0
while [ $i -lt 100 ]; do
    echo "set key$i value$i"
    i=$((i + 1))
done | cli 1 >/dev/null
wait_for_same_state
for n in 1 2 3; do
    expect 0 verify "$(data_dir $n)/wal"
    says "$(data_dir $n)/wal: fine"
done
last=$(field 1 raft_last_index)
expect 0 print "$(data_dir 1)/wal" --entries
says "^    $last@.* command "
says "entries 1..$last, term $(field 1 raft_term) "
says " life$"
[ "$(grep -c '^    ' "$DIR/said")" -ge "$last" ] || fail "not every entry"
expect 0 print --from 50 --to 51 "$(data_dir 1)/wal" --entries
[ "$(grep -c '^    ' "$DIR/said")" = 2 ] || fail "not entries 50 and 51"
says '^    50@'
expect 0 compare "$(data_dir 1)/wal" "$(data_dir 2)/wal"
says "^the same from 1 to $last$"
grep -q longer "$DIR/said" && fail "one of two equal logs is longer"

# While writes go on it is never taken for damaged.
python3 -B "$E2E/load.py" write "$(ports)" "$DIR/acked" 3 &
load=$!
while kill -0 $load 2>/dev/null; do
    expect 0 verify "$(data_dir 2)/wal"
done
wait $load || fail "the load"

# A follower that has less: the other is longer, and there is no difference.
stop_server 3 || fail "server 3 did not stop well"
cli "$(leader)" set more than-3-has >/dev/null
expect 0 compare "$(data_dir 3)/wal" "$(data_dir "$(leader)")/wal"
says "^longer: $(data_dir "$(leader)")/wal by [1-9]"

# Another cluster's log differs from the first entry on.
KV_OPTIONS=
start_other() {
    "$KV" --id 1 --data "$DIR/other" --client "127.0.0.1:$(client_port 4)" \
        --cluster "1=127.0.0.1:$((BASE + 15))" >/dev/null 2>&1 &
    other=$!
    wait_for 10 "the other cluster" cli 4 set other 1 >/dev/null
    kill -9 $other
    wait $other 2>/dev/null
}
start_other
expect 1 compare "$DIR/other/wal" "$(data_dir 3)/wal"
says '^first difference at 1$'
says "^$DIR/other/wal: 1@1 configuration [0-9]* bytes crc32c [0-9a-f]*$"

# Torn: a record that was never synced, at the end of a copy.
cp -r "$(data_dir 3)/wal" "$DIR/torn"
first=$(printf '%s\n' "$DIR"/torn/0*.wal | head -n 1)
expect 0 print "$DIR/torn"
end=$(sed -n 's/^0*1\.wal:\([0-9]*\) \([0-9]*\) .*/\1 \2/p' "$DIR/said" |
    tail -n 1 | awk '{ print int(($1 + $2 + 511) / 512) * 512 }')
printf 'half a record' |
    dd of="$first" bs=1 seek="$end" conv=notrunc 2>/dev/null
sum=$(cat "$DIR"/torn/* | cksum)
expect 0 verify "$DIR/torn"
says "torn: unsynced bytes .* at offset $end"
says ': fine$'
[ "$sum" = "$(cat "$DIR"/torn/* | cksum)" ] || fail "verify changes the files"

# Damaged: one byte of a record that was synced.
printf X | dd of="$first" bs=1 seek=1070 conv=notrunc 2>/dev/null
expect 1 verify "$DIR/torn"
says "^craft-wal: $DIR/torn: .*: 0000000000000001.wal at offset 1064: "
expect 1 print "$DIR/torn"
says '^0000000000000001.wal:512 80 bytes: begin '
expect 1 compare "$DIR/torn" "$(data_dir 3)/wal"
says '^no entry is in both$'
grep -q 'lost' "$DIR/said" && fail "the last segment has no bound"
sum=$(cat "$DIR"/torn/* | cksum)
expect 1 verify "$DIR/torn"
[ "$sum" = "$(cat "$DIR"/torn/* | cksum)" ] || fail "verify changes the files"
note "craft-wal: ok"
