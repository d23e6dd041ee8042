/* metering/export/confine.h: dormouse-print gives up, before it reads a byte, what it has no use for: it is fed
 * documents whose names and addresses anybody may have chosen, and the libraries that draw them are large. */
#ifndef DM_METERING_EXPORT_CONFINE_H
#define DM_METERING_EXPORT_CONFINE_H

#include <stdbool.h>

#include "base/err.h"

enum {
    DM_CONFINE_MEM = 2047 << 20, /* bytes of address space: ten thousand lines as PDF were 240 MiB, fonts are mapped */
    DM_CONFINE_CPU_S = 300,
    DM_CONFINE_FILES = 64,
};

/* From here on: memory, time of the processor and size of a file have an end; no call of the kernel but those that a
 * computation needs is made, all others fail with EPERM. files: what is there may be opened, to be read. No socket, no
 * other program, nothing written but to what is open. For good. */
int dm_confine(bool files, dm_err *err) DM_NODISCARD;

#endif
