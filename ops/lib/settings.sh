# shellcheck shell=bash
# Which deployment this is: its data folder, its ports and its few settings. A setting comes from the
# environment, else from what the last `up` of that data folder wrote down, else from the table below.

# name, default, form (an extended regular expression), what it is
DM_SETTINGS=(
    'DM_PORT_BASE|3000|[0-9]{4,5}|first port; a multiple of 1000 from 2000 to 32000, all others follow from it'
    'DM_LISTEN|127.0.0.1|[0-9a-fA-F.:]+|address on which the two front doors listen'
    'DM_TLS_CERT||(/[A-Za-z0-9/._+-]+)?|file of the certificate, with its chain, that both front doors show; with DM_TLS_KEY they speak TLS'
    'DM_TLS_KEY||(/[A-Za-z0-9/._+-]+)?|file of its key'
    'DM_PLAIN||(yes)?|yes: keys and traffic may travel unencrypted where DM_LISTEN is no loopback address'
    'DM_CLIENT_CONNECTIONS|1024|[1-9][0-9]{0,4}|requests of one address to the API at once, and four times as many to sandboxes'
    'DM_CLIENT_REQUESTS|1000|[1-9][0-9]{0,5}|requests of one address to the API a second, and four times as many to sandboxes'
    'DM_KEY_REQUESTS|2000|[1-9][0-9]{0,5}|requests with one API key a second that reach the API: more than any project may have (request_rate)'
    'DM_SIGN_UP||(open|invited|closed)?|who may sign up (default: open where DM_LISTEN is a loopback address, else invited)'
    'DM_OPERATOR|operator@localhost|[a-z0-9._+-]+@[a-z0-9.-]+|address of the first operator, whom the first `up` makes'
    'DM_DEMO_PERSON|demo@localhost|[a-z0-9._+-]+@[a-z0-9.-]+|address of the owner of the demo project, whom the first `up` makes'
    'DM_ADMIN_TOKEN||(yes)?|yes: the routes of E2B for operators, /nodes and /admin, open to the token in secrets/admin.token, which `up` makes'
    'DM_DOMAIN||[A-Za-z0-9.-]*(:[0-9]+)?|domain of sandbox hosts, PORT-ID.DOMAIN (default: localhost and the sandbox port)'
    'DM_REGION|local|[a-z0-9-]{1,32}|region that everything here belongs to'
    'DM_PERIOD_S|3600|[0-9]{2,4}|accounting period in seconds: a multiple of 60 that divides 3600'
    'DM_DEFAULT_SPEC|1c256m|[1-9][0-9]*c[1-9][0-9]*[gm]|what a sandbox gets that does not choose: vCPUs c memory'
    'DM_ACCEL|auto|auto|tcg|kvm|accelerator of the microVMs'
    'DM_SMTP_URL||(smtps?://[A-Za-z0-9.:-]+)?|mail relay, smtp://HOST:PORT or smtps://HOST:PORT; without it no mail is sent, and `mail` shows it'
    'DM_SMTP_USER||[A-Za-z0-9.@_+-]*|user at the relay'
    'DM_SMTP_PASSWORD_FILE||(/[A-Za-z0-9/._+-]+)?|file of the password of that user'
    'DM_SMTP_CA_FILE||(/[A-Za-z0-9/._+-]+)?|file of the certificates that the certificate of the relay is held against (default: those of this machine)'
    'DM_SMTP_PLAIN||(yes)?|yes: mail may go to an smtp:// relay unencrypted; else by STARTTLS or not at all'
    'DM_MAIL_FROM||([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)?|address that mail comes from'
    'DM_CONSOLE|on|on|off|the console below /console/; off leaves it out'
    'DM_POOL|4|[0-9]{1,4}|microVMs kept ready'
    'DM_PRESET|release|[a-z]+|CMake preset that `up` builds'
)

# setting_rows: each row as NAME TAB DEFAULT TAB FORM TAB HELP (a form may hold the separator).
setting_rows() {
    local row name default help form
    for row in "${DM_SETTINGS[@]}"; do
        name=${row%%|*} row=${row#*|}
        default=${row%%|*} row=${row#*|}
        help=${row##*|} form=${row%|*}
        printf '%s\t%s\t%s\t%s\n' "$name" "${default:--}" "$form" "$help"
    done
}

# reachable DIR: true where a service user can enter it: every folder above it lets others pass.
reachable() {
    local dir=$1 mode
    while [ "$dir" != / ]; do
        dir=${dir%/*}
        dir=${dir:-/}
        mode=$(stat -c %a "$dir" 2>/dev/null) || return 1
        (((8#$mode & 1) == 1)) || return 1
    done
}

# data_folder: the default one. A unix socket's path has 107 bytes, so a very deep checkout counts as unreachable.
data_folder() {
    local own=$DM_ROOT/.dormouse
    if reachable "$own" && [ "${#own}" -le 70 ]; then
        printf '%s' "$own"
    else
        printf '/var/lib/dormouse-%s' "$(printf '%s' "$DM_ROOT" | sha256sum | cut -c 1-8)"
    fi
}

settings_load() {
    local name default form help key value
    local -A saved=()
    DM_DATA=${DM_DATA:-$(data_folder)}
    [[ $DM_DATA == /* ]] || DM_DATA=$PWD/$DM_DATA
    DM_DATA=${DM_DATA%/}
    [[ $DM_DATA =~ ^/[A-Za-z0-9/._+-]+$ && $DM_DATA =~ ^/[^/]+/ ]] ||
        die "DM_DATA is not a usable folder: $DM_DATA" "name one below the root, of letters, digits and . _ + -"
    [ "${#DM_DATA}" -le 80 ] ||
        die "DM_DATA is too long for unix sockets: $DM_DATA" "set DM_DATA to a folder of at most 80 characters"
    DM_CACHE=${DM_CACHE:-/var/cache/dormouse}
    [[ $DM_CACHE =~ ^/[A-Za-z0-9/._+-]+$ ]] || die "DM_CACHE is not a usable folder: $DM_CACHE" "set it to an absolute path"
    if [ -r "$DM_DATA/etc/settings" ]; then
        while IFS='=' read -r key value; do
            saved[$key]=$value
        done <"$DM_DATA/etc/settings"
    fi
    while IFS=$'\t' read -r name default form help; do
        [ "$default" != - ] || default=''
        value=${!name-${saved[$name]-$default}}
        [[ $value =~ ^($form)$ ]] || die "$name is not valid: '$value' ($help)" "unset $name, or set it to a valid value"
        printf -v "$name" '%s' "$value"
    done < <(setting_rows)
    if ((DM_PORT_BASE % 1000 != 0 || DM_PORT_BASE < 2000 || DM_PORT_BASE > 32000)); then
        die "DM_PORT_BASE is not valid: $DM_PORT_BASE" "set it to a multiple of 1000 from 2000 to 32000"
    fi
    if ((10#$DM_PERIOD_S < 60 || 10#$DM_PERIOD_S % 60 != 0 || 3600 % 10#$DM_PERIOD_S != 0)); then
        die "DM_PERIOD_S is not valid: $DM_PERIOD_S" "set it to a multiple of 60 that divides 3600: 60, 300, 900, 3600"
    fi
    if [ -n "$DM_TLS_CERT" ] && [ -z "$DM_TLS_KEY" ] || [ -z "$DM_TLS_CERT" ] && [ -n "$DM_TLS_KEY" ]; then
        die "DM_TLS_CERT and DM_TLS_KEY go together" "set both, or neither"
    fi
    if [ -n "$DM_SMTP_URL" ] && [ -z "$DM_MAIL_FROM" ]; then
        die "DM_SMTP_URL needs DM_MAIL_FROM" "set it to the address that mail comes from"
    fi
    settings_derive
}

settings_derive() {
    DM_PORT_FRONT=$DM_PORT_BASE
    DM_PORT_SANDBOX=$((DM_PORT_BASE + 2))
    DM_PORT_KAFKA=$((DM_PORT_BASE + 92))
    DM_PORT_KAFKA_CTL=$((DM_PORT_BASE + 93))
    DM_PORT_DOOR=$((DM_PORT_BASE + 202))
    DM_PORT_PG=$((DM_PORT_BASE + 432))
    # Two deployments on one machine must not meet in the kernel either: names and addresses of slots follow
    # from the port base. Namespaces dm-BASE-N, uplinks dmBASEvN, a /16 each from 10.66.0.0 on.
    DM_SLOT_PREFIX=$DM_PORT_BASE
    DM_SLOT_BASE=10.$((64 + DM_PORT_BASE / 1000)).0.0
    # Its VMMs run as users with numbers of their own, one a slot and without a name: above all that useradd, /etc/subuid
    # and managers of containers give out.
    DM_VM_UID_BASE=$((1900000000 + DM_PORT_BASE * 8192 / 1000))
    DM_DEFAULT_VCPUS=${DM_DEFAULT_SPEC%%c*}
    DM_DEFAULT_MEM_MIB=${DM_DEFAULT_SPEC#*c}
    case $DM_DEFAULT_MEM_MIB in
    *g) DM_DEFAULT_MEM_MIB=$((${DM_DEFAULT_MEM_MIB%g} * 1024)) ;;
    *) DM_DEFAULT_MEM_MIB=${DM_DEFAULT_MEM_MIB%m} ;;
    esac
    DM_RUN=$DM_DATA/run
    # what only the launcher reads and writes
    DM_STATE=$DM_DATA/state
    # A test deployment may run what another data folder has built.
    DM_BUILD=${DM_BUILD:-$DM_DATA/build}
    DM_HOST_SHOWN=$DM_LISTEN
    case $DM_LISTEN in 0.0.0.0 | ::) DM_HOST_SHOWN=127.0.0.1 ;; esac
    local scheme=http${DM_TLS_CERT:+s} host=$DM_HOST_SHOWN
    [[ $host != *:* ]] || host="[$host]"
    DM_URL_API=$scheme://$host:$DM_PORT_FRONT
    DM_URL_SANDBOX=$scheme://$host:$DM_PORT_SANDBOX
    # never empty: a client without one would name its sandboxes, and send what it has for them, to E2B's cloud
    DM_SANDBOX_DOMAIN=${DM_DOMAIN:-localhost:$DM_PORT_SANDBOX}
}

settings_save() {
    local name default form help
    while IFS=$'\t' read -r name default form help; do
        printf '%s=%s\n' "$name" "${!name}"
    done < <(setting_rows) >"$DM_DATA/etc/settings.new"
    mv "$DM_DATA/etc/settings.new" "$DM_DATA/etc/settings"
}

# accelerator: what the microVMs will run on. kvm_pvm offers /dev/kvm and then hangs guests, so it does not count.
accelerator() {
    if [ "$DM_ACCEL" != auto ]; then
        printf '%s' "$DM_ACCEL"
    elif [ -w /dev/kvm ] && [ ! -d /sys/module/kvm_pvm ] && { [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; }; then
        printf kvm
    else
        printf tcg
    fi
}
