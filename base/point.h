/* base/point.h: named places at which a program may die. A test proves that nothing is lost or done twice when it does:
 * it gives dm_point_reached a body of its own, which ends the process, or lets it stand. Everywhere else the body does
 * nothing (base/point.c); and in a release build there is no call. Any thread. */
#ifndef DM_BASE_POINT_H
#define DM_BASE_POINT_H

typedef enum dm_point {
#define DM_POINT_ROW(name, text, state) DM_POINT_##name,
#include "base/points.def"
#undef DM_POINT_ROW
    DM_POINTS
} dm_point;

enum { DM_POINTS_EVENING = DM_POINT_STORE_BEGUN }; /* so many are reached in an evening's work (tests/crash) */

/* Found by the linker before the library's own: whoever has one is asked, whichever room reaches a point. */
void dm_point_reached(dm_point p);

#ifdef DM_WITH_POINTS
#define DM_POINT(name) dm_point_reached(DM_POINT_##name)
#else
#define DM_POINT(name) ((void)0)
#endif

#endif
