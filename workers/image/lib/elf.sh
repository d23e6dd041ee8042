# shellcheck shell=bash
# Just enough ELF reading (64 bit, little endian) to refuse what would not boot. No binutils here.

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

elf_check()
{
    [[ $(bytes "$1" 0 6 x1) == ' 7f 45 4c 46 02 01' ]] || die "$1 is not a 64-bit ELF file"
    (($(number "$1" 18 2) == 62)) || die "$1 is not for x86-64"
}

# elf_segments FILE: "type offset size" per program header.
elf_segments()
{
    local phoff phentsize phnum i at type offset size
    phoff=$(number "$1" 32 8) || return
    phentsize=$(number "$1" 54 2) || return
    phnum=$(number "$1" 56 2) || return
    ((phentsize >= 56 && phnum > 0 && phnum <= 64)) || die "$1 has no sane program headers"
    for ((i = 0; i < phnum; i++)); do
        at=$((phoff + i * phentsize))
        type=$(number "$1" "$at" 4) || return
        offset=$(number "$1" $((at + 8)) 8) || return
        size=$(number "$1" $((at + 32)) 8) || return
        printf '%d %d %d\n' "$type" "$offset" "$size"
    done
}

# A program that asks for an interpreter cannot be the only file of an initrd.
elf_is_static()
{
    local segments
    segments=$(elf_segments "$1") || die "$1 is not a sane ELF file"
    ! grep -q '^3 ' <<<"$segments"
}

# The note that lets a VMM enter a kernel in 32-bit protected mode (PVH): name "Xen", type 18.
elf_has_pvh_note()
{
    local segments type offset size at end namesz descsz
    segments=$(elf_segments "$1") || return
    while read -r type offset size; do
        ((type == 4)) || continue
        at=$offset end=$((offset + size))
        while ((at + 16 <= end)); do
            namesz=$(number "$1" "$at" 4)
            descsz=$(number "$1" $((at + 4)) 4)
            if (($(number "$1" $((at + 8)) 4) == 18)) &&
                [[ $(bytes "$1" $((at + 12)) 4 x1) == ' 58 65 6e 00' ]]; then
                return 0
            fi
            at=$((at + 12 + (namesz + 3) / 4 * 4 + (descsz + 3) / 4 * 4))
        done
    done <<<"$segments"
    return 1
}
