/* api/kit/fold.h: a question that several ask at the same time is asked once: the first one's handler runs, and what it
 * answers is everybody's answer. For routes that only show something, and whose answer is the same for all who send the
 * same request with keys of the same project. Thread-safe. */
#ifndef DM_API_KIT_FOLD_H
#define DM_API_KIT_FOLD_H

#include "api/kit/later.h"

typedef struct dm_fold dm_fold;

/* later: borrowed, for whose lines the questions wait. */
int dm_fold_new(dm_later *later, dm_fold **out, dm_err *err) DM_NODISCARD;
void dm_fold_free(dm_fold *f); /* when later is free of requests */
DM_DEFINE_FREEP(dm_fold)

/* A handler's end, as dm_later_hop's; fn never answers later itself. Whoever has hung up meanwhile is not asked for: fn
 * runs for the first that still waits, if any does. DM_E_LIMIT past DM_FOLD_MAX who wait for the same. */
int dm_fold_ask(dm_fold *f, dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx, dm_err *err) DM_NODISCARD;

#endif
