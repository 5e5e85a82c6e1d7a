# lode tasks and lode workers say what runs, for whom and how long. lode cancel ends a task, by
# force if need be, and lode kill-worker a worker. lode status says why tasks failed.
# ctest: timeout 120
. "$(dirname "$0")/../../support/story.sh"

tasks=$LODE_TEST_BIN/../tests/libplay.so
exits 5 lode tasks --dir "$LODE_DIR"
exits 5 lode workers --dir "$LODE_DIR"
exits 5 lode kill-worker 1 --dir "$LODE_DIR"
exits 2 lode tasks --state sleeping
says "$err" "no task is 'sleeping': they are waiting, ready, " " or ending"
exits 2 lode tasks --worker x
exits 2 lode cancel
exits 2 lode kill-worker

start lode start --num-cpus 1 --capacity 32M
must lode load "$tasks"
must lode tasks
[ "$(wc -l <<<"$out")" = 1 ] || give_up "tasks that there are not: $out"
must lode tasks --json
says "$out" '"schema": "lode.tasks/1"' '"count": 0' '"tasks": []'

mkfifo said
exec {said}<>said
await() { # a byte that the task writes
    IFS= read -r -N 1 -t 20 byte <&"$said" && [ "$byte" = "$1" ] || give_up "the task has not said $1"
}
field() { # KEY of the one task or worker in the document in $out
    sed -nE "s/^ +\"$1\": \"?([^\",]*)\"?,?\$/\1/p" <<<"$out"
}

# ---- one that runs and never looks, and one that waits for its CPU
lode run play.loop "$files/said" 2>loop.err &
loop=$!
await r
lode run play.increment 1 >increment.out 2>increment.err &
increment=$!
until must lode tasks --state ready && [ "$(wc -l <<<"$out")" = 2 ]; do :; done
must lode tasks
says "$out" "running" "play.loop" "ready" "play.increment" " $loop " " $increment "
[ "$(sed -n '2s/.* //p' <<<"$out")" = play.loop ] || give_up "the running one is not the first: $out"
must lode tasks --limit 0
says "$out" "play.loop" "… and 1 more"
must lode tasks --function 'play.inc*' --json
says "$out" '"count": 1' '"state": "ready"' '"function": "play.increment"' "\"program\": $increment"
must lode tasks --program $loop --json
id=$(field id) worker=$(field pid)
[ ${#id} = 32 ] && [ -n "$worker" ] || give_up "no id or worker in $out"
must lode tasks --worker "$worker"
says "$out" "$id" "play.loop"
must lode workers
says "$out" "$worker  busy" "$id  play.loop"
must lode workers --json
says "$out" '"schema": "lode.workers/1"' "\"pid\": $worker" '"busy_ns": ' '"private_bytes": '

# ---- cancelled: the one that waits at once, the one that never looks by force
exits 3 lode cancel ffff0123
says "$err" "no task that has not ended makes 'ffff0123'; \`lode tasks\` lists them"
exits 2 lode cancel ""
must lode tasks --program $increment --json
second=$(field id)
exits 2 lode cancel "${id:0:4}..${id:0:0}"
says "$err" "fits 2 tasks"
must lode cancel --recursive "$second"
says "$out" "$second  play.increment, which was ready, is to end"
wait $increment
[ $? -eq 1 ] || give_up "a cancelled run ended with $?"
grep -q "play.increment: the task was cancelled" increment.err || give_up "$(cat increment.err)"
[[ $out != *--force* ]] || give_up "one that waits needs no force: $out"
grep -q "cancelled.*cancelled" increment.err && give_up "it is said twice: $(cat increment.err)"
must lode cancel "$id"
says "$out" "play.loop, which was running, is to end; --force ends one that does not look"
must lode cancel --force --json "$id"
says "$out" '"schema": "lode.cancel/1"' '"force": true' '"function": "play.loop"'
wait $loop
[ $? -eq 1 ] || give_up "a run that was cancelled by force ended with $?"
exits 3 lode cancel "$id"

# ---- a worker that is killed: its task is tried again, as often as it may be
lode run play.loop "$files/said" 2>loop.err &
loop=$!
for attempt in 1 2 3 4; do
    await r
    must lode tasks --program $loop --json
    must lode kill-worker "$(field pid)"
done
wait $loop
[ $? -eq 1 ] || give_up "a run whose workers were killed ended with $?"
grep -q "was ended by signal 9 (SIGKILL), attempt 4 of 4" loop.err || give_up "$(cat loop.err)"
grep -q "attempt.*attempt" loop.err && give_up "it is said twice: $(cat loop.err)"
exits 3 lode kill-worker $$
says "$err" "process $$ is no worker of this cluster"
exits 3 lode kill-worker "$daemon"
exits 2 lode kill-worker none

# ---- why tasks failed: the sentence, the pid, the program, the time; and they count as failed
must lode status --json
before=$(field failed)
exits 1 lode run play.fail "out of \"luck\" $(printf '\033[31m\377')"
says "$err" 'out of "luck" \x1b[31m\xff'
must lode status
says "$out" 'play.fail: LODE_ETASK: ' 'out of "luck" \x1b[31m\xff (pid ' ', program ' ' s ago: '
must lode status --json
says "$out" '"code": "LODE_ETASK"' 'out of \"luck\" \\x1b[31m\\xff"'
until must lode status --json && [ "$(field failed)" = $((before + 1)) ]; do :; done

# ---- what tasks print drives no terminal, and a file has it as it was; nor does what is mistyped
rude=$(printf 'a\033]0;b\a\tc\377')
run lode run play.say "$rude"
LC_ALL=C grep -qF "$rude" <<<"$err" || give_up "a file has not got the bytes: $err"
RUDE=$rude script -qec 'lode run play.say "$RUDE"' typescript >/dev/null </dev/null
LC_ALL=C grep -qF "$(printf 'a\\x1b]0;b\\x07\tc\\xff')" typescript || give_up "$(cat -v typescript)"
rude=$(printf 'a\033]0;b\a')
for words in "$rude" "start --capacity $rude" "start --$rude" "tasks --state $rude" "run play.copy @$rude" \
    "load $rude" "status --dir $rude"; do
    run lode $words
    LC_ALL=C grep -q "$(printf '[\033\a\377]')" <<<"$err$out" && give_up "lode $words drives: $err"
    says "$err" '\x1b'
done

# ---- who cannot ask does not say that the others are silent
exits 1 bash -c 'ulimit -n 6; lode status'
says "$out" "not asked store" "ulimit -n"
case $out in *SILENT*) give_up "$out" ;; esac

exec {said}>&-
must lode stop
wait "$daemon" || give_up "the cluster ended with $?"
