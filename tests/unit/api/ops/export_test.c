/* Exports of a legal entity as operators order, look at, cancel and fetch them, and that nobody else does. What makes
 * the files is tried in metering/export/data/entity_test.c. */
/* Covers api/ops/export.c. */
#include <stdio.h>

#include "base/file.h"

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define JOURNAL "{\"dataset\":\"journal\",\"format\":\"csv\",\"from\":\"2026-03\",\"reason\":\"the close\"}"
#define WHY "{\"reason\":\"not needed\"}"

static const char *at(const dm_said *said, const char *rest)
{
    static char text[2][200];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/ops/exports/%s%s", dm_said_str(said, "id"), rest);
    return out;
}

static void forget(void)
{
    dm_rig_sql(&rig, "DELETE FROM dm.export; DELETE FROM dm.legal_entity WHERE entity_no > 1");
}

static void ordered_looked_at_and_cancelled(void **state)
{
    (void)state;
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/exports", JOURNAL);
    assert_int_equal(said.status, 202);
    assert_string_equal(dm_said_str(&said, "state"), "queued");
    assert_string_equal(dm_said_str(&said, "asked_by"), DM_RIG_OPERATOR);
    assert_int_equal(json_integer_value(json_object_get(said.body, "entity")), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export.add' AND "
                                         "detail->>'reason' = 'the close' AND detail->>'dataset' = 'journal'"),
            1);
    DM_AUTO_SAID list = dm_rig_operate(&rig, "GET", "/v1/ops/exports?limit=1", NULL);
    assert_int_equal(list.status, 200);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 1);
    DM_AUTO_SAID gone = dm_rig_operate(&rig, "POST", at(&said, "/cancel"), WHY);
    assert_int_equal(gone.status, 200);
    assert_string_equal(dm_said_str(&gone, "state"), "cancelled");
    DM_AUTO_SAID again = dm_rig_operate(&rig, "POST", at(&said, "/cancel"), WHY);
    assert_int_equal(again.status, 200);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export.cancel'"), 1);
    forget();
}

static void refused_orders(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *says;
    } wrong[] = {
            {"{\"dataset\":\"journal\",\"format\":\"csv\",\"from\":\"2026-03\"}", "reason"},
            {"{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\",\"reason\":\"x\"}",
                    "journal, tax, ageing, revenue, each as csv, jsonl, parquet, xlsx"},
            {"{\"dataset\":\"journal\",\"format\":\"csv\",\"from\":\"2026-3x\",\"reason\":\"x\"}", "months"},
            {"{\"dataset\":\"ageing\",\"format\":\"csv\",\"from\":\"9990-03\",\"reason\":\"x\"}", "must be over"},
            {"{\"dataset\":\"journal\",\"format\":\"csv\",\"from\":\"2026-03\",\"entity\":7,\"reason\":\"x\"}",
                    "entity"},
            {"{\"dataset\":\"journal\",\"format\":\"csv\",\"from\":\"2026-03\",\"entity\":0,\"reason\":\"x\"}",
                    "entity"},
    };
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/exports", wrong[i].body);
        if (said.status != 400 || strstr(said.text, wrong[i].says) == NULL)
            fail_msg("%s: %d %s", wrong[i].body, said.status, said.text);
    }
    /* Of several it is not guessed which. */
    dm_rig_sql(&rig, "INSERT INTO dm.legal_entity DEFAULT VALUES");
    DM_AUTO_SAID which = dm_rig_operate(&rig, "POST", "/v1/ops/exports", JOURNAL);
    assert_int_equal(which.status, 400);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.export"), 0);
    DM_AUTO_SAID none = dm_rig_operate(&rig, "GET", "/v1/ops/exports/00000000-0000-4000-8000-000000000001", NULL);
    assert_int_equal(none.status, 404);
    DM_AUTO_SAID no_id = dm_rig_operate(&rig, "POST", "/v1/ops/exports/none/cancel", WHY);
    assert_int_equal(no_id.status, 404);
    forget();
}

/* An account's order is none of these, nor is one of these an account's. */
static void nobody_elses(void **state)
{
    (void)state;
    char target[200];
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/exports", JOURNAL);
    dm_rig_in owner = dm_rig_person(&rig, "owner@demo.test", "owner", true);
    (void)snprintf(target, sizeof target, "/v1/accounts/%s/exports/%s", rig.tenants.demo.project.account_id,
            dm_said_str(&said, "id"));
    DM_AUTO_SAID one = dm_rig_call_in(&rig, &owner, "GET", target, NULL);
    assert_int_equal(one.status, 404);
    DM_AUTO_SAID refused = dm_rig_call_in(&rig, &owner, "GET", "/v1/ops/exports", NULL);
    assert_true(refused.status == 401 || refused.status == 403);
    (void)snprintf(target, sizeof target, "/v1/accounts/%s/exports", rig.tenants.demo.project.account_id);
    DM_AUTO_SAID list = dm_rig_call_in(&rig, &owner, "GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 0);
    DM_AUTO_SAID own = dm_rig_call_in(
            &rig, &owner, "POST", target, "{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\"}");
    assert_int_equal(own.status, 202);
    DM_AUTO_SAID other = dm_rig_operate(&rig, "GET", at(&own, ""), NULL);
    assert_int_equal(other.status, 404);
    forget();
}

static void fetched_by_a_link(void **state)
{
    (void)state;
    char path[400], sql[600];
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/exports", JOURNAL);
    (void)snprintf(path, sizeof path, "%s/journal.csv", rig.config.export_folder);
    assert_int_equal(dm_file_write(path, DM_STR("day\n"), 0640, NULL), 0);
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.export SET state = 'ready', file = 'journal.csv', bytes = 4, rows_done = 0, rows_all = 0, "
            "digest "
            "= sha256('x'), manifest = '{\"rows\":0}', ended_at = now(), expires_at = now() + interval '1 d' WHERE id "
            "= "
            "'%s'",
            dm_said_str(&said, "id"));
    dm_rig_sql(&rig, sql);
    DM_AUTO_SAID one = dm_rig_operate(&rig, "GET", at(&said, ""), NULL);
    const char *url = dm_json_c(json_object_get(one.body, "download"), "url");
    assert_non_null(url);
    DM_AUTO_SAID all = dm_rig_call_on(&rig.table, "GET", url + strlen("http://c.test:3000"), NULL, 0, NULL);
    assert_int_equal(all.status, 200);
    assert_int_equal(all.req->reply.file.n, 4);
    assert_string_equal(
            dm_said_header(&all, "Content-Disposition"), "attachment; filename=\"dormouse-journal-2026-03.csv\"");
    /* The link of an entity's is no link to an account's. */
    char forged[600];
    const char *link = strstr(url, "/v1/downloads/-1_");
    assert_non_null(link);
    (void)snprintf(forged, sizeof forged, "/v1/downloads/1_%s", link + strlen("/v1/downloads/-1_"));
    DM_AUTO_SAID no = dm_rig_call_on(&rig.table, "GET", forged, NULL, 0, NULL);
    assert_int_equal(no.status, 403);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(ordered_looked_at_and_cancelled, &rig),
            DM_RIG_TEST(refused_orders, &rig),
            DM_RIG_TEST(nobody_elses, &rig),
            DM_RIG_TEST(fetched_by_a_link, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
