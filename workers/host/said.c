#include "workers/host/said.h"

static const int64_t second_us = 1000000;

void dm_said_end(dm_said *s, dm_log *log, const char *sandbox)
{
    if (s->more > 0)
        DM_LOG(log, DM_INFO, "sandbox.agent_said_more", dm_fs("sandbox", sandbox), dm_fu("lines", s->more));
    s->more = 0;
}

void dm_said_line(dm_said *s, dm_log *log, const char *sandbox, int64_t now_us, const char *event, const char *message)
{
    int64_t full_us = s->full_us > now_us ? s->full_us : now_us;
    if (s->more > 0 && now_us - s->since_us >= DM_SAID_MORE_S * second_us)
        dm_said_end(s, log, sandbox);
    if (full_us - now_us > (DM_SAID_BURST - 1) * DM_SAID_EACH_S * second_us) {
        s->since_us = s->more == 0 ? now_us : s->since_us;
        s->more++;
        return;
    }
    s->full_us = full_us + DM_SAID_EACH_S * second_us;
    DM_LOG(log, DM_INFO, "sandbox.agent_said", dm_fs("sandbox", sandbox), dm_fs("said", event),
            dm_fs("message", message));
}
