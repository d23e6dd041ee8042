# shellcheck shell=bash
# From the checkout to what runs: programs, the base image, the schema, a demo project.

# cmake_build PRESET FOLDER TARGET...
cmake_build() {
    local preset=$1 folder=$2
    shift 2
    (cd "$DM_ROOT" && cmake --preset "$preset" -B "$folder" "-DCMAKE_RUNTIME_OUTPUT_DIRECTORY=$folder/bin")
    cmake --build "$folder" --target "$@"
}

# build_programs [NAME...]: those, or all that a deployment runs.
build_programs() {
    local before after
    [ $# -gt 0 ] || set -- api worker jail guest meter export print migrate admin topics
    before=$({ ls -l --time-style=+%s.%N "$DM_BUILD/bin" 2>/dev/null || true; } | sha256sum)
    cmake_build "$DM_PRESET" "$DM_BUILD" "${@/#/dormouse-}"
    after=$(ls -l --time-style=+%s.%N "$DM_BUILD/bin" | sha256sum)
    if [ "$before" = "$after" ]; then
        note "unchanged, preset $DM_PRESET"
    else
        note "built, preset $DM_PRESET"
    fi
}

build_image() {
    "$DM_ROOT/workers/image/build" --cache "$DM_CACHE" --out "$DM_DATA/images" --agent "$(program dormouse-guest)" \
        --name base
    [ -d "$DM_DATA/images/base" ] || die "the image builder left no $DM_DATA/images/base" "see $DM_DATA/log/up/image.log"
    note "base, $(du -sm "$DM_DATA/images/base" | cut -f 1) MiB"
}

# console_make: what the front serves below /console/. The API needs none of it: where it cannot be made, it says so, and `up`
# goes on, with what was made before if there is something.
console_make() {
    local before
    if [ "$DM_CONSOLE" = off ]; then
        rm -rf "$DM_DATA/console"
        note "left out"
        return
    fi
    before=$(cat "$DM_DATA/console/.made" 2>/dev/null) || true
    if ! env DM_CACHE="$DM_CACHE" timeout -k 10 300 "$DM_ROOT/web/run" build "$DM_DATA/console"; then
        note "NOT BUILT: see log/up/console.log; all else works"
    elif [ "$before" = "$(cat "$DM_DATA/console/.made")" ]; then
        note "unchanged"
    else
        note "built, $(du -sm --apparent-size --exclude='*.gz' "$DM_DATA/console" | cut -f 1) MiB"
    fi
}

migrate() {
    "$(program dormouse-migrate)" --dir "$DM_ROOT/migrations" --db "$(conninfo postgres)"
    note "$(super -d dormouse -At -c 'SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('"'pg_catalog', 'information_schema'"')') tables"
}

# demo_project: a pay-as-you-go project to play with, its key and the public template `base` in the default size.
# What is there already stays as it is, the key too.
demo_project() {
    local out
    out=$("$(program dormouse-admin)" --db "$(conninfo dm_ops)" --who root demo --key-file "$DM_DATA/secrets/demo.key" \
        --vcpus "$DM_DEFAULT_VCPUS" --mem-mib "$DM_DEFAULT_MEM_MIB")
    grep -qE '^E2B_API_KEY=e2b_[0-9a-f]+$' <<<"$out" || die "dormouse-admin demo gave no API key" "see $DM_DATA/log/up/project.log"
    printf '%s\n' "$out" | put "$DM_DATA/secrets/demo.env" 600 root:root
    note "demo, base is $DM_DEFAULT_SPEC"
}

# first_operator: where there is none, makes one and prints his address and his one-time password, which nothing keeps: so
# this is no step, whose words would go to a log.
first_operator() {
    "$(program dormouse-admin)" --db "$(conninfo dm_ops)" --who root operator-add --first yes --name operator \
        --email "$DM_OPERATOR"
}

# first_owner: the same of the demo project's account: who signs in to the console.
first_owner() {
    local account
    account=$(sed -n 's/^DORMOUSE_ACCOUNT=//p' "$DM_DATA/secrets/demo.env")
    "$(program dormouse-admin)" --db "$(conninfo dm_ops)" --who root owner-add --first yes --account "$account" --name Demo \
        --email "$DM_DEMO_PERSON"
}

demo_key() {
    local key
    key=$(sed -n 's/^E2B_API_KEY=//p' "$DM_DATA/secrets/demo.env" 2>/dev/null) || true
    [ -n "$key" ] || die "this deployment has no demo project yet" "run: ops/dormouse up"
    printf '%s' "$key"
}
