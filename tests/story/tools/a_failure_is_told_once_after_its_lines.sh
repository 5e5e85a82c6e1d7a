# A task that fails through its own tasks: lode run says so in one sentence, behind all that the
# task has printed, and lode status tells of the failure once.
# ctest: timeout 120
. "$(dirname "$0")/../../support/story.sh"

play=$LODE_TEST_BIN/../tests/libplay.so
print=$LODE_TEST_BIN/../tests/libprint.so nest=$LODE_TEST_BIN/../tests/libnest.so
start lode start --num-cpus 1 --capacity 32M

exits 1 lode run "$print:often_then_fail" "a line" 20000
[ "$(grep -c '^(print.often_then_fail pid=[0-9]*) a line$' <<<"$err")" = 20000 ] ||
    give_up "there are $(wc -l <<<"$err") lines"
grep -qE '^lode run: print.often_then_fail: that was too much \(pid [0-9]+\)$' \
    <<<"$(tail -n 1 <<<"$err")" || give_up "it does not end with what was wrong: $(tail -n 2 <<<"$err")"

must lode load "$nest"
exits 1 lode run nest.fall 9 "the ground is reached"
grep -qE '^lode run: nest.fall \(pid [0-9]+\): failed through 9 calls, the last of them nest.fall: the ground is reached$' \
    <<<"$err" || give_up "$err"
exits 1 lode run nest.fall 1 "the roof"
says "$err" "): failed through a call of nest.fall: the roof"

must lode status
says "$out" "nest.fall: LODE_ETASK: failed through 9 calls, the last of them nest.fall: the ground" \
    ", 10 tasks of it" "Tasks: 13 submitted, 13 ended (0 well, 13 failed, 0 cancelled), 0 retried;"
[ "$(grep -c "nest.fall: LODE_ETASK" <<<"$out")" = 2 ] || give_up "a failure is told again: $out"

exits 1 lode run "$print:whole"
exits 1 lode run "$play:exit" 3
must lode status
says "$out" ": print.whole: LODE_ETASK: argument 1 is missing (0 came), "
grep "play.exit: LODE_ECRASHED: " <<<"$out" | grep -q "(pid .*(pid " && give_up "a pid is told twice: $out"

must lode stop
wait "$daemon" || give_up "the cluster ended with $?"
