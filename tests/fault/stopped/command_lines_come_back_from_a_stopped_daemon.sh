# While a daemon is stopped, each command comes back and names its process; an interrupt ends it.
# ctest: timeout 200
. "$(dirname "$0")/../../support/story.sh"

tasks=$LODE_TEST_BIN/../tests
at_most=8 # seconds: five for an answer, and what the machine needs besides

# The pid of a part, as lode status --json has it.
pid_of() {
    must lode status --json
    tr -d ' \n' <"$base/out" | sed "s/.*\"$1\":{\"up\":true,\"pid\":\([0-9]*\),.*/\1/"
}

# silent PID NAME COMMAND…: in the background, for each takes its five seconds. It ends with status
# 4, and its stderr has the pid. What is wrong stands in a file NAME.wrong, its time in NAME.took.
silent() {
    local pid=$1 name=$2 began=$SECONDS
    shift 2
    {
        got=0
        timeout 60 "$@" >"$name.out" 2>"$name.err" </dev/null || got=$?
        echo $((SECONDS - began)) "$*" >"$name.took"
        if [ $got -ne 4 ] || ! grep -q "process $pid, has not answered" "$name.err"; then
            echo "$* gave $got after $((SECONDS - began)) s: $(cat "$name.err")" >"$name.wrong"
        fi
    } &
    asked+=($!)
}

# One that waits for nobody, beside them: where it takes longer, the machine is busy.
sleep_beside() {
    local began=$SECONDS
    {
        lode --version && sleep 5 && lode --version
        echo $((SECONDS - began)) >beside
    } >/dev/null &
    asked+=($!)
}

all_came_back() {
    local took command busy
    wait "${asked[@]}"
    asked=()
    busy=$(($(cat beside) - 5))
    for wrong in *.wrong; do
        [ ! -e "$wrong" ] || give_up "$(cat "$wrong")"
    done
    while read -r took command; do
        [ "$took" -le $((at_most + busy)) ] || give_up "$command took $took s, $busy s too busy"
    done < <(cat ./*.took)
    rm ./*.took
}

# Ends the command $waiting by an interrupt.
interrupt() {
    local began=$SECONDS got=0
    kill -INT "$waiting"
    wait "$waiting" || got=$?
    [ $got -eq 130 ] || give_up "an interrupted command gave $got"
    [ $((SECONDS - began)) -le $at_most ] || give_up "an interrupt took $((SECONDS - began)) s"
}

asked=()
start lode start --num-cpus 1 --capacity 64M
store=$(pid_of store)
scheduler=$(pid_of scheduler)
must lode load "$tasks/libplay.so"
printf 'some bytes' >bytes
must storectl put bytes --name known
{
    printf '\223NUMPY\1\0v\0%-117s\n' "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }"
    head -c 8 /dev/zero
} >x.npy
must lode matmul --out products x.npy x.npy

# ---- the scheduler: a command that waits for a result, and all that begin now
mkfifo said
exec {said}<>said
env --default-signal=INT lode run play.loop_until_cancelled "$files/said" 2>err.txt >out.txt &
waiting=$!
IFS= read -r -N 1 -t 20 byte <&"$said" && [ "$byte" = r ] || give_up "the task does not run"
freeze "$scheduler"
sleep_beside
silent "$scheduler" run lode run play.increment 1
silent "$scheduler" run_for lode run --timeout 0.1 play.increment 1
silent "$scheduler" run_file lode run "$tasks/libhold.so:until" a b
silent "$scheduler" load lode load "$tasks/libhold.so"
silent "$scheduler" matmul lode matmul --out products x.npy x.npy
must storectl ls
must storectl get known
must storectl put bytes --name other
must storectl wait other
must storectl stat
must storectl rm other
interrupt
all_came_back
env --default-signal=INT lode run play.increment 1 2>err.txt >out.txt &
waiting=$!
until [ "$(ls "/proc/$waiting/task" | wc -l)" -gt 1 ]; do :; done # nng's: it asks the scheduler
interrupt
kill -CONT "$scheduler"
IFS= read -r -N 1 -t 20 byte <&"$said" && [ "$byte" = c ] || give_up "the task was not cancelled"
must lode run play.increment 1
says "$out" 2

# ---- the store
freeze "$store"
sleep_beside
silent "$store" ls storectl ls
silent "$store" stat storectl stat
silent "$store" stat_one storectl stat known
silent "$store" get storectl get known
silent "$store" put storectl put bytes --name third
silent "$store" rm storectl rm known
silent "$store" wait storectl wait known
silent "$store" wait_for storectl wait --timeout 0.1 unknown
silent "$store" run lode run play.increment 1
silent "$store" load lode load "$tasks/libhold.so"
silent "$store" matmul lode matmul --out products x.npy x.npy
env --default-signal=INT storectl wait unknown 2>err.txt >out.txt &
waiting=$!
until [[ $(readlink "/proc/$waiting/exe") = */storectl ]]; do :; done # before, it ignores interrupts
interrupt
all_came_back
kill -CONT "$store"
must storectl get known
must lode run play.increment 1

# ---- the supervisor: what it need not do goes on; then all three
freeze "$daemon"
must lode run play.increment 1
exits 4 lode stop --timeout 0.2
says "$err" "its supervisor is pid $daemon"
freeze "$scheduler"
freeze "$store"
kill -CONT "$daemon" # it was asked to end
wait "$daemon" || give_up "lode start has ended with $?"
