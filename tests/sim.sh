#!/bin/sh
#
# Runs seeds of the simulator on all processors; does all of its own set-up.
#
#   sh tests/sim.sh COUNT [FIRST] [OPTION...]
#
#   COUNT    how many
#   FIRST    the first one; 1
#   OPTION   of craft-sim: --profile disk, --servers 4, --failures 10 ...
#
# A failing seed is printed with the property it breaks, the last events, how
# to run it again, and a smaller plan that breaks the same. Exit code 1.

set -u
CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"

usage() {
    sed -n '3,13s/^# \{0,1\}//p' "$0"
}

is_number() {
    case ${1:-} in
    '' | *[!0-9]*) return 1 ;;
    esac
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
esac
if ! is_number "${1:-}" || [ "$1" -eq 0 ]; then
    usage >&2
    exit 2
fi
count=$1
shift
first=1
if is_number "${1:-}"; then
    first=$1
    shift
fi

need_tools cc cmake build-tool || exit 1
craft_configure "$CRAFT_BUILD_DIR" && craft_build "$CRAFT_BUILD_DIR" craft-sim ||
    exit 1
exec "$CRAFT_BUILD_DIR/craft-sim" --seeds "$first..$((first + count - 1))" \
    --jobs "$CRAFT_JOBS" "$@"
