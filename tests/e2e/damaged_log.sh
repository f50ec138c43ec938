#!/bin/sh
# A byte in the middle of a log has changed: the server refuses to start, and
# names the file and the offset. The others go on.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

begin 3
start_all
leader >/dev/null || exit 1
i=0
while [ $i -lt 200 ]; do
    echo "set damage$i value-to-be-damaged-$i"
    i=$((i + 1))
done | cli 1 >/dev/null
wait_for_same_state
stop_server 2 || fail "server 2 did not stop well"

# A value of the middle: it stands in the log as it was sent.
python3 -B - "$(data_dir 2)" >"$DIR/place" <<'PYTHON' || fail "no such byte"
import os
import sys
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            at = file.read().find(b"value-to-be-damaged-100")
        if at >= 0:
            with open(path, "r+b") as file:
                file.seek(at + 3)
                file.write(b"X")
            print(name, at + 3)
            sys.exit(0)
sys.exit(1)
PYTHON
read -r name offset <"$DIR/place"
note "changed the byte at $offset of $name"

: >"$DIR/2.err"
start 2
wait "$(pid 2)"
rv=$?
: >"$DIR/2.pid"
note "it says: $(cat "$DIR/2.err")"
[ $rv = 1 ] || fail "the exit status is $rv, not 1"
[ "$(wc -l <"$DIR/2.err")" = 1 ] || fail "not one line"
grep -q "$name" "$DIR/2.err" || fail "it does not name the file"
# The offset is that of the record, not of the byte.
grep -Eq 'offset [0-9]+|[:@ ][0-9]{3,}' "$DIR/2.err" ||
    fail "it does not name the offset"

"$CRAFT_BUILD_DIR/craft-wal" verify "$(data_dir 2)/wal" >/dev/null \
    2>"$DIR/verify" && fail "craft-wal does not see it"
grep -q "$name at offset" "$DIR/verify" || fail "craft-wal: $(cat "$DIR/verify")"

cli 1 set still there >/dev/null
[ "$(cli 3 get still)" = there ] || fail "the others do not go on"
