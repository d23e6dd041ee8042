/* dormouse-admin: what an operator does by hand. One thread, one transaction, one audit line, and it leaves. */
#include <getopt.h>
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

#include "tenants/admin/admin.h"

static const char usage[] =
        "usage: dormouse-admin --db CONNINFO COMMAND [OPTIONS]\n"
        "\n"
        "  demo         account, project `demo`, a key and the public template `base`; what is there is left as it is\n"
        "      --tier NAME --currency CUR         of the account when it is made (payg, CNY)\n"
        "      --vcpus N --mem-mib N --disk-mib N default size of `base` (1, 256, 1024)\n"
        "      --image NAME                       guest image of `base` (base)\n"
        "      --key-file FILE                    keep the key there, and use it again while it is valid\n"
        "  account-add  --name LEGAL-NAME --country CC --currency CUR --tier NAME\n"
        "  tier-set     --account UUID --tier NAME   limits at once, prices from the moment that is printed\n"
        "  owner-add    --account UUID --email ADDRESS [--name NAME]   who owns it, and may sign in; prints a "
        "password\n"
        "      --first yes                        only where it has no member yet\n"
        "  project-add  --account UUID --slug SLUG [--name NAME] [--region NAME]\n"
        "  key-add      --project SLUG [--name NAME]\n"
        "  key-revoke   --id UUID\n"
        "  limit-set    --name LIMIT --value N and one of --project SLUG, --account UUID, --tier NAME\n"
        "      --reason TEXT                      why, as its people read it\n"
        "      --until TIME                       it holds until then (RFC 3339); of a project or an account\n"
        "  limit-list   --project SLUG            each limit, what is used of it, and whose row sets it\n"
        "  suspend      --account UUID --reason TEXT   nothing of it is created or woken, and what runs is put to "
        "sleep\n"
        "  unsuspend    --account UUID --reason TEXT   it may run again; what sleeps is not woken\n"
        "  operator-add --name NAME --email ADDRESS   one of our own people; prints a password for the first sign-in\n"
        "      --first yes                        only where there is none yet\n"
        "  token-key-rotate                       what short tokens are signed with ends: browsers refresh\n"
        "\n"
        "  Two words or one (`worker list`, `worker-list`). Every list takes --json; an act on what is there takes\n"
        "  --reason TEXT, which whom it concerns reads in his audit.\n"
        "\n"
        "  worker list                            hosts:            worker list --json\n"
        "  worker drain     --no N                empty one:        worker drain --no 1 --reason 'new disks'\n"
        "  worker undrain   --no N                and take it back: worker undrain --no 1 --reason 'they are in'\n"
        "  worker write-off --no N or --name NAME a host that never comes back: its sandboxes end as host_lost\n"
        "  account list     [--name PART --tier NAME]   by a part of the name, a project's slug, a member's address:\n"
        "                                         account list --name ada@example.org\n"
        "  account show     --account UUID        all that it has, as JSON\n"
        "  account block    --account UUID        it creates nothing: account block --account UUID --reason 'it "
        "mines'\n"
        "  account unblock  --account UUID        it may again\n"
        "  sandbox list     [--state S --account UUID --project SLUG --no WORKER --id BEGINNING]\n"
        "                                         what runs on a host: sandbox list --no 1 --state running\n"
        "  operator list                          our own people: who may sign in, and when each was here last\n"
        "  operator disable --name NAME           may not any more, and is signed out: operator disable --name ada\n"
        "  operator enable  --name NAME           may again, as before\n"
        "  operator reset   --name NAME           lost his password or telephone: prints another for one sign-in\n"
        "  sandbox kill     --id ID               end one:          sandbox kill --id i7f3... --reason 'it attacks'\n";

static const char usage_exports[] =
        "\n"
        "  export order     --dataset NAME --format NAME --from MONTH [--to MONTH]   the books of a legal entity as a "
        "file:\n"
        "                                         export order --dataset journal --format xlsx --from 2026-03\n"
        "      [--entity N]                       of several, which; or --account UUID: an account's own datasets\n"
        "  export list      [--account UUID]      what operators ordered, or an account's people, the newest first\n"
        "  export show      --id UUID             how far it is, as JSON, with its manifest\n"
        "  export cancel    --id UUID             it is not wanted any more\n"
        "  export download  --id UUID --folder FOLDER --out FILE   a copy, once its hash is what it is to be; FOLDER "
        "is\n"
        "                                         where exports are kept (`folder` of dormouse-export)\n";

static const char usage_money[] =
        "\n"
        "  Money: what one has drafted or ordered another approves, each by --who. Contracts, rules of tax and "
        "sellers\n"
        "  are drafted by the API (/v1/ops), which takes them as documents. --state narrows a list.\n"
        "\n"
        "  credit list      --account UUID        what was given, and money that came, with what became of it\n"
        "  credit order     --account UUID --kind paid|promo|operator --value AMOUNT --currency CUR\n"
        "      --reference TEXT --until TIME      the bank's word for money that came; when what is given expires:\n"
        "                                         credit order --account UUID --kind promo --value 20 --currency USD "
        "\\\n"
        "                                           --reason 'a day without service'\n"
        "  credit approve   --account UUID --id UUID   above a threshold; and credit withdraw\n"
        "  invoice list     [--state S]           of all accounts: invoice list --state overdue\n"
        "  invoice issue    --account UUID --month MONTH  of a month that is over; invoice draft: as it would be:\n"
        "                                         invoice issue --account UUID --month 2026-03 --reason 'it asks "
        "early'\n"
        "  invoice pay      --account UUID --number N --value AMOUNT --on DAY [--reference TEXT]   money that came:\n"
        "                                         invoice pay --account UUID --number INV-2026-000042 --value 12.50 "
        "\\\n"
        "                                           --on 2026-04-02 --reference 'transfer 17' --reason 'bank says so'\n"
        "  invoice credit   --account UUID --number N [--file LINES]   all of it, or so much of its lines, in JSON:\n"
        "                                         [{\"line\": 1, \"net\": \"2.50\"}]\n"
        "  invoice void     --account UUID --number N  before anything was paid of it; and invoice dispute,\n"
        "                                         settle-dispute, uncollectible: prints the order, which the meter "
        "does\n"
        "  order list       [--state S]           what was ordered of invoices: order list --state waiting\n"
        "  order approve    --no N                a second person's word: order approve --no 7 --reason 'seen'\n"
        "  bank import      --file FILE           a bank's statement (camt.053): what names an invoice is paid\n"
        "  bank list        [--state OUTCOME]     its entries: bank list --state unmatched\n"
        "  contract list    [--account UUID]      and contract approve, withdraw, end (--until TIME), end-approve,\n"
        "                                         end-withdraw, each with --id UUID\n"
        "  book list        [--state S]           price books, with the hash of each: book list --state draft\n"
        "  book show        --no ID               all of one, as JSON\n"
        "  book draft       --file FILE           another, as POST /v1/ops/price-books takes it, in JSON; and book\n"
        "                                         edit --no ID --file FILE: its begin and prices\n"
        "  book simulate    --no ID [--month MONTH]   what a closed month would have cost by it: book simulate --no 7\n"
        "  simulation list  [--no BOOK]           how far they are, and what came of them; simulation show --no N: by\n"
        "                                         account, the largest difference first; and simulation cancel\n"
        "  book approve     --no ID --hash SHA256 a price book, as it was shown; and book withdraw\n"
        "  tax list, tax approve --no N, tax withdraw --no N           which tax holds for whom\n"
        "  seller list, seller approve --no N, seller withdraw --no N  what stands on invoices as the seller\n"
        "\n"
        "  --db CONNINFO   libpq connection string, role dm_ops\n"
        "  --who NAME      who does it, for the audit (the login name)\n"
        "  --help          this\n";

enum { OPT_DB = 256, OPT_WHO, OPT_HELP, OPT_JSON, OPT_TEXT };
enum { WORDS_MAX = 64 }; /* bytes of a command's name */

typedef struct text_option {
    const char *name;
    size_t offset;
} text_option;

#define TEXT(name, member)                                                                                             \
    {                                                                                                                  \
        (name), offsetof(dm_admin_args, member)                                                                        \
    }

static const text_option texts[] = {TEXT("tier", tier), TEXT("currency", currency), TEXT("image", image),
        TEXT("key-file", key_file), TEXT("account", account), TEXT("project", project), TEXT("slug", slug),
        TEXT("name", name), TEXT("region", region), TEXT("id", id), TEXT("value", value), TEXT("country", country),
        TEXT("no", no), TEXT("email", email), TEXT("first", first), TEXT("reason", reason), TEXT("until", until),
        TEXT("vcpus", vcpus), TEXT("mem-mib", mem_mib), TEXT("disk-mib", disk_mib), TEXT("state", state),
        TEXT("dataset", dataset), TEXT("format", format), TEXT("from", from), TEXT("to", to), TEXT("entity", entity),
        TEXT("folder", folder), TEXT("out", out), TEXT("kind", kind), TEXT("reference", reference),
        TEXT("number", number), TEXT("hash", hash), TEXT("file", file), TEXT("month", month), TEXT("on", on)};

static void say_usage(FILE *to)
{
    (void)fputs(usage, to);
    (void)fputs(usage_exports, to);
    (void)fputs(usage_money, to);
}

static int bad_usage(void)
{
    say_usage(stderr);
    return 2;
}

/* 0, or the status to leave with plus one. */
static int parse(int argc, char **argv, const char **db, char command[WORDS_MAX], dm_admin_args *args)
{
    struct option options[DM_LEN(texts) + 5] = {{"db", required_argument, NULL, OPT_DB},
            {"who", required_argument, NULL, OPT_WHO}, {"help", no_argument, NULL, OPT_HELP},
            {"json", no_argument, NULL, OPT_JSON}};
    for (size_t i = 0; i < DM_LEN(texts); i++)
        options[4 + i] = (struct option){texts[i].name, required_argument, NULL, OPT_TEXT + (int)i};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == OPT_DB) {
            *db = optarg;
        } else if (o == OPT_WHO) {
            args->who = optarg;
        } else if (o == OPT_JSON) {
            args->json = true;
        } else if (o >= OPT_TEXT) {
            memcpy((char *)args + texts[o - OPT_TEXT].offset, &optarg, sizeof optarg);
        } else if (o == OPT_HELP) {
            say_usage(stdout);
            return 1;
        } else {
            return bad_usage() + 1;
        }
    }
    int words = argc - optind;
    if (*db == NULL || words < 1 || words > 2)
        return bad_usage() + 1;
    (void)snprintf(command, WORDS_MAX, "%s%s%s", argv[optind], words > 1 ? "-" : "", words > 1 ? argv[optind + 1] : "");
    return 0;
}

int main(int argc, char **argv)
{
    const char *db = NULL;
    char command[WORDS_MAX] = "";
    dm_admin_args args = {.who = getenv("USER")};
    char who[128];
    dm_err err = {0};
    dm_pg *c = NULL;

    int status = parse(argc, argv, &db, command, &args);
    if (status != 0)
        return status - 1;
    const dm_admin_command *todo = dm_admin_find(command);
    if (todo == NULL)
        return bad_usage();
    (void)snprintf(who, sizeof who, "operator:%s", args.who != NULL && args.who[0] != '\0' ? args.who : "unnamed");
    args.who = who;
    int r = dm_pg_open(db, &c, &err);
    if (r == 0)
        r = todo->run(c, &args, &err);
    dm_pg_close(c);
    if (r < 0)
        (void)fprintf(stderr, "dormouse-admin: %s: %s\n", command, err.msg);
    return r < 0 ? 1 : 0;
}
