# shellcheck shell=bash
# The folder that is handed out: DIR/NAME with all parts and a manifest. It is complete or it is not there.

PUBLISH_ASIDE=''

publish_step()
{
    local name=$1 out=$2 kernel=$3 initrd=$4 root=$5 aside file
    shift 5
    aside=$(mktemp -d "$out/.$name.XXXXXX")
    PUBLISH_ASIDE=$aside
    chmod 755 "$aside"
    for file in "$root/root.erofs" "$root/packages.txt" "$kernel/vmlinux" "$initrd/initrd.cpio" \
        "${@/%//disk-*.ext4}" "$here/cmdline" "$here/cmdline.tcg"; do
        publish_file "$file" "$aside"
    done >"$aside/.sums"
    sort -k 2 "$aside/.sums" >"$aside/SHA256SUMS"
    rm "$aside/.sums"
    publish_manifest "$name" "$aside" "$kernel" "$initrd" "$root" >"$aside/manifest.json"
    chmod a-w "$aside"/*
    sync -f "$aside"
    if cmp -s "$aside/manifest.json" "$out/$name/manifest.json"; then
        rm -rf "$aside"
        say image "$out/$name is up to date"
    else
        publish_swap "$aside" "$out/$name"
        say image "$out/$name is new"
    fi
    PUBLISH_ASIDE=''
}

# publish_file PATTERN DIR: prints the file's checksum line. A hard link where that can be, else a copy that
# keeps holes.
publish_file()
{
    # shellcheck disable=SC2206  # one pattern, one file
    local -a files=($1)
    local file=${files[0]}
    [[ -f $file ]] || die "lost from the cache: $1"
    if [[ $file == "$CACHE"/* ]]; then
        grep -F "  ${file##*/}" "${file%/*}/.sums" || die "no checksum for $file"
        ln "$file" "$2/" 2>/dev/null && return
    else
        printf '%s  %s\n' "$(sha256_of "$file")" "${file##*/}"
    fi
    cp --sparse=always --reflink=auto "$file" "$2/"
}

# Guests that run keep the files they opened. A reader may find no folder between the two renames; one that is
# there is always whole.
publish_swap()
{
    local old
    old=$(mktemp -d "${2%/*}/.old.XXXXXX")
    [[ ! -e $2 ]] || mv -T "$2" "$old"
    mv -T "$1" "$2"
    sync -f "$2"
    rm -rf "$old"
}

publish_manifest()
{
    local name=$1 dir=$2 kernel=$3 initrd=$4 root=$5 os digest
    os=$(<"$root/os")
    [[ $os =~ ^[][A-Za-z0-9\ ./_()+-]{1,100}$ ]] || die "odd name of a system: $os"
    digest=$(sha256_of "$dir/SHA256SUMS")
    cat <<END
{
  "name": "$name",
  "format": 1,
  "digest": "$digest",
  "kernel_release": "$(<"$kernel/release")",
  "agent_sha256": "$(<"$initrd/agent_sha256")",
  "os": "$os",
  "defaults": {"user": "user", "workdir": "/home/user", "env": {}},
  "generic_ok": true,
  "root_bytes": $(stat -c %s "$dir/root.erofs"),
  "drives": [
    {"id": "d0", "serial": "d0", "role": "root"},
    {"id": "d1", "serial": "d1", "role": "writable"}
  ],
  "mounts": []
}
END
}
