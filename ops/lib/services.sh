# shellcheck shell=bash
# The daemons under Debian's runit: one runsvdir of this data folder, one folder in sv/ for each service.
# Everything is found through runit's own files and our pid file; nothing is ever looked up by name alone.

# in the order in which they start; they stop the other way round
DM_SERVICES='pg kafka meter export api worker door front'

# program NAME: one of ours, as built.
program() {
    printf '%s/bin/%s' "$DM_BUILD" "$1"
}

# as_user USER: the words before a command that runs as that user, with its groups, without any capability, and without a
# way to more.
as_user() {
    printf 'setpriv --reuid %s --regid %s --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs --' "$1" "$1"
}

# as_service NAME COMMAND...
as_service() {
    local words
    read -ra words <<<"$(as_user "dormouse-$1")"
    "${words[@]}" "${@:2}"
}

# service_oom NAME: when memory runs out, what holds evidence goes last, and a machine (workers/vmm/proc.c) before any of us.
service_oom() {
    case $1 in
    pg | worker) printf -- -900 ;;
    kafka | meter | api) printf -- -800 ;;
    *) printf -- -700 ;;
    esac
}

# service_command NAME: the last line of its run script.
service_command() {
    local as etc=$DM_DATA/etc
    as="exec $(as_user "dormouse-$1")"
    case $1 in
    pg) printf '%s %s/postgres -c config_file=%s/postgresql.conf' "$as" "$DM_PG_BIN" "$etc" ;;
    kafka)
        printf '%s java -server -Xms256m -Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError' "$as"
        printf ' -Djava.awt.headless=true -Djava.net.preferIPv4Stack=true -Dlog4j2.configurationFile=%s/kafka-log4j2.properties' "$etc"
        printf " -cp '%s/*' kafka.Kafka %s/kafka.properties" "$(kafka_jars)" "$etc"
        ;;
    front | door)
        printf '%s nginx -e stderr -p %s/nginx-%s/ -c %s/nginx-%s.conf' "$as" "$DM_RUN" "$1" "$etc" "$1"
        ;;
    worker) printf 'exec setpriv --no-new-privs -- %s --config %s/worker.conf' "$(program dormouse-worker)" "$etc" ;;
    *) printf '%s %s --config %s/%s.conf' "$as" "$(program "dormouse-$1")" "$etc" "$1" ;;
    esac
}

# service_logger NAME: what takes its words. The front's go through a filter first: they would name what clients asked for.
service_logger() {
    case $1 in
    front) printf "sh -c 'sed -unEf %s/etc/nginx-log.sed | exec svlogd %s/log/front'" "$DM_DATA" "$DM_DATA" ;;
    *) printf 'svlogd %s/log/%s' "$DM_DATA" "$1" ;;
    esac
}

make_service() {
    local name=$1 dir=$DM_DATA/sv/$1
    mkdir -p "$dir/log" "$dir/control"
    install -d -m 1770 -o root -g dormouse "$DM_DATA/log/$name"
    put "$dir/run" 755 root:root <<END
#!/bin/sh
# made by ops/dormouse
exec 2>&1
cd $DM_RUN
ulimit -n 65536 2>/dev/null || ulimit -n "\$(ulimit -H -n)"
# a root without CAP_SYS_RESOURCE may not: then it is a machine's own place that makes the difference
{ echo $(service_oom "$name") >/proc/self/oom_score_adj; } 2>/dev/null
$(service_command "$name")
END
    put "$dir/log/run" 755 root:root <<END
#!/bin/sh
exec $(as_user dormouse) $(service_logger "$name")
END
    # At most five old files of a megabyte each.
    printf 's1000000\nn5\n' | put "$DM_DATA/log/$name/config" 644 root:root
    case $name in front | door)
        # Workers outlive a master that was killed, and would keep its ports. They work in a folder of their own.
        put "$dir/finish" 755 root:root <<END
#!/bin/sh
for proc in /proc/[0-9]*; do
    [ "\$(readlink "\$proc/cwd")" != $DM_RUN/nginx-$name ] || kill -KILL "\${proc#/proc/}"
done 2>/dev/null
END
        ;;
    esac
    if [ "$name" = worker ]; then
        # One that was written off (3), or of which a later start is known (4), would be told so again at once, and for
        # ever: it stays down until the next `up`.
        # shellcheck disable=SC2016 # for the script, not for us
        printf '#!/bin/sh\ncase $1 in 3 | 4) printf d >supervise/control ;; esac\n' | put "$dir/finish" 755 root:root
    fi
    if [ "$name" = pg ]; then
        # TERM would wait for every client to leave; INT ends their sessions and stops cleanly.
        # shellcheck disable=SC2016 # for the script, not for us
        printf '#!/bin/sh\nread -r pid <supervise/pid && exec kill -INT "$pid"\n' | put "$dir/control/t" 755 root:root
    fi
    # runsvdir must not start everything at once: `up` does, in order. See services_settle.
    [ -n "$(supervisor_pid)" ] || : >"$dir/down"
}

make_services() {
    local name
    for name in $DM_SERVICES; do
        make_service "$name"
    done
}

# supervisor_pid: of our runsvdir, or nothing.
supervisor_pid() {
    local pid words=()
    read -r pid 2>/dev/null <"$DM_STATE/runsvdir.pid" || return 0
    mapfile -d '' -t words 2>/dev/null <"/proc/$pid/cmdline" || return 0
    if [ "${words[0]-}" = runsvdir ] && [ "${words[2]-}" = "$DM_DATA/sv" ]; then
        printf '%s' "$pid"
    fi
}

supervisor_start() {
    local name
    if [ -n "$(supervisor_pid)" ]; then
        return
    fi
    # A clean environment: what happens to be set in the shell that ran `up` is no part of the deployment.
    (cd / && exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TZ=UTC \
        setsid --fork sh -c 'echo $$ >"$1/runsvdir.pid"; exec runsvdir -P "$2"' runsvdir "$DM_STATE" "$DM_DATA/sv" \
        </dev/null >/dev/null 2>&1 3>&- 9>&-)
    for name in $DM_SERVICES; do
        wait_for '' 20 test -p "$DM_DATA/sv/$name/supervise/ok"
    done
}

# service_pid NAME: of the running service, or nothing. runsv writes the file, and empties it when it is down.
service_pid() {
    local pid=''
    [ -n "$(supervisor_pid)" ] || return 0
    read -r pid 2>/dev/null <"$DM_DATA/sv/$1/supervise/pid" || true
    if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
        printf '%s' "$pid"
    fi
}

# service_digest NAME: of all that a running process has read at its start; another one means a restart.
service_digest() {
    local files=("$DM_DATA/sv/$1/run") bin
    case $1 in
    pg) files+=("$DM_DATA"/etc/p*) ;;
    kafka) files+=("$DM_DATA"/etc/kafka*) ;;
    front)
        files+=("$DM_DATA"/etc/nginx-{front,workers,refusal,tls,console}.conf "$DM_DATA/etc/nginx-log.sed" "$DM_DATA/sv/front/log/run")
        [ -z "$DM_TLS_CERT" ] || files+=("$DM_DATA"/secrets/tls.{crt,key})
        ;;
    door) files+=("$DM_DATA/etc/nginx-door.conf") ;;
    *)
        bin=$(program "dormouse-$1")
        files+=("$DM_DATA/etc/$1.conf" "$bin" "$DM_DATA/secrets/master.key" "$DM_DATA"/secrets/kafka*)
        [ "$1" = worker ] || [ "$1" = export ] || files+=("$DM_DATA/secrets/frames-$1"*)
        [ "$1" != api ] || [ -z "$DM_SMTP_PASSWORD_FILE" ] || files+=("$DM_DATA/secrets/smtp.password")
        [ "$1" != api ] || [ -z "$DM_SMTP_CA_FILE" ] || files+=("$DM_DATA/etc/smtp.crt")
        ;;
    esac
    digest "${files[@]}"
}

# service_start NAME: up with what is configured now: started, restarted where that changed, else left alone.
# Leaves in state/NAME.word what was done.
service_start() {
    local name=$1 now before=''
    now=$(service_digest "$name")
    read -r before 2>/dev/null <"$DM_STATE/$name.digest" || true
    if [ -z "$(service_pid "$name")" ]; then
        sv -w 7 up "$DM_DATA/sv/$name" >/dev/null || die "$name does not start" "see: ops/dormouse logs $name"
        printf started >"$DM_STATE/$name.word"
    elif [ "$now" != "$before" ]; then
        # first who takes its words: they may be others from now on
        [ "$name" != front ] || sv -w 10 restart "$DM_DATA/sv/$name/log" || die "the log of $name does not stop"
        sv -w 60 restart "$DM_DATA/sv/$name" || die "$name does not stop" "see: ops/dormouse logs $name"
        printf restarted >"$DM_STATE/$name.word"
    else
        printf 'already up' >"$DM_STATE/$name.word"
    fi
    printf '%s\n' "$now" >"$DM_STATE/$name.digest"
}

service_word() {
    cat "$DM_STATE/$1.word"
}

# wait_for SERVICE SECONDS COMMAND...: until the command succeeds; dies with the service's own last words.
wait_for() {
    local name=$1 seconds=$2 end
    shift 2
    end=$(($(now_ms) + seconds * 1000))
    until "$@" >/dev/null 2>&1; do
        if [ "$(now_ms)" -gt "$end" ]; then
            [ -n "$name" ] || die "gave up after $seconds s: $*" "run down, then up again"
            tail -n 12 "$DM_DATA/log/$name/current" | sed "s/^/    $name | /" >&3
            die "$name was not ready after $seconds s" "see: ops/dormouse logs $name"
        fi
        sleep 0.05
    done
}

tcp_open() {
    (exec 8<>"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null
}

# page_ok SOCKET PATH
page_ok() {
    curl -fsS -m 2 -o /dev/null --unix-socket "$DM_RUN/$1" "http://localhost$2"
}

nginx_start() {
    local name=$1 port=$2 host=${3-}
    as_service "$name" nginx -t -q -e stderr -p "$DM_RUN/nginx-$name/" -c "$DM_DATA/etc/nginx-$name.conf"
    service_start "$name"
    wait_for "$name" 20 tcp_open "$port" "$host"
    note "$(service_word "$name")"
}

daemon_start() {
    local name=$1
    service_start "$name"
    case $name in
    api) wait_for api 30 page_ok api/api.sock /health ;;
    meter) wait_for meter 30 page_ok meter/meter.sock /metrics ;;
    worker) wait_for worker 60 page_ok page/worker.sock /metrics ;;
    export) wait_for export 30 grep -qs '"export.started"' "$DM_DATA/log/export/current" ;;
    esac
    note "$(service_word "$name")"
}

# services_settle: from now on a supervisor that is itself restarted starts its service again.
services_settle() {
    rm -f "$DM_DATA"/sv/*/down
}

# seconds a service may take to stop
service_patience() {
    case $1 in
    pg | kafka) printf 40 ;;
    *) printf 15 ;;
    esac
}

# supervised NAME: its runsv is there, which it may be also when runsvdir has been killed.
supervised() {
    [ -d "$DM_DATA/sv/$1/supervise" ] && sv status "$DM_DATA/sv/$1" >/dev/null
}

# worker_asks ARG...: of the worker that runs, which may be one that an older checkout configured.
worker_asks() {
    curl -s -m 5 --unix-socket "$(sed -n 's/^socket = //p' "$DM_DATA/etc/worker.conf")" "$@"
}

worker_idle() {
    [ "$(worker_asks http://worker/v1/worker | jq -r .idle)" = true ]
}

# worker_drain: every sandbox goes to sleep, so that the next `up` can wake it. A stopped worker alone would leave its
# microVMs running, for the next one to adopt.
worker_drain() {
    if worker_asks -o /dev/null -X POST http://worker/v1/worker/drain; then
        (wait_for '' 60 worker_idle) || note "some sandboxes did not fall asleep in time"
    fi
}

service_stop() {
    local name=$1
    [ "$name" != worker ] || worker_drain
    if ! sv -w "$(service_patience "$name")" down "$DM_DATA/sv/$name"; then
        sv -w 10 force-stop "$DM_DATA/sv/$name" || true
        note "killed: it did not stop in time"
    fi
    rm -f "$DM_STATE/$name.digest" "$DM_STATE/$name.word"
}

supervisor_stop() {
    local pid dir dirs=()
    pid=$(supervisor_pid)
    if [ -n "$pid" ]; then
        for dir in "$DM_DATA"/sv/*/; do
            : >"$dir/down"
            dirs+=("${dir%/}")
        done
        sv -w 15 exit "${dirs[@]}" || true
        # HUP tells runsvdir to send each runsv a TERM and to go.
        kill -HUP "$pid" || true
        wait_for '' 20 process_gone "$pid"
    fi
    rm -f "$DM_STATE/runsvdir.pid"
}

process_gone() {
    [ ! -d "/proc/$1" ]
}

# orphans: pids of services and supervisors of this deployment, found by what only they can have: a service
# user with its folder or its configuration in ours, a supervisor at work in sv/, the worker's configuration.
orphans() {
    local proc user where
    for proc in /proc/[0-9]*; do
        user=$(stat -c %U "$proc" 2>/dev/null) || continue
        where=$(readlink "$proc/cwd" 2>/dev/null) || continue
        case $user in
        dormouse-vm) continue ;;
        dormouse | dormouse-*) [[ $where == "$DM_DATA"/* ]] || continue ;;
        root)
            case $(readlink "$proc/exe" 2>/dev/null) in
            */runsv | */runsvdir) [[ $where == "$DM_DATA"/sv* ]] || grep -qsazFx "$DM_DATA/sv" "$proc/cmdline" || continue ;;
            *) grep -qsazFx "$DM_DATA/etc/worker.conf" "$proc/cmdline" || continue ;;
            esac
            ;;
        *) continue ;;
        esac
        printf '%s\n' "${proc#/proc/}"
    done
}

# our_groups: control groups of our microVMs, those of single machines first.
our_groups() {
    local mount
    awk '$(NF - 2) == "cgroup" || $(NF - 2) == "cgroup2" { print $5 }' /proc/self/mountinfo | while read -r mount; do
        [ ! -d "$mount/dormouse-$DM_SLOT_PREFIX" ] || find "$mount/dormouse-$DM_SLOT_PREFIX" -depth -type d
    done
}

# groups_gone: removes them; a group whose last process has just ended may take a moment to be empty.
groups_gone() {
    our_groups | xargs -r rmdir
}

# leftovers: orphans, and microVMs: whatever lives in one of our network namespaces, or has a disk or a memory in our
# folder open.
leftovers() {
    local ns
    {
        orphans
        for ns in $(our_namespaces); do
            ip netns pids "$ns" 2>/dev/null || true
        done
        find /proc/[0-9]*/fd -maxdepth 1 \( -lname "$DM_DATA/worker/vms/*" -o -lname "$DM_DATA/templates/*" \) 2>/dev/null |
            sed -E 's|^/proc/([0-9]+)/.*|\1|' || true # processes that ended meanwhile
    } | sort -un
}

# end_processes LISTER: TERM to all that it lists, and KILL to those that are still there after 3 s.
end_processes() {
    local pids pid n
    pids=$("$1")
    for pid in $pids; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for ((n = 0; n < 30; n++)); do
        [ -n "$pids" ] || return 0
        sleep 0.1
        pids=$("$1")
    done
    for pid in $pids; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    wait_for '' 5 test -z "$("$1")"
}

our_namespaces() {
    local path
    for path in /run/netns/"dm-$DM_SLOT_PREFIX-"*; do
        [ ! -e "$path" ] || printf '%s\n' "${path##*/}"
    done
}

our_veths() {
    local path
    for path in /sys/class/net/"dm${DM_SLOT_PREFIX}v"*; do
        [ ! -e "$path" ] || printf '%s\n' "${path##*/}"
    done
}

# sweep: whatever a worker that was killed could not put away.
sweep() {
    local name where
    end_processes leftovers
    for name in $(our_namespaces); do
        ip netns delete "$name"
    done
    for name in $(our_veths); do
        ip link delete "$name" 2>/dev/null || true
    done
    nft delete table inet "dm_$DM_SLOT_PREFIX" 2>/dev/null || true
    (wait_for '' 5 groups_gone) || note "a control group is left"
    # deepest first
    awk -v top="$DM_DATA/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r where; do
            umount "$where" || umount -l "$where"
        done
    if [ -d "$DM_RUN/live" ]; then
        find "$DM_RUN/live" -mindepth 1 -delete
    fi
}
