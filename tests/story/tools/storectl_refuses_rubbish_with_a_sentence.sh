#!/usr/bin/env bash
# Whatever storectl is given: the right exit code, a sentence, and a store that goes on unharmed.
. "$(dirname "${BASH_SOURCE[0]}")/../../support/storectl.sh"

cd "$here"

# Usage: 2, before anything is asked of a store. No cluster: 5.
status 2 storectl
says '^Usage: storectl COMMAND'
status 2 storectl lss
says "did you mean 'ls'?"
status 2 storectl frobnicate
says 'see `storectl help`'
status 2 storectl get
says 'which object'
status 2 storectl get a b
says "not two"
status 2 storectl put
status 2 storectl put -
says 'give one with --name'
status 2 storectl put a b --name c
status 2 storectl rm
status 2 storectl wait
status 2 storectl wait x --timeout soon
says "'soon' is not a number of seconds"
status 2 storectl wait x --timeout -1
status 2 storectl get x --timeot 1
says 'did you mean --timeout?'
status 2 storectl ls --sort colour
status 0 storectl --version
status 0 storectl help
status 0 storectl help put
prints 'namespace'
status 5 storectl ls
says "nothing listens at '$LODE_DIR/store.sock'\|$LODE_DIR"
status 5 storectl ls --dir "$here/elsewhere"
status 5 storectl ls --dir relative
says "$here/relative"
status 2 storectl ls --dir ''
status 2 storectl --dir "$LODE_DIR" ls
says 'the command comes before its options'

store_start --capacity 8M
status 0 storectl ls
head -c 96 /dev/zero | npy good.npy '<f8' False '(3, 4)'
status 0 storectl put good.npy

# Words that name nothing.
status 3 storectl get god
says "did you mean 'good'?"
status 3 storectl get good.npy
says "there is no object 'good.npy'; did you mean 'good'?"
status 3 storectl stat nothing
status 3 storectl get 0123456789abcdef0123456789abcdef
status 2 storectl get 00000000000000000000000000000000
for word in '' / a/ /a a/b/c "$(head -c 256 /dev/zero | tr '\0' a)" "$(head -c 300 /dev/zero | tr '\0' a)/b"; do
    status 2 storectl get "$word"
    status 2 storectl stat "$word"
    status 2 storectl rm "$word"
done
status 2 storectl put good.npy --name a/b/c
status 2 storectl put good.npy --name 0123456789abcdef0123456789abcdef
says 'taken for an id'
bad=$(printf '\xff\xfe\x01')
status 2 storectl get "$bad"
says 'UTF-8'

# Files that are none, or not what they say.
status 3 storectl put missing.npy
says 'missing.npy: there is no such file'
status 2 storectl put .
says 'directory'
head -c 50 good.npy >cut.npy
status 7 storectl put cut.npy
head -c 180 good.npy >short.npy
status 7 storectl put short.npy
says '180 bytes'
head -c 1000 /dev/urandom >noise.npy
status 7 storectl put noise.npy
says 'called .npy and is none'
status 0 storectl put --raw noise.npy
head -c 96 /dev/zero | npy object.npy '|O' False '(12,)'
status 1 storectl put object.npy
head -c 96 /dev/zero | npy huge.npy '<f8' False '(9223372036854775807, 9)'
status 7 storectl put huge.npy
status 7 bash -c 'head -c 150 good.npy | storectl put - --name cut'
says 'ends after 150 of '
if [ "$(id -u)" != 0 ]; then
    cp good.npy closed.npy
    chmod 0 closed.npy
    status 8 storectl put closed.npy
fi

# Outputs that cannot be written; nothing half is left.
status 1 storectl get good -o /nonexistent/file
says '/nonexistent/file'
for command in 'get good' ls stat 'wait good' 'put -f good.npy' help 'ls --help'; do
    status 6 bash -c "storectl $command >/dev/full"
    says 'cannot write.*No space left'
    # A closed stdout is not the number that the next socket gets: see bad_messages at the end.
    status 1 bash -c "storectl $command >&-"
    says 'cannot write'
done
status 1 storectl get good -o .
[ -z "$(find . -name '*.??????' ! -name '*.npy')" ] || give_up "a temporary file was left"

# More than there is room for: 6, at once or in time; then room again.
head -c 9000000 /dev/zero >larger.bin
status 6 storectl put larger.bin
says 'larger than the store\|more than the whole store'
status 6 storectl put /dev/zero --name endless
says 'more than the whole store'
head -c 5000000 /dev/zero >half.bin
status 0 storectl put half.bin
status 6 storectl put half.bin --name again --timeout 0.1
says '[0-9]'
status 0 storectl rm half
status 0 storectl put half.bin --name again --timeout 5

# Time runs out: 4. Interrupted: 130, and the store has forgotten the waiter.
status 4 storectl wait never --timeout 0.05
says "'never' is not there"
status 4 storectl get never --timeout 0.05
sessions() {
    storectl stat --json | sed -n 's/.*"sessions": \([0-9]*\).*/\1/p'
}
# The last command's session may still be counted: then a second one is not yet the waiter's, and
# the interrupt would come before `env` has ended that the shell's background jobs ignore it.
until [ "$(sessions)" = 1 ]; do :; done
env --default-signal=INT timeout --foreground 60 storectl wait never &
waiter=$!
until [ "$(sessions)" = 2 ]; do :; done
kill -INT "$waiter"
got=0
wait "$waiter" || got=$?
[ "$got" = 130 ] || give_up "an interrupted wait gave $got"
until [ "$(sessions)" = 1 ]; do :; done

# A terminal gets no binary bytes, and no colours where NO_COLOR is set.
status 2 script -qec 'storectl get good' /dev/null
prints 'is a terminal'
NO_COLOR=1 status 0 script -qec 'storectl ls' /dev/null
! grep -q "$(printf '\033')" out || give_up "colours although NO_COLOR is set"
TERM=dumb status 0 script -qec 'storectl ls' /dev/null
! grep -q "$(printf '\033')" out || give_up "colours on a terminal that is dumb"

# Names are anybody's: what they hold does not drive a terminal, nor break a line.
status 0 storectl put good.npy --name "$(printf 'a\nb\033[31m')"
status 0 storectl ls
prints '^[0-9a-f]\{32\} .* a\\nb\\x1b\[31m$'
status 0 storectl stat "$(printf 'a\nb\033[31m')"
prints '^names: .*a\\nb\\x1b\[31m (version [0-9]*)$'
status 0 storectl rm "$(printf 'a\nb\033[31m')"
status 3 storectl stat nothing good
grep -q '^id: ' <(head -1 out) || give_up "the first line is not the first object's"

# After all of it: the store serves, and nothing but what was put is there.
status 0 storectl get good
same good.npy out
status 0 storectl stat --json
prints '"unsealed_objects": 0'
prints '"bad_messages": 0'
prints '"longest_turn_ns": [1-9]'
store_stop
status 5 storectl get good
