#include "base/wire/frame.h"

#include "tests/unit/test.h"

static dm_frame_head head_of(uint32_t n)
{
    return (dm_frame_head){.key_no = 3,
            .worker_no = 7,
            .worker_boot = 2,
            .frame_no = 99,
            .prev_boot_last_frame = 41,
            .second = 1772359200,
            .complete_through = 1772359199,
            .part = 1,
            .parts = 2,
            .clock_err_us = 12,
            .n = n};
}

static dm_sample sample_of(uint32_t i)
{
    uint8_t random[16] = {0};
    memcpy(random + 8, &i, sizeof(i));
    random[3] = 1;
    return (dm_sample){.sandbox = dm_sandbox_id_of_random(random),
            .epoch = i + 1,
            .project_no = 5,
            .spec_table = 1,
            .spec = 4,
            .state = i % 2 == 0 ? DM_SAMPLE_RUN : DM_SAMPLE_HIB,
            .span_s = i % 2 == 0 ? 1 : 60,
            .region_no = 9,
            .disk_16mib = i % 3 == 0 ? DM_DISK_UNKNOWN : 640 + i,
            .cpu_used_us = 1,
            .mem_private_mib = 2,
            .mem_shared_mib = 3,
            .net_in_kib = 4,
            .net_out_kib = 5,
            .disk_read_kib = 6,
            .disk_write_kib = 7};
}

static void write_one(dm_buf *b, uint32_t n)
{
    DM_AUTO_MEM dm_sample *s = calloc(n + 1, sizeof(*s));
    dm_frame_head h = head_of(n);
    dm_err err;
    for (uint32_t i = 0; i < n; i++)
        s[i] = sample_of(i);
    if (dm_frame_write(b, &h, s, NULL, &err) < 0)
        fail_msg("%s", err.msg);
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 40; n += 13) {
        DM_AUTO_BUF b;
        dm_buf_init(&b, DM_FRAME_BYTES_MAX);
        write_one(&b, n);
        assert_int_equal(b.len, DM_FRAME_HEAD + n * DM_SAMPLE_BYTES + 4);
        assert_int_equal(dm_frame_length(dm_buf_view(&b)), b.len);
        dm_frame_head h;
        const uint8_t *samples;
        assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL), 0);
        dm_frame_head want = head_of(n);
        assert_memory_equal(&h.worker_no, &want.worker_no, 6 * 8);
        assert_int_equal(h.key_no, 3);
        assert_int_equal(h.part, 1);
        assert_int_equal(h.parts, 2);
        assert_int_equal(h.clock_err_us, 12);
        assert_int_equal(h.n, n);
        for (uint32_t i = 0; i < n; i++) {
            dm_sample got = {0}, s = sample_of(i);
            assert_int_equal(dm_frame_sample(samples, i, &got, NULL), 0);
            assert_memory_equal(&got, &s, sizeof(s));
        }
    }
}

static dm_mac *seal_of(uint64_t worker_no)
{
    static const uint8_t secret[DM_KEY] = {9};
    uint8_t key[DM_KEY];
    dm_mac *seal = NULL;
    assert_int_equal(dm_frame_key(secret, (dm_worker_no){worker_no}, key, NULL), 0);
    assert_int_equal(dm_mac_new(key, &seal, NULL), 0);
    return seal;
}

/* Each key has a number of its own, and always the same. */
static void a_key_has_a_number(void **state)
{
    uint64_t prints[256];
    (void)state;
    for (size_t i = 0; i < DM_LEN(prints); i++) {
        const uint8_t key[DM_KEY] = {(uint8_t)i, 1};
        uint64_t again;
        assert_int_equal(dm_frame_key_print(key, &prints[i], NULL), 0);
        assert_int_equal(dm_frame_key_print(key, &again, NULL), 0);
        assert_true(prints[i] == again && prints[i] <= INT64_MAX);
        for (size_t k = 0; k < i; k++)
            assert_true(prints[k] != prints[i]);
    }
    assert_int_equal(dm_frame_key_no(0x12345), 0x2345);
    assert_int_equal(dm_frame_key_no(0x10000), 1); /* 0 is who does not say */
}

/* Whoever has not the key of just this worker makes no frame of it, however little he changes. */
static void a_seal_is_its_workers(void **state)
{
    DM_AUTO_BUF b, again;
    DM_AUTO(dm_mac) own = seal_of(7);
    DM_AUTO(dm_mac) other = seal_of(8);
    dm_frame_head h = head_of(2), got, third;
    const dm_sample s[2] = {sample_of(0), sample_of(1)};
    const uint8_t *samples;
    (void)state;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    dm_buf_init(&again, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, s, own, NULL), 0);
    assert_int_equal(b.len, DM_FRAME_HEAD + 2 * DM_SAMPLE_BYTES + 12 + 16 + 4);
    assert_int_equal(b.p[4], DM_FRAME_SEALED);
    assert_int_equal(dm_frame_length(dm_buf_view(&b)), b.len);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &got, &samples, NULL), 0); /* by whoever has no key */
    assert_int_equal(got.version, DM_FRAME_SEALED);
    assert_true(dm_frame_sealed_by(dm_buf_view(&b), own));
    assert_false(dm_frame_sealed_by(dm_buf_view(&b), other));
    for (size_t i = 0; i + 4 < b.len; i++) {
        b.p[i] = (char)(b.p[i] ^ 0x40);
        assert_false(dm_frame_sealed_by(dm_buf_view(&b), own));
        assert_true(dm_frame_open(dm_buf_view(&b), &third, &samples, NULL) < 0);
        b.p[i] = (char)(b.p[i] ^ 0x40);
    }
    /* The same said again is another frame, and is told apart. */
    assert_int_equal(dm_frame_write(&again, &h, s, own, NULL), 0);
    assert_int_equal(dm_frame_read(dm_buf_view(&again), &third, &samples, NULL), 0);
    assert_true(third.print != got.print);
    assert_true(dm_frame_sealed_by(dm_buf_view(&again), own));
}

static void layout_is_fixed(void **state)
{
    DM_AUTO_BUF b;
    (void)state;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    write_one(&b, 1);
    const uint8_t *p = (const uint8_t *)b.p;
    static const uint8_t start[] = {'D', 'M', 'F', '1', 1, 0, 3, 0, 7, 0, 0, 0, 0, 0, 0, 0, 2};
    assert_memory_equal(p, start, sizeof(start));
    assert_int_equal(p[24], 99);
    assert_int_equal(p[56], 1);
    assert_int_equal(p[64], 1);
    assert_int_equal(p[68 + 16], 1); /* epoch */
    assert_int_equal(p[68 + 28], DM_SAMPLE_RUN);
    assert_int_equal(p[68 + 60], 7);
}

static void every_changed_byte_is_seen(void **state)
{
    DM_AUTO_BUF b;
    dm_frame_head h;
    const uint8_t *samples;
    (void)state;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    write_one(&b, 3);
    for (size_t i = 0; i < b.len; i++) {
        b.p[i] = (char)(b.p[i] ^ 0x40);
        assert_true(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL) < 0);
        b.p[i] = (char)(b.p[i] ^ 0x40);
    }
    for (size_t n = 0; n < b.len; n++)
        assert_true(dm_frame_open((dm_str){b.p, n}, &h, &samples, NULL) < 0);
    (void)dm_buf_ch(&b, 'x');
    assert_true(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL) < 0);
}

/* A head with a right checksum whose values cannot be. */
static int open_with(void (*change)(dm_frame_head *h))
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    dm_frame_head h = head_of(0);
    change(&h);
    return dm_frame_write(&b, &h, NULL, NULL, NULL);
}

static void no_worker(dm_frame_head *h)
{
    h->worker_no = 0;
}

static void part_past_the_end(dm_frame_head *h)
{
    h->part = 2;
}

static void complete_in_the_future(dm_frame_head *h)
{
    h->complete_through = h->second + 1;
}

static void before_the_epoch(dm_frame_head *h)
{
    h->second = -1;
}

static void far_future(dm_frame_head *h)
{
    h->second = INT64_MAX;
}

static void huge_number(dm_frame_head *h)
{
    h->frame_no = UINT64_MAX;
}

static void heads_that_cannot_be(void **state)
{
    (void)state;
    assert_int_equal(open_with(no_worker), DM_E_INVALID);
    assert_int_equal(open_with(part_past_the_end), DM_E_INVALID);
    assert_int_equal(open_with(complete_in_the_future), DM_E_INVALID);
    assert_int_equal(open_with(before_the_epoch), DM_E_INVALID);
    assert_int_equal(open_with(far_future), DM_E_INVALID);
    assert_int_equal(open_with(huge_number), DM_E_INVALID);
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    dm_frame_head h = head_of(DM_FRAME_SAMPLES + 1);
    assert_int_equal(dm_frame_write(&b, &h, NULL, NULL, NULL), DM_E_LIMIT);
    assert_int_equal(b.len, 0);
}

static void samples_that_cannot_be(void **state)
{
    (void)state;
    for (int what = 0; what < 7; what++) {
        DM_AUTO_BUF b;
        dm_frame_head h = head_of(1);
        const uint8_t *samples;
        dm_sample s = sample_of(0), out = {.epoch = 1234};
        dm_buf_init(&b, DM_FRAME_BYTES_MAX);
        switch (what) {
        case 0:
            memset(s.sandbox.b, 0xff, sizeof(s.sandbox.b));
            break;
        case 1:
            s.epoch = 0;
            break;
        case 2:
            s.state = 0;
            break;
        case 3:
            s.state = 3;
            break;
        case 4:
            s.span_s = 2;
            break;
        case 5:
            s.span_s = 0;
            break;
        default:
            s.state = DM_SAMPLE_HIB;
            s.span_s = 61;
            break;
        }
        assert_int_equal(dm_frame_write(&b, &h, &s, NULL, NULL), 0);
        assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL), 0);
        assert_int_equal(dm_frame_sample(samples, 0, &out, NULL), DM_E_INVALID);
        assert_int_equal(out.epoch, 1234);
    }
}

static void lengths_of_what_is_no_frame(void **state)
{
    (void)state;
    char junk[DM_FRAME_HEAD] = {0};
    assert_int_equal(dm_frame_length((dm_str){junk, sizeof(junk)}), 0);
    assert_int_equal(dm_frame_length((dm_str){"DMF1", 4}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(comes_back_as_it_went),
            cmocka_unit_test(a_key_has_a_number),
            cmocka_unit_test(a_seal_is_its_workers),
            cmocka_unit_test(layout_is_fixed),
            cmocka_unit_test(every_changed_byte_is_seen),
            cmocka_unit_test(heads_that_cannot_be),
            cmocka_unit_test(samples_that_cannot_be),
            cmocka_unit_test(lengths_of_what_is_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
