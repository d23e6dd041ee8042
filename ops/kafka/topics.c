/* topics BROKER USER PASSWORD-FILE CA-FILE TOPICS RIGHTS: makes the topics of a list that are not there yet, gives
 * users the rights of another, and waits until the broker can take part in that, which also tells the launcher that the
 * broker is ready. A line of the first is "name partitions setting=value ...", of the second "user operation
 * topic|group name"; # begins a comment. An existing topic is left as it is, and so is a right that is no longer in the
 * list. */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS_MAX = 64,
    RIGHTS_MAX = 64,
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

/* The next word of a line, or "". */
static const char *word(char **rest)
{
    char *at = *rest + strspn(*rest, " ");
    *rest = at + strcspn(at, " ");
    if (**rest != '\0')
        *(*rest)++ = '\0';
    return at;
}

/* The right of one line, or NULL with a message on stderr. */
static rd_kafka_AclBinding_t *parse_right(char *line)
{
    char who[64], msg[256], *rest = line;
    (void)snprintf(who, sizeof(who), "User:%s", word(&rest));
    const char *what = word(&rest), *kind = word(&rest), *name = word(&rest);
    rd_kafka_AclOperation_t operation = strcmp(what, "read") == 0    ? RD_KAFKA_ACL_OPERATION_READ
                                        : strcmp(what, "write") == 0 ? RD_KAFKA_ACL_OPERATION_WRITE
                                                                     : RD_KAFKA_ACL_OPERATION_UNKNOWN;
    rd_kafka_ResourceType_t type = strcmp(kind, "topic") == 0   ? RD_KAFKA_RESOURCE_TOPIC
                                   : strcmp(kind, "group") == 0 ? RD_KAFKA_RESOURCE_GROUP
                                                                : RD_KAFKA_RESOURCE_UNKNOWN;
    rd_kafka_AclBinding_t *right = rd_kafka_AclBinding_new(type, name, RD_KAFKA_RESOURCE_PATTERN_LITERAL, who, "*",
            operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, msg, sizeof(msg));
    if (right == NULL)
        (void)fail(who, msg);
    return right;
}

/* Gives each line of a list that is not empty to take, which says -1 to end. Number of lines, or -1. */
static int read_list(const char *path, int max, int (*take)(char *line, int n, void *arg), void *arg)
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
        if (n == max)
            n = fail(path, "too many lines");
        else
            n = take(line, n, arg) == 0 ? n + 1 : -1;
    }
    (void)fclose(in);
    return n;
}

typedef struct lists {
    rd_kafka_NewTopic_t *topics[TOPICS_MAX];
    rd_kafka_AclBinding_t *rights[RIGHTS_MAX];
    int ntopics, nrights;
} lists;

static int take_topic(char *line, int n, void *arg)
{
    return (((lists *)arg)->topics[n] = parse_line(line)) != NULL ? 0 : -1;
}

static int take_right(char *line, int n, void *arg)
{
    return (((lists *)arg)->rights[n] = parse_right(line)) != NULL ? 0 : -1;
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

/* 0 when each right is given. */
static int give(rd_kafka_t *rk, rd_kafka_AclBinding_t **rights, size_t n)
{
    int bad = 0;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateAcls(rk, rights, n, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, READY_MS);
    const rd_kafka_CreateAcls_result_t *result = event != NULL ? rd_kafka_event_CreateAcls_result(event) : NULL;
    if (result == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bad = fail("rights", event != NULL ? rd_kafka_event_error_string(event) : "no answer");
    } else {
        size_t count = 0;
        const rd_kafka_acl_result_t **each = rd_kafka_CreateAcls_result_acls(result, &count);
        for (size_t i = 0; i < count; i++) {
            const rd_kafka_error_t *error = rd_kafka_acl_result_error(each[i]);
            if (error != NULL)
                bad = fail("right", rd_kafka_error_string(error));
        }
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return bad;
}

/* The client, or NULL with a message on stderr. */
static rd_kafka_t *connect_as(const char *broker, const char *user, const char *password_file, const char *ca_file)
{
    char msg[512], password[256] = "";
    FILE *in = fopen(password_file, "re");
    if (in == NULL || fgets(password, sizeof(password), in) == NULL)
        (void)fail(password_file, "cannot be read");
    if (in != NULL)
        (void)fclose(in);
    password[strcspn(password, "\n")] = '\0';
    const char *const settings[][2] = {{"bootstrap.servers", broker}, {"log_level", "0"},
            {"security.protocol", "sasl_ssl"}, {"ssl.ca.location", ca_file},
            {"ssl.endpoint.identification.algorithm", "none"}, {"sasl.mechanism", "PLAIN"}, {"sasl.username", user},
            {"sasl.password", password}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], msg, sizeof(msg)) != RD_KAFKA_CONF_OK) {
            (void)fail(settings[i][0], msg);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, msg, sizeof(msg)); /* takes conf */
    if (rk == NULL)
        (void)fail("client", msg);
    return rk;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return fail("usage", "topics BROKER USER PASSWORD-FILE CA-FILE TOPICS RIGHTS") != 0;
    lists l = {.ntopics = 0};
    l.ntopics = read_list(argv[5], TOPICS_MAX, take_topic, &l);
    l.nrights = read_list(argv[6], RIGHTS_MAX, take_right, &l);
    if (l.ntopics < 1 || l.nrights < 1)
        return 1;
    rd_kafka_t *rk = connect_as(argv[1], argv[2], argv[3], argv[4]);
    if (rk == NULL)
        return 1;
    int bad = wait_ready(rk);
    if (bad == 0)
        bad = create(rk, l.topics, (size_t)l.ntopics);
    if (bad == 0)
        bad = give(rk, l.rights, (size_t)l.nrights);
    rd_kafka_NewTopic_destroy_array(l.topics, (size_t)l.ntopics);
    rd_kafka_AclBinding_destroy_array(l.rights, (size_t)l.nrights);
    rd_kafka_destroy(rk);
    return bad != 0;
}
