/* tests/support/focusrule.h: what FOCUS 1.2, 1.3 and 1.4 ask of "Cost and Usage" (focus.finops.org), as a table of
 * rules that was written from the specification and not from what writes the rows: which columns there are, what a cell
 * may be and when it has to be empty, what has to be the product of what, and what has to be the same in all rows. */
#ifndef DM_TESTS_SUPPORT_FOCUSRULE_H
#define DM_TESTS_SUPPORT_FOCUSRULE_H

#include "base/str.h"

enum { FOCUS_WHY = 200 };

/* Rows as JSON lines, each with all its columns. false: why begins with the name of the first rule that is broken. */
bool focus_ok(dm_str rows, const char *version, char why[FOCUS_WHY]);

#endif
