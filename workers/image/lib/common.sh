# shellcheck shell=bash
# Messages, digests and the cache of steps.
#
# Cache folder: image/<step>-<key>/ results, image/choice-<key>/ chosen package versions, image/apt-<suites>/
# lists, image/debs/<sha256>.deb packages, image/tmp.* half-made things. One lock for the whole build: two
# builds at once would do the same work twice on the same cores.

# The one time stamp of everything made here. Not "now", else no two builds were alike; not newer than any
# guest's clock, else make and tar complain about files from the future.
export SOURCE_DATE_EPOCH=1735689600

STARTED=$EPOCHREALTIME
CACHE=''
STEP=''    # folder of the step that ran last
SCRATCH='' # scratch folder of the step that runs now
UPDATE=0   # 1: make new choices

say()
{
    printf '%-12s %s\n' "$1:" "${*:2}" >&2
}

die()
{
    printf 'image build: %s\n' "$*" >&2
    exit 1
}

usage_error()
{
    printf 'image build: %s\n' "$*" >&2
    usage >&2
    exit 2
}

# since EPOCHREALTIME: how long ago that was, "12.3 s".
since()
{
    local us=$((${EPOCHREALTIME/./} - ${1/./}))
    printf '%d.%d s' $((us / 1000000)) $((us / 100000 % 10))
}

# needs COMMAND:PACKAGE...
needs()
{
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    ((${#missing[@]} == 0)) || die "missing packages: ${missing[*]}"
}

# digest FILE...: one digest over names (last component) and contents.
digest()
{
    local f
    for f in "$@"; do
        printf '%s  %s\n' "$(sha256_of "$f")" "${f##*/}"
    done | sha256sum | cut -d' ' -f1
}

sha256_of()
{
    sha256sum -- "$1" | cut -d' ' -f1
}

# key WORD...: short name for a set of inputs. 80 bits: nobody attacks this, collisions do not happen.
key()
{
    printf '%s\0' "$@" | sha256sum | cut -c1-20
}

# tools PACKAGE...: versions of the programs whose output ends up in an image.
tools()
{
    # shellcheck disable=SC2016  # dpkg's own placeholders
    dpkg-query -W -f '${Package}=${Version}\n' "$@"
}

cache_open()
{
    CACHE=$1/image
    mkdir -p "$CACHE/debs"
    exec {CACHE_LOCK}>"$CACHE/lock"
    if ! flock -n "$CACHE_LOCK"; then
        say lock "another build uses this cache, waiting for it"
        flock -w 3600 "$CACHE_LOCK" || die "the other build did not end within an hour"
    fi
    # We hold the lock, and so would the children of a build that died: nobody works on what is half-made.
    rm -rf --one-file-system "$CACHE"/tmp.*
    trap cache_cleanup EXIT
    trap 'exit 1' INT TERM HUP
}

cache_cleanup()
{
    rm -rf --one-file-system "$CACHE"/tmp.*
    [[ -z ${PUBLISH_ASIDE:-} ]] || rm -rf --one-file-system "$PUBLISH_ASIDE"
}

# scratch: a new folder for half-made things, in SCRATCH. Readable by all: apt downloads as its own user.
scratch()
{
    SCRATCH=$(mktemp -d "$CACHE/tmp.XXXXXX")
    chmod 755 "$SCRATCH"
}

# step NAME KEY FUNCTION ARGS...: sets STEP to the folder that holds the result of `FUNCTION DIR ARGS...`.
# FUNCTION fills DIR (empty) and may use SCRATCH. Checksums are taken once, here: .sums.
step()
{
    local what=$1 dir=$CACHE/$1-$2 start=$EPOCHREALTIME
    if [[ -d $dir ]]; then
        touch "$dir"
        say "$what" "unchanged ($2)"
    else
        say "$what" "making $2"
        scratch
        mkdir "$SCRATCH/out"
        "$3" "$SCRATCH/out" "${@:4}"
        (cd "$SCRATCH/out" && sha256sum -- *) >"$SCRATCH/sums"
        mv "$SCRATCH/sums" "$SCRATCH/out/.sums"
        find "$SCRATCH/out" -type f -exec chmod a-w {} +
        sync -f "$SCRATCH/out"
        mv -T "$SCRATCH/out" "$dir"
        rm -rf --one-file-system "$SCRATCH"
        say "$what" "done in $(since "$start")"
    fi
    STEP=$dir
}

# What no build has used for a month goes. Images that were handed out are hard links and stay whole.
cache_expire()
{
    find "$CACHE" -mindepth 1 -maxdepth 1 -type d -name '*-*' -mtime +30 -exec rm -rf {} +
    find "$CACHE/debs" -type f -mtime +30 -delete
}
