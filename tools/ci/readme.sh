#!/usr/bin/env bash
# readme.sh BUILD: the program of README.md, built against the build tree, prints what README.md
# says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1

. tools/ci/own_folders.sh

sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$work/sum.c"
sed -n '/^    \$ cc sum\.c/,/^$/p' README.md | sed '1d; /^$/d; s/^    //' >"$work/wanted"
[ -s "$work/sum.c" ] && [ -s "$work/wanted" ] || { echo "README.md has no program" >&2; exit 1; }

gcc -std=c11 -Wall -Wextra -Werror -Iapi/include "$work/sum.c" -o "$work/sum" \
    "-L$build/lib" -llode "-Wl,-rpath,$build/lib"
"$work/sum" >"$work/got"
diff "$work/wanted" "$work/got"
