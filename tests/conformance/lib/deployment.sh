# shellcheck shell=bash
# Which deployment the clients are pointed at: the one that E2B_API_KEY names, else that of the data folder, which is
# brought up where it is not.

DM_ROOT=${DM_ROOT:-$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../.." && pwd)}
DM_CACHE=${DM_CACHE:-/var/cache/dormouse}
DM_SDK_PYTHON=${DM_SDK_PYTHON:-2.63.0 2.45.0}
DM_SDK_JS=${DM_SDK_JS:-2.51.0 2.45.0}
export DM_ROOT DM_CACHE

# cannot NAME WHY: the whole program's result where it cannot begin.
cannot() {
    printf 'not ok conformance/%s: %s\n' "$1" "$2"
    exit 1
}

# deployment NAME: sets E2B_API_KEY, E2B_API_URL and E2B_SANDBOX_URL, and where the operator's tool is.
deployment() {
    local settings
    if [ -z "${E2B_API_KEY-}" ]; then
        "$DM_ROOT/ops/dormouse" up || cannot "$1" 'the deployment does not come up'
        settings=$("$DM_ROOT/ops/dormouse" env) || cannot "$1" 'the deployment has no API key'
        eval "$settings"
    fi
    export E2B_API_KEY E2B_API_URL E2B_SANDBOX_URL
}

# admin COMMAND...: one value of what dormouse-admin says, as the operator of the data folder.
admin() {
    "$DM_BUILD/bin/dormouse-admin" --who conformance --db \
        "host=$DM_DATA/run/pg port=$((DM_PORT_BASE + 432)) dbname=dormouse user=dm_ops" "$@"
}

# small_project SLUG: DM_SMALL_KEY of a project in which one sandbox may run, so that a limit can be met. Only where we
# may ask the operator's tool: somebody else's deployment has its own limits.
small_project() {
    local account made
    [ -n "${DM_DATA-}" ] && [ -n "${DM_BUILD-}" ] && [ -n "${DM_PORT_BASE-}" ] || return 0
    [ -x "$DM_BUILD/bin/dormouse-admin" ] || return 0
    account=$(sed -n 's/^DORMOUSE_ACCOUNT=//p' "$DM_DATA/secrets/demo.env" 2>/dev/null) || return 0
    [ -n "$account" ] || return 0
    admin project-add --account "$account" --slug "$1" >/dev/null 2>&1 || true # is there from last time
    admin limit-set --project "$1" --name running_max --value 1 >/dev/null || return 0
    made=$(admin key-add --project "$1" --name conformance) || return 0
    DM_SMALL_KEY=$(sed -n 's/^E2B_API_KEY=//p' <<<"$made")
    DM_SMALL_KEY_ID=$(sed -n 's/^DORMOUSE_KEY_ID=//p' <<<"$made")
    export DM_SMALL_KEY
    trap 'admin key-revoke --id "$DM_SMALL_KEY_ID" >/dev/null' EXIT
}

# with_small_project LABEL COMMAND...: a project of its own for each, so that several can run side by side.
with_small_project() {
    local label=$1
    shift
    (
        small_project "conformance-${label//./-}"
        "$@"
    )
}

# side_by_side LABEL...: `one LABEL` for all at once; a sandbox waits more than it works. What they say, in order.
side_by_side() {
    local label bad=0 said
    said=$(mktemp -d)
    for label in "$@"; do
        {
            one "$label" >"$said/$label" 2>&1
            echo $? >"$said/$label.code"
        } &
    done
    wait
    for label in "$@"; do
        cat "$said/$label"
        [ "$(cat "$said/$label.code")" = 0 ] || bad=1
    done
    rm -rf "$said"
    return "$bad"
}
