/* Covers tenants/fleet/sql_fleet.c. */
#include <stdio.h>

#include "base/parse.h"
#include "base/wire/frame.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static int64_t member(const dm_said *s, const char *name)
{
    return json_integer_value(json_object_get(s->body, name));
}

static void enrolment(void **state)
{
    (void)state;
    static const char body[] =
            "{\"name\":\"worker-1\",\"public_key\":\"%s\",\"boot\":%d,\"door\":\"w1\",\"accel\":\"tcg\","
            "\"slots\":10,\"mem_mib\":4096}";
    static const char key[] = "00000000000000000000000000000000000000000000000000000000000000ff";
    char text[512];
    (void)snprintf(text, sizeof text, body, key, 2);
    int64_t asked_us = dm_rig_number(&rig, "SELECT dm.us(clock_timestamp())");
    DM_AUTO_SAID again = dm_rig_worker_call(&rig, "/v1/workers/enrol", text);
    assert_int_equal(again.status, 200);
    assert_int_equal(member(&again, "worker_no"), 1);
    assert_int_equal(member(&again, "region_no"), 1);
    assert_int_equal(member(&again, "period_s"), 60);
    assert_in_range(member(&again, "now_us"), asked_us, dm_rig_number(&rig, "SELECT dm.us(clock_timestamp())"));
    uint8_t key_of[DM_KEY];
    char hex[2 * DM_KEY + 1];
    assert_int_equal(dm_frame_key(rig.api.frame_secret, (dm_worker_no){1}, key_of, NULL), 0);
    dm_hex(key_of, sizeof key_of, hex);
    assert_string_equal(dm_said_str(&again, "frame_key"), hex);
    (void)snprintf(text, sizeof text, body, key, 1);
    DM_AUTO_SAID old = dm_rig_worker_call(&rig, "/v1/workers/enrol", text);
    assert_int_equal(old.status, 409);
    (void)snprintf(text, sizeof text, body, "zz", 3);
    DM_AUTO_SAID bad = dm_rig_worker_call(&rig, "/v1/workers/enrol", text);
    assert_int_equal(bad.status, 400);
    DM_AUTO_SAID keys = dm_rig_call_as(&rig, "", "GET", "/v1/keys", NULL, NULL, 0);
    assert_int_equal(keys.status, 200);
    const json_t *rows = json_object_get(keys.body, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(dm_json_c(json_array_get(rows, 1), "publicKey"), key);
}

/* From the first start that seals its frames on, whatever is said later. */
static void it_is_remembered_since_when_frames_are_sealed(void **state)
{
    (void)state;
    static const struct {
        const char *frames;
        int boot;
        const char *since;
    } starts[] = {{"", 11, "NULL"}, {",\"frames\":1", 12, "NULL"}, {",\"frames\":2", 13, "13"},
            {",\"frames\":2", 14, "13"}, {"", 15, "13"}};
    for (size_t i = 0; i < DM_LEN(starts); i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                "{\"name\":\"worker-1\",\"public_key\":"
                "\"00000000000000000000000000000000000000000000000000000000000000ff\","
                "\"boot\":%d,\"door\":\"w1\",\"accel\":\"tcg\",\"slots\":10,\"mem_mib\":4096%s}",
                starts[i].boot, starts[i].frames);
        DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/enrol", text);
        assert_int_equal(said.status, 200);
        (void)snprintf(text, sizeof text,
                "DO $$ BEGIN ASSERT (SELECT sealed_from_boot IS NOT DISTINCT FROM %s FROM dm.worker WHERE worker_no = "
                "1); "
                "END $$",
                starts[i].since);
        dm_rig_sql(&rig, text);
    }
}

/* A host that was declared lost is told so, whatever it says, and in words that say what to do. */
static void who_was_written_off_is_turned_away(void **state)
{
    (void)state;
    static const char body[] =
            "{\"name\":\"lost\",\"public_key\":\"00000000000000000000000000000000000000000000000000000"
            "000000000ff\",\"boot\":%d,\"door\":\"w1\",\"accel\":\"tcg\",\"slots\":1,\"mem_mib\":1}";
    static const char beat[] = "{\"boot\":1,\"running\":0,\"asleep\":0,\"pooled\":0,\"free_slots\":1,\"last_frame\":0,"
                               "\"refusing\":false}";
    char text[512], beats_at[64], events_at[64];
    (void)snprintf(text, sizeof text, body, 1);
    DM_AUTO_SAID first = dm_rig_worker_call(&rig, "/v1/workers/enrol", text);
    assert_int_equal(first.status, 200);
    (void)snprintf(beats_at, sizeof beats_at, "/v1/workers/%lld/beat", (long long)member(&first, "worker_no"));
    (void)snprintf(events_at, sizeof events_at, "/v1/workers/%lld/events", (long long)member(&first, "worker_no"));
    dm_rig_sql(&rig, "UPDATE dm.worker SET state = 'written_off', gone_at = now() WHERE name = 'lost'");
    DM_AUTO_SAID beaten = dm_rig_worker_call(&rig, beats_at, beat);
    assert_true(json_is_true(json_object_get(beaten.body, "enrol_again")));
    DM_AUTO_SAID event = dm_rig_worker_call(&rig, events_at,
            "{\"events\":[{\"seq\":1,\"sandbox\":\"i00000000000000000001\",\"epoch\":1,\"state\":\"ended\",\"cause\":"
            "\"killed\",\"detail\":\"\",\"at_us\":1}]}");
    assert_int_equal(event.status, 404);
    (void)snprintf(text, sizeof text, body, 2);
    DM_AUTO_SAID back = dm_rig_worker_call(&rig, "/v1/workers/enrol", text);
    assert_int_equal(back.status, 409);
    assert_string_equal(dm_said_str(&back, "message"),
            "this worker was written off as lost: its sandboxes have ended, and it is not taken back");
    const json_t *denial = json_object_get(back.body, "denial");
    assert_string_equal(json_string_value(json_object_get(denial, "rule")), "worker.written_off");
    dm_rig_sql(&rig, "DELETE FROM dm.worker_key WHERE worker_no > 1; DELETE FROM dm.worker WHERE name = 'lost'");
}

static void beats(void **state)
{
    (void)state;
    char text[512];
    static const char body[] =
            "{\"boot\":%lld,\"running\":1,\"asleep\":0,\"pooled\":2,\"free_slots\":7,\"last_frame\":9,"
            "\"refusing\":false}";
    int64_t boot = dm_rig_number(&rig, "SELECT boot FROM dm.worker");
    (void)snprintf(text, sizeof text, body, (long long)boot);
    DM_AUTO_SAID first = dm_rig_worker_call(&rig, "/v1/workers/1/beat", text);
    assert_int_equal(first.status, 200);
    assert_int_equal(member(&first, "durable_frame"), 0);
    assert_true(json_is_false(json_object_get(first.body, "enrol_again")));
    assert_int_equal(dm_rig_number(&rig, "SELECT free_slots FROM dm.worker"), 7);
    dm_rig_sql(&rig, "INSERT INTO dm.worker_mark VALUES (1, 1, 41, 0, 0)");
    DM_AUTO_SAID second = dm_rig_worker_call(&rig, "/v1/workers/1/beat", text);
    assert_int_equal(member(&second, "durable_frame"), 41);
    assert_int_equal(member(&second, "durable_boot"), 1);
    (void)snprintf(text, sizeof text, body, (long long)boot + 1);
    DM_AUTO_SAID other = dm_rig_worker_call(&rig, "/v1/workers/1/beat", text);
    assert_true(json_is_true(json_object_get(other.body, "enrol_again")));
    DM_AUTO_SAID nobody = dm_rig_worker_call(&rig, "/v1/workers/99/beat", text);
    assert_true(json_is_true(json_object_get(nobody.body, "enrol_again")));
    DM_AUTO_SAID bad = dm_rig_worker_call(&rig, "/v1/workers/x/beat", text);
    assert_int_equal(bad.status, 400);
}

/* The secret was changed under it: it is told to enrol, and gets the key that is in force. */
static void who_seals_with_another_key_enrols_again(void **state)
{
    (void)state;
    static const char body[] =
            "{\"boot\":%lld,\"running\":0,\"asleep\":0,\"pooled\":0,\"free_slots\":1,\"last_frame\":0,"
            "\"refusing\":false,\"frame_key\":%llu}";
    char text[512];
    uint8_t key[DM_KEY];
    uint64_t print;
    int64_t boot = dm_rig_number(&rig, "SELECT boot FROM dm.worker");
    for (int changed = 0; changed < 2; changed++) {
        assert_int_equal(dm_frame_key(rig.api.frame_secret, (dm_worker_no){1}, key, NULL), 0);
        assert_int_equal(dm_frame_key_print(key, &print, NULL), 0);
        rig.api.frame_secret[5] ^= changed ? 1 : 0;
        (void)snprintf(text, sizeof text, body, (long long)boot, (unsigned long long)print);
        DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/beat", text);
        assert_int_equal(said.status, 200);
        assert_int_equal(json_is_true(json_object_get(said.body, "enrol_again")), changed);
    }
    rig.api.frame_secret[5] ^= 1;
}

static int64_t send(int64_t seq, const char *id, int epoch, const char *what, const char *cause)
{
    char text[512];
    (void)snprintf(text, sizeof text,
            "{\"events\":[{\"seq\":%lld,\"sandbox\":\"%s\",\"epoch\":%d,\"state\":\"%s\",\"cause\":\"%s\",\"detail\":"
            "\"d\","
            "\"at_us\":1800000000000000}]}",
            (long long)seq, id, epoch, what, cause);
    DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/events", text);
    if (said.status != 200)
        fail_msg("%d %s", said.status, said.text);
    return member(&said, "acked");
}

static int64_t in_state(const char *name)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.sandbox WHERE state = '%s'", name);
    return dm_rig_number(&rig, sql);
}

static int64_t running(void)
{
    return dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use");
}

/* Delivered twice, late, of an older life, about nobody: each changes what it should, once. */
static void events_change_once(void **state)
{
    (void)state;
    char id[32], path[64];
    dm_rig_create(&rig, "", id);
    assert_int_equal(send(1, id, 1, "asleep", "timeout"), 1);
    assert_int_equal(in_state("paused"), 1);
    assert_int_equal(running(), 0);
    assert_int_equal(send(1, id, 1, "ended", "vmm_crashed"), 1); /* the number was taken */
    assert_int_equal(in_state("paused"), 1);
    assert_int_equal(send(2, id, 1, "asleep", "timeout"), 2); /* already so */
    assert_int_equal(running(), 0);
    assert_int_equal(send(3, "i00000000000000000000", 1, "ended", "timeout"), 3);

    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", id);
    /* The worker that pretends knows nothing of the timeout. */
    char stop_path[64];
    (void)snprintf(stop_path, sizeof stop_path, "/sandboxes/%s/pause", id);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'running', cause = NULL; UPDATE dm.quota_use SET running = 1, "
                     "vcpus = 8, mem_mib = 8192");
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", stop_path, NULL);
    assert_int_equal(paused.status, 204);
    DM_AUTO_SAID woken = dm_rig_call(&rig, "POST", path, "{\"timeout\":10}");
    assert_int_equal(woken.status, 201);
    assert_int_equal(send(4, id, 1, "ended", "vmm_crashed"), 4); /* of its past life */
    assert_int_equal(in_state("running"), 1);
    assert_int_equal(send(5, id, 2, "ended", "vmm_crashed"), 5);
    assert_int_equal(in_state("ended"), 1);
    assert_int_equal(running(), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE cause = 'vmm_crashed'"), 1);
    DM_AUTO_SAID gone = dm_rig_call(&rig, "POST", path, "{\"timeout\":10}");
    assert_int_equal(gone.status, 404);
}

/* An event that cannot be is told, counted as taken, and does not stop those behind it. */
static void nonsense_does_not_block(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    assert_int_equal(send(1, id, 1, "asleep", "vmm_crashed"), 1);
    assert_int_equal(send(2, id, 1, "ended", "no_such_cause"), 2);
    assert_int_equal(in_state("running"), 1);
    assert_int_equal(send(3, id, 1, "ended", "guest_shutdown"), 3);
    assert_int_equal(in_state("ended"), 1);
    DM_AUTO_SAID nobody = dm_rig_worker_call(&rig, "/v1/workers/99/events",
            "{\"events\":[{\"seq\":1,\"sandbox\":\"i00000000000000000000\",\"epoch\":1,\"state\":\"ended\",\"cause\":"
            "\"killed\",\"detail\":\"\",\"at_us\":1}]}");
    assert_int_equal(nobody.status, 404);
    DM_AUTO_SAID bad = dm_rig_worker_call(&rig, "/v1/workers/1/events", "{\"events\":[{}]}");
    assert_int_equal(bad.status, 400);
}

/* The worker's routes are not the tenants', nor the other way round; what is for this machine is for it alone. */
static void doors_are_apart(void **state)
{
    (void)state;
    const dm_pair forwarded = {DM_STR("X-Forwarded-For"), DM_STR("1.2.3.4")};
    DM_AUTO_SAID uplink = dm_rig_call(&rig, "POST", "/v1/workers/enrol", "{}");
    assert_int_equal(uplink.status, 404);
    DM_AUTO_SAID create = dm_rig_worker_call(&rig, "/sandboxes", "{}");
    assert_int_equal(create.status, 404);
    DM_AUTO_SAID own = dm_rig_call_as(&rig, "", "GET", "/metrics", NULL, NULL, 0);
    assert_int_equal(own.status, 200);
    DM_AUTO_SAID others = dm_rig_call_as(&rig, "", "GET", "/metrics", NULL, &forwarded, 1);
    assert_int_equal(others.status, 404);
    DM_AUTO_SAID door = dm_rig_call_as(&rig, "", "GET", "/door", NULL, &forwarded, 1);
    assert_int_equal(door.status, 404);
    DM_AUTO_SAID health = dm_rig_call_as(&rig, "", "GET", "/health", NULL, &forwarded, 1);
    assert_string_equal(health.text, "Health check successful");
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(enrolment, &rig),
            DM_RIG_TEST(who_was_written_off_is_turned_away, &rig), DM_RIG_TEST(beats, &rig),
            DM_RIG_TEST(who_seals_with_another_key_enrols_again, &rig), DM_RIG_TEST(events_change_once, &rig),
            DM_RIG_TEST(nonsense_does_not_block, &rig), DM_RIG_TEST(doors_are_apart, &rig),
            DM_RIG_TEST(it_is_remembered_since_when_frames_are_sealed, &rig)}; /* its worker has later starts */
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
