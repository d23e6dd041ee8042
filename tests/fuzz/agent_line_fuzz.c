/* What a guest says, line by line to the reader, and as a stream to the worker's end of the channel while calls wait
 * for an answer. The stream begins with the echo of the sync, which no fuzzer could guess, when the first byte is even.
 * Whatever it is: each call ends at most once, the channel is lost at most once, and words that go to logs print. */
#include <sys/socket.h>

#include "tests/fuzz/fuzz.h"
#include "workers/vmm/agent.h"
#include "workers/vmm/agent_line.h"

enum { MAX = 1 << 16, ROUNDS = 24 };

typedef struct owner {
    unsigned lost, dones;
} owner;

static void on_done(void *arg, int r, const json_t *answer, const dm_err *err)
{
    owner *o = arg;
    o->dones++;
    HOLDS((r == 0) == (answer != NULL) && (r < 0) == (err != NULL));
}

static void on_event(void *arg, const char *event, const json_t *line)
{
    owner *o = arg;
    HOLDS(json_is_object(line) && o->lost == 0);
    if (strcmp(event, "lost") == 0)
        o->lost++;
}

static void as_lines(dm_str text)
{
    dm_str line;
    while (dm_str_split(&text, '\n', &line)) {
        dm_agent_line l;
        if (dm_agent_line_read(line, &l, NULL) < 0)
            continue;
        HOLDS(l.root != NULL);
        HOLDS(l.kind != DM_AGENT_EVENT || (l.event[0] >= '_' && strlen(l.event) <= 32));
        HOLDS(l.kind != DM_AGENT_SYNC || strlen(l.nonce) <= DM_GUEST_NONCE);
        HOLDS(l.kind != DM_AGENT_ANSWER || l.seq > 0);
        for (const char *p = l.error; *p != '\0'; p++)
            HOLDS(*p >= ' ' && *p <= '~');
        dm_agent_line_done(&l);
    }
}

static void echo_sync(int fd)
{
    char line[128];
    ssize_t n = recv(fd, line, sizeof(line), MSG_DONTWAIT);
    HOLDS(n > 1 && line[0] == '\n');
    HOLDS(send(fd, line + 1, (size_t)n - 1, MSG_DONTWAIT | MSG_NOSIGNAL) == n - 1);
}

static void as_stream(const uint8_t *data, size_t size)
{
    owner o = {.lost = 0};
    int ends[2];
    dm_loop *loop = NULL;
    dm_agent *agent = NULL;
    HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    HOLDS(dm_loop_new(&dm_clock_real, &loop, NULL) == 0);
    HOLDS(dm_agent_new(loop, ends[0], on_event, &o, &agent, NULL) == 0);
    if (size > 0 && data[0] % 2 == 0)
        echo_sync(ends[1]);
    HOLDS(dm_agent_simple(agent, "stats", 60000, on_done, &o, NULL) == 0);
    HOLDS(dm_agent_warm(agent, 1, 60000, on_done, &o, NULL) == 0);
    HOLDS(dm_loop_once(loop, 0, NULL) == 0);
    HOLDS(size < 2 || send(ends[1], data + 1, size - 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0);
    for (int i = 0; i < ROUNDS && o.lost == 0; i++)
        HOLDS(dm_loop_once(loop, 0, NULL) == 0);
    HOLDS(o.lost <= 1 && o.dones <= 2);
    dm_agent_free(agent);
    (void)close(ends[1]);
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
