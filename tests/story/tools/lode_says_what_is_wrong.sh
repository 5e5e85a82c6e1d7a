# The command line of lode: what it returns and where it says what, when all is well and when not.
# ctest: timeout 120
. "$(dirname "$0")/../../support/story.sh"

tasks=$LODE_TEST_BIN/../tests/libplay.so

# ---- nothing runs, and much is mistyped
exits 2 lode
says "$err" Usage
must lode help
says "$out" "start" "matmul" "Exit status"
must lode help stop
says "$out" "--timeout"
must lode --version
says "$out" "lode 0."
exits 2 lode statsu
says "$err" "there is no command 'statsu'; did you mean 'status'?"
exits 2 lode --dir "$LODE_DIR" status
says "$err" "the command comes before its options"
must lode help help
exits 2 lode frobnicate
says "$err" "see \`lode help\`"
exits 2 lode start --capcity 1G
says "$err" "did you mean --capacity?"
exits 2 lode start --capacity 1X
says "$err" "'1X' is not a size"
exits 2 lode start --num-cpus none
says "$err" "'none' is not a number of CPUs"
exits 2 lode start --max-workers 0
says "$err" "'0' is not a number of workers from 1 to 3072"
exits 2 lode start --private
exits 2 lode start --ready-fd 77
says "$err" "not an open descriptor"
exits 2 lode stop now
exits 2 lode load
exits 2 lode run
exits 2 lode matmul x.npy --out out
exits 2 lode matmul x.npy y.npy
says "$err" "--out DIR"
exits 5 lode stop
says "$err" "no cluster runs in '$LODE_DIR'"
exits 5 lode status --dir "$LODE_DIR" # without it, private clusters of others are listed
exits 5 lode load "$tasks"
exits 5 lode run --dir "$LODE_DIR" play.nothing
[ -z "$out" ] || give_up "an error is on stdout: $out"
exits 3 lode matmul none.npy y.npy --out out
says "$err" "none.npy: there is no such file"
echo "this is no array" >bad.npy
exits 7 lode matmul bad.npy y.npy --out out
says "$err" "bad.npy: it is called .npy and is none"
cp bad.npy bad.txt
exits 7 lode matmul bad.txt y.npy --out out
says "$err" "bad.txt: it is no .npy file"
exits 2 lode matmul - y.npy --out out
says "$err" "stdin cannot be read twice"
exits 5 lode status --dir relative
says "$err" "no cluster runs in '$PWD/relative'"
exits 2 lode status --dir ''
[ ! -e out ] || give_up "a directory was made for nothing"

# lode never loads OpenBLAS, nor what would load it
! ldd "$LODE_TEST_BIN/lode" | grep -iE 'blas|lapack|gfortran' || give_up "lode is linked with OpenBLAS"

# ---- a cluster
start lode start --num-cpus 1 --capacity 32M
must lode status
says "$out" "Cluster: $LODE_DIR" "healthy   supervisor pid $daemon" "healthy   store" \
    "healthy   scheduler" "0/1 CPU" "32.0 MiB object store memory" "no pending tasks"
must lode status --json
says "$out" '"schema": "lode.status/2"' '"healthy": true' "\"capacity_bytes\": 33554432" \
    '"demands": []' '"failures": []' '"longest_turn_ns": '
exits 1 lode start
says "$err" "already running (pid $daemon)"
must lode status # the first is unharmed

exits 3 lode load none.so
says "$err" "none.so"
exits 1 lode load bad.npy
says "$err" "lode load: bad.npy: "
says "$err" "bad.npy: "
case $err in *"$LODE_STATE_DIR"* | *bad.npy*bad.npy*) give_up "the copy, or the file twice: $err" ;; esac
exits 1 lode run ./bad.npy:f
says "$err" "/bad.npy: "
case $err in *"$LODE_STATE_DIR"* | *bad.npy*bad.npy*) give_up "the copy, or the file twice: $err" ;; esac
cp "$(ldd "$LODE_TEST_BIN/lode" | grep -o '/[^ ]*libjansson[^ ]*')" plain.so
exits 1 lode load ./plain.so
says "$err" "lode load: ./plain.so: it exports no table: LODE_LIBRARY("
exits 2 lode run "$tasks" 41
says "$err" "names no function"
exits 2 lode run play # the name is said once, by whatever says it
[ "$err" = "lode run: 'play' is no \"library.function\" of up to 127 bytes" ] || give_up "$err"
exits 3 lode run ./none.so:f
[ "$err" = "lode run: ./none.so: No such file or directory" ] || give_up "$err"
must lode load "$tasks"
[ "$out" = play ] || give_up "the library's name is '$out'"
{ cat "$tasks"; echo; } >other.so
exits 1 lode load ./other.so
says "$err" 'stands for ' "$PWD/other.so has it, too; --replace gives it the name"
must lode run play.increment 41
[ "$out" = 42 ] || give_up "increment 41 is '$out'"
must lode run play.increment -42
[ "$out" = -41 ] || give_up "increment -42 is '$out'"
must lode run "$tasks:halves" -3.0
[ "$out" = $'-1.5\n-1.5' ] || give_up "halves of -3.0 are '$out'"
must lode run play.nothing
[ "$out" = done ] || give_up "nothing is '$out'"
must lode run --json play.increment 1
says "$out" '"schema": "lode.run/1"' '"function": "play.increment"' '"value": 2'
must lode run -j play.increment 1
exits 1 lode run play.increment text
says "$err" "play.increment"
case $err in *play.increment:*play.increment:*) give_up "it is said twice: $err" ;; esac
exits 3 lode run play.incremnt 1
says "$err" "incremnt" 'did you mean "play.increment"?'
exits 3 lode run "$tasks:incremnt" 1
says "$err" 'did you mean "play.increment"?'
exits 3 lode run plya.increment 1
says "$err" 'did you mean "play.increment"?'
says "$err" "lode load LIBRARY.so"
exits 3 lode run nothing.at_all
says "$err" 'there is no library "nothing"' "lode run LIBRARY.so:FUNCTION" "lode load LIBRARY.so"
case $err in *lode_load*) give_up "C is spoken: $err" ;; esac
exits 3 lode run play.increment @nobody
says "$err" "nobody"
exits 3 lode run play.increment nobody.npy
says "$err" "nobody.npy: there is no such file"
exits 2 lode run -o a.npy -o b.npy play.increment 1
says "$err" "1 result"
exits 2 lode run -o - --json play.increment 1

# what is printed has arrived, or the command has failed
for command in "status" "status --json" "run play.increment 1" "run --json play.increment 1" \
    "load $tasks" "help" "--version" "status --help"; do
    exits 6 bash -c "lode $command >/dev/full"
    says "$err" "cannot write to stdout: No space left on device"
    exits 1 bash -c "lode $command >&-"
    says "$err" "cannot write to stdout"
done

# outputs: to stdout, through links, into pipes; the mode of a file stays
must lode run -o a.npy play.increment 1
must lode run -o - play.increment 1
cmp "$base/out" a.npy || give_up "-o - gives another array"
exits 6 bash -c 'lode run -o - play.increment 1 >/dev/full'
mkfifo pipe
cat pipe >from_pipe &
must lode run -o pipe play.increment 1
wait $!
[ -p pipe ] || give_up "the pipe is no pipe any more"
cmp from_pipe a.npy || give_up "the pipe has got another array"
ln -s b.npy link.npy
exits 3 lode run -o link.npy play.increment 1
touch b.npy
chmod 640 b.npy
must lode run -o link.npy play.increment 1
cmp b.npy a.npy || give_up "the link was not followed"
[ -L link.npy ] || give_up "the link is gone"
[ "$(stat -c %a b.npy)" = 640 ] || give_up "the mode has changed"
exits 1 lode run -o none/a.npy play.increment 1
says "$err" "none/a.npy: cannot be written"

# a name that is taken is known before the task runs
must lode run --name kept play.increment 1
exits 1 lode run --name kept play.crash
says "$err" "the name 'kept' is taken: --replace gives it to the new object"
must lode run --name kept --replace play.increment 2
must lode run play.increment @kept
[ "$out" = 4 ] || give_up "increment @kept is '$out'"
must storectl rm kept

# objects as arguments: by name, by id
must storectl put a.npy
id=$out
must lode run play.copy @a
must lode run play.copy "@$id"
exits 3 lode run play.copy @b
says "$err" "there is no object 'b'"
exits 3 lode run play.copy @0123456789abcdef0123456789abcdef
must storectl rm a
exits 1 lode run play.crash
says "$err" "signal 11"
case $err in *signal*signal*) give_up "the signal is said twice: $err" ;; esac
must lode status
says "$out" "play.crash: LODE_ECRASHED"

# a signal ends the command, whose status says which, and it cancels what it asked for
mkfifo said
exec {said}<>said
ends_by() { # signal, exit status
    env --default-signal="$1" lode run play.loop_until_cancelled "$files/said" 2>err.txt >out.txt &
    waiting=$!
    IFS= read -r -N 1 -t 20 byte <&"$said" && [ "$byte" = r ] || give_up "the task does not run"
    must lode status
    says "$out" "1/1 CPU" "in play.loop_until_cancelled"
    says "$out" "play.loop_until_cancelled (1 CPU): 0 waiting"
    kill "-$1" $waiting
    wait $waiting
    [ $? -eq "$2" ] || give_up "$1 gave another status than $2: $(cat err.txt)"
    [ ! -s out.txt ] || give_up "a command that $1 ended has printed $(cat out.txt)"
    IFS= read -r -N 1 -t 20 byte <&"$said" && [ "$byte" = c ] || give_up "the task was not cancelled"
}
ends_by INT 130
ends_by TERM 143

# so does one whose own time is over: that is said, and its CPU is free
exits 4 lode run --task-timeout 0.2 play.loop "$files/said"
says "$err" "play.loop: " "time limit of 200 ms"
must lode run --task-timeout 60 play.increment 1
for limit in 0 -1 0.0001 5e6 nan inf soon ""; do
    exits 2 lode run --task-timeout "$limit" play.increment 1
    says "$err" "--task-timeout: '$limit' is not a number of seconds between 0.001 and 4294967.295"
done

# time runs out; the task, which never looks, does not keep the cluster from ending
exits 4 lode run --timeout 0.2 play.loop "$files/said"
says "$err" "play.loop: there is no result within 0.2 s (--timeout)"

# ---- an example that is larger than the store
exits 1 "$LODE_TEST_BIN/../examples/matmul_fanout"
says "$err" "take 1120 MiB" "has 32 MiB" "lode start --capacity 1121M"

# ---- its end
must lode stop --json
says "$out" '"schema": "lode.stop/1"' "\"supervisor_pid\": $daemon"
wait $daemon || give_up "lode start has ended with $?"
exits 5 lode status --dir "$LODE_DIR" # without it, private clusters of others are listed
[ ! -e "$LODE_DIR/supervisor.lock" ] || give_up "its lock is still there"
