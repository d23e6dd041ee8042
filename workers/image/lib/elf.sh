# shellcheck shell=bash
# What would not boot is refused, by what readelf says of it in the C locale, which the build sets. What it complains
# of is refused as well, also where it says that all went well.

# elf_read FILE WHAT: readelf's words on one part of it.
elf_read()
{
    local words
    words=$(readelf -W "$2" -- "$1" 2>&1) || die "$1 is not a sane ELF file"
    ! grep -q '^readelf: ' <<<"$words" || die "$1 is not a sane ELF file"
    printf '%s\n' "$words"
}

elf_check()
{
    local header
    header=$(elf_read "$1" -h) || return
    grep -qE '^ *Class: +ELF64$' <<<"$header" || die "$1 is not a 64-bit ELF file"
    grep -qE '^ *Machine: .*X86-64$' <<<"$header" || die "$1 is not for x86-64"
}

# A program that asks for an interpreter cannot be the only file of an initrd.
elf_is_static()
{
    local segments
    segments=$(elf_read "$1" -l) || return
    grep -qE '^ *LOAD ' <<<"$segments" && ! grep -qE '^ *INTERP ' <<<"$segments"
}

# The note that lets a VMM enter a kernel in 32-bit protected mode (PVH): name "Xen", type 18, which readelf 2.40
# does not know by its name.
elf_has_pvh_note()
{
    local notes
    notes=$(elf_read "$1" -n) || return
    grep -qE '^ *Xen .*(\(0x0*12\)|PHYS32_ENTRY)' <<<"$notes"
}
