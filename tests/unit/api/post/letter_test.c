#include <stdio.h>

#include "base/parse.h"

#include "api/post/letter.h"
#include "tests/unit/test.h"

static dm_buf out;

static const char *written(const char *subject, const char *body)
{
    dm_err err = {0};
    const dm_letter l = {.from = "us@example.test",
            .to = "ann@example.test",
            .subject = dm_str_c(subject),
            .body = dm_str_c(body),
            .cause = DM_STR("invitation:1"),
            .at_us = 1796000000123456};
    dm_buf_reset(&out);
    int r = dm_letter_write(&l, &out, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return out.p;
}

static int refused(const char *from, const char *to, dm_str subject)
{
    const dm_letter l = {.from = from, .to = to, .subject = subject, .body = DM_STR("x"), .cause = DM_STR("c")};
    dm_buf_reset(&out);
    return dm_letter_write(&l, &out, NULL);
}

static void says(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        fail_msg("\"%s\" is not in:\n%s", what, text);
}

static void a_plain_one(void **state)
{
    (void)state;
    static const char id[] = "Message-ID: <";
    char first[80];
    const char *text = written("Come and join", "Hello,\n\n  a link\nBye\n");
    says(text, "From: Dormouse <us@example.test>\r\nTo: <ann@example.test>\r\nSubject: Come and join\r\n");
    says(text, "Date: Mon, 30 Nov 2026 00:53:20 +0000\r\n");
    says(text, "Content-Transfer-Encoding: 7bit\r\n\r\nHello,\r\n\r\n  a link\r\nBye\r\n");
    (void)snprintf(first, sizeof first, "%.60s", strstr(text, id) + sizeof id - 1);
    /* Of the cause alone: another text of the same cause is the same letter. */
    says(written("Other words", "x\n"), first);
    assert_null(strstr(first, "invitation"));
}

/* What the encoded words of a subject come to. */
static void decoded(const char *text, dm_buf *subject)
{
    const char *at = strstr(text, "Subject: ");
    const char *end = at;
    do
        end = strstr(end + 1, "\r\n");
    while (end[2] == ' ');
    while ((at = strstr(at, "=?UTF-8?B?")) != NULL && at < end) {
        at += 10;
        const char *close = strstr(at, "?=");
        assert_true(close - at <= 60);
        assert_int_equal(dm_base64_decode(subject, (dm_str){at, (size_t)(close - at)}, NULL), 0);
        assert_true(dm_utf8_ok(dm_buf_view(subject))); /* no word ends within a character */
    }
}

static void a_subject_in_any_script(void **state)
{
    (void)state;
    static const char *const subjects[] = {
            "é", "你好，世界，你好，世界，你好，世界，你好，世界，你好，世界，你好，世界，你好", "=?UTF-8?B?eA==?="};
    for (size_t i = 0; i < DM_LEN(subjects); i++) {
        DM_AUTO_BUF subject;
        dm_buf_init(&subject, 1024);
        decoded(written(subjects[i], "x\n"), &subject);
        assert_string_equal(subject.p, subjects[i]);
    }
}

static void a_body_in_any_script(void **state)
{
    (void)state;
    static const char body[] = "Grüße\n.\nhttps://example.test/invite/abc\n";
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, 4096);
    const char *text = written("x", body);
    says(text, "Content-Transfer-Encoding: base64\r\n\r\n");
    dm_str rest = dm_str_c(strstr(text, "\r\n\r\n") + 4), line;
    while (dm_str_split(&rest, '\n', &line))
        assert_int_equal(dm_base64_decode(&plain, dm_str_trim(line), NULL), 0);
    assert_string_equal(plain.p, body);
    char longest[2001];
    memset(longest, 'a', 2000);
    longest[2000] = '\0';
    says(written("x", longest), "base64");
    says(written("x", "a\rb"), "base64");
}

/* Nothing that somebody chose adds a line to the head. */
static void heads_are_not_added_to(void **state)
{
    (void)state;
    assert_int_equal(refused("us@example.test", "ann@example.test", DM_STR("a\r\nBcc: x@y")), DM_E_INVALID);
    assert_int_equal(refused("us@example.test", "ann@example.test", DM_STR("a\nb")), DM_E_INVALID);
    assert_int_equal(refused("us@example.test", "ann@example.test", DM_STR("a\0b")), DM_E_INVALID);
    assert_int_equal(refused("us@example.test", "ann@example.test", DM_STR("\xff")), DM_E_INVALID);
    assert_int_equal(refused("us@example.test", "ann@example.test>\r\nBcc: <x@y", DM_STR("a")), DM_E_INVALID);
    assert_int_equal(refused("us", "ann@example.test", DM_STR("a")), DM_E_INVALID);
    assert_int_equal(refused("us@example.test", "ann@example.test", DM_STR("a")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_plain_one), cmocka_unit_test(a_subject_in_any_script),
            cmocka_unit_test(a_body_in_any_script), cmocka_unit_test(heads_are_not_added_to)};
    dm_buf_init(&out, 64 << 10);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_buf_done(&out);
    return failed;
}
