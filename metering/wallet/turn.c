#include "metering/wallet/turn.h"

#include "base/point.h"

typedef struct step {
    const dm_chore_config *conf;
    dm_pg_fn fn;
    void *arg;
} step;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    const step *s = arg;
    int r = dm_chore_may(s->conf, c, err);
    return r != 0 ? r : s->fn(c, s->arg, err);
}

int dm_wallet_step(const dm_chore_config *conf, dm_pg_fn fn, void *arg, dm_err *err)
{
    step s = {conf, fn, arg};
    int r = dm_pg_tx_on(conf->pg, &(dm_pg_scope){0}, run, &s, err);
    DM_POINT(WALLET_STEPPED);
    return r;
}

typedef struct page {
    const dm_wallet_turn *t;
    dm_pg_rows *rows;
} page;

static int read_page(dm_pg *c, void *arg, dm_err *err)
{
    page *p = arg;
    dm_pg_rows_free(p->rows);
    p->rows = NULL;
    return p->t->list(c, p->t, &p->rows, err);
}

int dm_wallet_each(dm_wallet_turn *t, dm_err *err)
{
    size_t n = DM_WALLET_PAGE;
    int r = 0;
    t->now_s = dm_wall_us(t->conf->clock) / 1000000;
    while (r == 0 && n == DM_WALLET_PAGE) {
        page p = {.t = t};
        r = dm_pg_tx_on(t->conf->pg, &(dm_pg_scope){.read_only = true}, read_page, &p, err);
        n = dm_pg_count(p.rows);
        for (size_t i = 0; r == 0 && i < n; i++)
            r = t->each(t, p.rows, i, err);
        dm_pg_rows_free(p.rows);
    }
    return r;
}
