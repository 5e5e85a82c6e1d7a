# ulimit -f: what may not be written is said, and no half of it stays; nothing dies of SIGXFSZ.
# ulimit -v: what cannot be mapped is said, by the daemon and by a client, with what to do.
. "$(dirname "$0")/../../support/story.sh"

exits 1 bash -c 'ulimit -f 16; exec lode start --num-cpus 1 --capacity 16M'
says "$err" "File too large" "ulimit -f"

# AddressSanitizer reserves terabytes of addresses before main(): no program of its tree starts.
limits_addresses=yes
! grep -qF __asan_init "$(command -v lode)" || limits_addresses=no

if [ $limits_addresses = yes ]; then
    exits 1 bash -c 'ulimit -v 500000; exec lode start --num-cpus 1 --capacity 16M'
    says "$err" "ulimit -v" "--capacity"
fi

start lode start --num-cpus 1 --capacity 16M
if [ $limits_addresses = yes ]; then
    exits 1 bash -c 'ulimit -v 500000; exec storectl ls'
    says "$err" "ulimit -v" "--capacity"
fi
head -c 200000 /dev/urandom >whole
must storectl put -f whole
exits 1 bash -c 'ulimit -f 16; exec storectl get whole -o half'
says "$err" "File too large"
[ ! -e half ] || give_up "a half-written file stays"
[ "$(find . -newer whole -type f | wc -l)" = 0 ] || give_up "left: $(find . -newer whole)"
exits 1 bash -c 'ulimit -f 16; storectl get whole >half'
says "$err" "File too large"
rm -f half
{
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (200000,), }"
    cat whole
} >whole.npy
exits 1 bash -c "ulimit -f 16; exec lode run -o half.npy $LODE_TEST_BIN/../tests/libplay.so:copy whole.npy"
says "$err" "File too large"
[ "$(find . -newer whole.npy -type f | wc -l)" = 0 ] || give_up "left: $(find . -newer whole.npy)"
must storectl get whole -o again
cmp whole again
must lode stop
wait "$daemon" || give_up "the supervisor ended with $?"
