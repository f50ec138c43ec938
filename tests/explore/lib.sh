# Sourced by the scripts of this folder.

CRAFT_SOURCE_DIR=${CRAFT_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$CRAFT_SOURCE_DIR/build}
explore=$CRAFT_BUILD_DIR/tests/explore
here=$CRAFT_SOURCE_DIR/tests/explore
