#!/usr/bin/env bash
# apart.sh pids|overlay|user PROGRAM ARGUMENT…: runs a story in namespaces of its own, or as a user.
#
#   pids     a pid namespace, as in a container: pids begin anew, /proc shows the story alone
#   overlay  /tmp, where a story has its LODE_DIR, is an overlayfs over the machine's, as a
#            container's root is
#   user     where root runs the tests: as a user that nobody else is. Root may open any file, sees
#            any process and has no limits, so that a story alone shows less
#
# A story names its directories after its pid. In a pid namespace it gets, in there, the pid that
# this script has outside: so two stories never meet in /dev/shm, and whoever looks for leftovers
# sees that the story is not over.
set -euo pipefail

skip() {
    echo "SKIPPED: $1"
    exit 77
}

inside_pids() { # pid, program …
    local pid=$1
    shift
    echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
    "$@" # a child: as process 1 it would be deaf to signals
}

inside_overlay() { # an empty directory to mount at, program …
    local room=$1
    shift
    mount -t tmpfs none "$room"
    mkdir "$room/upper" "$room/work"
    mount -t overlay -o "lowerdir=/tmp,upperdir=$room/upper,workdir=$room/work" none /tmp
    chmod 1777 /tmp
    "$@"
}

case $1 in
pids)
    shift
    [ -w /proc/sys/kernel/ns_last_pid ] && unshare --pid --fork --mount-proc true 2>/dev/null ||
        skip "no pid namespace can be made here: that takes root"
    exec unshare --pid --fork --kill-child --mount-proc bash "$0" inside_pids $$ "$@"
    ;;
overlay)
    shift
    room=$(mktemp -d /var/tmp/lt-overlay-XXXXXX)
    trap 'rmdir "$room"' EXIT
    unshare --mount bash "$0" inside_overlay "$room" true 2>/dev/null ||
        skip "no overlayfs can be mounted here: that takes root"
    unshare --mount bash "$0" inside_overlay "$room" "$@"
    ;;
user)
    shift
    [ "$(id -u)" = 0 ] || exec "$@" # it is run by a user anyway
    user=$((20000 + $$ % 40000))
    as_user=(setpriv --reuid "$user" --regid "$user" --clear-groups)
    "${as_user[@]}" test -x "$LODE_TEST_BIN/lode" ||
        skip "user $user cannot reach $LODE_TEST_BIN: its folders are closed to others"
    exec env HOME=/nonexistent "${as_user[@]}" "$@"
    ;;
inside_*) "$@" ;;
*)
    echo "usage: apart.sh pids|overlay|user PROGRAM ARGUMENT…" >&2
    exit 2
    ;;
esac
