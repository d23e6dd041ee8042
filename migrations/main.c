/* dormouse-migrate: one thread, runs and leaves. */
#include <getopt.h>
#include <stdio.h>

#include "migrations/migrate.h"

static const char usage[] =
        "usage: dormouse-migrate --dir FOLDER --db CONNINFO\n"
        "\n"
        "Makes the roles dm_migrate, dm_api, dm_who, dm_meter, dm_ops and dm_export where they are missing, then\n"
        "applies each numbered .sql of FOLDER that the database has not had yet.\n"
        "\n"
        "  --dir FOLDER    where the migrations are\n"
        "  --db CONNINFO   libpq connection string of a superuser\n"
        "  --help          this\n";

static void said(const char *name, int64_t us, void *arg)
{
    (void)arg;
    (void)printf("%s  %lld.%03lld s\n", name, (long long)(us / 1000000), (long long)(us / 1000 % 1000));
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'}, {"db", required_argument, NULL, 'b'},
            {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *dir = NULL, *db = NULL;
    dm_migrate_result result;
    dm_err err = {0};

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'd') {
            dir = optarg;
        } else if (o == 'b') {
            db = optarg;
        } else {
            (void)fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (dir == NULL || db == NULL || optind != argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    int64_t began = dm_mono_us(&dm_clock_real);
    if (dm_migrate_run(db, dir, &dm_clock_real, said, NULL, &result, &err) < 0) {
        (void)fprintf(stderr, "dormouse-migrate: %s\n", err.msg);
        return 1;
    }
    int64_t took = dm_mono_us(&dm_clock_real) - began;
    (void)printf("%u of %u applied, %u were there, %lld.%03lld s\n", result.applied, result.known,
            result.known - result.applied, (long long)(took / 1000000), (long long)(took / 1000 % 1000));
    return 0;
}
