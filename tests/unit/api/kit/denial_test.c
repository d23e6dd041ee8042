/* The table of refusals, and what an answer makes of a row. */
/* Covers api/kit/answer.c. */
#include <stdio.h>

#include "api/kit/answer.h"
#include "api/kit/gate.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

/* --- the table ---------------------------------------------------------------------------------------------- */

static void a_rule_is_a_noun_and_a_word(const char *rule)
{
    size_t noun = strspn(rule, lower), word = strspn(rule + noun + 1, lower);
    if (noun == 0 || rule[noun] != '.' || word == 0 || rule[noun + 1 + word] != '\0')
        fail_msg("\"%s\" is not noun.word", rule);
}

static void a_cure_is_a_sentence(const char *rule, const char *cure)
{
    size_t n = strlen(cure);
    if (n < 5 || cure[n - 1] == '.' || cure[n - 1] == ' ' || strpbrk(cure, "\n\"\\") != NULL)
        fail_msg("%s: \"%s\" is no sentence without a full stop", rule, cure);
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DM_NOS; i++) {
        const dm_no_row *row = dm_no_get((dm_no)i);
        a_rule_is_a_noun_and_a_word(row->rule);
        a_cure_is_a_sentence(row->rule, row->cure);
        if (row->status < 400 || row->status > 599)
            fail_msg("%s: %d", row->rule, row->status);
        if (row->error_code != NULL && row->error_code[strspn(row->error_code, lower)] != '\0')
            fail_msg("%s: %s", row->rule, row->error_code);
        if (row->retry_after_s < -1 || row->retry_after_s == 0 || row->retry_after_s > 60)
            fail_msg("%s: after %d s", row->rule, row->retry_after_s);
        if (strncmp(row->doc, "/docs/", 6) != 0 || row->doc[6 + strspn(row->doc + 6, lower)] != '\0')
            fail_msg("%s: %s", row->rule, row->doc);
    }
}

/* --- an answer ---------------------------------------------------------------------------------------------- */

/* How a request is refused: the handler's ctx. */
typedef struct refusal {
    dm_no no;
    const dm_bound *bound;
    const dm_deny_as *as;
} refusal;

static int refuse(dm_req *req, void *ctx, dm_err *err)
{
    const refusal *f = ctx;
    (void)err;
    if (f->as != NULL)
        return dm_deny_other(req, f->no, "sandbox.test", f->as, "the words");
    if (f->bound != NULL)
        return dm_deny_bound(req, f->no, "sandbox.test", f->bound, "the %s", "words");
    return dm_deny(req, f->no, "sandbox.test", "the %s", "words");
}

static dm_said refused(const refusal *f)
{
    static const dm_route route = {"GET", "/", 0, 0, refuse};
    refusal own = *f;
    const dm_http_config table = {.routes = &route, .nroutes = 1, .ctx = &own, .clock = &dm_clock_real};
    return dm_rig_call_on(&table, "GET", "/", NULL, 0, NULL);
}

static json_t *denial_of(const dm_said *s)
{
    return json_object_get(s->body, "denial");
}

/* Retry-After says when; where a client would try again by itself, Should-Retry says that it is no use. */
static void retrying_is_as(const dm_said *said, int32_t retry_after_s)
{
    char seconds[16];
    const char *after = dm_said_header(said, "Retry-After"), *should = dm_said_header(said, "Should-Retry");
    const json_t *in_body = json_object_get(denial_of(said), "retry_after_s");
    (void)snprintf(seconds, sizeof seconds, "%d", retry_after_s);
    if (retry_after_s >= 0) {
        assert_string_equal(after != NULL ? after : "never", seconds);
        assert_null(should);
        assert_int_equal(json_integer_value(in_body), retry_after_s);
        return;
    }
    assert_null(after);
    assert_true(json_is_null(in_body));
    if (said->status == 429 || said->status >= 500)
        assert_string_equal(should != NULL ? should : "perhaps", "false");
    else
        assert_null(should);
}

static void an_answer_follows_its_row(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DM_NOS; i++) {
        const dm_no_row *row = dm_no_get((dm_no)i);
        DM_AUTO_SAID said = refused(&(refusal){.no = (dm_no)i});
        const char *error_code = json_string_value(json_object_get(said.body, "error_code"));
        assert_int_equal(said.status, row->status);
        assert_int_equal(json_integer_value(json_object_get(said.body, "code")), row->status);
        assert_string_equal(dm_said_str(&said, "message"), "the words");
        assert_string_equal(error_code != NULL ? error_code : "", row->error_code != NULL ? row->error_code : "");
        dm_denial d;
        assert_int_equal(dm_denial_read(denial_of(&said), &d, NULL), 0);
        assert_string_equal(d.what, "sandbox.test");
        assert_string_equal(d.rule, row->rule);
        assert_string_equal(d.cure, row->cure);
        assert_string_equal(d.doc, row->doc);
        assert_false(d.has_limit || d.has_current);
        assert_null(d.allowed);
        retrying_is_as(&said, row->retry_after_s);
    }
}

static void a_bound_is_told(void **state)
{
    (void)state;
    const dm_bound bound = {.limit = 5, .current = 6, .allowed = "less"};
    DM_AUTO_SAID said = refused(&(refusal){.no = DM_NO_PROJECT_RUNNING_MAX, .bound = &bound});
    dm_denial d;
    assert_int_equal(said.status, 429);
    assert_int_equal(dm_denial_read(denial_of(&said), &d, NULL), 0);
    assert_true(d.has_limit && d.has_current);
    assert_int_equal(d.limit, 5);
    assert_int_equal(d.current, 6);
    assert_string_equal(d.allowed, "less");
    retrying_is_as(&said, -1);
}

/* What another refused: its status, its words on retrying, and its own denial when it sent one. */
static void anothers_refusal_is_passed_on(void **state)
{
    (void)state;
    const dm_deny_as plain = {.status = 503, .error_code = "its_code", .denial = "", .retry_after_s = 7};
    DM_AUTO_SAID said = refused(&(refusal){.no = DM_NO_WORKER_REFUSED, .as = &plain});
    assert_int_equal(said.status, 503);
    assert_string_equal(dm_said_str(&said, "error_code"), "its_code");
    assert_string_equal(json_string_value(json_object_get(denial_of(&said), "rule")), "worker.refused");
    retrying_is_as(&said, 7);
    const dm_deny_as own = {
            .status = 500, .denial = "{\"rule\":\"host.full\",\"retry_after_s\":null}", .retry_after_s = -1};
    DM_AUTO_SAID theirs = refused(&(refusal){.no = DM_NO_WORKER_REFUSED, .as = &own});
    assert_int_equal(theirs.status, 500);
    assert_null(json_object_get(theirs.body, "error_code"));
    assert_string_equal(json_string_value(json_object_get(denial_of(&theirs), "rule")), "host.full");
    retrying_is_as(&theirs, -1);
}

/* A refusal that no handler worded: by status alone, and no less whole. */
static int break_down(dm_req *req, void *ctx, dm_err *err)
{
    (void)req;
    return dm_fail(err, *(const int *)ctx, "why");
}

static void a_failure_follows_its_row_too(void **state)
{
    (void)state;
    static const dm_route route = {"GET", "/", 0, 0, break_down};
    static const struct {
        int code;
        dm_no no;
    } cases[] = {{DM_E_INVALID, DM_NO_REQUEST_INVALID}, {DM_E_DENIED, DM_NO_AUTH_FORBIDDEN},
            {DM_E_NOTFOUND, DM_NO_REQUEST_UNKNOWN}, {DM_E_LIMIT, DM_NO_REQUEST_RATE},
            {DM_E_UNAVAILABLE, DM_NO_SERVICE_BUSY}, {DM_E_TIMEOUT, DM_NO_SERVICE_SLOW},
            {DM_E_INTERNAL, DM_NO_SERVICE_FAILED}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        const dm_no_row *row = dm_no_get(cases[i].no);
        int code = cases[i].code;
        const dm_http_config table = {
                .routes = &route, .nroutes = 1, .error_body = dm_api_error_body, .ctx = &code, .clock = &dm_clock_real};
        DM_AUTO_SAID said = dm_rig_call_on(&table, "GET", "/", NULL, 0, NULL);
        assert_int_equal(said.status, row->status);
        assert_string_equal(json_string_value(json_object_get(denial_of(&said), "rule")), row->rule);
        retrying_is_as(&said, row->retry_after_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_is_whole),
            cmocka_unit_test(an_answer_follows_its_row), cmocka_unit_test(a_bound_is_told),
            cmocka_unit_test(anothers_refusal_is_passed_on), cmocka_unit_test(a_failure_follows_its_row_too)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
