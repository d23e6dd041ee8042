#include "workers/host/machine/host.h"

#include <assert.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/parse.h"

/* A line of /proc/meminfo; false when the kernel does not say. */
static bool meminfo_mib(const char *name, uint64_t *mib)
{
    DM_AUTO_BUF text;
    dm_str rest, line, word;
    uint64_t kib;
    dm_buf_init(&text, 1 << 16);
    if (dm_file_read("/proc/meminfo", &text, NULL) < 0)
        return false;
    rest = dm_buf_view(&text);
    while (dm_str_split(&rest, '\n', &line)) {
        if (!dm_str_split(&line, ':', &word) || !dm_str_eq_c(word, name))
            continue;
        line = dm_str_trim(line);
        if (!dm_str_split(&line, ' ', &word) || dm_parse_u64(word, 0, UINT64_MAX / 2, &kib, NULL) < 0)
            return false;
        *mib = kib / 1024;
        return true;
    }
    return false;
}

uint64_t dm_host_mem_mib(void)
{
    uint64_t mib;
    return meminfo_mib("MemTotal", &mib) ? mib : 0;
}

bool dm_host_short_of_memory(const dm_host *h)
{
    uint64_t mib;
    return meminfo_mib("MemAvailable", &mib) && mib < h->conf.mem_reserve_mib;
}

uint64_t dm_host_mem_to_give_mib(const dm_host *h)
{
    uint64_t mib = dm_host_mem_mib();
    return mib > 0 ? mib * h->conf.mem_overcommit_pct / 100 : UINT64_MAX;
}

uint64_t dm_host_disk_free_mib(const dm_host *h)
{
    struct statvfs fs;
    if (statvfs(h->conf.data_dir, &fs) < 0)
        return UINT64_MAX;
    return (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
}

bool dm_host_short_of_disk(const dm_host *h)
{
    return dm_host_disk_free_mib(h) < h->conf.disk_reserve_mib;
}

int dm_host_group_make(dm_host *h, uint32_t slot, uint32_t mem_mib, uint32_t vcpus, dm_err *err)
{
    return h->groups != NULL ? dm_group_make(h->groups, slot, mem_mib, vcpus, err) : 0;
}

void dm_host_group_weigh(dm_host *h, uint32_t slot, uint32_t vcpus)
{
    dm_err err = {0};
    if (h->groups != NULL && dm_group_weigh(h->groups, slot, vcpus, &err) < 0)
        dm_log_err(h->log, DM_WARN, "host.group_not_weighed", &err);
}

int dm_host_init(dm_host *h, dm_err *err)
{
    h->slots = calloc(h->conf.slots, sizeof(h->slots[0]));
    if (h->slots == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %u slots", h->conf.slots);
    h->slots_free = h->conf.slots;
    for (uint32_t i = 0; i < h->slots_free; i++)
        h->slots[i].net.tap_fd = -1;
    return 0;
}

int32_t dm_host_slot_take(dm_host *h)
{
    for (uint32_t i = 0; i < h->conf.slots; i++) {
        if (!h->slots[i].used) {
            dm_host_slot_claim(h, i);
            return (int32_t)i;
        }
    }
    return -1;
}

void dm_host_slot_claim(dm_host *h, uint32_t no)
{
    assert(no < h->conf.slots && !h->slots[no].used);
    assert(h->slots_free > 0);
    h->slots[no].used = true;
    h->slots_free--;
}

void dm_host_slot_give(dm_host *h, uint32_t no)
{
    assert(no < h->conf.slots && h->slots[no].used);
    h->slots[no].used = false;
    h->slots_free++;
    assert(h->slots_free + h->slots_leaving <= h->conf.slots);
    if (h->slot_is_free != NULL)
        h->slot_is_free(h->slot_is_free_arg);
}

int dm_host_slot_ready(dm_host *h, uint32_t no, const dm_slot_policy *policy, bool adopted, dm_err *err)
{
    dm_host_slot *s = &h->slots[no];
    bool fresh = !s->open;
    if (fresh) {
        int r = dm_slot_open(&h->conf.site, no, policy, &s->net, err);
        if (r < 0)
            return r;
        s->open = true;
        if (!s->net.fenced)
            DM_LOG(h->log, DM_WARN, "host.slot_not_fenced", dm_fu("slot", no),
                    dm_fs("message", "nftables here has no netdev hook, limit or ct count: frames and flows of its "
                                     "guest are not bounded"));
    }
    if (adopted)
        return 0;
    if (fresh || !dm_policy_eq(&s->net.policy, policy)) {
        int r = dm_slot_reset(&s->net, policy, err);
        if (r < 0)
            return r;
    }
    return s->net.tap_fd >= 0 ? 0 : dm_fail(err, DM_E_CONFLICT, "slot %u: a VM that is about to end has its tap", no);
}

int dm_host_slot_tap(dm_host *h, uint32_t no, bool up, dm_err *err)
{
    return dm_slot_tap(&h->slots[no].net, up, err);
}

void dm_host_slot_clean(dm_host *h, uint32_t no)
{
    const dm_slot_policy open_policy = dm_policy_open();
    dm_host_slot *s = &h->slots[no];
    dm_err err = {0};
    if (!s->open || (dm_slot_reset(&s->net, &open_policy, &err) == 0 && s->net.tap_fd >= 0))
        return;
    dm_log_err(h->log, DM_WARN, "host.slot_not_reset", &err);
    dm_host_slot_shut(h, no);
}

void dm_host_slot_shut(dm_host *h, uint32_t no)
{
    dm_slot_close(&h->slots[no].net);
    h->slots[no].open = false;
}
