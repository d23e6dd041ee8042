# shellcheck shell=bash
# What must hold before anything is touched. Each refusal names what is wrong and how to mend it.

need_root() {
    [ "$(id -u)" = 0 ] || die "$1 needs root: it manages service users and network namespaces" "run: sudo ops/dormouse $1"
}

need_debian() {
    local ID='' VERSION_ID='' PRETTY_NAME=''
    # shellcheck source=/dev/null
    . /etc/os-release
    [ "$ID $VERSION_ID" = 'debian 12' ] ||
        die "this is ${PRETTY_NAME:-an unknown system}, not Debian 12" "use a machine or a container with Debian 12 (bookworm)"
    [ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m), not x86_64" "use an x86_64 machine"
}

# need_disk DIR MIB: that much free on the file system that DIR is, or will be, on.
need_disk() {
    local dir=$1 free
    while [ ! -d "$dir" ]; do dir=${dir%/*}; dir=${dir:-/}; done
    free=$(df -Pk "$dir" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$2" ] ||
        die "disk too full: $free MiB free for $1, $2 MiB needed" "free some space, or put it elsewhere with DM_DATA and DM_CACHE"
}

# need_privacy: whoever can listen in on a wire reads API keys off it.
need_privacy() {
    case $DM_LISTEN in 127.* | ::1) return ;; esac
    if [ -n "$DM_TLS_CERT" ]; then
        if [ ! -r "$DM_TLS_CERT" ] || [ ! -r "$DM_TLS_KEY" ]; then
            die "DM_TLS_CERT or DM_TLS_KEY cannot be read" "name two files in PEM"
        fi
    elif [ -z "$DM_PLAIN" ]; then
        die "DM_LISTEN is $DM_LISTEN, and API keys would travel there unencrypted" \
            "set DM_TLS_CERT and DM_TLS_KEY, or DM_PLAIN=yes where something before it speaks TLS"
    fi
}

# need_relay: what the settings say of the mail relay is there.
need_relay() {
    local name
    for name in DM_SMTP_PASSWORD_FILE DM_SMTP_CA_FILE; do
        [ -z "${!name}" ] || [ -r "${!name}" ] || die "$name cannot be read: ${!name}" "name a file that is there, or unset it"
    done
}

# listener PORT: who listens there, as PROGRAM (pid N), or nothing. From /proc, since ss may not be installed yet.
listener() {
    local hex inode fd pid
    printf -v hex '%04X' "$1"
    inode=$(awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    [ -n "$inode" ] || return 0
    for fd in /proc/[0-9]*/fd/*; do
        if [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ]; then
            pid=${fd#/proc/} pid=${pid%%/*}
            printf '%s (pid %s)' "$(cat "/proc/$pid/comm")" "$pid"
            return
        fi
    done
    printf 'another program'
}

# need_ports: each port is free, or belongs to a service of this deployment that is up.
need_ports() {
    local row service port who
    for row in front:$DM_PORT_FRONT front:$DM_PORT_SANDBOX kafka:$DM_PORT_KAFKA kafka:$DM_PORT_KAFKA_CTL door:$DM_PORT_DOOR; do
        service=${row%:*} port=${row#*:}
        if [ -n "$(service_pid "$service")" ]; then
            continue
        fi
        who=$(listener "$port")
        [ -z "$who" ] || die "port $port, needed by $service, is taken by $who" \
            "stop that program, or use other ports: DM_PORT_BASE=$((DM_PORT_BASE < 32000 ? DM_PORT_BASE + 1000 : 4000)) ops/dormouse up"
    done
}
