#include "workers/guest/who/metrics.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "base/file.h"
#include "base/parse.h"

enum { PROC_FILE_MAX = 64 * 1024, MIB = 1024 * 1024 };

/* The next word of a line; "" at its end. */
static dm_str word(dm_str *rest)
{
    dm_str w = {"", 0};
    while (w.n == 0 && dm_str_split(rest, ' ', &w))
        ;
    return w;
}

void dm_metrics_parse_stat(dm_str text, dm_cpu_mark *out)
{
    dm_str line;
    *out = (dm_cpu_mark){0, 0};
    if (!dm_str_split(&text, '\n', &line) || !dm_str_eq_c(word(&line), "cpu"))
        return;
    /* user nice system idle iowait irq softirq steal; guest time is inside user's */
    for (unsigned i = 0; i < 8; i++) {
        uint64_t v;
        if (dm_parse_u64(word(&line), 0, UINT64_MAX / 16, &v, NULL) != 0)
            return;
        out->total += v;
        out->busy += i == 3 || i == 4 ? 0 : v;
    }
}

void dm_metrics_parse_meminfo(dm_str text, dm_metrics_now *out)
{
    uint64_t total = 0, available = 0, cached = 0;
    dm_str line;
    while (dm_str_split(&text, '\n', &line)) {
        dm_str name = word(&line), value = word(&line);
        uint64_t v;
        if (dm_parse_u64(value, 0, UINT64_MAX / 1024, &v, NULL) != 0)
            continue;
        if (dm_str_eq_c(name, "MemTotal:"))
            total = v * 1024;
        else if (dm_str_eq_c(name, "MemAvailable:"))
            available = v * 1024;
        else if (dm_str_eq_c(name, "Cached:"))
            cached = v * 1024;
    }
    out->mem_total = total;
    out->mem_used = available < total ? total - available : 0;
    out->mem_cache = cached;
}

static void read_cpu(dm_cpu_mark *mark, dm_metrics_now *out)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, PROC_FILE_MAX);
    if (dm_file_read("/proc/stat", &b, NULL) != 0)
        return;
    dm_cpu_mark now;
    dm_metrics_parse_stat(dm_buf_view(&b), &now);
    uint64_t total = now.total - mark->total, busy = now.busy - mark->busy;
    if (now.total > mark->total && now.busy >= mark->busy)
        out->cpu_hundredths = (uint32_t)(busy * 10000 / total);
    *mark = now;
}

void dm_metrics_read(dm_cpu_mark *mark, int64_t wall_us, dm_metrics_now *out)
{
    *out = (dm_metrics_now){.ts = dm_second_of(wall_us)};
    int n = get_nprocs();
    out->cpus = n > 0 ? (unsigned)n : 1;
    read_cpu(mark, out);
    DM_AUTO_BUF b;
    dm_buf_init(&b, PROC_FILE_MAX);
    if (dm_file_read("/proc/meminfo", &b, NULL) == 0)
        dm_metrics_parse_meminfo(dm_buf_view(&b), out);
    struct statvfs fs;
    if (statvfs("/", &fs) == 0) {
        out->disk_total = (uint64_t)fs.f_blocks * fs.f_frsize;
        out->disk_used = (uint64_t)(fs.f_blocks - fs.f_bavail) * fs.f_frsize;
    }
}

void dm_metrics_write(dm_jw *w, const dm_metrics_now *m)
{
    char pct[24];
    int n = snprintf(pct, sizeof(pct), "%u.%02u", m->cpu_hundredths / 100, m->cpu_hundredths % 100);
    dm_jw_ki64(w, "ts", m->ts);
    dm_jw_ku64(w, "cpu_count", m->cpus);
    dm_jw_key(w, "cpu_used_pct");
    dm_jw_raw(w, (dm_str){pct, (size_t)n});
    dm_jw_ku64(w, "mem_total", m->mem_total);
    dm_jw_ku64(w, "mem_used", m->mem_used);
    dm_jw_ku64(w, "mem_cache", m->mem_cache);
    dm_jw_ku64(w, "mem_total_mib", m->mem_total / MIB);
    dm_jw_ku64(w, "mem_used_mib", m->mem_used / MIB);
    dm_jw_ku64(w, "disk_used", m->disk_used);
    dm_jw_ku64(w, "disk_total", m->disk_total);
}
