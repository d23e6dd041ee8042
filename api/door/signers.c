#include "api/door/signers.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tenants/sandbox/row.h"

/* A transition is stamped before it is committed: what changed since the last look is asked for with this much more. A
 * look at everything, which also forgets the dead, comes once in RELOAD_US if anybody asks, and when there is no room.
 */
enum { OVERLAP_US = 10 * 1000000, RELOAD_US = 60 * 1000000 };
enum { TOKEN_MAX = 64, GUESSES = 1024, PLACES = 2 * DM_SIGNERS_MAX };

typedef struct signer {
    dm_sandbox_id id;
    uint8_t n;
    char token[TOKEN_MAX];
} signer;

struct dm_signers {
    dm_pg_pool *db;
    const dm_master *master;
    const dm_clock *clock;
    atomic_uint waiting;
    pthread_mutex_t lock;
    int64_t loaded_us, asked_us; /* monotonic: the last whole look, the last look; 0 for never */
    int64_t newest_us;           /* the database's time of the newest change seen */
    size_t n;
    signer of[DM_SIGNERS_MAX]; /* oldest change first, as first seen */
    uint16_t place[PLACES];    /* by id: its index and one, or 0 */
    uint16_t guess[GUESSES];   /* by signature: who was found the last time */
};

int dm_signers_new(dm_pg_pool *db, const dm_master *master, const dm_clock *clock, dm_signers **out, dm_err *err)
{
    dm_signers *s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "signers");
    s->db = db;
    s->master = master;
    s->clock = clock;
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

void dm_signers_free(dm_signers *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    explicit_bzero(s, sizeof *s);
    free(s);
}

/* --- who may be meant --------------------------------------------------------------------------------------- */

static unsigned word(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

/* Where the id is, or would be: the table is never more than half full. Ids are random, so their bytes are a hash. */
static uint16_t *place_of(dm_signers *s, const dm_sandbox_id *id)
{
    size_t at = word(id->b + sizeof id->b - 2) % PLACES;
    while (s->place[at] != 0 && memcmp(s->of[s->place[at] - 1].id.b, id->b, sizeof id->b) != 0)
        at = (at + 1) % PLACES;
    return &s->place[at];
}

/* A token that does not open belongs to another master key: nobody can have signed with it. */
static void add(dm_signers *s, const dm_sandbox_signer *row)
{
    uint16_t *place = place_of(s, &row->id);
    DM_AUTO_BUF token;
    dm_buf_init(&token, TOKEN_MAX);
    if (*place != 0 || s->n == DM_SIGNERS_MAX || row->token_sealed.p == NULL)
        return;
    if (dm_secret_open(s->master, "token", &row->id, row->token_sealed, &token, NULL) == 0 && token.len > 0) {
        signer *one = &s->of[s->n++];
        one->id = row->id;
        one->n = (uint8_t)token.len;
        memcpy(one->token, token.p, token.len);
        *place = (uint16_t)s->n;
    }
    if (token.p != NULL)
        explicit_bzero(token.p, token.room);
}

typedef struct look {
    int64_t since_us, most;
    dm_pg_rows *rows;
} look;

static int ask(dm_pg *c, void *arg, dm_err *err)
{
    look *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return dm_sandbox_signers(c, l->since_us, l->most, &l->rows, err);
}

static int take(dm_signers *s, const dm_pg_rows *rows, dm_err *err)
{
    for (size_t i = dm_pg_count(rows); i-- > 0;) {
        dm_sandbox_signer row;
        int r = dm_sandbox_read_signer(rows, i, &row, err);
        if (r < 0)
            return r;
        add(s, &row);
        if (row.changed_us > s->newest_us)
            s->newest_us = row.changed_us;
    }
    return 0;
}

static void forget(dm_signers *s)
{
    s->n = 0;
    s->newest_us = 0;
    explicit_bzero(s->of, sizeof s->of);
    memset(s->place, 0, sizeof s->place);
}

/* *from: the first that is to be tried now. */
static int refresh(dm_signers *s, size_t *from, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = true};
    int64_t now_us = dm_mono_us(s->clock);
    bool whole = s->loaded_us == 0 || now_us - s->loaded_us > RELOAD_US || s->n == DM_SIGNERS_MAX;
    look l = {.since_us = whole || s->newest_us < OVERLAP_US ? 0 : s->newest_us - OVERLAP_US,
            .most = whole ? DM_SIGNERS_TAKEN : DM_SIGNERS_MAX};
    *from = whole ? 0 : s->n;
    int r = dm_pg_tx(s->db, &nobody, ask, &l, err);
    if (r == 0 && whole)
        forget(s);
    if (r == 0)
        r = take(s, l.rows, err);
    dm_pg_rows_free(l.rows);
    if (r < 0)
        return r;
    s->asked_us = now_us;
    if (whole)
        s->loaded_us = now_us;
    return 0;
}

/* --- finding ------------------------------------------------------------------------------------------------ */

static int try_one(dm_signers *s, size_t i, dm_signed *url, dm_sandbox_id *out, dm_err *err)
{
    bool right = false;
    int r = dm_signed_by(url, (dm_str){s->of[i].token, s->of[i].n}, &right, err);
    if (r < 0 || !right)
        return r < 0 ? r : DM_SIGNERS_NONE;
    *out = s->of[i].id;
    return 0;
}

/* From the newest down to `from`. */
static int scan(dm_signers *s, size_t from, dm_signed *url, dm_sandbox_id *out, dm_err *err)
{
    uint16_t *guess = &s->guess[word(url->digest.b) % GUESSES];
    int r = *guess >= from && *guess < s->n ? try_one(s, *guess, url, out, err) : DM_SIGNERS_NONE;
    for (size_t i = s->n; r == DM_SIGNERS_NONE && i-- > from;) {
        r = try_one(s, i, url, out, err);
        if (r == 0)
            *guess = (uint16_t)i;
    }
    return r;
}

static int find(dm_signers *s, int64_t came_us, dm_signed *url, dm_sandbox_id *out, dm_err *err)
{
    size_t from = 0;
    int r = scan(s, 0, url, out, err);
    /* Who stood in line while another looked has been looked for, too. */
    if (r != DM_SIGNERS_NONE || (s->asked_us >= came_us && s->asked_us != 0))
        return r;
    r = refresh(s, &from, err);
    return r < 0 ? r : scan(s, from, url, out, err);
}

int dm_signers_find(dm_signers *s, dm_signed *url, dm_sandbox_id *out, dm_err *err)
{
    int64_t came_us = dm_mono_us(s->clock);
    int r = DM_SIGNERS_BUSY;
    if (atomic_fetch_add(&s->waiting, 1) < DM_SIGNERS_WAITING) {
        (void)pthread_mutex_lock(&s->lock);
        r = find(s, came_us, url, out, err);
        (void)pthread_mutex_unlock(&s->lock);
    }
    (void)atomic_fetch_sub(&s->waiting, 1);
    return r;
}
