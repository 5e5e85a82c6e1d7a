# own_folders.sh: for checks that run programs: $work is theirs, and so is any cluster that they
# start. Sourced. All of it is gone at the end.
work=$(mktemp -d)
shm=$(mktemp -d /dev/shm/lt-check-XXXXXX)
trap 'rm -rf "$work" "$shm"' EXIT
mkdir "$work/run" "$work/state"
export XDG_RUNTIME_DIR=$work/run LODE_SHM_DIR=$shm LODE_STATE_DIR=$work/state
unset LODE_DIR
