#include "metering/rules/merkle.h"
#include "tests/unit/test.h"

/* RFC 6962, as it is written there: recursively. */
static void plain_root(const dm_digest *h, size_t n, dm_digest *out)
{
    if (n == 0) {
        assert_int_equal(dm_sha256((dm_str){"", 0}, out, NULL), 0);
        return;
    }
    if (n == 1) {
        dm_str leaf[] = {{"\0", 1}, {(const char *)h->b, 32}};
        assert_int_equal(dm_sha256_parts(leaf, 2, out, NULL), 0);
        return;
    }
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    dm_digest left, right;
    plain_root(h, k, &left);
    plain_root(h + k, n - k, &right);
    dm_str node[] = {{"\1", 1}, {(const char *)left.b, 32}, {(const char *)right.b, 32}};
    assert_int_equal(dm_sha256_parts(node, 3, out, NULL), 0);
}

static void the_tree_is_that_of_the_rfc(void **state)
{
    dm_digest h[300], want, got;
    dm_merkle m = {0};
    (void)state;
    for (size_t i = 0; i < DM_LEN(h); i++)
        memset(h[i].b, (int)(i & 0xff), sizeof(h[i].b));
    for (size_t n = 0; n <= DM_LEN(h); n++) {
        plain_root(h, n, &want);
        assert_int_equal(dm_merkle_root(&m, &got, NULL), 0);
        assert_memory_equal(&want, &got, sizeof(want));
        if (n < DM_LEN(h))
            assert_int_equal(dm_merkle_add(&m, &h[n], NULL), 0);
    }
    assert_int_equal(m.n, DM_LEN(h));
}

/* A copy goes its own way: whoever tries something twice begins at the same place. */
static void a_copy_goes_on_by_itself(void **state)
{
    dm_digest a = {{1}}, b = {{2}}, first, again;
    dm_merkle m = {0};
    (void)state;
    assert_int_equal(dm_merkle_add(&m, &a, NULL), 0);
    dm_merkle other = m;
    assert_int_equal(dm_merkle_root(&m, &first, NULL), 0);
    assert_int_equal(dm_merkle_add(&other, &b, NULL), 0);
    assert_int_equal(dm_merkle_root(&m, &again, NULL), 0);
    assert_memory_equal(&first, &again, sizeof(first));
    assert_int_equal(dm_merkle_root(&other, &again, NULL), 0);
    assert_memory_not_equal(&first, &again, sizeof(first));
}

/* RFC 9162, 2.1.3.2: from a leaf and its path to the root. */
static bool leads(const dm_digest *hash, uint64_t at, uint64_t n, const dm_digest *path, size_t steps, dm_digest *root)
{
    dm_digest here;
    uint64_t last = n - 1;
    dm_str leaf[] = {{"\0", 1}, {(const char *)hash->b, 32}};
    assert_int_equal(dm_sha256_parts(leaf, 2, &here, NULL), 0);
    for (size_t i = 0; i < steps; i++) {
        if (last == 0)
            return false;
        bool right = (at & 1) != 0 || at == last;
        const dm_digest *l = right ? &path[i] : &here, *r = right ? &here : &path[i];
        dm_str node[] = {{"\1", 1}, {(const char *)l->b, 32}, {(const char *)r->b, 32}};
        assert_int_equal(dm_sha256_parts(node, 3, &here, NULL), 0);
        while (right && (at & 1) == 0 && at != 0) {
            at >>= 1;
            last >>= 1;
        }
        at >>= 1;
        last >>= 1;
    }
    *root = here;
    return last == 0;
}

static void a_path_leads_to_the_root_from_its_place_alone(void **state)
{
    dm_digest h[70], path[DM_MERKLE_PATH_MAX], want, got;
    size_t steps;
    (void)state;
    for (size_t i = 0; i < DM_LEN(h); i++)
        memset(h[i].b, (int)i, sizeof(h[i].b));
    for (uint64_t n = 1; n <= DM_LEN(h); n++) {
        plain_root(h, n, &want);
        for (uint64_t at = 0; at < n; at++) {
            assert_int_equal(dm_merkle_path(h, n, at, path, &steps, NULL), 0);
            assert_true(leads(&h[at], at, n, path, steps, &got));
            assert_memory_equal(&want, &got, sizeof(want));
            for (uint64_t other = 0; other < n; other++) { /* the same leaf stands nowhere else */
                bool same = leads(&h[at], other, n, path, steps, &got) && memcmp(&want, &got, sizeof(want)) == 0;
                assert_int_equal(same, other == at);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_tree_is_that_of_the_rfc),
            cmocka_unit_test(a_copy_goes_on_by_itself),
            cmocka_unit_test(a_path_leads_to_the_root_from_its_place_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
