/* crash [-v] FIRST..LAST: the evenings of these seeds, each played twice: as it befalls (stage.h), and undisturbed, on
 * the same evidence, delivered once, in order and in time, to one meter that lives. Both ledgers must come to the same.
 * What the workers told must be what the plan has, whatever befell them. Prints a line for each seed that failed, with
 * what befell in it, and at the end how often each point was reached and was somebody's last; ends with 1 when a seed
 * failed. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/topic.h"

#include "metering/wallet/wallet.h"
#include "tests/crash/stage.h"

enum {
    ANSWER_MS = 60000,
    DRAIN_MAX = 150,
    CALM_S = 16,
    STALE_TURNS = 25,
    QUIET_TURNS = 3,
    BEGIN_US = 100000,
    DURABLE_EVERY = 5
};

const uint8_t frame_secret[DM_KEY] = {7, 7, 7};

stage *crash_stage; /* in each process: what all of them share */
static int me = -1; /* which daemon this process is; -1: it directs */
static bool verbose;
static cluster db;

static const char *const point_names[] = {
#define DM_POINT_ROW(name, text, state) text,
#include "base/points.def"
#undef DM_POINT_ROW
};

dm_sandbox_id sandbox_id(unsigned n)
{
    uint8_t random[16] = {0};
    random[15] = (uint8_t)n;
    random[7] = 1;
    return dm_sandbox_id_of_random(random);
}

/* --- in a daemon -------------------------------------------------------------------------------------------- */

void clock_of(const stage *s, unsigned daemon, dm_clock_fake *c)
{
    c->mono = 1000000000 + s->now_us;
    c->wall = T0 * 1000000 + s->now_us + s->d[daemon].clock_by_s * 1000000;
}

bool asked(int fd, char *what)
{
    return read(fd, what, 1) == 1;
}

void answer(int fd, char what)
{
    if (write(fd, &what, 1) != 1)
        _exit(EXIT_FAILED);
}

bool disk_is_full(void)
{
    return me >= 0 && crash_stage->d[me].disk_full;
}

bool broker_is_away(void)
{
    return crash_stage->log.away || (me == 0 && crash_stage->log.deaf);
}

/* Any thread of a daemon. */
void reached(dm_point p)
{
    if (me < 0)
        return;
    stage *s = crash_stage;
    daemon_state *d = &s->d[me];
    s->reached[p]++;
    bool safe = s->p.late && me >= WORKERS && s->now_us > LATE_CALM_S * 1000000ll &&
                s->now_us < (DEAF_TO_S + 1) * 1000000ll;
    bool unborn = me < WORKERS && s->now_us <= BEGIN_US; /* not enrolled yet, so that no sandbox can be its */
    if (!d->is_armed || s->calm || safe || unborn || d->armed.point != p || ++d->count != d->armed.nth)
        return;
    s->died[p]++;
    d->is_armed = false;
    d->died_at = p;
    if (d->armed.kind != STRIKE_FREEZE)
        _exit(EXIT_STRUCK);
    d->frozen = true;
    (void)raise(SIGSTOP);
}

void dm_point_reached(dm_point p)
{
    reached(p);
}

/* --- processes ---------------------------------------------------------------------------------------------- */

static void arm(stage *s, unsigned i)
{
    daemon_state *d = &s->d[i];
    d->is_armed = false;
    d->count = 0;
    for (size_t k = 0; k < s->p.nstrikes && !d->is_armed; k++) {
        strike *x = &s->p.strikes[k];
        bool first = d->boot == 0 && x->point == DM_POINT_WORKER_RECOVERED; /* of nothing, and not yet enrolled */
        if (x->nth == 0 || x->meter != (i >= WORKERS) || (!x->meter && (x->worker != i || first)))
            continue;
        d->armed = *x;
        d->is_armed = true;
        x->nth = 0; /* it is somebody's */
    }
}

static void give_birth(stage *s, unsigned i)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    arm(s, i);
    s->lives++;
    s->d[i].frozen = s->d[i].stale = false;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(fds[0]);
        me = (int)i;
        if (i < WORKERS)
            worker_run(s, i, fds[1]);
        else
            meter_run(s, i - WORKERS, fds[1]);
        _exit(0);
    }
    (void)close(fds[1]);
    s->d[i].pid = pid;
    s->d[i].fd = fds[0];
}

static void bury(daemon_state *d)
{
    if (d->fd < 0)
        return;
    (void)kill(d->pid, SIGKILL);
    (void)waitpid(d->pid, NULL, 0);
    (void)close(d->fd);
    d->fd = -1;
}

/* It is gone. False: not as the plan wanted. */
static bool died(stage *s, unsigned i, int64_t turn)
{
    daemon_state *d = &s->d[i];
    int status = 0;
    (void)waitpid(d->pid, &status, 0);
    (void)close(d->fd);
    d->fd = -1;
    bool struck = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STRUCK;
    bool zombie = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ZOMBIE;
    bool failed = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED;
    if (verbose)
        (void)printf("  %.1f: %s %u is gone (%s)\n", (double)s->now_us / 1e6, i < WORKERS ? "worker" : "meter", i,
                struck   ? point_names[d->died_at]
                : zombie ? "another has taken over"
                         : "failed");
    if (d->stale) { /* whatever it wanted, it is not there any more */
        d->stale = false;
        return zombie || failed;
    }
    d->born = turn + (struck ? d->armed.later : 0);
    if (struck && d->armed.kind == STRIKE_REBOOT) {
        uint64_t r = s->p.seed + (uint64_t)turn;
        d->rebooted = true;
        if (d->died_at == DM_POINT_JOURNAL_WRITTEN)
            tear_journal(s, i, &r);
    }
    d->clock_by_s = 0;
    if (!struck)
        (void)printf("%s %u ended by itself, with %d\n", i < WORKERS ? "worker" : "meter", i, status);
    return struck;
}

/* Its server does not wait for ever for one that stands still with a transaction open. */
static void hang_up(const stage *s)
{
    PGconn *c = PQconnectdb(cluster_conninfo(&db, s->db, "postgres"));
    PQclear(PQexec(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                      "xact_start IS NOT NULL AND pid <> pg_backend_pid()"));
    PQfinish(c);
}

/* One turn of one daemon. False: something is wrong. */
static bool turn_of(stage *s, unsigned i, char what, int64_t turn)
{
    daemon_state *d = &s->d[i];
    if (!d->frozen && write(d->fd, &what, 1) != 1 && errno != EPIPE)
        abort();
    for (int ms = 0; ms < ANSWER_MS;) {
        struct pollfd p = {.fd = d->fd, .events = POLLIN};
        char got;
        if (poll(&p, 1, 2) > 0) {
            if (read(d->fd, &got, 1) == 1)
                return true;
            return died(s, i, turn);
        }
        ms += 2;
        if (d->frozen && waitpid(d->pid, NULL, WUNTRACED | WNOHANG) == d->pid) {
            if (verbose)
                (void)printf(
                        "  %.1f: meter %u stands still (%s)\n", (double)s->now_us / 1e6, i, point_names[d->died_at]);
            hang_up(s);
            d->born = turn + d->armed.later + 2; /* when it goes on */
            return true;
        }
    }
    (void)printf("%s %u does not answer\n", i < WORKERS ? "worker" : "meter", i);
    return false;
}

/* --- turns -------------------------------------------------------------------------------------------------- */

static bool worker_turns(stage *s, int64_t turn)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        daemon_state *d = &s->d[i];
        if (d->fd < 0 && d->born <= turn)
            give_birth(s, i);
        while (d->fd >= 0) { /* one that dies at once is back at once */
            if (!turn_of(s, i, ASK_TURN, turn))
                return false;
            if (d->fd >= 0 || d->born > turn)
                break;
            give_birth(s, i);
        }
    }
    return true;
}

/* The one that holds the fence, or -1. */
static int meter_now(const stage *s)
{
    for (unsigned i = WORKERS; i < DAEMONS; i++) {
        if (s->d[i].fd >= 0 && !s->d[i].frozen && !s->d[i].stale)
            return (int)i;
    }
    return -1;
}

/* The other one, if it is free; else the one that stands still the longer is given up. */
static unsigned meter_next(stage *s)
{
    for (unsigned i = WORKERS; i < DAEMONS; i++) {
        if (s->d[i].fd < 0)
            return i;
    }
    bury(&s->d[WORKERS]);
    return WORKERS;
}

static bool stale_turns(stage *s, int64_t turn)
{
    for (unsigned i = WORKERS; i < DAEMONS; i++) {
        daemon_state *d = &s->d[i];
        if (d->fd < 0 || (!d->frozen && !d->stale))
            continue;
        if (d->frozen && d->born <= turn && meter_now(s) >= 0) {
            d->frozen = false;
            d->stale = true;
            (void)kill(d->pid, SIGCONT);
            d->born = turn;
            /* it ends the turn it stood still in */
            struct pollfd p = {.fd = d->fd, .events = POLLIN};
            char got;
            if (poll(&p, 1, ANSWER_MS) <= 0)
                return printf("meter %u does not go on\n", i) < 0;
            if (read(d->fd, &got, 1) != 1 && !died(s, i, turn))
                return false;
        } else if (d->stale) {
            if (turn > d->born + STALE_TURNS)
                return printf("meter %u does not notice that another has taken over\n", i) < 0;
            if (!turn_of(s, i, ASK_TURN, turn))
                return false;
        }
    }
    return true;
}

static bool meter_turns(stage *s, int64_t turn, int64_t *born)
{
    int i = meter_now(s);
    for (int tries = 0; tries < STRIKES_MAX + 2; tries++) {
        if (i < 0 && *born <= turn) {
            i = (int)meter_next(s);
            give_birth(s, (unsigned)i);
        }
        if (i < 0)
            break;
        if (!turn_of(s, (unsigned)i, ASK_TURN, turn))
            return false;
        if (s->d[i].fd >= 0 && !s->d[i].frozen)
            break;
        *born = turn + s->d[i].armed.later;
        i = -1;
    }
    return stale_turns(s, turn);
}

static void befall(stage *s, int64_t second)
{
    s->log.away = false;
    s->log.gives_back = 0;
    s->log.deaf = s->p.late && second >= DEAF_FROM_S && second < DEAF_TO_S;
    for (unsigned i = 0; i < DAEMONS; i++) {
        s->d[i].disk_full = false;
        s->d[i].clock_by_s = 0;
    }
    for (size_t k = 0; k < s->p.nwindows; k++) {
        const window *w = &s->p.windows[k];
        if (second < w->from || second >= w->to || second >= s->p.end_s - CALM_S)
            continue;
        s->log.away = s->log.away || w->kind == WINDOW_AWAY;
        if (w->kind == WINDOW_GIVES_BACK)
            s->log.gives_back = 150;
        if (w->kind == WINDOW_DISK_FULL)
            s->d[w->daemon].disk_full = true;
        if (w->kind == WINDOW_CLOCK)
            s->d[w->daemon].clock_by_s = w->by_s;
    }
}

/* How far the ledger has the workers' frames for good: what they are told by the API. */
static void tell_durable(stage *s, PGconn *c)
{
    PGresult *res = PQexec(c, "SELECT worker_no, worker_boot, last_frame FROM dm.worker_mark");
    for (int i = 0; i < PQntuples(res); i++) {
        uint64_t no = strtoull(PQgetvalue(res, i, 0), NULL, 10);
        if (no < 1 || no > WORKERS)
            continue;
        s->d[no - 1].durable_boot = strtoull(PQgetvalue(res, i, 1), NULL, 10);
        s->d[no - 1].durable_frame = strtoull(PQgetvalue(res, i, 2), NULL, 10);
    }
    PQclear(res);
}

static bool is(PGconn *c, const char *sql)
{
    PGresult *res = PQexec(c, sql);
    bool yes = PQntuples(res) == 1 && strcmp(PQgetvalue(res, 0, 0), "t") == 0;
    PQclear(res);
    return yes;
}

static void tell_rows(PGconn *c, const char *sql)
{
    PGresult *res = PQexec(c, sql);
    for (int i = 0; i < PQntuples(res); i++)
        printf("  %s\n", PQgetvalue(res, i, 0));
    PQclear(res);
}

/* For whoever looks for what holds a ledger up. */
static void tell_how_it_stands(PGconn *c)
{
    char marks[400];
    (void)snprintf(marks, sizeof(marks),
            "SELECT format('worker %%s: boot %%s, frame %%s of second %%s, complete through %%s', worker_no, "
            "worker_boot,"
            " last_frame, last_second - %lld, complete_through - %lld) FROM dm.worker_mark ORDER BY 1",
            (long long)T0, (long long)T0);
    tell_rows(c, marks);
    tell_rows(c, "SELECT format('period %s: written %s, closed %s', period_start, written_at, closed_at) FROM dm.period"
                 " ORDER BY period_start");
    tell_rows(c, "SELECT format('anomaly %s: %s', kind, count(*)) FROM dm.anomaly GROUP BY kind");
}

/* The meter alone, until it is so and stays so for some turns; moving: time goes on. */
static bool until(stage *s, PGconn *c, int64_t *turn, int64_t *born, bool moving, const char *sql)
{
    int quiet = 0;
    s->hurried = !moving;
    for (int n = 0; n < DRAIN_MAX && quiet < QUIET_TURNS; n++, (*turn)++) {
        s->now_us += moving ? 1000000 : 0;
        if (!meter_turns(s, *turn, born))
            return false;
        quiet = meter_now(s) >= 0 && is(c, sql) ? quiet + 1 : 0;
    }
    if (quiet == QUIET_TURNS)
        return true;
    printf("it never came to: %s\n", sql);
    tell_how_it_stands(c);
    return false;
}

static bool settle_month(stage *s, PGconn *c, int64_t turn, int64_t born)
{
    char written[120];
    (void)snprintf(written, sizeof(written), "SELECT count(*) = %d FROM dm.period WHERE closed_at IS NOT NULL",
            (int)(s->p.end_s / PERIOD_S));
    s->drained = true;
    static const char invoiced[] = "SELECT count(*) = 1 FROM dm.invoice_round";
    static const char told[] = "SELECT NOT EXISTS (SELECT FROM dm.outbox WHERE sent_at IS NULL)";
    bool ok = until(s, c, &turn, &born, true, written);
    s->now_us = (MONTH_END - T0 + DELAY_S + 60) * 1000000ll;
    ok = ok && until(s, c, &turn, &born, false, invoiced);
    return ok && until(s, c, &turn, &born, false, told);
}

/* --- an evening --------------------------------------------------------------------------------------------- */

static bool play(stage *s, PGconn *c)
{
    int64_t turn = 0, born = 0;
    bool ok = true;
    for (; ok && turn < s->p.end_s; turn++) {
        if (turn == s->p.end_s - CALM_S) {
            for (unsigned i = 0; i < WORKERS; i++) {
                s->d[i].born = 0;
                s->d[i].is_armed = false;
            }
            for (size_t k = 0; k < s->p.nstrikes; k++)
                s->p.strikes[k].nth *= s->p.strikes[k].meter;
        }
        if (turn == 0) { /* the workers begin with the evening */
            s->now_us = BEGIN_US;
            for (unsigned i = 0; i < WORKERS; i++)
                give_birth(s, i);
        }
        befall(s, turn);
        ok = turn > 0 || worker_turns(s, 0);
        s->now_us = (turn + 1) * 1000000 + BEGIN_US;
        ok = ok && worker_turns(s, turn) && meter_turns(s, turn, &born);
        if (turn % DURABLE_EVERY == 0)
            tell_durable(s, c);
    }
    for (unsigned i = 0; ok && i < WORKERS; i++) {
        ok = turn_of(s, i, ASK_STOP, turn);
        bury(&s->d[i]);
    }
    return ok && settle_month(s, c, turn, born);
}

/* --- the same undisturbed ----------------------------------------------------------------------------------- */

typedef struct told {
    int topic, part;
    int64_t due; /* second from T0 on */
    uint64_t worker, boot, frame;
    size_t order;
    const logged *m;
} told;

static int by_due(const void *a, const void *b)
{
    const told *x = a, *y = b;
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    if (x->topic != y->topic)
        return x->topic - y->topic;
    if (x->worker != y->worker)
        return x->worker < y->worker ? -1 : 1;
    if (x->boot != y->boot)
        return x->boot < y->boot ? -1 : 1;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void read_told(const broker *b, told *t)
{
    dm_str bytes = log_value(b, t->m);
    dm_frame_head h;
    const uint8_t *samples;
    dm_attest_kind kind;
    static dm_attest a;
    dm_attest_end e;
    if (t->topic == 0) {
        if (dm_frame_open(bytes, &h, &samples, NULL) != 0)
            abort();
        t->due = h.second + 1 - T0;
        t->worker = h.worker_no;
        t->boot = h.worker_boot;
        t->frame = h.frame_no;
        return;
    }
    if (dm_attest_kind_of(bytes, &kind, NULL) != 0)
        abort();
    if (kind == DM_ATTEST_END && dm_attest_end_read(bytes, &e, NULL) == 0) {
        t->due = e.period_start + e.period_s - T0;
        t->worker = e.worker_no;
    } else if (dm_attest_read(bytes, &a, NULL, NULL) == 0) {
        t->due = a.period_start + a.period_s - T0;
        t->worker = a.worker_no;
    }
}

/* Each message of the workers once. */
static size_t gather(const broker *b, bool late, told *out, size_t max)
{
    size_t n = 0;
    for (int topic = 0; topic < 2; topic++) {
        for (int part = 0; part < PARTS; part++) {
            size_t first = n;
            for (uint32_t i = 0; i < b->parts[topic][part].n; i++) {
                const logged *m = &b->parts[topic][part].v[i];
                size_t k = first;
                while (k < n && !dm_str_eq(log_value(b, out[k].m), log_value(b, m)))
                    k++;
                assert(n < max);
                if (k < n)
                    continue;
                out[n] = (told){.topic = topic, .part = part, .order = n, .m = m};
                read_told(b, &out[n]);
                if (late && out[n].worker == 1 && out[n].due > DEAF_FROM_S && out[n].due <= DEAF_TO_S)
                    out[n].due = DEAF_TO_S + 1;
                n++;
            }
        }
    }
    qsort(out, n, sizeof(*out), by_due);
    return n;
}

static bool play_undisturbed(stage *s, PGconn *c, const broker *from)
{
    enum { TOLD_MAX = 4000 };
    DM_AUTO_MEM told *all = calloc(TOLD_MAX, sizeof(*all));
    size_t n = gather(from, s->p.late, all, TOLD_MAX), at = 0;
    int64_t turn = 0, born = 0;
    bool ok = true;
    for (; ok && turn < s->p.end_s; turn++) {
        s->now_us = (turn + 1) * 1000000 + BEGIN_US;
        for (; at < n && all[at].due <= turn + 1; at++)
            log_append(&s->log, all[at].topic, all[at].part,
                    (dm_str){from->bytes + all[at].m->key_at, all[at].m->key_n}, log_value(from, all[at].m),
                    T0 * 1000 + s->now_us / 1000);
        ok = meter_turns(s, turn, &born);
    }
    return ok && settle_month(s, c, turn, born);
}

/* --- databases ---------------------------------------------------------------------------------------------- */

static const char tenants[] =
        "SET session_replication_role = replica;" /* plans are of the evening's time, not of this one */
        "INSERT INTO dm.account (account_no, id, legal_name, country, currency, tier, billing_cycle, invoice_email) "
        "OVERRIDING SYSTEM VALUE VALUES "
        "(1, '00000000-0000-4000-8000-0000000000a1', 'One', 'CN', 'CNY', 'payg', 'monthly', 'pay@one.test'), "
        "(2, '00000000-0000-4000-8000-0000000000a2', 'Two', 'CN', 'CNY', 'payg', 'hourly', NULL), "
        "(3, '00000000-0000-4000-8000-0000000000a3', 'Three', 'US', 'USD', 'pro', 'monthly', NULL);"
        "INSERT INTO dm.project (account_no, project_no, id, slug, name, region_no) OVERRIDING SYSTEM VALUE VALUES "
        "(1, 1, '00000000-0000-4000-8000-0000000000b1', 'one', 'One', 2), "
        "(2, 2, '00000000-0000-4000-8000-0000000000b2', 'two', 'Two', 2), "
        "(3, 3, '00000000-0000-4000-8000-0000000000b3', 'three', 'Three', 1), "
        "(1, 4, '00000000-0000-4000-8000-0000000000b4', 'four', 'Four', 2);"
        "INSERT INTO dm.account_limit VALUES (3, 'included_seconds', 60);"
        "INSERT INTO dm.account_plan VALUES (1, dm.ts(0), 'payg', 0), (2, dm.ts(0), 'payg', 0), (3, dm.ts(0), 'pro', "
        "60);"
        "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
        "sealed_from_boot) OVERRIDING SYSTEM VALUE VALUES "
        "(1, 'w1', 2, 1, 'w1', 'tcg', 10, 1000, dm.ts(1775001480 * 1000000::bigint), 1), "
        "(2, 'w2', 2, 1, 'w2', 'tcg', 10, 1000, dm.ts(1775001480 * 1000000::bigint), 1);";

static int give(dm_pg *c, void *arg, dm_err *err)
{
    int64_t grant_no;
    (void)arg;
    dm_wallet_grant g = {.currency = "CNY", .expires_s = DM_BURN_NEVER, .who = "test", .why = "test", .at_s = T0 - 60};
    static const struct {
        int account;
        const char *kind, *amount, *key;
    } grants[] = {{1, "promo", "0.003", "given:1"}, {1, "paid", "0.005", "given:2"}, {2, "promo", "0.002", "given:3"},
            {2, "paid", "5", "given:4"}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < DM_LEN(grants); i++) {
        g.account_no.v = grants[i].account;
        g.kind = grants[i].kind;
        g.idem_key = grants[i].key;
        r = dm_money_parse(dm_str_c(grants[i].amount), &g.amount, err);
        if (r == 0)
            r = dm_wallet_give(c, &g, &grant_no, err);
    }
    return r;
}

static int make_house(void)
{
    dm_pg *pg = NULL;
    dm_err err = {0};
    if (cluster_script(&db, "postgres", "postgres", "CREATE DATABASE house OWNER dm_migrate") < 0 ||
            cluster_migrate(&db, "house") < 0 || cluster_script(&db, "house", "postgres", tenants) < 0 ||
            cluster_open(&db, "house", "dm_meter", &pg) < 0)
        return -1;
    int r = dm_pg_tx_on(pg, &(dm_pg_scope){0}, give, NULL, &err);
    dm_pg_close(pg);
    if (r < 0)
        (void)fprintf(stderr, "%s\n", err.msg);
    return r;
}

static void script(PGconn *c, const char *sql)
{
    PGresult *res = PQexec(c, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK) {
        (void)fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(c));
        abort();
    }
    PQclear(res);
}

/* Workers' keys and the rows of sandboxes, as the API would have written them before the workers heard of them. */
static void furnish(const stage *s, PGconn *c)
{
    char sql[1400], hex[65];
    for (unsigned i = 0; i < WORKERS; i++) {
        char path[100];
        DM_AUTO(dm_sign_key) key = NULL;
        dm_public_key public;
        (void)snprintf(path, sizeof(path), "%.60s/w%u/worker.key", s->dir, i + 1);
        if (dm_sign_key_open(path, &key, NULL) < 0)
            abort();
        dm_sign_key_public(key, &public);
        dm_hex(public.b, DM_ED25519_KEY, hex);
        (void)snprintf(sql, sizeof(sql),
                "INSERT INTO dm.worker_key (worker_no, public_key, valid_from) VALUES (%u, '\\x%s', "
                "dm.ts(%lld000000))",
                i + 1, hex, T0);
        script(c, sql);
    }
    for (size_t i = 0; i < s->p.nphases; i++) {
        const phase *p = &s->p.phases[i];
        dm_sandbox_id id = sandbox_id(p->sandbox);
        dm_hex(id.b, sizeof(id.b), hex);
        (void)snprintf(sql, sizeof(sql),
                "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, "
                "key_no, template_id, build_id, alias, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, "
                "timeout_s) SELECT p.account_no, p.project_no, '\\x%s', 'running', %u, %u, %u, 1, "
                "'aaaaaaaaaaaaaaaaaaaa', '00000000-0000-4000-8000-000000000001', 'act', 1, 512, 1, %u, 1024, false, "
                "300 FROM dm.project p WHERE p.project_no = %u ON CONFLICT (sandbox_id) DO UPDATE SET epoch = "
                "greatest(sandbox.epoch, excluded.epoch)",
                hex, p->epoch, p->region, p->worker + 1, p->spec, p->project);
        script(c, sql);
    }
}

static PGconn *open_stage(stage *s, const char *name, const char *dir)
{
    char sql[120];
    (void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
    (void)snprintf(s->db, sizeof(s->db), "%s", name);
    (void)snprintf(s->conninfo, sizeof(s->conninfo), "%s", cluster_conninfo(&db, name, "dm_meter"));
    for (unsigned i = 0; i < DAEMONS; i++)
        s->d[i].fd = -1;
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE house STRATEGY file_copy", name);
    if (cluster_script(&db, "postgres", "postgres", sql) < 0)
        abort();
    PGconn *c = PQconnectdb(cluster_conninfo(&db, name, "postgres"));
    furnish(s, c);
    return c;
}

static void close_stage(stage *s, PGconn *c)
{
    char sql[120];
    for (unsigned i = 0; i < DAEMONS; i++)
        bury(&s->d[i]);
    PQfinish(c);
    (void)snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", s->db);
    (void)cluster_script(&db, "postgres", "postgres", sql);
}

/* --- a seed ------------------------------------------------------------------------------------------------- */

static void tell_plan(const plan *p)
{
    static const char *const kinds[] = {"dies", "is booted anew", "stands still"};
    static const char *const what[] = {
            "the broker is away", "the broker gives back", "the disk is full", "a clock is off"};
    for (size_t i = 0; i < p->nstrikes; i++) {
        const strike *k = &p->strikes[i];
        (void)printf("  %s %u %s at %s, %llu, and is back after %u\n", k->meter ? "meter" : "worker", k->worker + 1,
                kinds[k->kind], point_names[k->point], (unsigned long long)k->nth, k->later);
    }
    for (size_t i = 0; i < p->nwindows; i++)
        (void)printf("  %s from %lld to %lld, daemon %u, by %lld s\n", what[p->windows[i].kind],
                (long long)p->windows[i].from, (long long)p->windows[i].to, p->windows[i].daemon,
                (long long)p->windows[i].by_s);
}

static bool one_seed(stage *s, stage *calm, uint64_t seed)
{
    char dir[64];
    DM_AUTO_BUF got, want;
    dm_err err = {0};
    dm_buf_init(&got, 64 << 20);
    dm_buf_init(&want, 64 << 20);
    memset(&s->d, 0, sizeof(s->d));
    memset(&calm->d, 0, sizeof(calm->d));
    memset(&s->log, 0, offsetof(broker, bytes));
    memset(&calm->log, 0, offsetof(broker, bytes));
    (void)snprintf(dir, sizeof(dir), "%.40s/evening-XXXXXX", dm_pgtest_dir(db.server));
    if (mkdtemp(dir) == NULL)
        abort();
    for (unsigned i = 0; i < WORKERS; i++) {
        char path[100];
        (void)snprintf(path, sizeof(path), "%.60s/w%u", dir, i + 1);
        if (mkdir(path, 0700) < 0)
            abort();
    }
    plan_make(&s->p, seed);
    s->log.rng = seed;
    s->calm = s->hurried = s->drained = false;
    if (verbose)
        tell_plan(&s->p);
    crash_stage = s;
    PGconn *c = open_stage(s, "disturbed", dir);
    bool ok = play(s, c);
    if (ok)
        ledger_dump(c, s, &got);
    close_stage(s, c);
    ok = ok && evidence_is_the_plans(s);
    if (ok) {
        calm->p = s->p;
        calm->calm = true;
        calm->hurried = calm->drained = false;
        crash_stage = calm;
        c = open_stage(calm, "undisturbed", dir);
        ok = play_undisturbed(calm, c, &s->log);
        if (ok)
            ledger_dump(c, calm, &want);
        close_stage(calm, c);
        ok = ok && same_ledger(&want, &got);
    }
    if (!ok) {
        plan_make(&s->p, seed);
        (void)printf("seed %llu:\n", (unsigned long long)seed);
        tell_plan(&s->p);
    }
    (void)fflush(stdout);
    if (dm_remove_tree(dir, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.msg);
    return ok;
}

static stage *shared(void)
{
    void *p = mmap(NULL, sizeof(stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

static int tests(uint64_t first, uint64_t last)
{
    unsigned failed = 0;
    stage *s = shared(), *calm = shared();
    if (make_house() < 0)
        return 1;
    for (uint64_t seed = first; seed <= last; seed++)
        failed += !one_seed(s, calm, seed);
    for (size_t i = 0; i < DM_POINTS_EVENING; i++)
        (void)printf("point %-20s reached %8llu, the last of %5llu\n", point_names[i],
                (unsigned long long)s->reached[i], (unsigned long long)s->died[i]);
    (void)printf("seeds %llu to %llu: %llu lives, %u failed\n", (unsigned long long)first, (unsigned long long)last,
            (unsigned long long)s->lives, failed);
    return failed > 0;
}

int main(int argc, char **argv)
{
    dm_str range = dm_str_c(argc > 1 ? argv[argc - 1] : ""), from, to;
    uint64_t first, last;
    verbose = argc > 2 && strcmp(argv[1], "-v") == 0;
    to = range;
    if (!dm_str_split(&to, '.', &from) || to.n < 2 || dm_parse_u64(from, 0, UINT32_MAX, &first, NULL) < 0 ||
            dm_parse_u64((dm_str){to.p + 1, to.n - 1}, first, UINT32_MAX, &last, NULL) < 0) {
        (void)fprintf(stderr, "crash [-v] FIRST..LAST\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    struct statvfs fs; /* nothing here is about disks, and in memory it is twice as fast */
    if (statvfs("/dev/shm", &fs) == 0 && fs.f_bavail * fs.f_frsize > 1ull << 30)
        (void)setenv("DM_TEST_DIR", "/dev/shm", 0);
    (void)signal(SIGPIPE, SIG_IGN);
    int r = cluster_start(&db);
    if (r == DM_E_NOTFOUND)
        return 0; /* said why: skipped */
    r = r < 0 ? 1 : tests(first, last);
    cluster_stop(&db);
    return r;
}
