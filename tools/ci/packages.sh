#!/usr/bin/env bash
# What tools/packages does on machines where packages are missing, played with programs of our own
# in front of the real ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"

fake() { # name, text of the script
    printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

fail() {
    echo "$1" >&2
    exit 1
}

run() { # as user id $1, the rest are arguments; output in $work/out, status in $status
    local uid=$1
    shift
    fake id "echo $uid"
    : >"$work/calls"
    status=0
    PATH=$work/bin:$PATH tools/packages "$@" >"$work/out" 2>&1 </dev/null || status=$?
}

all_but() { # dpkg-query says that all are there but these
    fake dpkg-query "$(tools/packages names test | grep -vxF "$1" | sed 's/.*/echo installed &/')"
}

fake apt-get "echo \"apt-get \$*\" >>$work/calls"
fake apt-cache 'exit 0'

all_but nothing
run 1000 test
[ $status -eq 0 ] && ! [ -s "$work/out" ] && ! [ -s "$work/calls" ] ||
    fail "nothing missing: wants silence and status 0"

all_but libnng-dev
run 1000
[ $status -eq 3 ] || fail "missing, no root, no terminal: status $status, want 3"
grep -qx '    apt-get install -y --no-install-recommends libnng-dev' "$work/out" ||
    fail "missing: the exact command is not shown"
! [ -s "$work/calls" ] || fail "missing, no root: apt-get was called"

all_but g++
run 1000
[ $status -eq 0 ] || fail "a package of the tests is missing: building does not need it"
run 1000 test
[ $status -eq 3 ] || fail "a package of the tests is missing, and was not"

# As root: installs; our apt-get makes the package appear.
all_but libnng-dev
cp "$work/bin/dpkg-query" "$work/before"
fake apt-get "echo \"apt-get \$*\" >>$work/calls
[ \"\$1\" = install ] && echo 'echo installed libnng-dev' >>$work/bin/dpkg-query; exit 0"
run 0
[ $status -eq 0 ] || fail "as root: status $status, want 0"
grep -qx 'apt-get install -y --no-install-recommends libnng-dev' "$work/calls" ||
    fail "as root: not installed"
! grep -q 'apt-get update' "$work/calls" || fail "as root: the lists were fetched without need"

# The same on a machine that has no lists yet.
cp "$work/before" "$work/bin/dpkg-query"
fake apt-cache 'exit 100'
run 0
[ "$(head -1 "$work/calls")" = 'apt-get update' ] || fail "no lists: they were not fetched first"

# An archive that does not have it.
cp "$work/before" "$work/bin/dpkg-query"
fake apt-get 'exit 100'
run 0
[ $status -ne 0 ] || fail "the installation failed, and nobody was told"
