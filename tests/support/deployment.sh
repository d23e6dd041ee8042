# shellcheck shell=bash
# For tests that run a whole deployment of their own, up at the start and purged at the end: the client, the oracle and
# its tools on PYTHONPATH. Sourced with `name` (how its results begin) and DM_ROOT, DM_CACHE, DM_DATA set; `scratch`, a
# folder that goes at the end, and `keep` (not empty: the deployment is left up) before bring_up.

sdk=2.63.0
python=/usr/bin/python3
support=$DM_ROOT/tests/support/py

# fetched FOLDER PACKAGE...: a folder for PYTHONPATH in the cache, made aside and then named.
fetched() {
    local final=$1 aside
    shift
    [ ! -d "$final" ] || return 0
    mkdir -p "$DM_CACHE"
    aside=$(mktemp -d "$DM_CACHE/.python-XXXXXX")
    chmod 755 "$aside"
    "$python" -m venv "$aside/pip"
    timeout 300 "$aside/pip/bin/pip" -q install --disable-pip-version-check --target "$aside" "$@"
    rm -rf "$aside/pip"
    mv -T "$aside" "$final" 2>/dev/null || rm -rf "$aside"
}

# finish: for the trap on EXIT.
finish() {
    local code=$?
    trap - EXIT INT TERM
    if [ "$code" -ne 0 ] && [ -d "$DM_DATA/log" ]; then
        for log in "$DM_DATA"/log/*/current; do
            [ -s "$log" ] || continue
            printf -- '--- %s\n' "${log#"$DM_DATA/log/"}"
            tail -n 25 "$log" | cut -c 1-400
        done
    fi
    if [ -n "${started-}" ] && [ -z "${keep-}" ]; then
        if timeout 180 "$DM_ROOT/ops/dormouse" down --purge >"$scratch/down.log" 2>&1 && [ ! -e "$DM_DATA" ] &&
            ! nft list table inet "dm_$DM_PORT_BASE" >>"$scratch/down.log" 2>&1; then
            printf 'ok %s/down\n' "$name"
        else
            tail -n 20 "$scratch/down.log"
            printf 'not ok %s/down: the deployment did not stop, or left something\n' "$name"
            code=1
        fi
    fi
    rm -rf "$scratch"
    exit "$code"
}

# tools_ready: the SDK and what the oracle needs, and the oracle's own tests pass.
tools_ready() {
    local tools
    tools=$DM_CACHE/line-python-$(sha256sum <"$support/requirements.txt" | cut -c 1-12)
    fetched "$DM_CACHE/e2b-python-$sdk" "e2b==$sdk"
    fetched "$tools" -r "$support/requirements.txt"
    export PYTHONPATH=$DM_CACHE/e2b-python-$sdk:$tools:$support:$support/oracle
    if (cd "$support/oracle" && timeout 120 "$python" -m unittest -q test_oracle test_promises) >"$scratch/oracle.log" 2>&1; then
        printf 'ok %s/oracle\n' "$name"
    else
        cat "$scratch/oracle.log"
        printf 'not ok %s/oracle: its own tests fail\n' "$name"
        exit 1
    fi
}

# take_down: what an earlier run may have left in this data folder.
take_down() {
    if [ -e "$DM_DATA/etc/settings" ]; then
        timeout 180 "$DM_ROOT/ops/dormouse" down --purge >/dev/null 2>&1 || true
    fi
}

# bring_up: a fresh deployment, and its address and key in the environment.
bring_up() {
    local since=$SECONDS
    started=yes
    if timeout 2400 "$DM_ROOT/ops/dormouse" up >"$scratch/up.log" 2>&1; then
        printf 'up after %d s\nok %s/up\n' "$((SECONDS - since))" "$name"
    else
        cat "$scratch/up.log"
        printf 'not ok %s/up: %s\n' "$name" "$(grep -v '^ *$' "$scratch/up.log" | tail -n 1)"
        exit 1
    fi
    eval "$("$DM_ROOT/ops/dormouse" env)"
}
