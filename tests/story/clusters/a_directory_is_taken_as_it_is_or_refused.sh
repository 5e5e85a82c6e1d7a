# No directory that was there is changed: one that others can enter is refused. What lode makes is
# its user's alone, whatever the umask. And only a task library needs a state directory.
. "$(dirname "$0")/../../support/story.sh"

own=$LODE_SHM_DIR # ours alone, on a tmpfs
mode() {
    stat -c %a "$1"
}
begin() { # lode start in default directories below $own
    env XDG_RUNTIME_DIR="$own" LODE_DIR="$own/lode" LODE_SHM_DIR="$own/shm" "$@" \
        timeout 20 lode start --num-cpus 1 --capacity 16M
}

for bad in 1777 755 600; do
    for variable in LODE_DIR LODE_SHM_DIR; do
        mkdir "$own/x"
        chmod $bad "$own/x"
        exits 8 begin "$variable=$own/x"
        says "$err" "$own/x" "chmod 700" "$variable"
        [ "$(mode "$own/x")" = $bad ] || give_up "$variable: the mode was changed to $(mode "$own/x")"
        rmdir "$own/x" || give_up "$variable: something was left there"
    done
done

# a private cluster where another user has made the parent, as everybody can in /dev/shm
if [ "$(id -u)" = 0 ]; then
    mkdir "$own/sticky" "$own/sticky/theirs"
    chmod 1777 "$own/sticky"
    chown 12345 "$own/sticky/theirs"
    exits 5 env LODE_SHM_DIR="$own/sticky/theirs" lode run blas.sum 1
    says "$err" "$own/sticky/theirs" "user 12345" "LODE_SHM_DIR"
    [ -z "$(ls "$own/sticky/theirs")" ] || give_up "files were put into another user's directory"
    rm -rf "$own/sticky"
fi

# whatever the umask
for mask in 0 0177 0777; do
    umask $mask
    exec {ready}< <(exec lode start --num-cpus 1 --capacity 16M --dir "$own/$mask/d" --ready-fd 1 \
        2>>"$base/daemon.err")
    daemon=$!
    umask 022
    IFS= read -r -N 1 -t 20 byte <&"$ready"
    [ "$byte" = + ] || give_up "umask $mask: $(cat "$base/daemon.err")"
    must storectl ls --dir "$own/$mask/d"
    shm=$(sed -n 's/.*STORE-SERVES.* bytes in //p' "$base/daemon.err" | tail -1)
    for path in "$own/$mask" "$own/$mask/d" "$shm"; do
        [ "$(mode "$path")" = 700 ] || give_up "umask $mask: $path has mode $(mode "$path")"
    done
    for path in "$own/$mask/d"/*.{lock,sock} "$shm"/*; do
        [ "$(mode "$path")" = 600 ] || give_up "umask $mask: $path has mode $(mode "$path")"
    done
    must lode stop --dir "$own/$mask/d"
    wait "$daemon" || give_up "the supervisor ended with $?"
    rm -rf "${own:?}/$mask"
    umask $mask
    run env -u LODE_DIR lode run blas.sum 1 # a private one: its directory is made by liblode
    umask 022
    says "$err" "blas.sum"
done

# HOME may be wrong, or missing
for home in /proc/none relative ""; do
    at_home=(env -u LODE_STATE_DIR -u XDG_STATE_HOME "HOME=$home")
    start "${at_home[@]}" lode start --num-cpus 1 --capacity 16M
    must "${at_home[@]}" storectl ls
    must "${at_home[@]}" lode status
    if [ -n "$home" ]; then
        run "${at_home[@]}" lode load "$LODE_TEST_BIN/../tests/libplay.so"
        [ $status -ne 0 ] || give_up "a library was copied to '$home'"
        says "$err" "LODE_STATE_DIR"
        refusal=1 # lode's own library is there: not 3
        [ "$home" = relative ] && refusal=2 # wrong words, as with any option
        exits $refusal "${at_home[@]}" lode run blas.sum 1
        says "$err" "LODE_STATE_DIR"
    fi
    must "${at_home[@]}" lode stop
    wait "$daemon" || give_up "the supervisor ended with $?"
done
