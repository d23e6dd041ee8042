/* topics BROKER LIST: makes the topics of a list that are not there yet, and waits until the broker can take
 * part in that, which also tells the launcher that the broker is ready. A line of the list is
 * "name partitions setting=value ..."; # begins a comment. An existing topic is left as it is. */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS_MAX = 64,
    LINE_MAX_BYTES = 512,
    READY_MS = 30000, /* a broker that replays a long log after a crash */
    STEP_MS = 1000,
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "topics: %s: %s\n", what, why);
    return -1;
}

/* The topic of one line, or NULL with a message on stderr. */
static rd_kafka_NewTopic_t *parse_line(char *line)
{
    char *rest = line, *end, msg[256];
    const char *name = strsep(&rest, " ");
    while (rest != NULL && *rest == ' ')
        rest++;
    long partitions = rest != NULL ? strtol(rest, &end, 10) : 0;
    if (partitions < 1 || partitions > 1024) {
        (void)fail(name, "no number of partitions from 1 to 1024");
        return NULL;
    }
    rest = end;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, (int)partitions, 1, msg, sizeof(msg));
    if (topic == NULL) {
        (void)fail(name, msg);
        return NULL;
    }
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (*word == '\0')
            continue;
        char *value = strchr(word, '=');
        if (value == NULL) {
            (void)fail(word, "not setting=value");
            rd_kafka_NewTopic_destroy(topic);
            return NULL;
        }
        *value++ = '\0';
        (void)rd_kafka_NewTopic_set_config(topic, word, value);
    }
    return topic;
}

/* Number of topics read into out, or -1. */
static int read_list(const char *path, rd_kafka_NewTopic_t **out)
{
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return fail(path, "cannot be read");
    char line[LINE_MAX_BYTES];
    int n = 0;
    while (n >= 0 && fgets(line, sizeof(line), in) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        if (line[strspn(line, " ")] == '\0')
            continue;
        if (n == TOPICS_MAX) {
            n = fail(path, "too many topics");
        } else if ((out[n] = parse_line(line)) == NULL) {
            rd_kafka_NewTopic_destroy_array(out, (size_t)n);
            n = -1;
        } else {
            n++;
        }
    }
    (void)fclose(in);
    return n;
}

/* Waits until the cluster answers: right after its start a broker accepts connections before it serves them. */
static int wait_ready(rd_kafka_t *rk)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int waited = 0; waited < READY_MS; waited += STEP_MS) {
        const struct rd_kafka_metadata *meta = NULL;
        err = rd_kafka_metadata(rk, 0, NULL, &meta, STEP_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            int brokers = meta->broker_cnt;
            rd_kafka_metadata_destroy(meta);
            if (brokers > 0)
                return 0;
        }
    }
    return fail("broker", rd_kafka_err2str(err));
}

/* 0 when each topic exists now. */
static int create(rd_kafka_t *rk, rd_kafka_NewTopic_t **topics, size_t n)
{
    int bad = 0;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, topics, n, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, READY_MS);
    const rd_kafka_CreateTopics_result_t *result = event != NULL ? rd_kafka_event_CreateTopics_result(event) : NULL;
    if (result == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bad = fail("create", event != NULL ? rd_kafka_event_error_string(event) : "no answer");
    } else {
        size_t count = 0;
        const rd_kafka_topic_result_t **each = rd_kafka_CreateTopics_result_topics(result, &count);
        for (size_t i = 0; i < count; i++) {
            rd_kafka_resp_err_t err = rd_kafka_topic_result_error(each[i]);
            if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
                bad = fail(rd_kafka_topic_result_name(each[i]), rd_kafka_topic_result_error_string(each[i]));
        }
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return bad;
}

int main(int argc, char **argv)
{
    char msg[512];
    if (argc != 3)
        return fail("usage", "topics BROKER LIST") != 0;
    rd_kafka_NewTopic_t *topics[TOPICS_MAX];
    int n = read_list(argv[2], topics);
    if (n < 0)
        return 1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], msg, sizeof(msg)) != RD_KAFKA_CONF_OK ||
            rd_kafka_conf_set(conf, "log_level", "0", msg, sizeof(msg)) != RD_KAFKA_CONF_OK)
        return fail("broker", msg) != 0;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, msg, sizeof(msg)); /* takes conf */
    if (rk == NULL)
        return fail("client", msg) != 0;
    int bad = wait_ready(rk);
    if (bad == 0)
        bad = create(rk, topics, (size_t)n);
    rd_kafka_NewTopic_destroy_array(topics, (size_t)n);
    rd_kafka_destroy(rk);
    return bad != 0;
}
