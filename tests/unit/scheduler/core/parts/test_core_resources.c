/* Resources: what fits beside what. */
#include "scheduler/core/parts/resources.h"

#include <criterion/criterion.h>

static struct core_resources
cpus(uint64_t units)
{
    return (struct core_resources){.cpus = units};
}

Test(core_resources, fit_up_to_the_last_unit)
{
    cr_assert(core_resources_fit(cpus(100), cpus(60), cpus(40)));
    cr_assert_not(core_resources_fit(cpus(100), cpus(60), cpus(41)));
}

Test(core_resources, nothing_always_fits_also_beside_more_than_there_is)
{
    cr_assert(core_resources_none(cpus(0)));
    cr_assert(core_resources_fit(cpus(100), cpus(130), cpus(0)));
    cr_assert_not(core_resources_fit(cpus(100), cpus(130), cpus(1)));
}

Test(core_resources, are_equal_to_their_sum_less_a_part)
{
    struct core_resources sum = core_resources_add(cpus(30), cpus(12));
    cr_assert(core_resources_equal(sum, cpus(42)));
    cr_assert(core_resources_equal(core_resources_sub(sum, cpus(12)), cpus(30)));
    cr_assert_not(core_resources_equal(cpus(1), cpus(2)));
}

Test(core_resources, are_counted_as_often_as_they_fit)
{
    cr_assert_eq(core_resources_times(cpus(100), cpus(10), cpus(30), 99), 3);
    cr_assert_eq(core_resources_times(cpus(100), cpus(10), cpus(30), 2), 2);
    cr_assert_eq(core_resources_times(cpus(100), cpus(10), cpus(0), 7), 7);
    cr_assert_eq(core_resources_times(cpus(100), cpus(101), cpus(0), 7), 7);
    cr_assert_eq(core_resources_times(cpus(100), cpus(101), cpus(1), 7), 0);
}
