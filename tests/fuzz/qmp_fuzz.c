/* What QEMU says, line by line to the reader, and as a stream to the client while a command is under way. Whatever it
 * is: each call ends once, the channel ends at most once, and words that go to logs print. */
#include <sys/socket.h>

#include "tests/fuzz/fuzz.h"
#include "workers/vmm/qemu/qmp.h"

enum { MAX = 1 << 16, ROUNDS = 24 };

typedef struct owner {
    unsigned ends, dones;
    dm_qmp *qmp;
} owner;

static void on_done(void *arg, int r, const json_t *value, const dm_err *err)
{
    owner *o = arg;
    o->dones++;
    HOLDS((r == 0) == (value != NULL) && (r < 0) == (err != NULL));
}

static void on_ready(void *arg, const char *version)
{
    owner *o = arg;
    HOLDS(version[0] != '\0' && strlen(version) < 64);
    if (dm_qmp_call(o->qmp, "stop", (dm_str){.n = 0}, -1, 60000, on_done, o, NULL) < 0)
        return; /* the peer is gone: the end will be told */
}

static void prints(const char *word)
{
    for (; *word != '\0'; word++)
        HOLDS((unsigned char)*word >= 0x20);
}

static void on_event(void *arg, const char *name, const json_t *data)
{
    (void)arg;
    (void)data;
    prints(name);
}

static void on_end(void *arg, const dm_err *why)
{
    owner *o = arg;
    o->ends++;
    HOLDS(why->code < 0);
}

static void as_lines(dm_str text)
{
    dm_str line;
    while (dm_str_split(&text, '\n', &line)) {
        dm_qmp_msg m;
        if (dm_qmp_msg_read(line, &m, NULL) < 0)
            continue;
        HOLDS(m.root != NULL);
        if (m.kind == DM_QMP_EVENT || m.kind == DM_QMP_ERROR)
            prints(m.word);
        HOLDS(m.kind != DM_QMP_RETURN || m.value != NULL);
        dm_qmp_msg_done(&m);
    }
}

static void as_stream(const uint8_t *data, size_t size)
{
    owner o = {.ends = 0};
    int ends[2];
    dm_loop *loop = NULL;
    const dm_qmp_config config = {.on_ready = on_ready, .on_event = on_event, .on_end = on_end, .arg = &o};
    HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    HOLDS(dm_loop_new(&dm_clock_real, &loop, NULL) == 0);
    HOLDS(dm_qmp_new(loop, ends[0], &config, &o.qmp, NULL) == 0);
    HOLDS(send(ends[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || size == 0);
    (void)close(ends[1]);
    for (int i = 0; i < ROUNDS && o.ends == 0; i++)
        HOLDS(dm_loop_once(loop, 0, NULL) == 0);
    HOLDS(o.ends <= 1 && o.dones <= 1);
    dm_qmp_free(o.qmp);
    dm_loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MAX)
        return 0;
    as_lines((dm_str){(const char *)data, size});
    as_stream(data, size);
    return 0;
}
