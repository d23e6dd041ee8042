/* dormouse-meter: of several, one writes and the others stand by (office.h). In that one, one thread consumes and
 * flushes; another writes the evidence of periods that have ended (the ledger's); others, with connections of their
 * own, make statements of it (closer.h), one does the chores that follow from them (chores.h), and one those that take
 * their time; the metrics page has threads of its own, too, and only reads counters. Whatever goes wrong but in a
 * chore, it stops and the supervisor starts it again: what it knows is in the database, and the rest is still in the
 * stream. */
#include <stdio.h>
#include <unistd.h>

#include "base/http.h"
#include "base/loop.h"
#include "base/wire/id.h"

#include "metering/bill/by_sandbox.h"
#include "metering/bill/simulate.h"
#include "metering/check/check.h"
#include "metering/chores.h"
#include "metering/closer.h"
#include "metering/config.h"
#include "metering/invoice/invoice.h"
#include "metering/kit/meters.h"
#include "metering/kit/sql_kit.h"
#include "metering/ledger/ledger.h"
#include "metering/ledger/stream.h"
#include "metering/live/view.h"
#include "metering/office.h"
#include "metering/past/past.h"
#include "metering/wallet/chores.h"

enum { TAKE_MAX = 512, WAIT_MS = 200, CLOSES_PER_ROUND = 64, SEND_WAIT_MS = 500, PAGE_MAX = 1 << 20 };
/* What was counted is told when the stream pauses, as it does between two seconds, and at the latest after LIVE_MS. */
enum { LIVE_REST = 4, LIVE_PAUSE_MS = 40, LIVE_SOON_MS = 600, LIVE_MS = 1000 };
enum { OPEN_TRIES = 30, OPEN_STEP_MS = 1000, NAME_MAX_ = 64, DB_MAX = 1200 };

typedef struct meter {
    const dm_meter_config *conf;
    dm_log *log;
    dm_metrics *metrics;
    dm_ledger *ledger;
    dm_stream *stream;
    dm_office *office;
    bool unreached; /* the broker, as it was asked last while standing by */
    char name[NAME_MAX_ + 1], db[DB_MAX];
    dm_beat beat;
    char owner[DM_UUID_TEXT];
    dm_pg *pg;
    dm_closers *closers;
    dm_chores *chores, *slow, *shown;
    dm_view *view;
    int64_t told_ms; /* when it was given something last */
    uint8_t frame_secret[DM_KEY], frame_secret_old[DM_KEY];
    int stop_fd;
} meter;

/* --- metrics page ------------------------------------------------------------------------------------------- */

static int show_metrics(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_BUF page;
    dm_buf_init(&page, PAGE_MAX);
    int r = dm_metrics_print(ctx, &page, err);
    if (r == 0)
        dm_reply_text(&req->reply, 200, "text/plain; version=0.0.4", dm_buf_view(&page));
    return r;
}

static const dm_route routes[] = {{"GET", "/metrics", 0, 0, show_metrics}};

static int serve(const meter *m, dm_http **out, dm_err *err)
{
    dm_http_config c = {
            .unix_path = m->conf->metrics_socket[0] != '\0' ? m->conf->metrics_socket : NULL,
            .listen_address = m->conf->metrics_port != 0 ? m->conf->metrics_address : NULL,
            .port = (uint16_t)m->conf->metrics_port,
            .threads = 1,
            .connections_max = 64,
            .idle_s = 30,
            .exec_threads = 1,
            .exec_queue_max = 64,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .ctx = m->metrics,
            .log = m->log,
            .clock = &dm_clock_real,
    };
    return dm_http_new(&c, out, err);
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

/* Of calls whose one outcome is that the fence was lost: DM_LEDGER_ZOMBIE. */
static int fenced(int r, dm_err *err)
{
    if (r > 0)
        return dm_fail(err, DM_E_CONFLICT, "another meter has taken over: this one wrote nothing and stops");
    return r;
}

/* The next period, if it can be written; its statements are then others' work. 0: it was, or DM_LEDGER_WAIT. */
static int close_next(meter *m, int64_t patient_from, dm_err *err)
{
    int written = dm_ledger_close(m->ledger, patient_from, err);
    if (written != 0)
        return written == DM_LEDGER_WAIT ? written : fenced(written, err);
    dm_closers_wake(m->closers);
    return 0;
}

static int write_beat(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_beat(c, arg, err);
}

/* That it is there, and how far behind: for operators, who do not reach its page. */
static int beat(meter *m, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = false};
    dm_stream_lag(m->stream, &m->beat.lag_frames, &m->beat.lag_attestations);
    return dm_pg_tx_on(m->pg, &nobody, write_beat, &m->beat, err);
}

/* After a flush: what has ended is written, what is to be told is sent. */
static int round_off(meter *m, dm_err *err)
{
    int64_t patient_from = dm_stream_look(m->stream);
    int r = 0;
    if (dm_stream_answered(m->stream))
        dm_office_heard(m->office);
    if (dm_office_left(m->office))
        return dm_fail(err, DM_E_UNAVAILABLE, "the broker does not answer, and a meter stands by that reaches it");
    for (int i = 0; r == 0 && i < CLOSES_PER_ROUND; i++)
        r = close_next(m, patient_from, err);
    if (r >= 0)
        r = beat(m, err);
    return r < 0 ? r : dm_stream_send(m->stream, SEND_WAIT_MS, err);
}

/* Hands what was counted to the live view, unless that is at work or it is too early. */
static void tell_live(meter *m, bool pause)
{
    int64_t now = dm_mono_ms(&dm_clock_real), since = now - m->told_ms, newest;
    dm_counted *room = since >= (pause ? LIVE_SOON_MS : LIVE_MS) ? dm_view_room(m->view) : NULL;
    if (room == NULL)
        return;
    size_t n = dm_ledger_counted(m->ledger, room, DM_VIEW_COUNTED_MAX, &newest);
    dm_view_give(m->view, n, newest);
    m->told_ms = now;
}

static int run(meter *m, dm_err *err)
{
    const dm_clock *clock = &dm_clock_real;
    int64_t period_us = (int64_t)m->conf->flush_ms * 1000, due = dm_mono_us(clock) + period_us;
    while (!dm_loop_stop_told(m->stop_fd, 0)) {
        int64_t left_ms = (due - dm_mono_us(clock)) / 1000;
        int64_t most_ms = dm_mono_ms(clock) - m->told_ms < LIVE_SOON_MS ? WAIT_MS : LIVE_PAUSE_MS;
        unsigned wait = left_ms < 0 ? 0 : (unsigned)(left_ms < most_ms ? left_ms : most_ms);
        int r = dm_stream_take(m->stream, wait, TAKE_MAX, err);
        if (r >= 0)
            tell_live(m, r == 0);
        bool full = dm_ledger_full(m->ledger), time = dm_mono_us(clock) >= due || dm_ledger_goes_on(m->ledger);
        if (r >= 0 && (full || time))
            r = fenced(dm_ledger_flush(m->ledger, err), err);
        if (r >= 0 && time) {
            r = dm_closers_failed(m->closers, err);
            if (r == 0)
                r = round_off(m, err);
            due = dm_mono_us(clock) + period_us;
        }
        if (r < 0)
            return r;
    }
    DM_LOG(m->log, DM_INFO, "meter.stopping");
    return fenced(dm_ledger_flush(m->ledger, err), err);
}

/* --- chores ------------------------------------------------------------------------------------------------- */

/* What is done regularly beside evidence and statements, in this order. */
static const dm_chore chores[] = {
        {"check", 5000, dm_check},
        {"wallet.orders", 1000, dm_wallet_chore_orders},
        {"wallet.faults", 5000, dm_wallet_chore_faults},
        {"wallet.over", 5000, dm_wallet_chore_over},
        {"wallet.settle", 1000, dm_wallet_chore_settle},
        {"wallet.judge", 1000, dm_wallet_chore_judge},
        {"invoice.months", 30000, dm_invoice_months},
        {"invoice.orders", 1000, dm_invoice_orders},
        {"invoice.bank", 2000, dm_invoice_bank},
        {"invoice.overdue", 60000, dm_invoice_overdue},
        {NULL, 0, NULL},
};

/* What takes its time, on a thread of its own: no order of money waits for it. */
static const dm_chore slow[] = {
        {"simulate", 500, dm_simulate},
        {"usage.by_sandbox", 1000, dm_by_sandbox},
        {NULL, 0, NULL},
};

/* What is only shown, on another: neither money nor what takes its time stands before it, or behind. */
static const dm_chore shown[] = {
        {"past", 5000, dm_past},
        {NULL, 0, NULL},
};

/* --- start -------------------------------------------------------------------------------------------------- */

/* The database may still be starting. */
static int open_db(const meter *m, dm_pg **out, dm_err *err)
{
    int r = DM_E_UNAVAILABLE;
    for (int i = 0; i < OPEN_TRIES && r == DM_E_UNAVAILABLE; i++) {
        if (i > 0 && dm_loop_stop_told(m->stop_fd, OPEN_STEP_MS))
            break;
        r = dm_pg_open(m->db, out, err);
    }
    return r;
}

static dm_stream_config stream_config(const meter *m)
{
    return (dm_stream_config){
            .brokers = m->conf->brokers,
            .login = {m->conf->kafka_user, m->conf->kafka_password_file, m->conf->kafka_ca_file},
            .queue_bytes = m->conf->queue_mib << 20,
            .accept_gap = m->conf->accept_gap,
            .ledger = m->ledger,
            .clock = &dm_clock_real,
            .log = m->log,
            .metrics = m->metrics,
    };
}

static bool reach(void *arg)
{
    meter *m = arg;
    dm_stream_config sc = stream_config(m);
    dm_err err = {0};
    bool before = m->unreached;
    m->unreached = dm_stream_reach(&sc, &err) < 0;
    if (m->unreached && !before)
        dm_log_err(m->log, DM_WARN, "meter.broker_away", &err);
    return !m->unreached;
}

/* Until it is this one that writes: 0 or DM_OFFICE_STOP. */
static int stand_by(meter *m, dm_err *err)
{
    if (m->conf->name[0] != '\0')
        (void)snprintf(m->name, sizeof m->name, "%s", m->conf->name);
    else if (gethostname(m->name, sizeof m->name - 1) != 0 || m->name[0] == '\0')
        return dm_fail(err, DM_E_INVALID, "name: the host has none that fits, so it has to be set");
    dm_office_config oc = {
            .db = m->db,
            .who = {.name = m->name, .owner = m->owner, .version = DM_VERSION},
            .takeover_s = (int64_t)m->conf->takeover_s,
            .reach = reach,
            .reach_arg = m,
            .log = m->log,
            .metrics = m->metrics,
    };
    int r = dm_office_new(&oc, &m->office, err);
    return r < 0 ? r : dm_office_wait(m->office, m->stop_fd, err);
}

static int start(meter *m, dm_pg *pg, const dm_sign_key *key, const char *owner, dm_err *err)
{
    dm_ledger_config lc = {
            .pg = pg,
            .db = m->db,
            .clock = &dm_clock_real,
            .log = m->log,
            .metrics = m->metrics,
            .key = key,
            .frame_secret = m->frame_secret,
            .frame_secret_old = m->conf->frame_key_old_file[0] != '\0' ? m->frame_secret_old : NULL,
            .accept_unsealed = m->conf->accept_unsealed,
            .owner = owner,
            .period_s = (uint32_t)m->conf->period_s,
            .wait_s = (uint32_t)m->conf->wait_s,
            .rows_max = m->conf->rows_max,
            .worker_rows_max = m->conf->worker_rows_max,
    };
    int r = dm_ledger_open(&lc, &m->ledger, err);
    dm_stream_config sc = stream_config(m);
    if (r == 0)
        r = dm_stream_new(&sc, &m->stream, err);
    dm_closers_config cc = {
            .db = m->db,
            .n = (unsigned)m->conf->closers,
            .every_ms = (unsigned)m->conf->flush_ms,
            .bill = {.key = key, .metrics = m->metrics, .held = dm_ledger_held, .held_arg = m->ledger},
    };
    if (r == 0)
        r = dm_closers_new(&cc, &m->closers, err); /* when all partitions are ours */
    dm_view_config vc = {
            .db = m->db,
            .log = m->log,
            .metrics = m->metrics,
            .spend = {.period_s = (uint32_t)m->conf->period_s,
                    .rest = LIVE_REST,
                    .held = dm_ledger_held,
                    .held_arg = m->ledger},
    };
    if (r == 0)
        r = dm_view_new(&vc, &m->view, err);
    dm_chores_config ch = {
            .db = m->db,
            .chores = chores,
            .with = {.key = key,
                    .clock = &dm_clock_real,
                    .log = m->log,
                    .metrics = m->metrics,
                    .period_s = (uint32_t)m->conf->period_s,
                    .invoice_delay_s = (uint32_t)m->conf->invoice_delay_s,
                    .past_days = (uint32_t)m->conf->metrics_days,
                    .held = dm_ledger_held,
                    .held_arg = m->ledger},
    };
    if (r == 0)
        r = dm_chores_new(&ch, &m->chores, err);
    ch.chores = slow;
    if (r == 0)
        r = dm_chores_new(&ch, &m->slow, err);
    ch.chores = shown;
    return r < 0 ? r : dm_chores_new(&ch, &m->shown, err);
}

static int work(meter *m, dm_err *err)
{
    DM_AUTO(dm_sign_key) key = NULL;
    DM_AUTO(dm_http) page = NULL;
    dm_pg *pg = NULL;
    uint8_t random[16];
    int r = dm_sign_key_open(m->conf->signing_key_file, &key, err);
    if (r == 0)
        r = dm_key_read(m->conf->frame_key_file, m->frame_secret, err);
    if (r == 0 && m->conf->frame_key_old_file[0] != '\0')
        r = dm_key_read(m->conf->frame_key_old_file, m->frame_secret_old, err);
    if (r == 0)
        r = dm_metrics_new(&m->metrics, err);
    if (r == 0)
        r = serve(m, &page, err);
    if (r == 0)
        r = dm_random(random, sizeof(random), err);
    if (r == 0) {
        dm_uuid owner = dm_uuid_of_random(random);
        char session[DM_OFFICE_SESSION];
        (void)snprintf(m->owner, sizeof m->owner, "%s", owner.s);
        dm_office_session(m->owner, session);
        r = dm_pg_called(m->conf->db, session, m->db, sizeof m->db, err);
    }
    if (r == 0)
        r = stand_by(m, err);
    if (r == 0)
        r = open_db(m, &pg, err);
    if (r == 0) {
        m->pg = pg;
        m->beat = (dm_beat){.owner = m->owner, .version = DM_VERSION, .started_us = dm_wall_us(&dm_clock_real)};
        r = start(m, pg, key, m->owner, err);
        if (r == 0) {
            DM_LOG(m->log, DM_INFO, "meter.started", dm_fs("name", m->name), dm_fs("owner", m->owner),
                    dm_fs("region", m->conf->region), dm_fu("period_s", m->conf->period_s));
            r = run(m, err);
        }
    }
    dm_chores_free(m->shown);
    dm_chores_free(m->slow);
    dm_chores_free(m->chores);
    dm_view_free(m->view);
    dm_closers_free(m->closers);
    dm_stream_free(m->stream);
    dm_ledger_free(m->ledger);
    dm_office_free(m->office); /* last: nobody takes over before all is written */
    if (pg != NULL)
        dm_pg_close(pg);
    dm_http_free(dm_steal(&page)); /* before what it shows */
    dm_metrics_free(m->metrics);
    return r;
}

int main(int argc, char **argv)
{
    dm_meter_config conf;
    dm_err err = {0};
    meter m = {.conf = &conf, .stop_fd = -1};
    int r = dm_conf_main(&dm_meter_conf, argc, argv, &conf, &err);
    if (r == DM_CONF_EXIT)
        return 0;
    if (r < 0) {
        (void)fprintf(stderr, "dormouse-meter: %s\n", err.msg);
        return 2;
    }
    r = dm_log_new(2, "dormouse-meter", DM_INFO, &dm_clock_real, &m.log, &err);
    if (r == 0)
        r = dm_loop_stop_signals(&m.stop_fd, &err);
    if (r == 0)
        r = work(&m, &err);
    if (r < 0)
        dm_log_err(m.log, DM_ERROR, "meter.stopped", &err);
    dm_log_free(m.log);
    dm_conf_done(&dm_meter_conf, &conf);
    return r < 0 ? 1 : 0;
}
