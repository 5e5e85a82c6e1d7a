#!/usr/bin/env bash
# structure.sh: who uses whom, as the compiler sees it. Every source is compiled once, without
# optimizing; what the objects define and ask for, and where each function is declared, gives these
# findings:
#
#   circle FOLDER: a b      functions of the files a.c and b.c call each other, directly or by
#                           others
#   circle PART: f g        the same of whole folders
#   includes FOLDER: a b    headers that include each other
#   elsewhere NAME: H C     declared in H, which has a .c of its own (or lies in another folder),
#                           and defined in C
#   unused NAME: C          no other file uses it: it should be static, or gone
#   tests NAME: C           the tests alone use it
#   undefined NAME: H       declared, and defined nowhere
#   twice NAME: F H         a struct of the header H, or of F, should have another name
#
# Any finding fails the check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C work

find api store scheduler worker tools -name '*.c' -not -path 'api/examples/*' \
    -not -path 'tools/ci/*' | sed 's@^\./@@' | sort >"$work/sources"
compile() {
    local object=$work/${1//\//+}
    gcc -std=gnu11 -w -O0 -D_GNU_SOURCE -DLODE_VERSION='""' -DLODE_LIBRARIES_TO_PROGRAMS='""' \
        -DLODE_LIBDIR='""' -DLODE_INSTALL_LIBDIR='""' -I. -Iapi/include -c "$1" \
        -o "$object.o" -aux-info "$object.x"
    nm --format=posix --extern-only "$object.o" | sed "s@^@$1 @" >"$object.nm"
}
export -f compile
xargs -P "$(nproc)" -I{} bash -c 'compile {}' <"$work/sources"
[ "$(wc -l <"$work/sources")" -gt 100 ] || { echo "only few sources were found" >&2; exit 1; }

cat "$work"/*.nm | awk '{ print ($3 == "U" ? "use" : "def"), $1, $2 }' >"$work/symbols"
grep -hE '^/\* (\./)?(api|store|scheduler|worker|tools)/[^:]*\.h:[0-9]*:NC \*/ extern' "$work"/*.x |
    sed -E 's@^/\* (\./)?([^:]*):.*\*/ extern [^(]*[ *]([A-Za-z0-9_]+) \(.*@declared \2 \3@' |
    sort -u >"$work/declared"
grep -rnE '^#include "' --include='*.h' api store scheduler worker tools |
    sed -E 's@^([^:]*):.*"([^"]*)".*@include \1 \2@' >"$work/includes"
grep -rnE '^ *struct [a-z_0-9]+ \{' --include='*.[ch]' api store scheduler worker tools |
    sed -E 's@^([^:]*):[0-9]*: *struct ([a-z_0-9]+) .*@struct \1 \2@' | sort -u >"$work/structs"
grep -rhowE '[A-Za-z_][A-Za-z0-9_]*' --include='*.[ch]' tests | sort -u | sed 's/^/tests - /' \
    >"$work/tests"
tools/ci/api_names.sh | sed 's/^/public - /' >"$work/public"
sed 's/^/source /' "$work/sources" >"$work/named"

awk -f tools/ci/structure.awk "$work/named" "$work/public" "$work/symbols" "$work/declared" \
    "$work/includes" "$work/structs" "$work/tests" | sort >"$work/found"
cat "$work/found" >&2
[ ! -s "$work/found" ]
