#include <unistd.h>

#include "base/file.h"
#include "base/wire/attest.h"
#include "base/wire/frame.h"

#include "tests/unit/test.h"

static dm_sign_key *key;
static dm_public_key public_key;
static char folder[] = "/tmp/dm-attest-XXXXXX";

static int make_key(void **state)
{
    char path[64];
    (void)state;
    if (mkdtemp(folder) == NULL || dm_path(path, sizeof(path), NULL, "%s/key", folder) < 0 ||
            dm_sign_key_open(path, &key, NULL) < 0)
        return -1;
    dm_sign_key_public(key, &public_key);
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    dm_sign_key_free(key);
    return dm_remove_tree(folder, NULL);
}

static void fill(dm_attest *a)
{
    memset(a, 0, sizeof(*a));
    a->worker_no = 3;
    a->worker_boot = 2;
    a->project_no = 11;
    a->sandbox = dm_sandbox_id_of_random((const uint8_t[16]){1, 2, 3, 4, 5, 6, 7, 8, 9});
    a->epoch = 4;
    a->spec_table = 1;
    a->spec = 9;
    a->region_no = 1;
    a->period_start = 1772359200;
    a->period_s = 3600;
    memset(a->state, DM_SAMPLE_RUN, 1000);
    memset(a->state + 1000, DM_SAMPLE_HIB, 1500);
    for (size_t m = 0; m < DM_ATTEST_MINUTES_MAX; m++)
        a->disk_16mib[m] = m < 42 ? (uint32_t)(640 + m) : DM_DISK_UNKNOWN;
    a->first_frame = 17;
    a->last_frame = 2516;
    memset(a->previous.b, 0xab, sizeof(a->previous.b));
    a->cause = DM_CAUSE_KILLED;
}

static void write_it(dm_buf *b, const dm_attest *a, dm_digest *hash)
{
    dm_err err;
    if (dm_attest_write(b, a, key, hash, &err) < 0)
        fail_msg("%s", err.msg);
}

static void comes_back_as_it_went(void **state)
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a)), *back = calloc(1, sizeof(*back));
    DM_AUTO_BUF b;
    dm_digest hash, again, of_bytes;
    dm_attest_kind kind;
    (void)state;
    fill(a);
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    write_it(&b, a, &hash);
    assert_int_equal(dm_attest_kind_of(dm_buf_view(&b), &kind, NULL), 0);
    assert_int_equal(kind, DM_ATTEST_SANDBOX);
    assert_true(dm_attest_signed_by(dm_buf_view(&b), &public_key));
    assert_int_equal(dm_attest_read(dm_buf_view(&b), back, &again, NULL), 0);
    assert_memory_equal(a->state, back->state, sizeof(a->state));
    assert_memory_equal(a->disk_16mib, back->disk_16mib, sizeof(a->disk_16mib) - sizeof(uint32_t));
    assert_int_equal(back->worker_no, 3);
    assert_int_equal(back->worker_boot, 2);
    assert_int_equal(back->project_no, 11);
    assert_true(dm_sandbox_id_eq(&a->sandbox, &back->sandbox));
    assert_int_equal(back->epoch, 4);
    assert_int_equal(back->spec_table, 1);
    assert_int_equal(back->spec, 9);
    assert_int_equal(back->region_no, 1);
    assert_int_equal(back->period_start, 1772359200);
    assert_int_equal(back->period_s, 3600);
    assert_int_equal(back->first_frame, 17);
    assert_int_equal(back->last_frame, 2516);
    assert_int_equal(back->cause, DM_CAUSE_KILLED);
    assert_memory_equal(&a->previous, &back->previous, sizeof(a->previous));
    assert_memory_equal(&hash, &again, sizeof(hash));
    assert_int_equal(dm_sha256(dm_buf_view(&b), &of_bytes, NULL), 0);
    assert_memory_equal(&hash, &of_bytes, sizeof(hash));
}

static void there_is_one_encoding(void **state)
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a)), *back = malloc(sizeof(*back));
    DM_AUTO_BUF b, again;
    (void)state;
    fill(a);
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    dm_buf_init(&again, DM_ATTEST_BYTES_MAX);
    write_it(&b, a, NULL);
    /* Each byte of the body changed in turn: either it is refused, or it is the encoding of what was read. */
    for (size_t i = 3; i < b.len - DM_ED25519_SIG; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            assert_false(i % 16 == 0 && bit == 0 && dm_attest_signed_by(dm_buf_view(&b), &public_key));
            if (dm_attest_read(dm_buf_view(&b), back, NULL, NULL) == 0) {
                dm_buf_reset(&again);
                write_it(&again, back, NULL);
                assert_int_equal(again.len, b.len);
                assert_memory_equal(again.p, b.p, b.len - DM_ED25519_SIG);
            }
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
        }
    }
    for (size_t n = 0; n < b.len; n++)
        assert_true(dm_attest_read((dm_str){b.p, n}, back, NULL, NULL) < 0);
}

static void extremes_of_states(void **state)
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a)), *back = malloc(sizeof(*back));
    DM_AUTO_BUF b;
    (void)state;
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    fill(a);
    for (size_t s = 0; s < sizeof(a->state); s++)
        a->state[s] = (uint8_t)(s % 3);
    write_it(&b, a, NULL);
    assert_int_equal(dm_attest_read(dm_buf_view(&b), back, NULL, NULL), 0);
    assert_memory_equal(a->state, back->state, sizeof(a->state));
    dm_buf_reset(&b);
    memset(a->state, 0, sizeof(a->state));
    a->period_s = 60;
    write_it(&b, a, NULL);
    assert_int_equal(dm_attest_read(dm_buf_view(&b), back, NULL, NULL), 0);
    assert_int_equal(back->disk_16mib[0], 640);
    assert_int_equal(back->disk_16mib[1], DM_DISK_UNKNOWN);
}

static void refuses_to_write_nonsense(void **state)
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a));
    DM_AUTO_BUF b;
    (void)state;
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    for (int what = 0; what < 8; what++) {
        fill(a);
        switch (what) {
        case 0:
            a->state[5] = 3;
            break;
        case 1:
            a->period_s = 3601;
            break;
        case 2:
            a->period_start++;
            break;
        case 3:
            a->epoch = 0;
            break;
        case 4:
            a->cause = DM_CAUSE_COUNT;
            break;
        case 5:
            a->first_frame = a->last_frame + 1;
            break;
        case 6:
            a->worker_no = 0;
            break;
        default:
            memset(&a->sandbox, 0, sizeof(a->sandbox));
            break;
        }
        assert_int_equal(dm_attest_write(&b, a, key, NULL, NULL), DM_E_INVALID);
        assert_int_equal(b.len, 0);
    }
}

static void end_records(void **state)
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a));
    DM_AUTO_BUF b;
    dm_attest_kind kind;
    dm_attest_end e = {.worker_no = 3,
                          .worker_boot = 2,
                          .period_start = 1772359200,
                          .period_s = 60,
                          .count = 5,
                          .last_frame = 77},
                  back;
    (void)state;
    memset(e.all.b, 7, sizeof(e.all.b));
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    assert_int_equal(dm_attest_end_write(&b, &e, key, NULL), 0);
    assert_int_equal(dm_attest_kind_of(dm_buf_view(&b), &kind, NULL), 0);
    assert_int_equal(kind, DM_ATTEST_END);
    assert_true(dm_attest_signed_by(dm_buf_view(&b), &public_key));
    assert_int_equal(dm_attest_end_read(dm_buf_view(&b), &back, NULL), 0);
    assert_int_equal(back.count, 5);
    assert_int_equal(back.last_frame, 77);
    assert_int_equal(back.period_start, 1772359200);
    assert_memory_equal(&back.all, &e.all, sizeof(e.all));
    assert_int_equal(dm_attest_read(dm_buf_view(&b), a, NULL, NULL), DM_E_INVALID);
    for (size_t n = 0; n < b.len; n++)
        assert_true(dm_attest_end_read((dm_str){b.p, n}, &back, NULL) < 0);
    b.p[20] = (char)(b.p[20] ^ 1);
    assert_false(dm_attest_signed_by(dm_buf_view(&b), &public_key));
    assert_false(dm_attest_signed_by(DM_STR("short"), &public_key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(comes_back_as_it_went),
            cmocka_unit_test(there_is_one_encoding),
            cmocka_unit_test(extremes_of_states),
            cmocka_unit_test(refuses_to_write_nonsense),
            cmocka_unit_test(end_records),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
