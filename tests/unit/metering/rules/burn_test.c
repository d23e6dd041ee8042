/* Which grants give how much, and what goes back: by hand, by chance, and against the oracle. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metering/rules/burn.h"
#include "tests/unit/test.h"

extern char **environ;

static dm_money money(const char *text)
{
    dm_money m;
    assert_int_equal(dm_money_parse(dm_str_c(text), &m, NULL), 0);
    return m;
}

static const char *text(dm_money m)
{
    static char out[4][DM_MONEY_TEXT];
    static unsigned at;
    char *to = out[at++ % 4];
    dm_money_print(m, to);
    return to;
}

enum { NOW = 1000, MANY = 12 };

/* --- by hand ------------------------------------------------------------------------------------------------ */

static void grants_give_by_priority_then_expiry_then_age(void **state)
{
    (void)state;
    dm_burn_grant g[] = {{5, 200, DM_BURN_NEVER, true, money("10")}, {4, 100, DM_BURN_NEVER, false, money("1")},
            {3, 100, 2000, false, money("2")}, {2, 100, 1500, false, money("3")}, {6, 100, 1500, false, money("4")}};
    dm_burn_part parts[DM_LEN(g)];
    dm_burn_sum sum;
    size_t n;
    qsort(g, DM_LEN(g), sizeof(g[0]), dm_burn_cmp);
    assert_int_equal(dm_burn_plan(g, DM_LEN(g), NOW, money("10.5"), parts, &n, &sum, NULL), 0);
    const int64_t order[] = {2, 6, 3, 4, 5};
    assert_int_equal(n, DM_LEN(order));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(parts[i].no, order[i]);
    assert_string_equal(text(parts[4].amount), "0.500000000000000000");
    assert_string_equal(text(sum.promo), "10.000000000000000000");
    assert_string_equal(text(sum.paid), "0.500000000000000000");
}

static void what_is_over_or_empty_gives_nothing(void **state)
{
    (void)state;
    const dm_burn_grant g[] = {{1, 100, NOW, false, money("5")}, {2, 100, NOW + 1, false, money("5")},
            {3, 100, DM_BURN_NEVER, false, money("0")}};
    dm_burn_part parts[DM_LEN(g)];
    dm_burn_sum sum;
    size_t n;
    assert_int_equal(dm_burn_plan(g, DM_LEN(g), NOW, money("100"), parts, &n, &sum, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(parts[0].no, 2);
    assert_string_equal(text(sum.promo), "5.000000000000000000");
    assert_int_equal(dm_burn_plan(g, DM_LEN(g), NOW, money("0"), parts, &n, &sum, NULL), 0);
    assert_int_equal(n, 0);
}

static void the_last_part_goes_back_first(void **state)
{
    (void)state;
    const dm_burn_part parts[] = {{7, DM_BURN_NEVER, false, money("1")}, {3, DM_BURN_NEVER, false, money("2")},
            {9, DM_BURN_NEVER, true, money("4")}};
    dm_money given[3];
    dm_burn_sum sum;
    assert_int_equal(dm_burn_unwind(parts, 3, money("5.5"), given, &sum, NULL), 0);
    assert_string_equal(text(given[2]), "4.000000000000000000");
    assert_string_equal(text(given[1]), "1.500000000000000000");
    assert_string_equal(text(given[0]), "0.000000000000000000");
    assert_string_equal(text(sum.paid), "4.000000000000000000");
    assert_int_equal(dm_burn_unwind(parts, 3, money("100"), given, &sum, NULL), 0);
    assert_string_equal(text(sum.promo), "3.000000000000000000");
}

static void a_share_is_rounded_up_and_never_more_than_all(void **state)
{
    (void)state;
    dm_money out;
    assert_int_equal(dm_burn_share(money("0.005"), 1, 3, &out, NULL), 0);
    assert_string_equal(text(out), "0.001666666666666667");
    assert_int_equal(dm_burn_share(money("0.005"), 3, 3, &out, NULL), 0);
    assert_string_equal(text(out), "0.005000000000000000");
    assert_int_equal(dm_burn_share(money("5"), 0, 7, &out, NULL), 0);
    assert_string_equal(text(out), "0.000000000000000000");
    assert_int_equal(dm_burn_share((dm_money){1}, 1, UINT64_MAX, &out, NULL), 0);
    assert_string_equal(text(out), "0.000000000000000001");
    dm_money most = money("99999999999999999999.999999999999999999");
    assert_int_equal(dm_burn_share(most, 3600000000, 3600000000, &out, NULL), 0);
    assert_int_equal(dm_money_cmp(out, most), 0);
    assert_int_equal(dm_burn_share((dm_money){UINT64_MAX - 1}, UINT64_MAX - 1, UINT64_MAX, &out, NULL), DM_E_LIMIT);
}

static void a_sum_that_leaves_its_range_is_said(void **state)
{
    (void)state;
    dm_money most = money("99999999999999999999.999999999999999999");
    const dm_burn_part parts[] = {{1, DM_BURN_NEVER, true, most}, {2, DM_BURN_NEVER, true, most}};
    dm_money given[2];
    dm_burn_sum sum;
    dm_money twice = {most.v};
    twice.v += 1; /* no amount there may be, and so that both are touched */
    dm_err err;
    assert_int_equal(dm_burn_unwind(parts, 2, twice, given, &sum, &err), DM_E_LIMIT);
}

/* --- by chance ---------------------------------------------------------------------------------------------- */

static uint64_t chance(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

static dm_money any(uint64_t *seed)
{
    uint64_t kind = chance(seed, 4);
    if (kind == 0)
        return (dm_money){(dm_i128)chance(seed, 4)};
    dm_i128 v = (dm_i128)chance(seed, UINT32_MAX) * (dm_i128)chance(seed, UINT32_MAX);
    return (dm_money){kind == 1 ? v * 1000000 : v};
}

static size_t some_grants(uint64_t *seed, dm_burn_grant g[MANY])
{
    size_t n = chance(seed, MANY + 1);
    for (size_t i = 0; i < n; i++)
        g[i] = (dm_burn_grant){(int64_t)i + 1, (int64_t)chance(seed, 3),
                chance(seed, 3) == 0 ? DM_BURN_NEVER : NOW - 2 + (int64_t)chance(seed, 6), chance(seed, 2) == 0,
                any(seed)};
    qsort(g, n, sizeof(g[0]), dm_burn_cmp);
    return n;
}

static dm_i128 least(dm_i128 a, dm_i128 b)
{
    return a < b ? a : b;
}

static void put_burn(FILE *f, const dm_burn_grant *g, size_t n, dm_money amount, const dm_burn_part *parts,
        size_t nparts, const dm_burn_sum *sum)
{
    (void)fprintf(f, "{\"what\":\"burn\",\"at\":%d,\"amount\":\"%s\",\"grants\":[", NOW, text(amount));
    for (size_t i = n; i-- > 0;) { /* not in their order */
        char expires[32] = "null";
        if (g[i].expires_s != DM_BURN_NEVER)
            (void)snprintf(expires, sizeof(expires), "%lld", (long long)g[i].expires_s);
        (void)fprintf(f, "{\"no\":%lld,\"priority\":%lld,\"expires\":%s,\"paid\":%s,\"free\":\"%s\"}%s",
                (long long)g[i].no, (long long)g[i].priority, expires, g[i].paid ? "true" : "false", text(g[i].free),
                i > 0 ? "," : "");
    }
    (void)fprintf(f, "],\"got\":{\"parts\":[");
    for (size_t i = 0; i < nparts; i++)
        (void)fprintf(f, "%s[%lld,\"%s\"]", i > 0 ? "," : "", (long long)parts[i].no, text(parts[i].amount));
    (void)fprintf(f, "],\"promo\":\"%s\",\"paid\":\"%s\"}}\n", text(sum->promo), text(sum->paid));
}

static void put_unwind(FILE *f, const dm_burn_part *parts, size_t n, dm_money amount, const dm_money *given)
{
    (void)fprintf(f, "{\"what\":\"unwind\",\"amount\":\"%s\",\"parts\":[", text(amount));
    for (size_t i = 0; i < n; i++)
        (void)fprintf(f, "%s\"%s\"", i > 0 ? "," : "", text(parts[i].amount));
    (void)fprintf(f, "],\"got\":{\"given\":[");
    for (size_t i = 0; i < n; i++)
        (void)fprintf(f, "%s\"%s\"", i > 0 ? "," : "", text(given[i]));
    (void)fprintf(f, "]}}\n");
}

static void put_share(FILE *f, uint64_t *seed)
{
    dm_money amount = any(seed), out;
    uint64_t whole = 1 + chance(seed, 1000000), part = chance(seed, whole + 1);
    assert_int_equal(dm_burn_share(amount, part, whole, &out, NULL), 0);
    (void)fprintf(f, "{\"what\":\"share\",\"amount\":\"%s\",\"part\":%llu,\"whole\":%llu,\"got\":{\"share\":\"%s\"}}\n",
            text(amount), (unsigned long long)part, (unsigned long long)whole, text(out));
}

/* A burn takes what was asked or all there is, of none more than it has, and undone it leaves what was there. */
static void one_case(FILE *f, uint64_t *seed)
{
    dm_burn_grant g[MANY];
    dm_burn_part parts[MANY];
    dm_money given[MANY], amount = any(seed);
    dm_burn_sum sum, back;
    size_t nparts, n = some_grants(seed, g);
    dm_i128 there = 0, taken = 0;
    for (size_t i = 0; i < n; i++)
        there += g[i].expires_s > NOW ? g[i].free.v : 0;
    assert_int_equal(dm_burn_plan(g, n, NOW, amount, parts, &nparts, &sum, NULL), 0);
    for (size_t i = 0; i < nparts; i++) {
        taken += parts[i].amount.v;
        assert_true(parts[i].amount.v > 0 && parts[i].expires_s > NOW);
    }
    assert_true(taken == least(amount.v, there) && sum.promo.v + sum.paid.v == taken);
    put_burn(f, g, n, amount, parts, nparts, &sum);
    assert_int_equal(dm_burn_unwind(parts, nparts, (dm_money){taken}, given, &back, NULL), 0);
    for (size_t i = 0; i < nparts; i++)
        assert_true(given[i].v == parts[i].amount.v);
    assert_true(back.promo.v == sum.promo.v && back.paid.v == sum.paid.v);
    amount = any(seed);
    assert_int_equal(dm_burn_unwind(parts, nparts, amount, given, &back, NULL), 0);
    assert_true(back.promo.v + back.paid.v == least(amount.v, taken));
    put_unwind(f, parts, nparts, amount, given);
    put_share(f, seed);
}

static int judged(char *path)
{
    char *const argv[] = {
            (char[]){"python3"}, (char[]){DM_SOURCE_DIR "/tests/support/py/oracle/wallet.py"}, path, NULL};
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, "python3", NULL, NULL, argv, environ) != 0)
        return -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_oracle_says_the_same(void **state)
{
    enum { CASES = 3000 };
    char path[] = "/tmp/burn-XXXXXX";
    uint64_t seed = 20260301;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (int i = 0; i < CASES; i++)
        one_case(f, &seed);
    assert_int_equal(fclose(f), 0);
    int said = judged(path);
    (void)unlink(path);
    if (said == 127 || said < 0)
        skip(); /* no Python here */
    assert_int_equal(said, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(grants_give_by_priority_then_expiry_then_age),
            cmocka_unit_test(what_is_over_or_empty_gives_nothing),
            cmocka_unit_test(the_last_part_goes_back_first),
            cmocka_unit_test(a_share_is_rounded_up_and_never_more_than_all),
            cmocka_unit_test(a_sum_that_leaves_its_range_is_said),
            cmocka_unit_test(the_oracle_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
