#include "base/kafka.h"

#include <assert.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/file.h"

/* The producer's one hard case is a fatal error: an idempotent producer that finds a hole in its own numbering (after a
 * broker lost its memory of us) may not go on, and librdkafka then refuses everything for ever. The caller has each
 * message in its journal until it is delivered, and whoever reads takes a message twice without harm; so we report all
 * that is under way as not delivered, and start again with a new instance, which gets a new numbering.
 *
 * A broker is told a password only when it has shown the one certificate we know: its port is anybody's while it is
 * down. (SCRAM would do without TLS; but librdkafka before 2.6.1 repeats its own nonce in it, which Kafka 4 refuses.)
 *
 * A message never times out here (message.timeout.ms 0): a broker may be away for as long as the caller's journal has
 * room, which the caller decides. */

enum { MESSAGE_MAX = 2 << 20, POLL_ROUNDS = 64, METADATA_MS = 5000 };
enum { FREE_FLUSH_MS = 2000, PURGE_FLUSH_MS = 1000, PASSWORD_MAX = 256 };

typedef struct setting {
    const char *name, *value;
} setting;

/* --- what both have ----------------------------------------------------------------------------------------- */

static int set_all(rd_kafka_conf_t *conf, const setting *s, size_t n, dm_err *err)
{
    char why[200];

    for (size_t i = 0; i < n; i++)
        if (rd_kafka_conf_set(conf, s[i].name, s[i].value, why, sizeof why) != RD_KAFKA_CONF_OK)
            return dm_fail(err, DM_E_INVALID, "kafka: %s", why);
    return 0;
}

static int set_login(rd_kafka_conf_t *conf, const dm_kafka_login *login, dm_err *err)
{
    char password[PASSWORD_MAX];
    DM_AUTO_BUF text;

    dm_buf_init(&text, PASSWORD_MAX);
    if (login->user == NULL || login->user[0] == '\0')
        return 0;
    if (login->password_file == NULL || login->ca_file == NULL || login->ca_file[0] == '\0')
        return dm_fail(err, DM_E_INVALID, "kafka: user %s without a password's file or a certificate", login->user);
    int r = dm_file_read(login->password_file, &text, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_trim(dm_buf_view(&text)), password, sizeof password, err);
    if (r == 0 && password[0] == '\0')
        r = dm_fail(err, DM_E_INVALID, "%s is empty", login->password_file);
    if (r < 0)
        return dm_wrap(err, "kafka: password of %s", login->user);
    const setting settings[] = {
            {"security.protocol", "sasl_ssl"},
            {"ssl.ca.location", login->ca_file},
            {"ssl.endpoint.identification.algorithm", "none"}, /* no other name has that certificate */
            {"sasl.mechanism", "PLAIN"},
            {"sasl.username", login->user},
            {"sasl.password", password},
    };
    r = set_all(conf, settings, DM_LEN(settings), err);
    explicit_bzero(password, sizeof password);
    explicit_bzero(text.p, text.len);
    return r;
}

static void log_line(dm_log *log, int level, const char *facility, const char *words)
{
    DM_LOG(log, level <= 4 ? DM_WARN : DM_DEBUG, "kafka.library", dm_fs("facility", facility), dm_fs("message", words));
}

static int code_of(rd_kafka_resp_err_t e)
{
    int code = (int)e;

    switch (code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return DM_E_TIMEOUT;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
        return DM_E_UNAVAILABLE;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return DM_E_NOTFOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return DM_E_DENIED;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
        return DM_E_CORRUPT;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        return DM_E_LIMIT;
    default:
        return DM_E_INTERNAL;
    }
}

static int fail_kafka(rd_kafka_resp_err_t e, const char *what, dm_err *err)
{
    return dm_fail(err, code_of(e), "kafka: %s: %s", what, rd_kafka_err2str(e));
}

/* --- producer ----------------------------------------------------------------------------------------------- */

struct dm_producer {
    dm_producer_config config;
    char *brokers, *client_id, *user, *password_file, *ca_file;
    rd_kafka_t *rk; /* NULL when making one again has failed: tried at each dm_produce */
    int fd;
    uint64_t under_way;       /* accepted and not yet reported */
    rd_kafka_resp_err_t last; /* of the message that is being reported */
    bool fatal;               /* rk is of no more use */
    bool recovering;          /* its messages are being reported: nothing new is taken */
};

/* What a message that was not taken is to its sender (base/kafka.h). Whatever is not named here passes: librdkafka has
 * tried it as often as it could, and may with a new instance. */
static int64_t verdict(rd_kafka_resp_err_t e)
{
    int code = (int)e;

    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        return DM_KAFKA_REFUSED;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return DM_KAFKA_CLOSED;
    default:
        return DM_KAFKA_AGAIN;
    }
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    dm_producer *p = arg;
    uint64_t tag = (uint64_t)(uintptr_t)m->_private;

    (void)rk;
    assert(p->under_way > 0); /* each message is reported once */
    p->under_way--;
    p->last = m->err;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        p->config.delivered(p->config.arg, tag, true, m->offset >= 0 ? m->offset : -1);
    else
        p->config.delivered(p->config.arg, tag, false, verdict(m->err));
}

static void on_producer_error(rd_kafka_t *rk, int e, const char *words, void *arg)
{
    dm_producer *p = arg;

    (void)rk;
    if (e == RD_KAFKA_RESP_ERR__FATAL)
        p->fatal = true;
    log_line(p->config.log, 4, "ERROR", words);
}

static void on_producer_log(const rd_kafka_t *rk, int level, const char *facility, const char *words)
{
    const dm_producer *p = rd_kafka_opaque(rk);

    log_line(p->config.log, level, facility, words);
}

static int start(dm_producer *p, dm_err *err)
{
    char linger[16], kbytes[24], size[16], why[200];
    const setting settings[] = {
            {"bootstrap.servers", p->brokers},
            {"client.id", p->client_id},
            {"enable.idempotence", "true"},
            {"acks", "all"},
            {"compression.type", "lz4"},
            {"partitioner", "murmur2_random"}, /* the one of Kafka's own clients */
            {"linger.ms", linger},
            {"message.timeout.ms", "0"},
            {"message.max.bytes", size},
            {"queue.buffering.max.kbytes", kbytes},
            {"reconnect.backoff.max.ms", "2000"},
            {"socket.keepalive.enable", "true"},
            {"socket.nagle.disable", "true"},
    };
    size_t kib = p->config.queue_max_bytes / 1024;

    (void)snprintf(linger, sizeof linger, "%u", p->config.linger_ms);
    (void)snprintf(size, sizeof size, "%d", MESSAGE_MAX);
    (void)snprintf(kbytes, sizeof kbytes, "%zu", kib < 1 ? 1 : kib > INT32_MAX ? (size_t)INT32_MAX : kib);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int r = set_all(conf, settings, DM_LEN(settings), err);
    if (r == 0)
        r = set_login(conf, &(dm_kafka_login){p->user, p->password_file, p->ca_file}, err);
    if (r < 0) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_producer_error);
    rd_kafka_conf_set_log_cb(conf, on_producer_log);
    p->fatal = false;
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (p->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return dm_fail(err, DM_E_INTERNAL, "kafka: producer: %s", why);
    }
    static const uint64_t one = 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(p->rk);
    rd_kafka_queue_io_event_enable(queue, p->fd, &one, sizeof one);
    rd_kafka_queue_destroy(queue);
    return 0;
}

/* Reports what is still under way, waits for as long as it takes to report it, and ends the instance. */
static void end(dm_producer *p)
{
    if (p->rk == NULL)
        return;
    p->recovering = true;
    (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    /* Purged messages have their reports waiting, so the flush serves them and is done; one that gives up leaves some
     * untold, which the caller's journal repeats after its next start as if the machine had stopped. */
    bool told = rd_kafka_flush(p->rk, PURGE_FLUSH_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    assert(!told || p->under_way == 0);
    p->under_way = 0;
    rd_kafka_destroy(p->rk);
    p->rk = NULL;
    p->recovering = false;
}

static void recover(dm_producer *p)
{
    char why[200] = "";
    dm_err err = {0};

    (void)rd_kafka_fatal_error(p->rk, why, sizeof why);
    DM_LOG(p->config.log, DM_ERROR, "kafka.producer_renewed", dm_fs("message", why));
    end(p);
    if (start(p, &err) < 0)
        dm_log_err(p->config.log, DM_ERROR, "kafka.producer_failed", &err);
}

static char *copy(const char *s)
{
    return strdup(s != NULL ? s : "");
}

int dm_producer_new(const dm_producer_config *config, dm_producer **out, dm_err *err)
{
    DM_AUTO(dm_producer) p = calloc(1, sizeof *p);

    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "kafka: no memory");
    p->fd = -1;
    if (config->brokers == NULL || config->client_id == NULL || config->delivered == NULL)
        return dm_fail(err, DM_E_INVALID, "kafka: producer without brokers, client id or callback");
    p->config = *config;
    p->brokers = strdup(config->brokers);
    p->client_id = strdup(config->client_id);
    p->user = copy(config->login.user);
    p->password_file = copy(config->login.password_file);
    p->ca_file = copy(config->login.ca_file);
    if (p->brokers == NULL || p->client_id == NULL || p->user == NULL || p->password_file == NULL || p->ca_file == NULL)
        return dm_fail(err, DM_E_NOMEM, "kafka: no memory");
    p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->fd < 0)
        return dm_fail_sys(err, errno, "kafka: eventfd");
    int r = start(p, err);
    if (r < 0)
        return r;
    *out = dm_steal(&p);
    return 0;
}

void dm_producer_free(dm_producer *p)
{
    if (p == NULL)
        return;
    if (p->rk != NULL)
        (void)rd_kafka_flush(p->rk, FREE_FLUSH_MS);
    end(p);
    dm_fd_closep(&p->fd);
    free(p->brokers);
    free(p->client_id);
    free(p->user);
    free(p->password_file);
    free(p->ca_file);
    free(p);
}

/* librdkafka tells an absent key from an empty one by the pointer, and takes no const. */
static void *bytes_of(dm_str s)
{
    union {
        const void *in;
        void *out;
    } u = {.in = s.p};

    return u.out;
}

int dm_produce(dm_producer *p, const char *topic, dm_str key, dm_str value, uint64_t tag, dm_err *err)
{
    if (value.n > MESSAGE_MAX || key.n > MESSAGE_MAX || key.n + value.n > p->config.queue_max_bytes)
        return dm_fail(err, DM_E_LIMIT, "kafka: a message of %zu bytes", key.n + value.n);
    if (p->recovering || p->fatal)
        return DM_KAFKA_FULL; /* dm_producer_poll puts it right */
    if (p->rk == NULL && start(p, err) < 0)
        return DM_KAFKA_FULL;
    const rd_kafka_vu_t fields[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {bytes_of(key), key.n}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {bytes_of(value), value.n}},
            {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)tag},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(p->rk, fields, DM_LEN(fields));
    rd_kafka_resp_err_t e = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    int code = (int)e;
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        p->under_way++;
        return 0;
    case RD_KAFKA_RESP_ERR__FATAL:
        p->fatal = true;
        (void)eventfd_write(p->fd, 1);
        return DM_KAFKA_FULL;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return DM_KAFKA_FULL;
    default:
        return fail_kafka(e, topic, err);
    }
}

int dm_producer_fd(const dm_producer *p)
{
    return p->fd;
}

void dm_producer_poll(dm_producer *p)
{
    eventfd_t count;
    int rounds = 0;

    (void)eventfd_read(p->fd, &count);
    if (p->rk == NULL)
        return;
    while (rounds < POLL_ROUNDS && rd_kafka_poll(p->rk, 0) > 0)
        rounds++;
    if (rounds == POLL_ROUNDS)
        (void)eventfd_write(p->fd, 1); /* librdkafka only tells us when its queue was empty before */
    if (p->fatal)
        recover(p);
}

const char *dm_producer_why(const dm_producer *p)
{
    return rd_kafka_err2str(p->last);
}

/* --- consumer ----------------------------------------------------------------------------------------------- */

struct dm_consumer {
    rd_kafka_t *rk;
    dm_log *log;
    rd_kafka_message_t *last; /* what the caller still reads */
};

static void on_consumer_error(rd_kafka_t *rk, int e, const char *words, void *arg)
{
    const dm_consumer *c = arg;

    (void)rk;
    (void)e;
    log_line(c->log, 4, "ERROR", words);
}

static void on_consumer_log(const rd_kafka_t *rk, int level, const char *facility, const char *words)
{
    const dm_consumer *c = rd_kafka_opaque(rk);

    log_line(c->log, level, facility, words);
}

int dm_consumer_new(const dm_consumer_config *config, dm_consumer **out, dm_err *err)
{
    DM_AUTO(dm_consumer) c = calloc(1, sizeof *c);
    char kbytes[24], why[200];
    size_t kib = config->queue_max_bytes / 1024;

    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "kafka: no memory");
    if (config->brokers == NULL || config->client_id == NULL)
        return dm_fail(err, DM_E_INVALID, "kafka: consumer without brokers or client id");
    c->log = config->log;
    (void)snprintf(kbytes, sizeof kbytes, "%zu", kib < 1 ? 1 : kib > 2097151 ? (size_t)2097151 : kib);
    /* librdkafka wants a group for any consumer of several partitions; nothing is ever committed to it. */
    const setting settings[] = {
            {"bootstrap.servers", config->brokers},
            {"client.id", config->client_id},
            {"group.id", config->client_id},
            {"enable.auto.commit", "false"},
            {"enable.auto.offset.store", "false"},
            {"auto.offset.reset", "error"},
            {"allow.auto.create.topics", "false"},
            {"isolation.level", "read_committed"},
            {"enable.partition.eof", "false"},
            {"check.crcs", "true"},
            {"queued.max.messages.kbytes", kbytes},
            {"reconnect.backoff.max.ms", "2000"},
            {"socket.keepalive.enable", "true"},
            {"socket.nagle.disable", "true"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int r = set_all(conf, settings, DM_LEN(settings), err);
    if (r == 0)
        r = set_login(conf, &config->login, err);
    if (r < 0) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_error_cb(conf, on_consumer_error);
    rd_kafka_conf_set_log_cb(conf, on_consumer_log);
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (c->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return dm_fail(err, DM_E_INTERNAL, "kafka: consumer: %s", why);
    }
    (void)rd_kafka_poll_set_consumer(c->rk);
    *out = dm_steal(&c);
    return 0;
}

static void drop_last(dm_consumer *c)
{
    if (c->last != NULL)
        rd_kafka_message_destroy(c->last);
    c->last = NULL;
}

void dm_consumer_free(dm_consumer *c)
{
    if (c == NULL)
        return;
    drop_last(c);
    if (c->rk != NULL) /* closing would talk to a group that we are not in */
        rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(c);
}

int dm_consumer_partitions(dm_consumer *c, const char *topic, unsigned timeout_ms, int32_t *out, dm_err *err)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *t = rd_kafka_topic_new(c->rk, topic, NULL);

    if (t == NULL)
        return fail_kafka(rd_kafka_last_error(), topic, err);
    rd_kafka_resp_err_t e = rd_kafka_metadata(c->rk, 0, t, &md, timeout_ms <= INT32_MAX ? (int)timeout_ms : INT32_MAX);
    rd_kafka_topic_destroy(t);
    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_kafka(e, topic, err);
    int r = 0;
    if (md->topic_cnt != 1)
        r = dm_fail(err, DM_E_PROTO, "kafka: %s: an answer about %d topics", topic, md->topic_cnt);
    else if (md->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = fail_kafka(md->topics[0].err, topic, err);
    else
        *out = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    return r;
}

int dm_consumer_assign(dm_consumer *c, const dm_offset *offsets, size_t n, dm_err *err)
{
    rd_kafka_topic_partition_list_t *list;

    if (n > DM_KAFKA_ASSIGN_MAX)
        return dm_fail(err, DM_E_LIMIT, "kafka: more than %d partitions", DM_KAFKA_ASSIGN_MAX);
    for (size_t i = 0; i < n; i++)
        if (offsets[i].next < 0 && offsets[i].next != RD_KAFKA_OFFSET_BEGINNING)
            return dm_fail(err, DM_E_INVALID, "kafka: %s: offset %lld", offsets[i].topic, (long long)offsets[i].next);
    drop_last(c);
    list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition)->offset = offsets[i].next;
    rd_kafka_resp_err_t e = rd_kafka_assign(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return e == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : fail_kafka(e, "assign", err);
}

/* Errors that librdkafka goes on working at by itself. */
static bool passes_by_itself(rd_kafka_resp_err_t e)
{
    int code = code_of(e);

    return code == DM_E_UNAVAILABLE || code == DM_E_TIMEOUT || e == RD_KAFKA_RESP_ERR__PARTITION_EOF;
}

int dm_consume(dm_consumer *c, unsigned wait_ms, dm_message *out, dm_err *err)
{
    drop_last(c);
    rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, wait_ms <= INT32_MAX ? (int)wait_ms : INT32_MAX);
    if (m == NULL)
        return DM_CONSUME_NOTHING;
    c->last = m;
    bool gap = m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && !gap) {
        if (passes_by_itself(m->err))
            return DM_CONSUME_NOTHING;
        const char *words = rd_kafka_message_errstr(m);
        return dm_fail(err, code_of(m->err), "kafka: %s: %s", m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : "consumer",
                words != NULL ? words : "");
    }
    *out = (dm_message){
            .topic = m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : "", .partition = m->partition, .offset = m->offset};
    if (gap)
        return DM_CONSUME_GAP;
    rd_kafka_timestamp_type_t type;
    int64_t ts = rd_kafka_message_timestamp(m, &type);
    out->timestamp_ms = type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && ts > 0 ? ts : 0;
    out->key = (dm_str){m->key, m->key != NULL ? m->key_len : 0};
    out->value = (dm_str){m->payload, m->payload != NULL ? m->len : 0};
    return 0;
}

int dm_consumer_watermarks(
        dm_consumer *c, const char *topic, int32_t partition, int64_t *low, int64_t *high, dm_err *err)
{
    int64_t lo, hi;
    rd_kafka_resp_err_t e = rd_kafka_query_watermark_offsets(c->rk, topic, partition, &lo, &hi, METADATA_MS);

    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_kafka(e, topic, err);
    *low = lo;
    *high = hi;
    return 0;
}
