#include "tenants/who/accounts.h"

static void write_members(dm_jw *w, const dm_accounts_row *a)
{
    dm_jw_kstr(w, "id", a->id);
    dm_jw_kstr(w, "name", a->name);
    dm_jw_kstr(w, "country", a->country);
    dm_jw_kstr(w, "currency", a->currency);
    dm_jw_kstr(w, "tier", a->tier);
    dm_jw_kmaybe(w, "blocked", a->blocked);
    dm_jw_kbool(w, "banned", a->banned);
    dm_jw_ki64(w, "running", a->running);
    dm_jw_ki64(w, "asleep_mib", a->asleep_mib);
    dm_jw_ktime(w, "created_at", a->created_us);
}

void dm_accounts_write(dm_jw *w, const dm_accounts_row *a)
{
    dm_jw_obj(w);
    write_members(w, a);
    dm_jw_ki64(w, "projects", a->projects);
    dm_jw_end(w);
}

/* --- one, with what it has: columns as in sql_accounts.c ---------------------------------------------------- */

typedef void (*write_fn)(dm_jw *w, const dm_pg_rows *rows, size_t i);

static void write_plan(dm_jw *w, const dm_pg_rows *rows, size_t i)
{
    dm_jw_kstr(w, "tier", dm_pg_str(rows, i, 0));
    dm_jw_ki64(w, "included_s", dm_pg_i64(rows, i, 1));
    dm_jw_ktime(w, "from", dm_pg_i64(rows, i, 2));
}

static dm_str maybe(const dm_pg_rows *rows, size_t i, unsigned col)
{
    return dm_pg_is_null(rows, i, col) ? (dm_str){NULL, 0} : dm_pg_str(rows, i, col);
}

static void write_limit(dm_jw *w, const dm_pg_rows *rows, size_t i)
{
    dm_jw_kmaybe(w, "project", maybe(rows, i, 0));
    dm_jw_kstr(w, "name", dm_pg_str(rows, i, 1));
    dm_jw_ki64(w, "limit", dm_pg_i64(rows, i, 2));
    dm_jw_kstr(w, "set_by", dm_pg_str(rows, i, 3));
    dm_jw_kstr(w, "reason", dm_pg_str(rows, i, 4));
    dm_jw_ktime(w, "until", dm_pg_i64(rows, i, 5));
    dm_jw_ktime(w, "set_at", dm_pg_i64(rows, i, 6));
}

/* running: what it holds and runs still; all of that will sleep. */
static void write_hold(dm_jw *w, const dm_pg_rows *rows, size_t i)
{
    dm_jw_kmaybe(w, "project", maybe(rows, i, 0));
    dm_jw_kstr(w, "cause", dm_pg_str(rows, i, 1));
    dm_jw_kstr(w, "set_by", dm_pg_str(rows, i, 2));
    dm_jw_kstr(w, "reason", dm_pg_str(rows, i, 3));
    dm_jw_ki64(w, "running", dm_pg_i64(rows, i, 4));
    dm_jw_ktime(w, "at", dm_pg_i64(rows, i, 5));
    dm_jw_ktime(w, "until", dm_pg_i64(rows, i, 6));
}

static void write_project(dm_jw *w, const dm_pg_rows *rows, size_t i)
{
    dm_jw_kstr(w, "id", dm_pg_str(rows, i, 0));
    dm_jw_kstr(w, "slug", dm_pg_str(rows, i, 1));
    dm_jw_kstr(w, "name", dm_pg_str(rows, i, 2));
    dm_jw_kstr(w, "region", dm_pg_str(rows, i, 3));
    dm_jw_ki64(w, "running", dm_pg_i64(rows, i, 4));
    dm_jw_ki64(w, "asleep_mib", dm_pg_i64(rows, i, 5));
    dm_jw_ktime(w, "created_at", dm_pg_i64(rows, i, 6));
}

static void write_member(dm_jw *w, const dm_pg_rows *rows, size_t i)
{
    dm_jw_kstr(w, "id", dm_pg_str(rows, i, 0));
    dm_jw_kstr(w, "email", dm_pg_str(rows, i, 1));
    dm_jw_kstr(w, "name", dm_pg_str(rows, i, 2));
    dm_jw_kmaybe(w, "project", maybe(rows, i, 3));
    dm_jw_kstr(w, "role", dm_pg_str(rows, i, 4));
    dm_jw_kbool(w, "confirmed", dm_pg_bool(rows, i, 5));
    dm_jw_kbool(w, "totp", dm_pg_bool(rows, i, 6));
    dm_jw_ktime(w, "added_at", dm_pg_i64(rows, i, 7));
}

static void write_all(dm_jw *w, const char *name, const dm_pg_rows *rows, write_fn one)
{
    dm_jw_key(w, name);
    dm_jw_arr(w);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_jw_obj(w);
        one(w, rows, i);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

void dm_accounts_one_write(dm_jw *w, const dm_accounts_one *o)
{
    dm_accounts_row a;
    dm_accounts_read(o->account, 0, &a);
    dm_jw_obj(w);
    write_members(w, &a);
    write_all(w, "plans", o->plans, write_plan);
    write_all(w, "limits", o->limits, write_limit);
    write_all(w, "holds", o->holds, write_hold);
    write_all(w, "projects", o->projects, write_project);
    write_all(w, "members", o->members, write_member);
    dm_jw_end(w);
}
