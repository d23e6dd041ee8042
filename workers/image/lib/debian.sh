# shellcheck shell=bash
# Packages: choosing versions, downloading, and a root file system made of exactly the chosen ones.
#
# apt is used with private state, so the machine's own sources, lists and locks are neither needed nor touched;
# only its proxy settings, credentials and preferred mirror are taken over. A choice is apt's own answer for one
# list of wishes: the stanzas of all packages it would install, checksums included, taken from signed indexes.
# From then on nothing is trusted but those checksums: a root is made by mmdebstrap from a small local archive
# that holds the chosen packages and no other.

MIRROR=''
SECURITY=''
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirrors MAIN SECURITY: empty means what this machine's apt uses for its own release.
debian_mirrors()
{
    local codename targets
    MIRROR=$1 SECURITY=$2
    if [[ -z $MIRROR || -z $SECURITY ]]; then
        codename=$(. /etc/os-release && [[ $ID == debian ]] && printf '%s' "$VERSION_CODENAME") ||
            die "not a Debian machine: name the archives with --mirror and --security-mirror"
        # shellcheck disable=SC2016  # apt's own placeholders
        targets=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages')
        : "${MIRROR:=$(sed -n "s/^$codename //p" <<<"$targets" | head -n1)}"
        : "${SECURITY:=$(sed -n "s/^$codename-security //p" <<<"$targets" | head -n1)}"
    fi
    MIRROR=${MIRROR%/} SECURITY=${SECURITY%/}
    # Nearly every archive has its security part beside it.
    : "${SECURITY:=$MIRROR-security}"
    [[ $MIRROR =~ ^https?://[^@[:space:]]+$ ]] || die "no usable Debian archive: give --mirror"
    [[ $SECURITY =~ ^https?://[^@[:space:]]+$ ]] || die "no usable security archive: give --security-mirror"
    [[ -r $KEYRING ]] || die "missing packages: debian-archive-keyring"
}

# debian_sources SUITE...: deb822 text. A name that ends in -security comes from the security archive.
debian_sources()
{
    local suite uri
    for suite in "$@"; do
        uri=$MIRROR
        [[ $suite != *-security ]] || uri=$SECURITY
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' "$uri" "$suite" \
            "$KEYRING"
    done
}

# private_apt SUITE...: points apt (by APT_CONFIG) at its private state for these suites.
private_apt()
{
    local dir
    dir=$CACHE/apt-$(key "$(debian_sources "$@")")
    mkdir -p "$dir"/{lists,archives}/partial
    debian_sources "$@" >"$dir/sources.sources"
    : >"$dir/status"
    {
        env -u APT_CONFIG apt-config dump | grep -E '^Acquire::(http|https|Retries|ForceIPv[46]|Queue-Mode)\b' || true
        printf '%s "%s";\n' Dir::Etc::main /dev/null Dir::Etc::parts /dev/null Dir::Etc::preferences /dev/null \
            Dir::Etc::preferencesparts /dev/null Dir::Etc::sourcelist "$dir/sources.sources" \
            Dir::Etc::sourceparts /dev/null Dir::State "$dir" Dir::State::status "$dir/status" Dir::Cache "$dir" \
            APT::Architecture amd64 APT::Install-Recommends false Acquire::Languages none \
            APT::Get::AutomaticRemove false
        printf 'APT::Architectures { "amd64"; };\n'
    } >"$dir/apt.conf"
    export APT_CONFIG=$dir/apt.conf
    APT_DIR=$dir
}

# choose WHAT WISHES SUITE...: sets CHOICE to a file of package stanzas. WISHES are words for apt-get install.
choose()
{
    local what=$1 wishes=$2 dir start=$EPOCHREALTIME
    shift 2
    private_apt "$@"
    dir=$CACHE/choice-$(key "$wishes" "$(debian_sources "$@")")
    CHOICE=$dir/Packages
    if [[ -s $CHOICE && $UPDATE == 0 ]]; then
        touch "$dir"
        say "$what" "versions chosen on $(date -r "$CHOICE" +%F)"
        return
    fi
    say "$what" "choosing versions"
    apt_update
    local -a words chosen
    read -r -a words <<<"$wishes"
    mapfile -t chosen < <(apt-get -s install "${words[@]}" | sed -nE 's/^Inst ([^ :]+)[^ ]* \(([^ ]+) .*/\1=\2/p' | sort)
    ((${#chosen[@]} > 0)) || die "apt found no way to install: $wishes"
    mkdir -p "$dir"
    apt-cache --no-all-versions show "${chosen[@]}" >"$dir/Packages.new"
    (($(grep -c '^Package: ' "$dir/Packages.new") == ${#chosen[@]})) || die "apt-cache left packages out"
    if cmp -s "$dir/Packages.new" "$CHOICE"; then
        rm "$dir/Packages.new"
        touch "$CHOICE"
    else
        mv "$dir/Packages.new" "$CHOICE"
    fi
    say "$what" "${#chosen[@]} packages chosen in $(since "$start")"
}

apt_update()
{
    apt-get -qq -o Acquire::Retries=3 -o APT::Update::Error-Mode=any update >&2 ||
        die "cannot read the package indexes of $MIRROR"
}

# choice_list CHOICE: "sha256 name=version size filename" per package.
choice_list()
{
    awk '/^Package: /{p=$2} /^Version: /{v=$2} /^Size: /{s=$2} /^SHA256: /{h=$2} /^Filename: /{f=$2}
         /^$/{if (p != "") print h, p "=" v, s, f; p=""} END{if (p != "") print h, p "=" v, s, f}' "$1"
}

# fetch WHAT CHOICE: all packages of a choice into the cache, checked. Needs the private_apt of that choice.
fetch()
{
    local what=$1 sum pv size file missing=() bytes=0 start=$EPOCHREALTIME
    while read -r sum pv size file; do
        [[ $sum =~ ^[0-9a-f]{64}$ && $size =~ ^[0-9]+$ ]] || die "no checksum for $pv"
        if [[ -f $CACHE/debs/$sum.deb ]]; then
            touch "$CACHE/debs/$sum.deb"
        else
            missing+=("$pv")
            bytes=$((bytes + size))
        fi
    done < <(choice_list "$2")
    ((${#missing[@]} > 0)) || return 0
    say "$what" "downloading ${#missing[@]} packages, $((bytes / 1048576)) MiB"
    # apt writes into the working folder, as its own user.
    local into=$SCRATCH/debs
    mkdir -p "$into"
    id -u _apt >/dev/null 2>&1 && chown _apt "$into"
    [[ -n $(find "$APT_DIR/lists" -maxdepth 1 -name '*_Packages*' -print -quit) ]] || apt_update
    (cd "$into" && apt-get -qq -o Acquire::Retries=3 download "${missing[@]}" >&2) ||
        die "cannot download the chosen packages; newer ones may have replaced them: try --update"
    for file in "$into"/*.deb; do
        mv "$file" "$CACHE/debs/$(sha256_of "$file").deb"
    done
    while read -r sum pv size file; do
        [[ -f $CACHE/debs/$sum.deb ]] || die "$pv was downloaded with a wrong checksum"
    done < <(choice_list "$2")
    chown -R root:root "$CACHE/debs"
    say "$what" "downloaded in $(since "$start")"
}

# local_archive DIR SUITE CHOICE: an archive of exactly the packages of a choice, made of hard links.
local_archive()
{
    local dir=$1 suite=$2 sum pv size file
    while read -r sum pv size file; do
        mkdir -p "$dir/${file%/*}"
        ln "$CACHE/debs/$sum.deb" "$dir/$file"
    done < <(choice_list "$3")
    local index=main/binary-amd64/Packages
    mkdir -p "$dir/dists/$suite/main/binary-amd64"
    cp "$3" "$dir/dists/$suite/$index"
    printf 'Suite: %s\nCodename: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n %s %d %s\n' "$suite" \
        "$suite" "$(sha256_of "$3")" "$(stat -c %s "$3")" "$index" >"$dir/dists/$suite/Release"
}

# make_root TARGET SUITE CHOICE WISHES MMDEBSTRAP-OPTION...: TARGET is a folder, or - for none. mmdebstrap's
# words are shown only if it fails, or each as it comes with DM_VERBOSE set.
make_root()
{
    local target=$1 suite=$2 choice=$3 include=${4// /,} format=directory log=$SCRATCH/mmdebstrap.log
    shift 4
    [[ $target != - ]] || { target=/dev/null format=null; }
    local_archive "$SCRATCH/archive" "$suite" "$choice"
    # Its own mount namespace: what it mounts cannot outlive it, however it ends. The archive needs no signature:
    # its index was made by us from signed ones.
    local -a run=(unshare --mount env -u APT_CONFIG TMPDIR="$SCRATCH" mmdebstrap --mode=root --variant=apt --format="$format" --architectures=amd64
        --include="$include" "$@" "$suite" "$target" "deb [trusted=yes] copy:$SCRATCH/archive $suite main")
    if [[ -n ${DM_VERBOSE:-} ]]; then
        "${run[@]}" >&2 || die "mmdebstrap failed"
    elif ! "${run[@]}" >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log" >&2
        die "mmdebstrap failed, its last words are above"
    fi
    rm -rf --one-file-system "$SCRATCH/archive"
}
