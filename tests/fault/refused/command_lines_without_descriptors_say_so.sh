# `lode` and `storectl` that have no descriptor left say so, at once, with the limit and with what
# lode needs. They never say that a daemon is stopped, or that the cluster runs elsewhere.
. "$(dirname "$0")/../../support/story.sh"

at_most=4 # seconds: less than a daemon that is silent is waited for

# few N COMMAND…: the command may have N open files; 0, 1 and 2 are among them.
few() {
    local files=$1 began=$SECONDS
    shift
    run sh -c 'ulimit -n "$0"; exec "$@"' "$files" "$@"
    [ $((SECONDS - began)) -le $at_most ] || give_up "$* took $((SECONDS - began)) s"
    case $out$err in
    *"error while loading shared libraries"*) return ;; # the system's own words
    *stopped* | *"another container"* | *"has ended"*)
        give_up "$* with $files files: $out$err"
        ;;
    esac
    if [ $status -ne 0 ]; then
        failed=$((failed + 1))
        case $out$err in
        *"ulimit -n"*"lode needs 16"*) ;;
        *) give_up "$* with $files files says nothing of them: $out$err" ;;
        esac
    fi
}

start lode start --num-cpus 1 --capacity 64M
printf 'some bytes' >bytes
must storectl put bytes --name known
for command in 'storectl ls' 'storectl get known' 'lode status' 'lode stop'; do
    failed=0
    for files in 4 5 6 7 8 9 10 11; do
        few $files $command
        [ "$command" = 'lode stop' ] && [ $failed -gt 0 ] && break # with more it may stop it
    done
    [ $failed -gt 0 ] || give_up "$command needs no files"
done
must lode stop
