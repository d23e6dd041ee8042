#include "metering/export/xml.h"
#include "tests/unit/test.h"

static void elements_attributes_texts(void **state)
{
    DM_AUTO_BUF out;
    DM_AUTO(dm_xml) x = NULL;
    (void)state;
    dm_buf_init(&out, 4096);
    assert_int_equal(dm_xml_new(&out, &x, NULL), 0);
    dm_xml_open(x, "a:b");
    dm_xml_attr(x, "xmlns:a", "urn:\"x\"&y");
    dm_xml_leaf(x, "a:c", DM_STR("<&>\"' \xe6\x9d\xad"));
    dm_xml_leaf(x, "a:none", DM_STR(""));
    dm_xml_leaf_c(x, "a:none", NULL);
    dm_xml_leaf_of(x, "a:d", "of", "EUR", "1.00");
    dm_xml_open(x, "a:empty");
    dm_xml_close(x);
    dm_xml_close(x);
    assert_int_equal(dm_xml_end(x, NULL), 0);
    assert_str(dm_buf_view(&out), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                  "<a:b xmlns:a=\"urn:&quot;x&quot;&amp;y\">\n"
                                  " <a:c>&lt;&amp;&gt;&quot;' \xe6\x9d\xad</a:c>\n"
                                  " <a:d of=\"EUR\">1.00</a:d>\n"
                                  " <a:empty/>\n"
                                  "</a:b>\n");
}

static int text(const char *bytes, size_t n, size_t room)
{
    DM_AUTO_BUF out;
    DM_AUTO(dm_xml) x = NULL;
    dm_buf_init(&out, room);
    assert_int_equal(dm_xml_new(&out, &x, NULL), 0);
    dm_xml_leaf(x, "a", (dm_str){bytes, n});
    return dm_xml_end(x, NULL);
}

static void what_xml_has_not_is_refused(void **state)
{
    (void)state;
    assert_int_equal(text("a\tb\nc", 5, 4096), 0);
    assert_int_equal(text("\x01", 1, 4096), DM_E_INVALID);
    assert_int_equal(text("\x1f", 1, 4096), DM_E_INVALID);
    assert_int_equal(text("\0", 1, 4096), DM_E_INVALID);
    assert_int_equal(text("\xff", 1, 4096), DM_E_INVALID);
    assert_int_equal(text("\xef\xbf\xbe", 3, 4096), DM_E_INVALID);
    assert_int_equal(text("\xef\xbf\xbf", 3, 4096), DM_E_INVALID);
    assert_int_equal(text("\xef\xbf\xbd", 3, 4096), 0);
    assert_int_equal(text("long enough", 11, 8), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(elements_attributes_texts),
            cmocka_unit_test(what_xml_has_not_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
