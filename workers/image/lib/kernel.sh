# shellcheck shell=bash
# Kernel: Debian's own cloud kernel, unpacked once, so that no guest spends its boot on decompression.
# Result: vmlinux, release, modules (names in load order), *.ko.

readonly KERNEL_SUITE=bookworm-backports
readonly KERNEL_META=linux-image-cloud-amd64

# kernel_step MODULES-FILE: sets STEP.
kernel_step()
{
    private_apt "$KERNEL_SUITE"
    # The meta package cannot be installed from backports alone, it only says which image is current.
    kernel_choose
    step kernel "$(key "$(sha256_of "$CHOICE")" "$(digest "$here"/lib/{kernel,elf}.sh "$1")" "$(tools kmod)")" \
        kernel_make "$CHOICE" "$1"
}

# Sets CHOICE, as choose does, but without dependencies: nothing of this package is ever installed.
kernel_choose()
{
    local dir image start=$EPOCHREALTIME
    dir=$CACHE/choice-$(key "$KERNEL_META" "$(debian_sources "$KERNEL_SUITE")")
    CHOICE=$dir/Packages
    if [[ -s $CHOICE && $UPDATE == 0 ]]; then
        touch "$dir"
        say kernel "version chosen on $(date -r "$CHOICE" +%F)"
        return
    fi
    apt_update
    image=$(apt-cache show --no-all-versions "$KERNEL_META" |
        sed -nE 's/^Depends: (linux-image-6\.12\.[^ ]*-cloud-amd64) \(= ([^)]+)\).*/\1=\2/p')
    [[ -n $image ]] || die "$KERNEL_SUITE has no 6.12 cloud kernel"
    mkdir -p "$dir"
    apt-cache show "$image" >"$dir/Packages.new"
    mv "$dir/Packages.new" "$CHOICE"
    say kernel "$image chosen in $(since "$start")"
}

kernel_make()
{
    local out=$1 choice=$2 wanted=$3 sum pv size file tree=$SCRATCH/tree release
    private_apt "$KERNEL_SUITE"
    fetch kernel "$choice"
    read -r sum pv size file < <(choice_list "$choice")
    dpkg-deb -x "$CACHE/debs/$sum.deb" "$tree"
    release=$(cd "$tree/boot" && echo vmlinuz-*)
    release=${release#vmlinuz-}
    [[ $release =~ ^6\.12\.[0-9a-z.+~-]+$ ]] || die "unexpected kernel release: $release"
    kernel_unpack "$tree/boot/vmlinuz-$release" "$out/vmlinux"
    [[ -d $tree/lib/modules ]] || ln -s usr/lib "$tree/lib"
    depmod -b "$tree" "$release"
    kernel_modules "$tree/lib/modules/$release" "$wanted" "$out"
    printf '%s\n' "$release" >"$out/release"
    say kernel "$release: vmlinux $(($(stat -c %s "$out/vmlinux") / 1048576)) MiB," \
        "$(wc -l <"$out/modules") modules"
}

# bytes FILE OFFSET SIZE TYPE: numbers at an offset, as od prints them.
bytes()
{
    od -An -v -j "$2" -N "$3" -t "$4" -- "$1"
}

# number FILE OFFSET SIZE: one little-endian number.
number()
{
    local v
    v=$(bytes "$1" "$2" "$3" "u$3")
    [[ $v =~ ^\ *[0-9]+$ ]] || die "$1 ends too early"
    printf '%d' "$((v))"
}

# kernel_unpack BZIMAGE VMLINUX: by the x86 boot protocol's header. The payload is a zstd frame followed by the
# unpacked size, which is our check that it was the whole frame.
kernel_unpack()
{
    local setup offset length want
    [[ $(bytes "$1" $((0x206)) 2 u2) -ge $((0x208)) && $(bytes "$1" $((0x1fe)) 2 x1) == ' 55 aa' ]] ||
        die "$1 is not a bzImage"
    setup=$(number "$1" $((0x1f1)) 1)
    ((setup > 0)) || setup=4
    offset=$(((setup + 1) * 512 + $(number "$1" $((0x248)) 4)))
    length=$(number "$1" $((0x24c)) 4)
    [[ $(bytes "$1" "$offset" 4 x1) == ' 28 b5 2f fd' ]] || die "the payload of $1 is not zstd"
    want=$(number "$1" $((offset + length - 4)) 4)
    dd if="$1" iflag=skip_bytes,count_bytes,fullblock bs=1M skip="$offset" count=$((length - 4)) status=none |
        zstd -q -d --long=31 -o "$2" || die "cannot unpack $1"
    (($(stat -c %s "$2") == want)) || die "$1 unpacked to a wrong size"
    elf_check "$2"
    elf_has_pvh_note "$2" || die "$1 has no PVH entry: a microvm cannot start it"
}

# kernel_modules TREE MODULES-FILE OUT: what is wanted and not built in, with all that it needs, in load order.
kernel_modules()
{
    local tree=$1 list=$2 out=$3 wanted name path deps
    local -A seen=()
    local -a order=()
    while read -r wanted _; do
        [[ -n $wanted && $wanted != '#'* ]] || continue
        if grep -qE "/${wanted//_/[_-]}\.ko$" "$tree/modules.builtin"; then
            continue
        fi
        path=$(sed -nE "s#^(([^:]*/)?${wanted//_/[_-]}\.ko[^:]*):.*#\1#p" "$tree/modules.dep")
        [[ -n $path ]] || die "the kernel has no module $wanted"
        # modules.dep names what a module needs, nearest first: load it backwards.
        deps=$(sed -n "s#^$path:##p" "$tree/modules.dep")
        for name in $(printf '%s\n' "$deps" | tr ' ' '\n' | tac) "$path"; do
            [[ -z ${seen[$name]:-} ]] || continue
            seen[$name]=1
            order+=("$name")
        done
    done <"$list"
    for path in "${order[@]}"; do
        name=${path##*/}
        name=${name%.xz}
        case $path in
        *.ko.xz) xz -dc "$tree/$path" >"$out/$name" ;;
        *.ko) cp "$tree/$path" "$out/$name" ;;
        *) die "unknown kind of module file: $path" ;;
        esac
        printf '%s\n' "$name"
    done >"$out/modules"
}
