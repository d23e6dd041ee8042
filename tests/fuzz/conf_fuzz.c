/* A configuration is refused with a message and nothing filled in, or every value is within its bounds. */
#include "base/conf.h"

#include "tests/fuzz/fuzz.h"

typedef struct conf {
    char *name;
    uint64_t port;
    bool fast;
    char *note;
} conf;

static const dm_conf_row rows[] = {
        {"name", DM_CONF_STR, offsetof(conf, name), NULL, 1, 16, "its name"},
        {"port", DM_CONF_U64, offsetof(conf, port), "3100", 1, 65535, "where it listens"},
        {"fast", DM_CONF_BOOL, offsetof(conf, fast), "false", 0, 0, "whether to hurry"},
        {"note", DM_CONF_STR, offsetof(conf, note), "", 0, 64, "anything"},
};

static const dm_conf_spec spec = {"fuzz", "is fuzzed", rows, DM_LEN(rows)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conf c = {0};
    dm_err err = {0};
    if (dm_conf_parse(&spec, (dm_str){(const char *)data, size}, "input", &c, &err) < 0) {
        HOLDS(err.code < 0 && err.msg[0] != '\0');
        HOLDS(c.name == NULL && c.port == 0 && c.note == NULL);
        return 0;
    }
    HOLDS(strlen(c.name) >= 1 && strlen(c.name) <= 16 && strlen(c.note) <= 64);
    HOLDS(c.port >= 1 && c.port <= 65535);
    dm_conf_done(&spec, &c);
    return 0;
}
