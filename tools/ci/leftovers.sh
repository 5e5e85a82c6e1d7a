#!/usr/bin/env bash
# leftovers.sh before|after FILE BIN: `before` notes in FILE what there is of lode in shared memory,
# as sockets, as processes of the programs in BIN, and of the directories of tests; `after` prints
# what has come since and fails if there is anything.
set -euo pipefail

list() {
    find /dev/shm -mindepth 1 -maxdepth 1 -name 'lode-*' -printf 'shm %p\n'
    find /dev/shm /tmp /var/tmp -mindepth 1 -maxdepth 1 -name 'lt-*' -printf 'directory %p\n'
    awk '$8 ~ /^\/.*(lode|lt-)/ { print "socket " $8 }' /proc/net/unix
    for exe in /proc/[0-9]*/exe; do
        path=$(readlink "$exe" 2>/dev/null) || continue
        case $path in "$1"/*) echo "process ${exe//[^0-9]/} $path" ;; esac
    done
}

# A story that runs at this moment, beside these tests, is not over: its directories are called
# after the process that guards it.
not_of_the_living() {
    local line pid
    while IFS= read -r line; do
        pid=$(sed -nE 's@.*/lt-([0-9]+)(/.*)?$@\1@p' <<<"$line")
        if [ -z "$pid" ] || ! [ -d "/proc/$pid" ]; then
            printf '%s\n' "$line"
        fi
    done
}

case ${1:-} in
before) list "$3" | sort >"$2" ;;
after)
    new=$(list "$3" | sort | comm -13 "$2" - | not_of_the_living)
    if [ -n "$new" ]; then
        printf 'the tests left:\n%s\n' "$new" >&2
        exit 1
    fi
    ;;
*)
    echo "usage: leftovers.sh before|after FILE BIN" >&2
    exit 2
    ;;
esac
