# shellcheck shell=bash
# The private PostgreSQL: cluster, database, roles. Its files belong to the user dormouse-pg.

DM_PG_BIN=/usr/lib/postgresql/15/bin

# super SQL...: as the database's superuser, stopping at the first error.
super() {
    psql -X -q -v ON_ERROR_STOP=1 -h "$DM_RUN/pg" -p "$DM_PORT_PG" -U postgres "$@"
}

postgres_init() {
    if [ -e "$DM_DATA/pg/PG_VERSION" ]; then
        return
    fi
    # An initdb that was interrupted leaves a folder that it then refuses; nothing in it is worth keeping.
    find "$DM_DATA/pg" -mindepth 1 -delete
    (cd / && as_service pg "$DM_PG_BIN/initdb" -D "$DM_DATA/pg" -U postgres --encoding=UTF8 --locale=C.UTF-8 \
        --data-checksums --auth=peer --no-instructions)
}

postgres_ready() {
    "$DM_PG_BIN/pg_isready" -q -h "$DM_RUN/pg" -p "$DM_PORT_PG" -d postgres
}

# postgres_roles: the roles can log in, none is more than it needs to be; what they may touch is the
# migrations' business.
postgres_roles() {
    local role
    for role in dm_migrate dm_api dm_who dm_meter dm_ops dm_export; do
        printf "SELECT 'CREATE ROLE %s' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') \\\\gexec\n" "$role" "$role"
        printf 'ALTER ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;\n' "$role"
    done | super -d postgres
    super -d postgres <<'END'
SELECT 'CREATE DATABASE dormouse OWNER dm_migrate' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dormouse') \gexec
REVOKE ALL ON DATABASE dormouse FROM PUBLIC;
GRANT CONNECT ON DATABASE dormouse TO dm_migrate, dm_api, dm_who, dm_meter, dm_ops, dm_export;
END
}

postgres_start() {
    postgres_init
    service_start pg
    wait_for pg 60 postgres_ready
    postgres_roles
    note "$(service_word pg), version $(super -d postgres -At -c 'SHOW server_version' | cut -d ' ' -f 1)"
}
