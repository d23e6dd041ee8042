#include "workers/guest/who/identity.h"

static json_t *system_env(json_t *from, const char *sandbox, const char *template_id)
{
    json_t *env = from != NULL ? json_copy(from) : json_object();
    /* Last, so that a sandbox cannot be told by its creator's variables that it is another one. */
    bool ok = env != NULL && json_object_set_new(env, "E2B_SANDBOX", json_string("true")) == 0;
    if (sandbox[0] != '\0')
        ok = ok && json_object_set_new(env, "E2B_SANDBOX_ID", json_string(sandbox)) == 0;
    if (template_id[0] != '\0')
        ok = ok && json_object_set_new(env, "E2B_TEMPLATE_ID", json_string(template_id)) == 0;
    if (!ok) {
        json_decref(env);
        return NULL;
    }
    return env;
}

static int take(dm_identity *id, const char *sandbox, const char *token, const char *user, const char *workdir,
        json_t *env, dm_err *err)
{
    dm_identity fresh = {
            .generation = id->generation,
            .user_set = id->user_set,
            .sandbox = dm_str_dup(dm_str_c(sandbox)),
            .token = dm_str_dup(dm_str_c(token)),
            .user = dm_str_dup(dm_str_c(user)),
            .workdir = dm_str_dup(dm_str_c(workdir)),
            .env = env,
    };
    if (fresh.sandbox == NULL || fresh.token == NULL || fresh.user == NULL || fresh.workdir == NULL || env == NULL) {
        dm_identity_done(&fresh);
        return dm_fail(err, DM_E_NOMEM, "identity");
    }
    dm_identity_done(id);
    *id = fresh;
    return 0;
}

int dm_identity_init(dm_identity *id, dm_err *err)
{
    *id = (dm_identity){.generation = 0};
    return take(id, "", "", "root", "", system_env(NULL, "", ""), err);
}

void dm_identity_done(dm_identity *id)
{
    free(id->sandbox);
    free(id->token);
    free(id->user);
    free(id->workdir);
    json_decref(id->env);
    *id = (dm_identity){.generation = 0};
}

int dm_identity_take(dm_identity *id, const dm_guest_resume *m, dm_err *err)
{
    int r = take(id, m->sandbox, m->token, m->user, m->workdir, system_env(m->env, m->sandbox, m->template_id), err);
    if (r == 0)
        id->user_set = true;
    return r;
}

int dm_identity_set(dm_identity *id, const char *token, const char *user, const char *workdir, dm_err *err)
{
    return take(id, id->sandbox, token, user, workdir, json_incref(id->env), err);
}
