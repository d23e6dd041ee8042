/* workers/host/machine/going.h: files that nobody needs any more and that may take long to remove: images of sleepers
 * have gigabytes. A tree goes by being renamed into a folder of its own, which takes no time; what is in there is
 * removed on the executor, one tree after the other, by one job at most. A tree that cannot leave its folder, being on
 * another file system, say, gets another name there, and a job of its own. Whatever a worker leaves is removed by the
 * next. Belongs to the loop, which never removes anything itself. */
#ifndef DM_WORKERS_HOST_MACHINE_GOING_H
#define DM_WORKERS_HOST_MACHINE_GOING_H

#include "workers/host/machine/host.h"

/* path is free when it returns, unless it could not even be renamed: then it stays, and that is said; a missing one is
 * fine. On the disk it may be there again after a crash: whoever reads
 * the folder it was in sweeps it. */
void dm_going_take(dm_host *h, const char *path);
/* Removes what a former life has left. */
void dm_going_sweep(dm_host *h);

#endif
