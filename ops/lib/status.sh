# shellcheck shell=bash
# What runs, and what it says.

# uptime_of PID: since when the process runs, for people.
uptime_of() {
    local s
    s=$(ps -o etimes= -p "$1" 2>/dev/null) || return 0
    s=${s// /}
    if ((s >= 86400)); then
        printf '%dd %dh' $((s / 86400)) $((s % 86400 / 3600))
    elif ((s >= 3600)); then
        printf '%dh %dm' $((s / 3600)) $((s % 3600 / 60))
    else
        printf '%dm %ds' $((s / 60)) $((s % 60))
    fi
}

service_address() {
    case $1 in
    pg) printf '%s/pg/.s.PGSQL.%s' "$DM_RUN" "$DM_PORT_PG" ;;
    kafka) printf '127.0.0.1:%s' "$DM_PORT_KAFKA" ;;
    meter) printf '%s/meter/meter.sock (metrics)' "$DM_RUN" ;;
    api) printf '%s/api/api.sock' "$DM_RUN" ;;
    export) printf '%s/exports (files)' "$DM_DATA" ;;
    worker) printf '%s/page/worker.sock (metrics)' "$DM_RUN" ;;
    door) printf '127.0.0.1:%s' "$DM_PORT_DOOR" ;;
    front) printf '%s, %s' "$DM_URL_API" "$DM_URL_SANDBOX" ;;
    esac
}

# debian_version PACKAGE: upstream part of what is installed
debian_version() {
    local version
    version=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) || return 0
    version=${version#*:}
    printf '%s' "${version%%[-+]*}"
}

# command_status: exit code 0 when everything is up, 3 when not.
command_status() {
    local name pid down=0
    need_root status
    printf 'data folder   %s%s\n' "$DM_DATA" "$([ -e "$DM_DATA/etc/settings" ] || printf ' (not made yet)')"
    printf 'cache         %s\n' "$DM_CACHE"
    printf 'accelerator   %s\n' "$(accelerator)"
    printf 'period        %s s\ndefault spec  %s\n' "$DM_PERIOD_S" "$DM_DEFAULT_SPEC"
    printf 'versions      dormouse %s, PostgreSQL %s, Kafka %s, nginx %s, QEMU %s\n\n' \
        "$(git -C "$DM_ROOT" describe --always --dirty 2>/dev/null || printf unknown)" "$(debian_version postgresql-15)" \
        "$(kafka_version)" "$(debian_version nginx)" "$(debian_version qemu-system-x86)"
    for name in $DM_SERVICES; do
        pid=$(service_pid "$name")
        if [ -n "$pid" ]; then
            printf '%-8s up    pid %-8s %-10s %s\n' "$name" "$pid" "$(uptime_of "$pid")" "$(service_address "$name")"
        else
            printf '%-8s down\n' "$name"
            down=$((down + 1))
        fi
    done
    [ "$down" -eq 0 ] || exit 3
}

command_logs() {
    local follow='' name='' arg files=()
    need_root logs
    for arg; do
        case $arg in
        -f) follow=yes ;;
        -*) bad_usage "logs does not know $arg" ;;
        *) name=$arg ;;
        esac
    done
    for arg in ${name:-$DM_SERVICES}; do
        [ -f "$DM_DATA/log/$arg/current" ] || [ -z "$name" ] ||
            die "there is no log of '$arg'" "name one of: $DM_SERVICES guests"
        [ ! -f "$DM_DATA/log/$arg/current" ] || files+=("$DM_DATA/log/$arg/current")
    done
    [ "${#files[@]}" -gt 0 ] || die "there are no logs yet" "run: ops/dormouse up"
    if [ -n "$follow" ]; then
        # -F: by name, since a full log is moved aside
        exec tail -n 20 -F "${files[@]}"
    fi
    exec tail -n "$([ -n "$name" ] && printf 500 || printf 20)" "${files[@]}"
}
