# shellcheck shell=bash
# What the tests in a browser stand on: a deployment, and somebody who owns an empty project of it, nobody else's.

DM_ROOT=${DM_ROOT:-$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../.." && pwd)}
# shellcheck source=../../conformance/lib/deployment.sh
. "$DM_ROOT/tests/conformance/lib/deployment.sh"

# somebody LABEL: DM_WEB_PROJECT, DM_WEB_EMAIL and DM_WEB_PASSWORD, or it skips the whole program.
somebody() {
    local account
    if [ ! -x "${DM_CHROMIUM:-/usr/bin/chromium}" ]; then
        printf 'skip %s: /usr/bin/chromium is not installed; ops/dormouse test installs it\n' "$1"
        exit
    fi
    deployment web
    if [ ! -x "${DM_BUILD-}/bin/dormouse-admin" ]; then
        printf 'skip %s: it needs the operator'\''s tool of the deployment: DM_DATA, DM_BUILD, DM_PORT_BASE\n' "$1"
        exit
    fi
    DM_WEB_PROJECT=web-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
    DM_WEB_EMAIL=$DM_WEB_PROJECT@web.test
    account=$(admin account-add --name "$DM_WEB_PROJECT" --country CN --currency CNY --tier payg | sed -n 's/^DORMOUSE_ACCOUNT=//p')
    admin project-add --account "$account" --slug "$DM_WEB_PROJECT" --name 'Night shift' >/dev/null
    DM_WEB_PASSWORD=$(admin owner-add --account "$account" --email "$DM_WEB_EMAIL" --name Ada | sed -n 's/^DORMOUSE_PASSWORD=//p')
    DM_WEB_ACCOUNT=$account
    export DM_WEB_PROJECT DM_WEB_EMAIL DM_WEB_PASSWORD DM_WEB_ACCOUNT DM_BUILD DM_DATA DM_PORT_BASE
}
