# shellcheck shell=bash
# Debian packages, through apt and only when something is missing. Nothing that is installed here may start a
# service or make a cluster of its own: we run private copies of everything.

# package_missing LINE: true where that line of a list is not met.
package_missing() {
    local name extra version
    read -r name extra <<<"$1"
    version=${DM_INSTALLED[$name]-}
    case $extra in
    or=*) [ -z "$version" ] && ! command -v "${extra#or=}" >/dev/null ;;
    backports=*)
        version=${version#*:}
        [ -z "$version" ] || [ "${version%%.*}" -lt "${extra#backports=}" ]
        ;;
    *) [ -z "$version" ] ;;
    esac
}

# package_lines LIST...: without comments and empty lines.
package_lines() {
    cat "$@" | sed -e 's/#.*//' -e 's/[[:space:]]*$//' | grep -v '^$'
}

# packages_missing LIST...: the lines that are not met, one a line. One dpkg-query for all.
packages_missing() {
    local -A DM_INSTALLED=()
    local name version status line
    while read -r status version name; do
        [ "$status" != ii ] || DM_INSTALLED[${name%%:*}]=$version
    done < <(dpkg-query -W -f '${db:Status-Abbrev} ${Version} ${Package}\n')
    while read -r line; do
        if package_missing "$line"; then
            printf '%s\n' "$line"
        fi
    done < <(package_lines "$@")
}

apt_quiet() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
        -o APT::Install-Recommends=false -o Dpkg::Options::=--force-confold "$@"
}

# backports_source: adds bookworm-backports from the mirror this machine already uses, in a file of our own.
# After an update: apt knows a source's codename only then.
backports_source() {
    local mirror
    if apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' | grep -qx bookworm-backports ||
        [ -e /etc/apt/sources.list.d/dormouse-backports.sources ]; then
        return
    fi
    mirror=$(apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' |
        sed -n 's/^bookworm //p' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror for Debian 12 (bookworm)" \
        "add the distribution's source to /etc/apt/sources.list"
    cat >/etc/apt/sources.list.d/dormouse-backports.sources <<END
# Added by ops/dormouse for QEMU 9 or newer. Backports are never chosen unless asked for by name.
Types: deb
URIs: $mirror
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    packages_update
}

packages_update() {
    apt_quiet update -o APT::Update::Error-Mode=any || die "apt-get update failed: no network, or no mirror" \
        "let this machine reach its Debian mirror (see $DM_DATA/log/up/packages.log), then run up again"
}

# services_held COMMAND...: runs it while no package may start a service. An administrator's own
# policy-rc.d is put back, also one that an interrupted run left aside.
services_held() (
    local policy=/usr/sbin/policy-rc.d aside=/usr/sbin/policy-rc.d.before-dormouse
    local cluster=/etc/postgresql-common/createcluster.d/dormouse.conf
    release() {
        rm -f "$policy" "$cluster"
        if [ -e "$aside" ]; then
            mv "$aside" "$policy"
        fi
    }
    trap release EXIT
    trap 'exit 130' INT TERM
    if [ -e "$policy" ] && [ ! -e "$aside" ]; then
        mv "$policy" "$aside"
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    mkdir -p "${cluster%/*}"
    printf 'create_main_cluster = false\n' >"$cluster"
    "$@"
)

# packages_install LIST...: makes them all present, or says what is wrong.
packages_install() {
    local missing names=() line name extra had_nginx=''
    missing=$(packages_missing "$@")
    if [ -z "$missing" ]; then
        note "all there"
        return
    fi
    printf 'missing:\n%s\n' "$missing"
    [ ! -x /usr/sbin/nginx ] || had_nginx=yes
    packages_update
    if grep -q backports <<<"$missing"; then
        backports_source
        # These belong together, and apt takes only what is named from there: all of them, also older ones.
        missing=$(printf '%s\n' "$missing" && package_lines "$@" | grep backports)
    fi
    while read -r line; do
        read -r name extra <<<"$line"
        case $extra in
        backports=*) names+=("$name/bookworm-backports") ;;
        *) names+=("$name") ;;
        esac
    done < <(sort -u <<<"$missing")
    services_held apt_quiet install "${names[@]}" ||
        die "apt could not install: ${names[*]}" "see $DM_DATA/log/up/packages.log; then run up again"
    # Debian enables its own nginx for the next boot; port 80 is not ours to take.
    if [ -z "$had_nginx" ] && [ -x /usr/sbin/nginx ] && command -v systemctl >/dev/null; then
        systemctl disable nginx.service >/dev/null 2>&1 || true
    fi
    missing=$(packages_missing "$@")
    [ -z "$missing" ] || die "still missing after apt: ${missing//$'\n'/, }" "install it by hand, then run up again"
    note "${#names[@]} installed"
}
