#include "tenants/who/signing.h"

#include <pthread.h>
#include <stdlib.h>

enum { DAY_S = 86400, LOOK_US = 60000000, AGAIN_US = 1000000 };

struct dm_signing {
    dm_signing_config config;
    pthread_mutex_t looking; /* one at a time asks the database; taken before lock */
    pthread_mutex_t lock;
    dm_signing_row keys[DM_SIGNING_KEYS]; /* newest first */
    size_t n;
    bool looked, stale;
    int64_t looked_mono_us;
};

int dm_signing_new(const dm_signing_config *config, dm_signing **out, dm_err *err)
{
    dm_signing *s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "token keys");
    s->config = *config;
    (void)pthread_mutex_init(&s->looking, NULL);
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

void dm_signing_free(dm_signing *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->looking);
    (void)pthread_mutex_destroy(&s->lock);
    explicit_bzero(s, sizeof *s);
    free(s);
}

void dm_signing_forget(dm_signing *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->stale = true;
    (void)pthread_mutex_unlock(&s->lock);
}

/* --- looking ------------------------------------------------------------------------------------------------ */

typedef struct look {
    const dm_signing *s;
    dm_signing_row rows[DM_SIGNING_KEYS];
    size_t n;
} look;

/* Asked to rotate only when it seems due: most looks take no lock and write nothing. */
static int ask(dm_pg *c, void *arg, dm_err *err)
{
    look *l = arg;
    const dm_signing_config *config = &l->s->config;
    const int64_t older_s = (int64_t)config->key_days * DAY_S;
    bool made = false;
    int r = dm_sql_signing_keys(c, config->master, l->rows, &l->n, err);
    if (r < 0 || (l->n > 0 && l->rows[0].signs_from_us + older_s * 1000000 > dm_wall_us(config->clock)))
        return r;
    /* the key before it is good for the longest of what it signed */
    const unsigned longest_s = config->token_s > config->access_s ? config->token_s : config->access_s;
    r = dm_sql_signing_rotate(c, config->master, older_s, longest_s, &made, err);
    return r < 0 ? r : dm_sql_signing_keys(c, config->master, l->rows, &l->n, err);
}

static int look_now(dm_signing *s, dm_err *err)
{
    static const dm_pg_scope nobody = {.account_no = 0};
    look *l = calloc(1, sizeof *l);
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "token keys");
    (void)pthread_mutex_lock(&s->lock);
    s->stale = false; /* a word that comes from here on makes it so again */
    (void)pthread_mutex_unlock(&s->lock);
    l->s = s;
    int r = dm_pg_tx(s->config.pool, &nobody, ask, l, err);
    (void)pthread_mutex_lock(&s->lock);
    if (r == 0) {
        memcpy(s->keys, l->rows, sizeof s->keys);
        s->n = l->n;
        s->looked = true;
    } else {
        s->stale = true;
    }
    s->looked_mono_us = dm_mono_us(s->config.clock);
    (void)pthread_mutex_unlock(&s->lock);
    explicit_bzero(l, sizeof *l);
    free(l);
    return r < 0 ? dm_wrap(err, "token keys") : 0;
}

int dm_signing_look(dm_signing *s, dm_err *err)
{
    (void)pthread_mutex_lock(&s->looking);
    int r = look_now(s, err);
    (void)pthread_mutex_unlock(&s->looking);
    return r;
}

static bool due(dm_signing *s, int64_t after_us)
{
    (void)pthread_mutex_lock(&s->lock);
    bool is = !s->looked || s->stale || dm_mono_us(s->config.clock) - s->looked_mono_us >= after_us;
    (void)pthread_mutex_unlock(&s->lock);
    return is;
}

/* Who comes while another looks waits for what he finds. */
static int look_when(dm_signing *s, int64_t after_us, dm_err *err)
{
    int r = 0;
    if (!due(s, after_us))
        return 0;
    (void)pthread_mutex_lock(&s->looking);
    if (due(s, after_us))
        r = look_now(s, err);
    (void)pthread_mutex_unlock(&s->looking);
    return r;
}

/* --- using -------------------------------------------------------------------------------------------------- */

/* By its name; NULL: the newest that signs already. */
static bool key_of(dm_signing *s, const char *kid, dm_token_key *out)
{
    const int64_t now = dm_wall_us(s->config.clock);
    size_t i = 0;
    (void)pthread_mutex_lock(&s->lock);
    while (i < s->n && (kid != NULL ? strcmp(s->keys[i].key.kid, kid) != 0 : s->keys[i].signs_from_us > now))
        i++;
    bool found = i < s->n || (kid == NULL && i > 0);
    if (found)
        *out = s->keys[i < s->n ? i : i - 1].key; /* a clock that lags behind the database's: the oldest there is */
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

static int sign(dm_signing *s, unsigned life_s, dm_token_claims *c, char out[DM_TOKEN_MAX], dm_err *err)
{
    dm_token_key key;
    int r = look_when(s, LOOK_US, err);
    if (r < 0)
        return r;
    if (!key_of(s, NULL, &key))
        return dm_fail(err, DM_E_INTERNAL, "no key to sign a token with");
    c->issued_s = dm_second_of(dm_wall_us(s->config.clock));
    c->expires_s = c->issued_s + (int64_t)life_s;
    r = dm_token_write(&key, c, out, err);
    explicit_bzero(&key, sizeof key);
    return r;
}

int dm_signing_write(dm_signing *s, dm_token_for who, const char *session, char out[DM_TOKEN_MAX], dm_err *err)
{
    dm_token_claims c = {.who = who};
    int r = dm_str_to_array(dm_str_c(session), c.session, sizeof c.session, err);
    return r < 0 ? r : sign(s, s->config.token_s, &c, out, err);
}

int dm_signing_grant(dm_signing *s, const char *session, const char *sandbox, const char *project, int64_t *expires_s,
        char out[DM_TOKEN_MAX], dm_err *err)
{
    dm_token_claims c = {.who = DM_TOKEN_SANDBOX};
    int r = dm_str_to_array(dm_str_c(session), c.session, sizeof c.session, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(sandbox), c.sandbox, sizeof c.sandbox, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(project), c.project, sizeof c.project, err);
    if (r == 0)
        r = sign(s, s->config.access_s, &c, out, err);
    if (r == 0)
        *expires_s = c.expires_s;
    return r;
}

int dm_signing_read(dm_signing *s, dm_str text, dm_token_for who, dm_token_claims *out, dm_err *err)
{
    char kid[DM_TOKEN_KID];
    dm_token_key key;
    if (dm_token_kid(text, kid) != 0)
        return DM_TOKEN_BAD;
    int r = look_when(s, LOOK_US, err);
    bool found = r == 0 && key_of(s, kid, &key);
    if (r == 0 && !found) {
        r = look_when(s, AGAIN_US, err);
        found = r == 0 && key_of(s, kid, &key);
    }
    if (r < 0 || !found)
        return r < 0 ? r : DM_TOKEN_BAD;
    r = dm_token_read(text, &key, who, dm_second_of(dm_wall_us(s->config.clock)), out);
    explicit_bzero(&key, sizeof key);
    return r;
}
