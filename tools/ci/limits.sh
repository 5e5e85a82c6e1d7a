#!/usr/bin/env bash
# limits.sh: the tables "Limits" of the READMEs say what the code says. A constant in the last
# column of a row must exist, and the row's second column must have its value, as 4,096 or as 64
# MiB. The other way round, every constant X_MAX, X_MOST or X_ROWS must stand in such a row, or in
# limits.inner: those that no caller can meet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
inner=tools/ci/limits.inner
readmes=(README.md store/README.md scheduler/README.md worker/README.md tools/README.md)

bad=0
complain() {
    echo "$1" >&2
    bad=1
}

# The constants: enumerators and #defines, as "NAME expression". Other names in an expression are
# constants too.
constants() {
    {
        grep -rhoE '\b[A-Z][A-Z0-9_]+ = [^,};]+' --include='*.[ch]' "$@" | sed 's/ = / /; s,/\*.*,,'
        grep -rhoE '^#define +[A-Z][A-Z0-9_]+ +\(*[A-Z0-9].*' --include='*.[ch]' "$@" |
            sed -E 's/^#define +//; s,/\*.*,,'
    } | sed -E 's/\bU?INT64_C\b//g; s/ +/ /g; s/ $//' | grep -vE 'sizeof|"' | LC_ALL=C sort -u
}
declare -A text
while read -r name expression; do
    text[$name]=${text[$name]:+${text[$name]}|}$expression
done < <(constants api store scheduler worker tools)
[ ${#text[@]} -gt 200 ] || complain "only ${#text[@]} constants were found: the check is blind"

# $value: what a constant's expression comes to.
value_of() {
    local expression=${text[$1]} name
    while [[ $expression =~ [A-Z][A-Z0-9_]+ ]]; do
        name=${BASH_REMATCH[0]}
        [ -n "${text[$name]:-}" ] || { value= && return; }
        expression=${expression/$name/(${text[$name]})}
    done
    value=$((expression))
}

# $grouped: 1,048,576
group() {
    grouped=$1
    while [[ $grouped =~ ^([0-9]+)([0-9]{3}(,.*)?)$ ]]; do
        grouped=${BASH_REMATCH[1]},${BASH_REMATCH[2]}
    done
}

# $spelled: how a table may say a number; with a binary unit, where it is a multiple of one.
spell() {
    local number=$1 unit
    group "$number"
    spelled=$grouped
    for unit in KiB MiB GiB TiB; do
        [ $((number % 1024)) = 0 ] || break
        number=$((number / 1024))
        group $number
        spelled+="|$grouped $unit"
    done
}

declare -A shown
check_row() { # readme, what, at most, constants
    local name
    for name in ${4//\`/}; do
        shown[$name]=1
        if [ -z "${text[$name]:-}" ] || [[ ${text[$name]} == *"|"* ]]; then
            complain "$1: '$2' names $name, of which the code has ${text[$name]:-none}"
            continue
        fi
        value_of "$name"
        spell "$value"
        [[ " $3 " =~ [^0-9,]($spelled)[^0-9,.] ]] ||
            complain "$1: '$2' is at most '$3', and $name is $value ($spelled)"
    done
}

rows=0
for readme in "${readmes[@]}"; do
    while IFS='|' read -r _ what most _ names _; do
        [[ $names =~ [A-Z]+_[A-Z]+ ]] || continue
        rows=$((rows + 1))
        check_row "$readme" "${what## }" "${most# }" "$names"
    done < <(sed -n '/^## Limits/,/^## /p' "$readme" | grep '^|')
done
[ "$rows" -gt 20 ] || complain "only $rows rows of limits were found"

declare -A is_inner
while read -r name _; do
    [[ $name == \#* || -z $name ]] && continue
    is_inner[$name]=1
    [ -n "${text[$name]:-}" ] || complain "$inner: the code has no $name"
    [ -z "${shown[$name]:-}" ] || complain "$inner: $name stands in a README"
done <$inner
for name in "${!text[@]}"; do
    case $name in *_MAX | *_MOST | *_ROWS | LODE_MAX_*) ;; *) continue ;; esac
    [ -n "${shown[$name]:-}${is_inner[$name]:-}" ] ||
        complain "$name (${text[$name]}) is a limit: name it under Limits in a README, or in $inner"
done
exit $bad
