#!/usr/bin/env bash
# readme.sh BUILD: the program of README.md, built against the build tree, prints what README.md says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1

work=$(mktemp -d)
shm=$(mktemp -d /dev/shm/lt-readme-XXXXXX)
trap 'rm -rf "$work" "$shm"' EXIT
mkdir "$work/run" "$work/state"
export XDG_RUNTIME_DIR=$work/run LODE_SHM_DIR=$shm LODE_STATE_DIR=$work/state
unset LODE_DIR

sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$work/sum.c"
sed -n '/^    \$ cc sum\.c/,/^$/p' README.md | sed '1d; /^$/d; s/^    //' >"$work/wanted"
[ -s "$work/sum.c" ] && [ -s "$work/wanted" ] || { echo "README.md has no program" >&2; exit 1; }

gcc -std=c11 -Wall -Wextra -Werror -Iapi/include "$work/sum.c" -o "$work/sum" \
    "-L$build/lib" -llode "-Wl,-rpath,$build/lib"
"$work/sum" >"$work/got"
diff "$work/wanted" "$work/got"
