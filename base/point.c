#include "base/point.h"

void dm_point_reached(dm_point p)
{
    (void)p;
}
