# shellcheck shell=bash
# The read-only root: Debian packages, npm packages, then roots/<name>/setup, as one uncompressed erofs image.
#
# Same choice, same bytes. What would differ between two runs is removed (logs, caches, ids, back-up copies of
# databases) or made again in a fixed way (compiled Python); all times are SOURCE_DATE_EPOCH, and erofs itself
# sorts what it finds.

readonly ROOT_SUITE=trixie
readonly ROOT_UUID=5d0e6f1a-6e1b-4c1d-9a57-d0a11005e000

# words FILE: its lines without comments.
words()
{
    sed -E 's/[[:space:]]*#.*//; /^$/d' "$1"
}

root_step()
{
    local name=$1 dir=$here/roots/$1 wishes packages npm_dir
    wishes=$(words "$dir/packages" | sort | tr '\n' ' ')
    wishes=${wishes% }
    npm_step "$dir/npm"
    npm_dir=$STEP
    choose root "?essential $wishes" "$ROOT_SUITE" "$ROOT_SUITE-updates" "$ROOT_SUITE-security"
    packages=$CHOICE
    step "root-$name" "$(key "$(sha256_of "$packages")" "${npm_dir##*/}" "$MIRROR" "$SECURITY" \
        "$(digest "$here"/lib/{common,debian,root}.sh "$dir"/*)" "$(tools mmdebstrap erofs-utils)")" \
        root_make "$dir" "$packages" "$wishes" "$npm_dir"
}

root_make()
{
    local out=$1 dir=$2 packages=$3 wishes=$4 npm_dir=$5 tree=$SCRATCH/tree path
    local -a options=()
    fetch root "$packages"
    while read -r path; do
        case $path in
        -*) options+=("--dpkgopt=path-exclude=${path#-}") ;;
        +*) options+=("--dpkgopt=path-include=${path#+}") ;;
        *) die "roots: a path rule starts with + or -: $path" ;;
        esac
    done < <(words "$dir/excludes")
    make_root "$tree" "$ROOT_SUITE" "$packages" "$wishes" "${options[@]}" \
        --customize-hook="'$dir/setup' \"\$1\" '$npm_dir'"
    root_same_packages "$tree" "$packages"
    root_clean "$tree"
    root_list "$packages" >"$out/packages.txt"
    # shellcheck disable=SC1091
    (. "$tree/etc/os-release" && printf '%s\n' "$PRETTY_NAME") >"$out/os"
    mkfs.erofs -d1 --quiet -T "$SOURCE_DATE_EPOCH" -U "$ROOT_UUID" "$out/root.erofs" "$tree" >&2 ||
        die "mkfs.erofs failed"
    say root "$(($(stat -c %s "$out/root.erofs") / 1048576)) MiB, $(find "$tree" | wc -l) files"
}

root_list()
{
    choice_list "$1" | awk '{print $2}' | sort
}

# mmdebstrap had only the chosen packages to choose from; this proves that it took them all.
root_same_packages()
{
    # shellcheck disable=SC2016  # dpkg's own placeholders
    diff <(root_list "$2") <(dpkg-query --admindir="$1/var/lib/dpkg" -W -f '${Package}=${Version}\n' | sort) >&2 ||
        die "the root does not hold what was chosen"
}

root_clean()
{
    local tree=${1:?}
    rm -rf --one-file-system "${tree:?}"/{dev,proc,sys,run,tmp,var/tmp,var/log,boot,media,mnt,srv}/* \
        "$tree"/var/{lib/apt/lists,cache/apt,cache/debconf,cache/ldconfig}/* "$tree"/var/lib/dpkg/*-old \
        "$tree"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$tree"/etc/.pwd.lock "$tree"/root/.cache
    mkdir -p "$tree"/var/lib/apt/lists/partial "$tree"/var/cache/apt/archives/partial
    : >"$tree/etc/machine-id"
    : >"$tree/etc/resolv.conf"
    debian_sources "$ROOT_SUITE" "$ROOT_SUITE-updates" "$ROOT_SUITE-security" >"$tree/etc/apt/sources.list.d/debian.sources"
    rm -f "$tree"/etc/apt/sources.list "$tree"/etc/apt/sources.list.d/0000*
    root_compile_python "$tree"
}

# Compiled Python as package scripts leave it checks a hash of its source at each import (they see
# SOURCE_DATE_EPOCH). A time stamp is quicker to check, and all times are the same anyway, so make it again.
root_compile_python()
{
    local tree=$1
    find "$tree/usr" -type d -name __pycache__ -prune -printf '%h\n' | sed "s#^$tree##" | sort >"$SCRATCH/compiled"
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    find "$tree/usr" -type d -name __pycache__ -prune -exec rm -rf {} +
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 chroot "$tree" \
        python3 -m compileall -q -l --invalidation-mode timestamp -i - <"$SCRATCH/compiled" ||
        die "Python files do not compile"
}

# npm_step FILE: the packages named in FILE, checked. Sets STEP.
npm_step()
{
    step npm "$(key "$(sha256_of "$1")")" npm_make "$1"
}

npm_make()
{
    local out=$1 wanted sum specs=() sums=()
    while read -r wanted sum; do
        specs+=("$wanted")
        sums+=("$sum  ${wanted/@/-}.tgz")
    done < <(words "$2")
    if command -v npm >/dev/null; then
        npm_config_cache=$SCRATCH/npm npm pack --silent --pack-destination "$out" "${specs[@]}" >/dev/null ||
            die "npm cannot download ${specs[*]}"
    else
        npm_make_in_root "$out" "${specs[@]}"
    fi
    (cd "$out" && printf '%s\n' "${sums[@]}" | sha512sum --quiet -c -) || die "an npm package has a wrong checksum"
}

# This machine has no npm and shall not get one for our sake: use Debian's in a throw-away root.
npm_make_in_root()
{
    local out=$1 ca=/etc/ssl/certs/ca-certificates.crt
    shift
    choose npm "?essential apt ca-certificates npm" "$ROOT_SUITE" "$ROOT_SUITE-updates" "$ROOT_SUITE-security"
    fetch npm "$CHOICE"
    local -a hooks=()
    # A machine behind a TLS-inspecting proxy has that proxy's authority in its own bundle.
    [[ ! -r $ca ]] || hooks+=(--customize-hook="cp '$ca' \"\$1\"$ca")
    make_root - "$ROOT_SUITE" "$CHOICE" "ca-certificates npm" "${hooks[@]}" \
        --customize-hook="chroot \"\$1\" env HOME=/tmp npm_config_cafile=$ca npm pack --pack-destination /tmp $*" \
        --customize-hook="cp \"\$1\"/tmp/*.tgz '$out'"
}
