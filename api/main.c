/* dormouse-api: libmicrohttpd's few threads hold connections; a pool answers what only asks the database, three lines
 * what waits for a worker (orders, stops, reads); the main thread's loop has signals and the tick; one thread listens
 * for changed keys and holds the lock that says that this instance lives, another sweeps, a third puts to sleep what is
 * held, a fourth writes down when keys were used, alerts and ends what is removed, a fifth sends mail, a sixth claims,
 * a seventh tells streams what changed. Stateless: any number of replicas.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/file.h"

#include "api/dm/live.h"
#include "api/door/signers.h"
#include "api/kit/together.h"
#include "api/life/alert.h"
#include "api/life/claims.h"
#include "api/life/dispatch.h"
#include "api/life/expiry.h"
#include "api/life/hold.h"
#include "api/life/removal.h"
#include "api/life/snapshot.h"
#include "api/life/spawns.h"
#include "api/life/sweep.h"
#include "api/listen.h"
#include "api/post/post.h"
#include "tenants/sandbox/series.h"
#include "tenants/who/uses.h"

enum {
    TICK_US = 100000,
    LISTEN_MS = 500,
    SWEEP_MS = 1000,
    USES_MS = 30000,
    SERIES_MS = 5000,
    ALERTS_MS = 1000,     /* that a look at all accounts takes at once; the next one goes on */
    SERIES_MARGIN_S = 12, /* what was created before it is committed by then */
    MAIL_MS = 1000,
    PATIENT_MS = 5000,
    LOOK_MS = 2000,
    DEAF_MS = 500, /* less than the second within which a revoked key is refused */
    GRACE_MS = 10000,
    PARKED_MAX = 65536,
    HANDS = 5 /* threads that do what no request waits for */
};

typedef struct program {
    dm_api api;
    dm_api_config config;
    dm_dispatch *patient; /* for what comes again when it is not answered soon: the sweep and the claims */
    dm_post post;
    dm_loop *loop;
    dm_timer *tick;
    int64_t alert_after;  /* the last account that was looked at for alerts of what it spends, */
    int64_t expiry_after; /* and the last project that was looked at for sandboxes that sleep too long */
    dm_http *public_http, *worker_http;
    pthread_t threads[HANDS];
    unsigned nthreads;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    atomic_bool stop;
} program;

/* --- the house keeper --------------------------------------------------------------------------------------- */

/* Our number, and the lock on it, as long as this connection is there. */
static int live(program *p, dm_pg *c, dm_err *err)
{
    int64_t no = atomic_load(&p->api.instance);
    if (no != 0)
        return dm_instance_lock(c, no, err);
    int r = dm_instance_new(c, &no, err);
    if (r == 0)
        atomic_store(&p->api.instance, no);
    return r;
}

static void forget(program *p)
{
    dm_auth_forget(p->api.auth);
    dm_members_forget(p->api.members);
    dm_offers_forget(p->api.offers);
}

static dm_pg *listen_again(program *p)
{
    dm_pg *c = NULL;
    dm_err err = {0};
    int r = dm_pg_open(p->config.db_api, &c, &err);
    if (r == 0)
        r = dm_pg_script(c, "LISTEN dm_keys; LISTEN dm_templates; LISTEN dm_sessions; LISTEN dm_token_keys", &err);
    if (r == 0)
        r = live(p, c, &err);
    if (r < 0) {
        dm_log_err(p->api.log, DM_WARN, "keys.not_heard", &err);
        dm_pg_close(c);
        return NULL;
    }
    /* Whatever was said while nobody listened. */
    forget(p);
    dm_sessions_hear(p->api.sessions, true);
    if (dm_signing_look(p->api.signing, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "token_keys.not_read", &err);
    return c;
}

static void hear(program *p, const dm_pg_note *note)
{
    if (strcmp(note->channel, "dm_sessions") == 0) {
        dm_sessions_forget(p->api.sessions, dm_buf_view(&note->payload));
    } else if (strcmp(note->channel, "dm_token_keys") == 0) {
        dm_signing_forget(p->api.signing);
    } else if (strcmp(note->channel, "dm_templates") == 0) {
        dm_offers_forget(p->api.offers);
    } else {
        forget(p);
    }
    if (strcmp(note->channel, "dm_token_keys") != 0)
        dm_live_doubt(p->api.live);
}

/* Until then, or until the program stops. */
static void pause_ms(program *p, unsigned ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&p->lock);
    while (!atomic_load(&p->stop) && pthread_cond_timedwait(&p->stopped, &p->lock, &until) == 0)
        continue;
    (void)pthread_mutex_unlock(&p->lock);
}

static void *keep_house(void *arg)
{
    program *p = arg;
    dm_pg *c = NULL;
    while (!atomic_load(&p->stop)) {
        dm_pg_note note = {.channel = ""};
        dm_err err = {0};
        dm_buf_init(&note.payload, 8192);
        if (c == NULL)
            c = listen_again(p);
        int r = c != NULL ? dm_pg_wait_notify(c, LISTEN_MS, &note, &err) : DM_E_UNAVAILABLE;
        if (r == 0) {
            hear(p, &note);
        } else if (r != DM_E_TIMEOUT) {
            /* Deaf, we would miss that a key is revoked or a role taken: nothing is believed for long. */
            forget(p);
            dm_sessions_hear(p->api.sessions, false);
            dm_pg_close(c);
            c = NULL;
            pause_ms(p, DEAF_MS);
        }
        dm_buf_done(&note.payload);
    }
    dm_pg_close(c);
    return NULL;
}

static int ask_instances(dm_pg *c, void *arg, dm_err *err)
{
    return dm_instance_count(c, arg, err);
}

static int count_instances(program *p, dm_err *err)
{
    int64_t n = 1;
    int r = dm_api_tx_ops(&p->api, ask_instances, &n, err);
    if (r == 0)
        dm_rates_share(p->api.rates, n);
    return r;
}

static int end_looks(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    return dm_lookas_over(c, err);
}

static void write_refusals(program *p)
{
    uint64_t dropped = 0;
    dm_err err = {0};
    if (dm_refusals_write(p->api.refusals, p->api.ops, &dropped, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "refusals.not_written", &err);
    if (dropped > 0)
        DM_LOG(p->api.log, DM_WARN, "refusals.dropped", dm_fu("refusals", dropped));
}

static void *hold(void *arg)
{
    program *p = arg;
    while (!atomic_load(&p->stop)) {
        dm_err err = {0};
        unsigned slept = 0;
        if (atomic_load(&p->api.instance) != 0 && dm_hold_carry_out(&p->api, &slept, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "holds.failed", &err);
        pause_ms(p, SWEEP_MS);
    }
    return NULL;
}

static void read_low(program *p)
{
    dm_err err = {0};
    if (dm_low_read(p->api.low, p->api.ops, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "budgets.not_read", &err);
}

static void *sweep(void *arg)
{
    program *p = arg;
    while (!atomic_load(&p->stop)) {
        dm_err err = {0};
        unsigned done = 0;
        if (atomic_load(&p->api.instance) != 0 && dm_sweep(&p->api, p->patient, &done, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "sweep.failed", &err);
        if (atomic_load(&p->api.instance) != 0 && dm_snapshots_sweep(&p->api, p->patient, &done, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "snapshots.not_swept", &err);
        if (count_instances(p, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "instances.not_counted", &err);
        if (dm_api_tx_ops(&p->api, end_looks, NULL, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "looks.not_ended", &err);
        write_refusals(p);
        read_low(p);
        if (dm_spawns_write(p->api.spawns, p->api.ops, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "spawns.not_written", &err);
        pause_ms(p, SWEEP_MS);
    }
    return NULL;
}

/* A thread of its own: a relay may take its time over a letter. */
static void *send_mail(void *arg)
{
    program *p = arg;
    while (!atomic_load(&p->stop)) {
        dm_err err = {0};
        unsigned sent = 0;
        if (dm_post_round(&p->post, &sent, &err) < 0)
            dm_log_err(p->api.log, DM_WARN, "mail.failed", &err);
        pause_ms(p, MAIL_MS);
    }
    return NULL;
}

static void write_uses(program *p)
{
    dm_err err = {0};
    if (dm_uses_write(p->api.uses, p->api.ops, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "uses.not_written", &err);
}

static int write_series_in(dm_pg *c, void *arg, dm_err *err)
{
    return dm_series_write(c, SERIES_MARGIN_S, arg, err);
}

static void write_series(program *p)
{
    dm_err err = {0};
    int64_t written;
    if (dm_api_tx_ops(&p->api, write_series_in, &written, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "series.not_written", &err);
}

static void alert(program *p)
{
    int64_t until = dm_mono_ms(p->api.clock) + ALERTS_MS;
    do {
        dm_err err = {0};
        unsigned noted = 0;
        if (dm_alert_round(&p->api, &p->alert_after, &noted, &err) < 0) {
            dm_log_err(p->api.log, DM_WARN, "alerts.failed", &err);
            return;
        }
    } while (p->alert_after != 0 && dm_mono_ms(p->api.clock) < until && !atomic_load(&p->stop));
}

static void end_removed(program *p)
{
    dm_err err = {0};
    unsigned ended = 0, closed = 0;
    if (dm_removal_carry_out(&p->api, &ended, &closed, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "removals.failed", &err);
}

static void expire(program *p)
{
    dm_err err = {0};
    dm_expiry_done done;
    if (dm_expiry_carry_out(&p->api, &p->expiry_after, &done, &err) < 0)
        dm_log_err(p->api.log, DM_WARN, "expiry.failed", &err);
}

/* A thread of its own: the sweeper may wait for workers, and when a key was used is shown within a minute. */
static void *keep_books(void *arg)
{
    program *p = arg;
    while (!atomic_load(&p->stop)) {
        for (int i = 0; i < USES_MS / SERIES_MS && !atomic_load(&p->stop); i++) {
            pause_ms(p, SERIES_MS);
            write_series(p);
            alert(p);
        }
        write_uses(p);
        end_removed(p);
        expire(p);
    }
    return NULL;
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

static void on_tick(void *arg)
{
    static const dm_metric parked = {
            "dm_api_parked_requests", DM_GAUGE, NULL, "requests that wait until a sandbox has come to rest"};
    program *p = arg;
    dm_later_tick(p->api.later);
    dm_metric_set(p->api.metrics, &parked, NULL, dm_later_parked(p->api.later));
    dm_timer_in(p->tick, TICK_US);
}

static void on_signal(void *arg, uint32_t events)
{
    (void)events;
    dm_loop_stop(((program *)arg)->loop);
}

/* --- made and unmade ---------------------------------------------------------------------------------------- */

static int make_pools(program *p, dm_err *err)
{
    const dm_api_config *c = &p->config;
    const dm_pg_config db = {.conninfo = c->db_api,
            .max = (unsigned)c->db_connections,
            .wait_ms = 5000,
            .statement_ms = 10000,
            .log = p->api.log};
    const dm_pg_config ops = {.conninfo = c->db_ops,
            .max = (unsigned)c->db_ops_connections,
            .wait_ms = 5000,
            .statement_ms = 10000,
            .log = p->api.log};
    const dm_pg_config who = {.conninfo = c->db_who,
            .max = (unsigned)c->db_who_connections,
            .wait_ms = 5000,
            .statement_ms = 10000,
            .log = p->api.log};
    int r = dm_pg_pool_new(&db, &p->api.db, err);
    if (r == 0)
        r = dm_pg_pool_new(&ops, &p->api.ops, err);
    return r < 0 ? r : dm_pg_pool_new(&who, &p->api.who, err);
}

/* 0 a second: as many as come. */
static int make_rate(const dm_api *a, uint64_t per_s, dm_rate **out, dm_err *err)
{
    if (per_s == 0)
        return 0;
    const dm_rate_config rate = {.every_us = 1000000 / (int64_t)per_s, .burst = 2 * (uint32_t)per_s, .clock = a->clock};
    return dm_rate_new(&rate, out, err);
}

static int make_rates(dm_api *a, dm_err *err)
{
    int r = dm_strangers_new((unsigned)a->config->wrong_keys_per_min, a->clock, &a->strangers, err);
    if (r == 0)
        r = dm_rates_new(a->clock, &a->rates, err);
    if (r == 0)
        r = dm_refusals_new(a->clock, &a->refusals, err);
    if (r == 0)
        r = dm_low_new(&a->low, err);
    return r < 0 ? r : make_rate(a, a->config->person_requests_per_s, &a->person_rate, err);
}

static int make_who(dm_api *a, dm_err *err)
{
    const dm_api_config *c = a->config;
    const dm_signing_config signing = {.pool = a->who,
            .master = a->master,
            .clock = a->clock,
            .token_s = (unsigned)c->token_s,
            .access_s = (unsigned)c->access_s,
            .key_days = (unsigned)c->token_key_days};
    int r = dm_auth_new(a->db, a->clock, (unsigned)c->key_keep_ms, &a->auth, err);
    if (r == 0)
        r = dm_offers_new(a->clock, (unsigned)c->key_keep_ms, &a->offers, err);
    if (r == 0)
        r = dm_api_no_password(a, err);
    if (r == 0)
        r = dm_members_new(a->who, a->clock, (unsigned)c->key_keep_ms, &a->members, err);
    if (r == 0)
        r = dm_sessions_new(a->who, a->clock, (unsigned)c->key_keep_ms, &a->sessions, err);
    return r < 0 ? r : dm_signing_new(&signing, &a->signing, err);
}

static int make_api(program *p, dm_err *err)
{
    dm_api *a = &p->api;
    const dm_api_config *c = &p->config;
    char given[PATH_MAX];
    const dm_dispatch_config dispatch = {.socket = c->worker_socket,
            .connections = (unsigned)(c->order_threads + c->stop_threads),
            .timeout_ms = (unsigned)c->order_timeout_ms,
            .wait_ms = (unsigned)c->worker_wait_ms,
            .clock = &dm_clock_real};
    const dm_dispatch_config patient = {
            .socket = c->worker_socket, .connections = 2, .timeout_ms = PATIENT_MS, .clock = &dm_clock_real};
    const dm_dispatch_config looks = {.socket = c->worker_socket,
            .connections = (unsigned)c->read_threads,
            .timeout_ms = LOOK_MS,
            .clock = &dm_clock_real};
    const dm_later_config later = {.threads = {[DM_LATER_ORDERS] = (unsigned)c->order_threads,
                                           [DM_LATER_STOPS] = (unsigned)c->stop_threads,
                                           [DM_LATER_READS] = (unsigned)c->read_threads,
                                           [DM_LATER_FILES] = (unsigned)c->file_threads,
                                           [DM_LATER_PROOFS] = (unsigned)c->password_threads},
            .queue_max = (unsigned)c->order_queue,
            .parked_max = PARKED_MAX,
            .wait_us = (int64_t)c->wait_s * 1000000,
            .clock = &dm_clock_real};
    a->config = c;
    a->clock = &dm_clock_real;
    int r = dm_log_new(2, "dormouse-api", (enum dm_log_level)c->log_level, &dm_clock_real, &a->log, err);
    if (r == 0)
        r = dm_metrics_new(&a->metrics, err);
    if (r == 0)
        r = dm_pulse_new(a->clock, &a->pulse, err);
    if (r == 0)
        r = dm_master_open(c->master_key, &a->master, err);
    if (r == 0)
        r = dm_key_read(c->frame_key_file, a->frame_secret, err);
    a->has_delivery_key = c->delivery_key_file[0] != '\0';
    if (r == 0 && a->has_delivery_key)
        r = dm_key_read(c->delivery_key_file, a->delivery_key, err);
    a->has_admin_token = c->admin_token_file[0] != '\0';
    if (r == 0 && a->has_admin_token)
        r = dm_key_read(c->admin_token_file, a->admin_token, err);
    if (r == 0)
        r = make_pools(p, err);
    if (r == 0)
        r = make_who(a, err);
    if (r == 0)
        r = make_rates(a, err);
    if (r == 0)
        r = dm_dispatch_new(&dispatch, &a->dispatch, err);
    if (r == 0)
        r = dm_dispatch_new(&looks, &a->looks, err);
    if (r == 0)
        r = dm_signers_new(a->db, a->master, a->clock, &a->signers, err);
    if (r == 0)
        r = dm_spawns_new(&a->spawns, err);
    if (r == 0)
        r = dm_together_new(a, &a->together, err);
    if (r == 0)
        r = dm_uses_new(&a->uses, err);
    if (r == 0)
        r = dm_dispatch_new(&patient, &p->patient, err);
    if (r == 0)
        r = dm_path(given, sizeof given, err, "%s.given", c->socket);
    if (r == 0)
        r = dm_claims_new(p->patient, a->log, a->clock, true, given, &a->claims, err);
    if (r == 0)
        r = dm_live_new(a, (unsigned)c->live_streams, true, &a->live, err);
    if (r == 0)
        r = dm_later_new(&later, &a->later, err);
    return r < 0 ? r : dm_fold_new(a->later, &a->fold, err);
}

static int make_servers(program *p, dm_err *err)
{
    const dm_http_config worker = dm_api_worker_http(&p->api), public = dm_api_http(&p->api);
    int r = dm_http_new(&worker, &p->worker_http, err);
    return r < 0 ? r : dm_http_new(&public, &p->public_http, err);
}

/* Requests first, then those that wait, then what they all stood on. */
static void unmake(program *p)
{
    atomic_store(&p->api.draining, true);
    (void)pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    (void)pthread_cond_broadcast(&p->stopped);
    (void)pthread_mutex_unlock(&p->lock);
    dm_http_stop(p->public_http, GRACE_MS);
    dm_http_stop(p->worker_http, GRACE_MS);
    for (unsigned i = 0; i < p->nthreads; i++)
        (void)pthread_join(p->threads[i], NULL);
    dm_live_free(p->api.live);
    dm_later_free(p->api.later);
    dm_fold_free(p->api.fold);
    dm_http_free(p->public_http);
    dm_http_free(p->worker_http);
    dm_claims_free(p->api.claims); /* the last answers have left */
    dm_dispatch_free(p->patient);
    dm_dispatch_free(p->api.looks);
    dm_dispatch_free(p->api.dispatch);
    dm_offers_free(p->api.offers);
    dm_auth_free(p->api.auth);
    dm_members_free(p->api.members);
    dm_sessions_free(p->api.sessions);
    dm_signing_free(p->api.signing);
    dm_strangers_free(p->api.strangers);
    dm_rates_free(p->api.rates);
    dm_rate_free(p->api.person_rate);
    dm_refusals_free(p->api.refusals);
    dm_low_free(p->api.low);
    dm_signers_free(p->api.signers);
    dm_spawns_free(p->api.spawns);
    dm_together_free(p->api.together);
    dm_uses_free(p->api.uses);
    dm_pg_pool_free(p->api.db);
    dm_pg_pool_free(p->api.ops);
    dm_pg_pool_free(p->api.who);
    dm_post_close(&p->post);
    dm_master_free(p->api.master);
    dm_metrics_free(p->api.metrics);
    dm_pulse_free(p->api.pulse);
    dm_timer_free(p->tick);
    dm_loop_free(p->loop);
    dm_log_free(p->api.log);
}

static int serve(program *p, int signals, dm_err *err)
{
    static void *(*const hands[HANDS])(void *) = {keep_house, sweep, hold, keep_books, send_mail};
    DM_AUTO(dm_watch) watch = NULL;
    int r = dm_loop_new(&dm_clock_real, &p->loop, err);
    if (r == 0)
        r = dm_loop_watch(p->loop, signals, EPOLLIN, on_signal, p, &watch, err);
    if (r == 0)
        r = dm_loop_timer(p->loop, on_tick, p, &p->tick, err);
    if (r == 0)
        r = make_api(p, err);
    if (r == 0)
        r = dm_post_open(&p->api, &p->post, err);
    if (r == 0)
        r = make_servers(p, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < HANDS; i++, p->nthreads++) {
        if (pthread_create(&p->threads[i], NULL, hands[i], p) != 0)
            return dm_fail(err, DM_E_NOMEM, "threads of the house");
    }
    dm_timer_in(p->tick, TICK_US);
    DM_LOG(p->api.log, DM_INFO, "api.ready", dm_fs("http_socket", p->config.http_socket),
            dm_fu("port", dm_http_port(p->public_http)), dm_fs("socket", p->config.socket));
    return dm_loop_run(p->loop, err);
}

int main(int argc, char **argv)
{
    static program p = {.lock = PTHREAD_MUTEX_INITIALIZER, .stopped = PTHREAD_COND_INITIALIZER};
    dm_err err = {0};
    DM_AUTO_FD signals = -1;
    int r = dm_conf_main(&dm_api_conf, argc, argv, &p.config, &err);
    if (r == DM_CONF_EXIT)
        return 0;
    if (r == 0)
        r = dm_api_config_check(&p.config, &err);
    if (r == 0)
        r = dm_loop_stop_signals(&signals, &err);
    if (r == 0)
        r = serve(&p, signals, &err);
    if (r < 0) {
        dm_log_err(p.api.log, DM_ERROR, "api.failed", &err);
        dprintf(2, "dormouse-api: %s\n", err.msg);
    }
    unmake(&p);
    dm_conf_done(&dm_api_conf, &p.config);
    return r < 0 ? 1 : 0;
}
