#include "tests/unit/test.h"
#include "workers/vmm/vmm.h"

/* Every call of the table is there: the host asks none of them whether it is. */
static void finds_drivers_by_name(void **state)
{
    (void)state;
    const dm_vmm_driver *d = dm_vmm_find("qemu");
    assert_non_null(d);
    assert_string_equal(d->name, "qemu");
    assert_true(d->probe != NULL && d->check != NULL && d->spawn != NULL && d->adopt != NULL && d->load != NULL);
    assert_true(d->run != NULL && d->stop != NULL && d->save != NULL && d->stats != NULL && d->pid != NULL);
    assert_true(d->agent_fd != NULL && d->destroy != NULL);
    assert_null(dm_vmm_find("qem"));
    assert_null(dm_vmm_find("qemu "));
    assert_null(dm_vmm_find(""));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(finds_drivers_by_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
