#!/usr/bin/env bash
# Includes go downward only. A quoted include names a path from the root of the tree; each part may
# include itself and what stands behind it here, and nothing else. Public headers, <lode/…>, are for
# everyone, and include each other only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

api='api/client api/layout api/wire api/cluster api/system api/base'
table="
api/base:
api/system:     api/base
api/cluster:    api/system api/base
api/wire:       api/system api/base
api/layout:     api/wire api/system api/base
api/client:     api/layout api/wire api/cluster api/system api/base
store scheduler worker: $api
tools:          store scheduler worker $api
tests:          tools store scheduler worker $api
"

# $part: the part that a path belongs to.
part_of() {
    case $1 in
    api/include/*) part=public ;;
    api/examples/*) part=example ;;
    api/*/*) part=${1#api/} part=api/${part%%/*} ;;
    *) part=${1%%/*} ;;
    esac
}

declare -A allowed # what a part may include, beside itself
while IFS=: read -r names below; do
    for name in $names; do
        allowed[$name]=" $below "
    done
done <<<"$table"

bad=0
complain() {
    echo "$1:$2: $3" >&2
    bad=1
}

check() { # file line include
    local from
    part_of "$1"
    from=$part
    case $from in
    public) [ -e "api/include/lode/$3" ] || complain "$1" "$2" "a public header includes \"$3\"" ;;
    example) complain "$1" "$2" "an example includes \"$3\": it has the public headers only" ;;
    *)
        part_of "$3"
        if ! [ -e "$3" ]; then
            complain "$1" "$2" "\"$3\" is no path from the root of the tree"
        elif [ -z "${allowed[$from]:-}" ]; then
            complain "$1" "$2" "$from has no line in the table of tools/ci/layers.sh"
        elif [ "$from" != "$part" ] && [[ ${allowed[$from]} != *" $part "* ]]; then
            complain "$1" "$2" "$from includes $part: arrows go downward only"
        fi
        ;;
    esac
}

found=0
while IFS=: read -r file line include; do
    found=$((found + 1))
    check "$file" "$line" "$include"
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.[ch]' \
    --include='*.cpp' --include='*.hpp' api store scheduler worker tools tests |
    sed -E 's/^([^:]*:[0-9]*):[^"]*"([^"]*)".*/\1:\2/')

# uthash as it comes ends the process where there is no memory: api/base/hash.h does not.
while IFS=: read -r file line _; do
    complain "$file" "$line" "<uthash.h> is included: include \"api/base/hash.h\""
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<uthash' --include='*.[ch]' \
    api store scheduler worker tools tests | grep -v '^api/base/hash\.h:' || true)

if [ "$found" -lt 100 ]; then
    echo "only $found includes were found: the check does not see the tree" >&2
    exit 1
fi
exit $bad
