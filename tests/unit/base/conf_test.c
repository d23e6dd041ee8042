#include <fcntl.h>
#include <stdio.h>

#include "base/conf.h"
#include "base/file.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

typedef struct conf {
    char *name;
    uint64_t port;
    bool fast;
    char *note;
} conf;

static const dm_conf_row rows[] = {
        {"name", DM_CONF_STR, offsetof(conf, name), NULL, 1, 16, "what it is called"},
        {"port", DM_CONF_U64, offsetof(conf, port), "3100", 1, 65535, "where it listens"},
        {"fast", DM_CONF_BOOL, offsetof(conf, fast), "false", 0, 0, "whether to hurry"},
        {"note", DM_CONF_STR, offsetof(conf, note), "", 0, 64, "anything"},
};

static const dm_conf_spec spec = {"thing", "does things", rows, DM_LEN(rows)};

static int parse(const char *text, conf *out, dm_err *err)
{
    return dm_conf_parse(&spec, dm_str_c(text), "t.conf", out, err);
}

static void fills_and_defaults(void **state)
{
    (void)state;
    conf c;
    assert_int_equal(parse("# head\n\n  name =  a b \t\r\nport=80#1\n", &c, NULL), DM_E_INVALID);
    assert_int_equal(parse("# head\n\n  name =  a b \t\r\nport=80 # web\n\t# tail\nnote = x=#1 # no", &c, NULL), 0);
    assert_string_equal(c.name, "a b");
    assert_int_equal(c.port, 80);
    assert_false(c.fast);
    assert_string_equal(c.note, "x=#1");
    dm_conf_done(&spec, &c);
    assert_null(c.name);
    dm_conf_done(&spec, &c);

    assert_int_equal(parse("name=x\nfast = true\nnote =\n", &c, NULL), 0);
    assert_int_equal(c.port, 3100);
    assert_true(c.fast);
    assert_string_equal(c.note, "");
    dm_conf_done(&spec, &c);
}

static void refusals_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
            {"", "t.conf: name must be given"},
            {"name=x\nnme=y\n", "t.conf:2: unknown name \"nme\""},
            {"name=x\n\nname=y\n", "t.conf:3: name was given in line 1 already"},
            {"name=x\njust words\n", "t.conf:2: not a line"},
            {"name=x\n= y\n", "t.conf:2: unknown name \"\""},
            {"name=\n", "t.conf:1: name: must have 1 to 16 bytes"},
            {"name=12345678901234567\n", "t.conf:1: name: must have 1 to 16 bytes"},
            {"name=x\nport=0\n", "t.conf:2: port: not a whole number from 1 to 65535"},
            {"name=x\nport=65536\n", "t.conf:2: port: not a whole"},
            {"name=x\nport=80s\n", "t.conf:2: port: not a whole"},
            {"name=x\nfast=yes\n", "t.conf:2: fast: neither true nor false"},
            {"name=\xff\n", "t.conf is not UTF-8 text"},
    };
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        conf c = {.port = 7};
        dm_err err;
        assert_int_equal(parse(bad[i].text, &c, &err), DM_E_INVALID);
        assert_says(err, bad[i].says);
        assert_true(c.port == 7 && c.name == NULL); /* untouched */
    }
    conf c;
    assert_int_equal(dm_conf_parse(&spec, DM_STR("name=a\0b"), "t", &c, NULL), DM_E_INVALID);
    DM_AUTO_MEM char *big = calloc(1, (1 << 20) + 1);
    assert_non_null(big);
    memset(big, '#', (1 << 20) + 1);
    assert_int_equal(dm_conf_parse(&spec, (dm_str){big, (1 << 20) + 1}, "t", &c, NULL), DM_E_LIMIT);
}

static void a_bad_default_is_found(void **state)
{
    (void)state;
    static const dm_conf_row row = {"port", DM_CONF_U64, 0, "70000", 1, 65535, ""};
    static const dm_conf_spec wrong = {"thing", "", &row, 1};
    uint64_t port = 7;
    dm_err err;
    assert_int_equal(dm_conf_parse(&wrong, DM_STR(""), "t", &port, &err), DM_E_INVALID);
    assert_says(err, "default of port");
    assert_int_equal(port, 7);
}

static void survives_each_failed_allocation(void **state)
{
    (void)state;
    int failures = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        conf c = {0};
        int r = parse("name=x\nnote=y\n", &c, NULL);
        bool hit = alloc_fail_hit();
        assert_int_equal(r, hit ? DM_E_NOMEM : 0);
        if (hit)
            assert_true(c.name == NULL && c.note == NULL);
        failures += hit;
        dm_conf_done(&spec, &c);
    }
    assert_int_equal(failures, 3);
}

/* --- the command line --------------------------------------------------------------------------------------- */

enum { ARGS_MAX = 10 };

static char file_path[64];

static int make_file(void **state)
{
    (void)state;
    memcpy(file_path, "/tmp/dm-conf-test.XXXXXX", 25);
    int fd = mkstemp(file_path);
    assert_true(fd >= 0);
    assert_int_equal(dm_write_all(fd, "name = filed\nport = 81\n", 23, NULL), 0);
    return close(fd);
}

static int drop_file(void **state)
{
    (void)state;
    return unlink(file_path);
}

/* line is split at blanks; FILE stands for the file above. */
static int run(const char *line, conf *c, dm_err *err)
{
    char text[256];
    char *argv[ARGS_MAX + 1] = {0};
    int argc = 0;
    argv[argc++] = text; /* the program's name, never read */
    assert_int_equal(dm_str_to_array(dm_str_c(line), text, sizeof(text), NULL), 0);
    for (char *p = text; p != NULL && *p != '\0' && argc < ARGS_MAX;) {
        char *end = strchr(p, ' ');
        if (end != NULL)
            *end++ = '\0';
        argv[argc++] = strcmp(p, "FILE") == 0 ? file_path : p;
        p = end;
    }
    return dm_conf_main(&spec, argc, argv, c, err);
}

static void reads_the_command_line(void **state)
{
    (void)state;
    conf c;
    assert_int_equal(run("--set name=x", &c, NULL), 0);
    assert_string_equal(c.name, "x");
    assert_int_equal(c.port, 3100);
    dm_conf_done(&spec, &c);
    assert_int_equal(run("--set port=82 --config FILE --set note=a=b --set port=83", &c, NULL), 0);
    assert_string_equal(c.name, "filed");
    assert_int_equal(c.port, 83);
    assert_string_equal(c.note, "a=b");
    dm_conf_done(&spec, &c);
}

static void refuses_a_bad_command_line(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } bad[] = {
            {"", "thing: name must be given"},
            {"--what", "unknown argument \"--what\""},
            {"--set", "--set takes a value"},
            {"--config", "--config takes a value"},
            {"--config FILE --config FILE", "given twice"},
            {"--set name", "NAME=VALUE"},
            {"--set nme=x", "unknown name \"nme\""},
            {"--set name=x --set port=0", "--set port: not a whole number"},
    };
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        conf c;
        dm_err err;
        assert_int_equal(run(bad[i].line, &c, &err), DM_E_INVALID);
        assert_says(err, bad[i].says);
    }
    conf c;
    assert_int_equal(run("--config /nowhere/at/all", &c, NULL), DM_E_NOTFOUND);
}

/* Runs with standard output in a file; gives what was printed. */
static int capture(const char *line, char out[4096])
{
    char path[] = "/tmp/dm-conf-out.XXXXXX";
    DM_AUTO_FD fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)unlink(path);
    (void)fflush(stdout);
    DM_AUTO_FD was = fcntl(1, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(dup2(fd, 1), 1);
    conf c;
    int r = run(line, &c, NULL);
    assert_int_equal(dup2(was, 1), 1);
    size_t n = 0;
    assert_int_equal(dm_pread_all(fd, out, 4095, 0, &n, NULL), 0);
    out[n] = '\0';
    return r;
}

static void dumps_what_is_in_force(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(capture("--config FILE --dump --set fast=true", out), DM_CONF_EXIT);
    assert_string_equal(out, "name = filed\nport = 81\nfast = true\nnote = \n");
    conf c;
    assert_int_equal(parse(out, &c, NULL), 0); /* a dump is a configuration */
    dm_conf_done(&spec, &c);
    assert_int_equal(capture("--dump", out), DM_E_INVALID);
    assert_string_equal(out, "");
}

static void helps(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(capture("--help", out), DM_CONF_EXIT);
    assert_non_null(strstr(out, "thing: does things"));
    assert_non_null(strstr(out, "  port\n      where it listens\n      (number 1 to 65535; default 3100)\n"));
    assert_non_null(strstr(out, "  name\n      what it is called\n      (text, at most 16 bytes; must be given)\n"));
    assert_non_null(strstr(out, "--set NAME=VALUE"));
}

static void documents(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(capture("--docs", out), DM_CONF_EXIT);
    assert_int_equal(
            strncmp(out, "## thing\n\ndoes things\n\n| setting | what it is | value |\n|---|---|---|\n", 68), 0);
    assert_non_null(strstr(out, "\n| `port` | where it listens | number 1 to 65535; default 3100 |\n"));
    assert_non_null(strstr(out, "\n| `name` | what it is called | text, at most 16 bytes; must be given |\n"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(fills_and_defaults),
            cmocka_unit_test(refusals_say_where),
            cmocka_unit_test(a_bad_default_is_found),
            cmocka_unit_test(survives_each_failed_allocation),
            cmocka_unit_test(reads_the_command_line),
            cmocka_unit_test(refuses_a_bad_command_line),
            cmocka_unit_test(dumps_what_is_in_force),
            cmocka_unit_test(helps),
            cmocka_unit_test(documents),
    };
    return cmocka_run_group_tests(tests, make_file, drop_file);
}
