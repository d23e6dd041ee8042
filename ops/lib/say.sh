# shellcheck shell=bash
# How the launcher talks: steps with their time, and one clear line when something is wrong.
# Descriptor 3 is the terminal's stderr, also inside a step whose own output goes to its log.

exec 3>&2
DM_DIED=90

# die WHAT CURE: the one line a person needs, then out. Inside a step, its log has nothing to add.
die() {
    [ -z "${DM_IN_STEP-}" ] || printf 'failed\n' >&3
    printf 'ops/dormouse: %s\n' "$1" >&3
    [ -z "${2-}" ] || printf '  cure: %s\n' "$2" >&3
    exit $((${DM_IN_STEP-0} == 1 ? DM_DIED : 1))
}

warn() {
    printf 'ops/dormouse: %s\n' "$1" >&3
}

# now_ms: monotonic milliseconds, so that a clock that is set meanwhile shows no nonsense.
now_ms() {
    local up rest
    read -r up rest </proc/uptime
    printf '%s' "${up/./}0"
}

# seconds_since MS: "1.2 s"
seconds_since() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# note TEXT: said by a step about itself, shown at the end of its line.
note() {
    printf '%s' "$1" >"$DM_DATA/log/up/.note"
}

# ticker LOG LABEL: on a terminal, the last line of a long step's log, redrawn in place until killed.
ticker() {
    local line
    while sleep 0.5; do
        line=$(tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1) || true
        printf '\r\033[K  %-12s %.60s' "$2" "${line//[^[:print:]]/}"
    done
}

# step LABEL COMMAND...: runs it, its output into log/up/LABEL.log, and says how long it took.
# Not to be called where `set -e` is off (in an `if` or before `||`): the command relies on it.
step() {
    local label=$1 log start rc=0 pid=''
    shift
    mkdir -p "$DM_DATA/log/up"
    log=$DM_DATA/log/up/$label.log
    : >"$log"
    rm -f "$DM_DATA/log/up/.note"
    start=$(now_ms)
    printf '  %-12s ' "$label"
    if [ -n "$DM_VERBOSE" ]; then
        printf '\n'
        set +e
        (set -e; DM_IN_STEP=1; "$@") 2>&1 | tee "$log"
        rc=${PIPESTATUS[0]}
        set -e
        printf '  %-12s ' "$label"
    else
        if [ -t 1 ]; then
            ticker "$log" "$label" 3>&- &
            pid=$!
        fi
        set +e
        (set -e; DM_IN_STEP=1; "$@") >"$log" 2>&1 </dev/null
        rc=$?
        set -e
        if [ -n "$pid" ]; then
            kill "$pid" 2>/dev/null || true
            wait "$pid" 2>/dev/null || true
            printf '\r\033[K  %-12s ' "$label"
        fi
    fi
    if [ "$rc" -eq "$DM_DIED" ]; then
        exit 1
    fi
    if [ "$rc" -ne 0 ]; then
        printf 'failed after %s\n' "$(seconds_since "$start")"
        tail -n 25 "$log" | sed 's/^/    | /' >&3
        printf '    the whole log: %s\n' "$log" >&3
        exit 1
    fi
    printf '%-50s %9s\n' "$(cat "$DM_DATA/log/up/.note" 2>/dev/null || echo "done")" "$(seconds_since "$start")"
}
