# shellcheck shell=bash
# Empty writable disks. Sparse; each sandbox gets a copy of the few blocks that hold data.
#
# 16 KiB per inode: a root with a package manager's tree on it is many small files (65,536 fit in 1 GiB). The
# inode tables are marked as zero already, so they cost no blocks here, and no guest kernel goes and zeroes them
# in the background of every sandbox.

readonly DISK_FEATURES=has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,sparse_super2,\
large_file,huge_file,dir_nlink,extra_isize,metadata_csum
readonly DISK_TUNING=nodiscard,assume_storage_prezeroed=1,packed_meta_blocks=1,\
hash_seed=5d0e6f1a-6e1b-4c1d-9a57-d0a11005e002

disk_step()
{
    step "disk-${1}g" "$(key "$(digest "$here/lib/disk.sh")" "$(tools e2fsprogs)")" disk_make "$1"
}

disk_make()
{
    local image=$1/disk-${2}g.ext4
    truncate -s "${2}G" "$image"
    printf '[fs_types]\n\text4 = {\n\t\tinode_size = 256\n\t}\n' >"$SCRATCH/mke2fs.conf"
    # Fixed ids and time, and nothing from this machine's mke2fs.conf: the same disk each time. Nobody mounts by id.
    # User xattrs need no switch: ext_attr is on, and kernels have allowed them by default for long.
    MKE2FS_CONFIG=$SCRATCH/mke2fs.conf E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -F -t ext4 -L writable -b 4096 \
        -I 256 -i 16384 -m 0 -J size=8 -O "none,$DISK_FEATURES" -U 5d0e6f1a-6e1b-4c1d-9a57-d0a11005e001 \
        -E "$DISK_TUNING" "$image"
    e2fsck -fn "$image" >/dev/null 2>&1 || die "the empty disk is not clean"
    say "disk-${2}g" "$(($(stat -c '%b * %B' "$image") / 1024)) KiB allocated"
}
