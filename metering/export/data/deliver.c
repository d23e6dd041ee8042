#include "metering/export/data/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "metering/export/data/sql_deliver.h"

enum {
    BEAT_MS = 5000,
    FIRST_S = 60,
    LONGEST_S = 3600,
    TEXT_MAX = 300,
    SECRET_MAX = 1024,
    OBJECT_MAX = 501,
    PATH_MAX_ = 400
};

/* In the order of dm_sql_delivery_what. */
enum { ENDPOINT, REGION, BUCKET, PREFIX, KEY_ID, SECRET, DATASET, FORMAT, FIRST, LAST, FILE_, BYTES, SHA256, MANIFEST };

typedef struct work {
    dm_hand *h;
    dm_delivery d;
    dm_pg_rows *rows;
    int64_t beat_ms;
    char object[OBJECT_MAX];
    const char *why;
    int64_t again_s;
} work;

static const dm_pg_scope nobody = {.read_only = false};

/* --- transactions ------------------------------------------------------------------------------------------- */

static int take_tx(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_delivery_take(c, arg, err);
}

static int beat_tx(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_delivery_beat(c, &((work *)arg)->d, err);
}

static int what_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_sql_delivery_what(c, &w->d, &w->rows, err);
}

static int done_tx(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_sql_delivery_done(c, &w->d, w->object, err);
}

static int failed_tx(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_sql_delivery_failed(c, &w->d, w->object, w->why, w->again_s, err);
}

/* A beat that is not heard is one that the next makes good. */
static int beat(void *arg)
{
    work *w = arg;
    int64_t now = dm_mono_ms(w->h->clock);
    if (atomic_load(w->h->stop))
        return 1;
    if (now - w->beat_ms < BEAT_MS)
        return 0;
    w->beat_ms = now;
    return dm_pg_tx_on(w->h->say, &nobody, beat_tx, w, NULL) < 0;
}

/* --- a put -------------------------------------------------------------------------------------------------- */

static int text_of(const work *w, unsigned column, char *out, size_t room, dm_err *err)
{
    return dm_str_to_array(dm_pg_str(w->rows, 0, column), out, room, err);
}

typedef struct target {
    char endpoint[TEXT_MAX + 1], region[64], bucket[64], key_id[TEXT_MAX];
    dm_buf secret; /* wiped by whoever has it */
} target;

static int read_target(const work *w, target *t, dm_err *err)
{
    uint8_t sealed[SECRET_MAX];
    dm_str hex = dm_pg_str(w->rows, 0, SECRET);
    char bound[48];
    (void)snprintf(bound, sizeof bound, "export_target:%lld", (long long)w->d.account_no);
    int r = text_of(w, ENDPOINT, t->endpoint, sizeof t->endpoint, err);
    if (r == 0)
        r = text_of(w, REGION, t->region, sizeof t->region, err);
    if (r == 0)
        r = text_of(w, BUCKET, t->bucket, sizeof t->bucket, err);
    if (r == 0)
        r = text_of(w, KEY_ID, t->key_id, sizeof t->key_id, err);
    if (r == 0 && hex.n / 2 > sizeof sealed)
        r = dm_fail(err, DM_E_CORRUPT, "a sealed secret of %zu bytes", hex.n / 2);
    if (r == 0)
        r = dm_parse_hex(hex, sealed, hex.n / 2, err);
    if (r == 0)
        r = dm_unseal(w->h->delivery_key, dm_str_c(bound), (dm_str){(const char *)sealed, hex.n / 2}, &t->secret, err);
    return r;
}

/* PREFIX DATASET/dormouse-DATASET-2026-03.FORMAT, as a download of it is called. */
static int name_object(work *w, dm_err *err)
{
    dm_str prefix = dm_pg_str(w->rows, 0, PREFIX), set = dm_pg_str(w->rows, 0, DATASET);
    dm_str format = dm_pg_str(w->rows, 0, FORMAT), first = dm_pg_str(w->rows, 0, FIRST),
           last = dm_pg_str(w->rows, 0, LAST);
    bool months = !dm_str_eq(first, last);
    int n = snprintf(w->object, sizeof w->object, "%.*s%.*s/dormouse-%.*s-%.*s%s%.*s.%.*s", (int)prefix.n, prefix.p,
            (int)set.n, set.p, (int)set.n, set.p, (int)first.n, first.p, months ? "-" : "", months ? (int)last.n : 0,
            last.p, (int)format.n, format.p);
    return n > 0 && (size_t)n < sizeof w->object ? 0 : dm_fail(err, DM_E_INVALID, "the object's name is too long");
}

static int put_file(work *w, const dm_bucket *b, dm_err *err)
{
    char path[PATH_MAX_], hex[2 * DM_SHA256 + 1];
    dm_str file = dm_pg_str(w->rows, 0, FILE_);
    int r = dm_path(path, sizeof path, err, "%s/%.*s", w->h->folder, (int)file.n, file.p);
    if (r == 0)
        r = text_of(w, SHA256, hex, sizeof hex, err);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? dm_fail(err, DM_E_INVALID, "its file was removed")
                               : dm_fail_sys(err, errno, "open a file");
    const dm_bucket_object o = {.name = w->object,
            .media = "application/octet-stream",
            .fd = fd,
            .bytes = (uint64_t)dm_pg_i64(w->rows, 0, BYTES),
            .sha256 = hex,
            .beat = beat,
            .arg = w};
    return dm_bucket_put(b, &o, err);
}

static int put_manifest(work *w, const dm_bucket *b, dm_err *err)
{
    char name[OBJECT_MAX + 16], hex[2 * DM_SHA256 + 1];
    dm_str text = dm_pg_str(w->rows, 0, MANIFEST);
    dm_digest digest;
    int r = dm_sha256(text, &digest, err);
    if (r < 0)
        return r;
    dm_hex(digest.b, sizeof digest.b, hex);
    (void)snprintf(name, sizeof name, "%s.manifest.json", w->object);
    const dm_bucket_object o = {.name = name,
            .media = "application/json",
            .fd = -1,
            .text = text,
            .bytes = text.n,
            .sha256 = hex,
            .beat = beat,
            .arg = w};
    return dm_bucket_put(b, &o, err);
}

static int put(work *w, dm_err *err)
{
    target t;
    dm_buf_init(&t.secret, SECRET_MAX + 1);
    int r = read_target(w, &t, err);
    if (r == 0)
        r = name_object(w, err);
    const dm_bucket b = {.endpoint = t.endpoint,
            .region = t.region,
            .name = t.bucket,
            .key_id = t.key_id,
            .secret = t.secret.p,
            .loopback = w->h->loopback};
    if (r == 0)
        r = put_file(w, &b, err);
    if (r == 0)
        r = put_manifest(w, &b, err);
    if (t.secret.p != NULL)
        explicit_bzero(t.secret.p, t.secret.len);
    dm_buf_done(&t.secret);
    return r;
}

/* --- its end ------------------------------------------------------------------------------------------------ */

/* Twice as long after each try, up to an hour. What never becomes another is not tried again. */
static int64_t again_in(const work *w, int r)
{
    int64_t s = FIRST_S;
    if (r == DM_E_INVALID || r == DM_E_LIMIT || w->d.tries >= DM_DELIVERY_TRIES)
        return 0;
    for (int64_t i = 1; i < w->d.tries && s < LONGEST_S; i++)
        s *= 2;
    return s < LONGEST_S ? s : LONGEST_S;
}

static int failed(work *w, int r, const dm_err *why, dm_err *err)
{
    static const char ours[] = "a fault of ours; it is looked into";
    bool told = r == DM_E_INVALID || r == DM_E_LIMIT || r == DM_E_DENIED || r == DM_E_UNAVAILABLE;
    w->why = told ? why->msg : ours;
    w->again_s = again_in(w, r);
    DM_LOG(w->h->log, w->again_s == 0 || !told ? DM_ERROR : DM_WARN, "export.undelivered",
            dm_fi("export", w->d.export_no), dm_fi("account", w->d.account_no), dm_fi("tries", w->d.tries),
            dm_fs("why", why->msg), dm_fs("next", w->again_s == 0 ? "never" : "later"));
    return dm_pg_tx_on(w->h->say, &nobody, failed_tx, w, err);
}

static int end(work *w, int r, const dm_err *why, dm_err *err)
{
    switch (r) {
    case 0:
        DM_LOG(w->h->log, DM_INFO, "export.delivered", dm_fi("export", w->d.export_no),
                dm_fi("account", w->d.account_no), dm_fs("object", w->object));
        return dm_pg_tx_on(w->h->say, &nobody, done_tx, w, err);
    case DM_BUCKET_STOPPED: /* whoever comes next */
        return 0;
    default:
        return failed(w, r, why, err);
    }
}

int dm_deliver_next(dm_hand *h, dm_err *err)
{
    work w = {.h = h};
    dm_err why = {0};
    int r = dm_pg_tx_on(h->say, &nobody, take_tx, &w.d, err);
    if (r != 0)
        return r == DM_DELIVERY_NONE ? DM_JOB_IDLE : r;
    const dm_pg_scope scope = {.account_no = w.d.account_no, .read_only = true};
    w.beat_ms = dm_mono_ms(h->clock);
    r = dm_pg_tx_on(h->read, &scope, what_tx, &w, err);
    if (r < 0)
        return r;
    r = r == DM_DELIVERY_NONE ? dm_fail(&why, DM_E_INVALID, "the bucket is not named any more, or the file is gone")
                              : put(&w, &why);
    r = end(&w, r, &why, err);
    dm_pg_rows_free(w.rows);
    return r;
}
