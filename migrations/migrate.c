#include "migrations/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

enum { FILES_MAX = 9999, NAME_LEN = 128, FILE_MAX = 4 << 20 };

typedef struct migration {
    unsigned no;
    char name[NAME_LEN];
} migration;

typedef struct folder {
    const char *dir;
    migration *files; /* files[i] has number i + 1 */
    size_t n;
} folder;

/* --- the folder --------------------------------------------------------------------------------------------- */

/* NNNN_words.sql, words of a-z, 0-9 and _: so that a name can also stand in an SQL text as it is. */
static bool parse_name(const char *name, unsigned *no)
{
    dm_str s = dm_str_c(name), words, tail = DM_STR(".sql");
    uint64_t number;
    if (s.n < 10 || s.n >= NAME_LEN || name[4] != '_')
        return false;
    if (!dm_str_eq((dm_str){s.p + s.n - tail.n, tail.n}, tail))
        return false;
    words = (dm_str){s.p + 5, s.n - 5 - tail.n};
    if (words.n == 0 || !dm_str_only(words, "abcdefghijklmnopqrstuvwxyz0123456789_"))
        return false;
    if (!dm_str_only((dm_str){s.p, 4}, "0123456789") || dm_parse_u64((dm_str){s.p, 4}, 0, FILES_MAX, &number, NULL) < 0)
        return false;
    *no = (unsigned)number;
    return number > 0;
}

static bool ends_in_sql(const char *name)
{
    size_t n = strlen(name);
    return n >= 4 && strcmp(name + n - 4, ".sql") == 0;
}

static int take_file(folder *f, const char *name, dm_err *err)
{
    unsigned no;
    if (!parse_name(name, &no))
        return dm_fail(err, DM_E_INVALID, "%s/%s: a migration is named NNNN_words.sql", f->dir, name);
    migration *m = &f->files[no - 1];
    if (m->no != 0)
        return dm_fail(err, DM_E_INVALID, "number %04u stands twice: %s and %s", no, m->name, name);
    m->no = no;
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    if (no > f->n)
        f->n = no;
    return 0;
}

static void folder_done(folder *f)
{
    free(f->files);
    f->files = NULL;
}

static int folder_read(folder *f, dm_err *err)
{
    int r = 0;
    f->files = calloc(FILES_MAX, sizeof *f->files);
    if (f->files == NULL)
        return dm_fail(err, DM_E_NOMEM, "list of migrations");
    DIR *d = opendir(f->dir);
    if (d == NULL)
        return dm_fail_sys(err, errno, "%s", f->dir);
    for (const struct dirent *e; r == 0 && (e = readdir(d)) != NULL;)
        if (ends_in_sql(e->d_name))
            r = take_file(f, e->d_name, err);
    (void)closedir(d);
    for (size_t i = 0; r == 0 && i < f->n; i++)
        if (f->files[i].no == 0)
            r = dm_fail(err, DM_E_INVALID, "number %04zu is missing in %s", i + 1, f->dir);
    if (r == 0 && f->n == 0)
        r = dm_fail(err, DM_E_NOTFOUND, "no migration in %s", f->dir);
    return r;
}

static int file_read(const folder *f, const migration *m, dm_buf *text, char sha[2 * DM_SHA256 + 1], dm_err *err)
{
    char path[4096];
    dm_digest digest;
    dm_buf_reset(text);
    int r = dm_path(path, sizeof path, err, "%s/%s", f->dir, m->name);
    if (r == 0)
        r = dm_file_read(path, text, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(text), &digest, err);
    if (r == 0 && memchr(text->p, '\0', text->len) != NULL)
        r = dm_fail(err, DM_E_INVALID, "%s has a NUL byte", m->name);
    if (r == 0)
        dm_hex(digest.b, sizeof digest.b, sha);
    return r;
}

/* --- the database ------------------------------------------------------------------------------------------- */

/* Everything here may be done again and changes nothing then. The table belongs to public, since schema dm is made by
 * the first migration. */
static const char prepare[] =
        "DO $$"
        "DECLARE r text;"
        "BEGIN"
        "  FOREACH r IN ARRAY ARRAY['dm_migrate', 'dm_api', 'dm_who', 'dm_meter', 'dm_ops', 'dm_export'] LOOP"
        "    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN"
        "      EXECUTE format('CREATE ROLE %I', r);"
        "    END IF;"
        "    EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION', r);"
        "    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), r);"
        "  END LOOP;"
        "  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());"
        "  EXECUTE format('GRANT CREATE ON DATABASE %I TO dm_migrate', current_database());"
        "END $$;"
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
        "CREATE TABLE IF NOT EXISTS public.dm_migration ("
        "  no int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
        "  applied_at timestamptz NOT NULL DEFAULT clock_timestamp());"
        "ALTER TABLE public.dm_migration OWNER TO dm_migrate;"
        "GRANT SELECT (no) ON public.dm_migration TO dm_ops;";

/* "dormouse" in a lock's key; the session's, so that it is let go with the connection whatever happens. */
static const char lock[] = "SELECT pg_advisory_lock(x'646f726d'::int)";

static const dm_pg_stmt applied_rows = {
        "migration_list", "SELECT no, name, sha256 FROM public.dm_migration ORDER BY no", DM_PG_ROWS};

static int list_applied(dm_pg *c, void *arg, dm_err *err)
{
    return dm_pg_exec(c, &applied_rows, NULL, 0, arg, NULL, err);
}

static int check_applied(const folder *f, const dm_pg_rows *rows, dm_err *err)
{
    DM_AUTO_BUF text;
    char sha[2 * DM_SHA256 + 1];
    dm_buf_init(&text, FILE_MAX);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        int64_t no = dm_pg_i64(rows, i, 0);
        dm_str name = dm_pg_str(rows, i, 1);
        if (no != (int64_t)i + 1)
            return dm_fail(err, DM_E_CORRUPT, "the database has no migration %04zu but a later one", i + 1);
        if ((size_t)no > f->n)
            return dm_fail(err, DM_E_INVALID,
                    "the database has %.*s, which is not in %s: this program is older than it", (int)name.n, name.p,
                    f->dir);
        const migration *m = &f->files[i];
        if (!dm_str_eq_c(name, m->name))
            return dm_fail(err, DM_E_INVALID, "%s was applied as %.*s: a migration is never renamed", m->name,
                    (int)name.n, name.p);
        int r = file_read(f, m, &text, sha, err);
        if (r < 0)
            return r;
        if (!dm_str_eq_c(dm_pg_str(rows, i, 2), sha))
            return dm_fail(
                    err, DM_E_INVALID, "%s was edited after it had been applied: write a new one instead", m->name);
    }
    return 0;
}

static int apply(dm_pg *c, const folder *f, const migration *m, dm_err *err)
{
    DM_AUTO_BUF text;
    char sha[2 * DM_SHA256 + 1], record[512];
    dm_buf_init(&text, FILE_MAX);
    int r = file_read(f, m, &text, sha, err);
    if (r == 0)
        r = dm_path(record, sizeof record, err,
                "INSERT INTO public.dm_migration (no, name, sha256) VALUES (%u, '%s', '%s'); COMMIT", m->no, m->name,
                sha);
    if (r == 0)
        r = dm_pg_script(c, "BEGIN; SET LOCAL ROLE dm_migrate", err);
    if (r == 0)
        r = dm_pg_script(c, text.p, err);
    if (r == 0)
        r = dm_pg_script(c, record, err);
    return r < 0 ? dm_wrap(err, "%s", m->name) : 0;
}

typedef struct pg_holder {
    dm_pg *c;
} pg_holder;

static void pg_holder_done(pg_holder *h)
{
    dm_pg_close(h->c);
}

int dm_migrate_run(const char *conninfo, const char *dir, const dm_clock *clock, dm_migrate_said said, void *arg,
        dm_migrate_result *out, dm_err *err)
{
    __attribute__((cleanup(folder_done))) folder f = {.dir = dir};
    __attribute__((cleanup(pg_holder_done))) pg_holder pg = {NULL};
    DM_AUTO(dm_pg_rows) rows = NULL;
    static const dm_pg_scope nobody = {.read_only = true};

    int r = folder_read(&f, err);
    if (r == 0)
        r = dm_pg_open(conninfo, &pg.c, err);
    if (r == 0)
        r = dm_pg_script(pg.c, lock, err);
    if (r == 0)
        r = dm_pg_script(pg.c, prepare, err);
    if (r == 0)
        r = dm_pg_tx_on(pg.c, &nobody, list_applied, &rows, err);
    if (r == 0)
        r = check_applied(&f, rows, err);
    if (r < 0)
        return r;

    dm_migrate_result done = {.known = (unsigned)f.n};
    for (size_t i = dm_pg_count(rows); i < f.n; i++) {
        int64_t began = dm_mono_us(clock);
        r = apply(pg.c, &f, &f.files[i], err);
        if (r < 0)
            return r;
        done.applied++;
        if (said != NULL)
            said(f.files[i].name, dm_mono_us(clock) - began, arg);
    }
    *out = done;
    return 0;
}
