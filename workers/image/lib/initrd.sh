# shellcheck shell=bash
# Initrd: the agent as /init, the modules, mount points. Nothing else, and not compressed: under an emulated
# CPU unpacking costs more than reading.

initrd_step()
{
    step initrd "$(key "${1##*/}" "$(sha256_of "$2")" "$(digest "$here/lib/initrd.sh")" "$(tools cpio)")" \
        initrd_make "$1" "$2"
}

initrd_make()
{
    local out=$1 kernel=$2 agent=$3 tree=$SCRATCH/tree
    mkdir -p "$tree"/{proc,sys,dev,run,tmp,root,lower,upper,newroot,lib/modules,etc/dormouse}
    chmod 1777 "$tree/tmp"
    chmod 700 "$tree/root"
    install -m 755 "$agent" "$tree/init"
    install -m 644 "$kernel"/*.ko "$tree/lib/modules/"
    sed 's#^#/lib/modules/#' "$kernel/modules" >"$tree/etc/dormouse/modules"
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    (cd "$tree" && find . -mindepth 1 -print0 | sort -z |
        cpio --quiet -0 -o -H newc --reproducible -R +0:+0) >"$out/initrd.cpio"
    sha256_of "$agent" >"$out/agent_sha256"
    say initrd "$(($(stat -c %s "$out/initrd.cpio") / 1024)) KiB"
}
