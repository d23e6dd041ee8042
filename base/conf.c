#include "base/conf.h"

#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

enum {
    TEXT_MAX = 1 << 20,
    ROWS_MAX = 256,
    HELP_MAX = 1 << 18,
};

/* What was said for one row, and where: a line of the file, or 0 for --set. Borrowed from the text and argv. */
typedef struct said {
    dm_str value;
    bool given;
    size_t line;
} said;

/* The words in front of a complaint about one value. */
static void blame(dm_err *err, const char *name, const said *s, const dm_conf_row *row)
{
    if (!s->given)
        (void)dm_wrap(err, "default of %s", row->name);
    else if (s->line > 0)
        (void)dm_wrap(err, "%s:%zu: %s", name, s->line, row->name);
    else
        (void)dm_wrap(err, "--set %s", row->name);
}

static const dm_conf_row *row_of(const dm_conf_spec *spec, dm_str name)
{
    for (size_t i = 0; i < spec->n; i++)
        if (dm_str_eq_c(name, spec->rows[i].name))
            return &spec->rows[i];
    return NULL;
}

/* --- text to what was said ---------------------------------------------------------------------------------- */

static dm_str without_comment(dm_str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return (dm_str){line.p, i};
    return line;
}

static int read_line(const dm_conf_spec *spec, dm_str line, const char *name, size_t number, said *all, dm_err *err)
{
    dm_str value = dm_str_trim(without_comment(line));
    if (value.n == 0)
        return 0;
    if (memchr(value.p, '=', value.n) == NULL)
        return dm_fail(err, DM_E_INVALID, "%s:%zu: not a line \"name = value\"", name, number);
    dm_str word = {0};
    (void)dm_str_split(&value, '=', &word);
    word = dm_str_trim(word);
    const dm_conf_row *row = row_of(spec, word);
    if (row == NULL)
        return dm_fail(err, DM_E_INVALID, "%s:%zu: unknown name \"%.*s\"", name, number, word.n < 64 ? (int)word.n : 64,
                word.p);
    said *s = &all[row - spec->rows];
    if (s->given)
        return dm_fail(err, DM_E_INVALID, "%s:%zu: %s was given in line %zu already", name, number, row->name, s->line);
    *s = (said){.value = dm_str_trim(value), .given = true, .line = number};
    return 0;
}

static int read_text(const dm_conf_spec *spec, dm_str text, const char *name, said *all, dm_err *err)
{
    if (text.n > TEXT_MAX)
        return dm_fail(err, DM_E_LIMIT, "%s has more than %d bytes", name, TEXT_MAX);
    if (!dm_utf8_ok(text))
        return dm_fail(err, DM_E_INVALID, "%s is not UTF-8 text", name);
    dm_str line;
    for (size_t number = 1; dm_str_split(&text, '\n', &line); number++) {
        int r = read_line(spec, line, name, number, all, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- what was said to the struct ---------------------------------------------------------------------------- */

static int check_row(const dm_conf_row *row, dm_str value, dm_err *err)
{
    uint64_t u;
    bool b;
    switch (row->type) {
    case DM_CONF_STR:
        if (value.n < row->min || value.n > row->max)
            return dm_fail(err, DM_E_INVALID, "must have %llu to %llu bytes", (unsigned long long)row->min,
                    (unsigned long long)row->max);
        return 0;
    case DM_CONF_U64:
        return dm_parse_u64(value, row->min, row->max, &u, err);
    case DM_CONF_BOOL:
        return dm_parse_bool(value, &b, err);
    }
    return dm_fail(err, DM_E_INTERNAL, "has no type");
}

/* Puts defaults where nothing was said and checks every value, so that only memory can fail once *out is written. */
static int settle(const dm_conf_spec *spec, const char *name, said *all, dm_err *err)
{
    for (size_t i = 0; i < spec->n; i++) {
        const dm_conf_row *row = &spec->rows[i];
        if (!all[i].given && row->def == NULL)
            return dm_fail(err, DM_E_INVALID, "%s: %s must be given", name, row->name);
        if (!all[i].given)
            all[i].value = dm_str_c(row->def);
        int r = check_row(row, all[i].value, err);
        if (r < 0) {
            blame(err, name, &all[i], row);
            return r;
        }
    }
    return 0;
}

static void *slot(void *out, const dm_conf_row *row)
{
    return (char *)out + row->offset;
}

static int fill(const dm_conf_spec *spec, const said *all, void *out, dm_err *err)
{
    for (size_t i = 0; i < spec->n; i++)
        if (spec->rows[i].type == DM_CONF_STR)
            *(char **)slot(out, &spec->rows[i]) = NULL;
    for (size_t i = 0; i < spec->n; i++) {
        const dm_conf_row *row = &spec->rows[i];
        int r = 0;
        if (row->type == DM_CONF_U64) {
            r = dm_parse_u64(all[i].value, row->min, row->max, slot(out, row), err);
        } else if (row->type == DM_CONF_BOOL) {
            r = dm_parse_bool(all[i].value, slot(out, row), err);
        } else {
            char *z = dm_str_dup(all[i].value);
            *(char **)slot(out, row) = z;
            r = z != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "no memory for the configuration");
        }
        if (r < 0) {
            dm_conf_done(spec, out);
            return r;
        }
    }
    return 0;
}

void dm_conf_done(const dm_conf_spec *spec, void *conf)
{
    for (size_t i = 0; i < spec->n; i++) {
        if (spec->rows[i].type != DM_CONF_STR)
            continue;
        char **z = slot(conf, &spec->rows[i]);
        free(*z);
        *z = NULL;
    }
}

static int new_said(const dm_conf_spec *spec, said **out, dm_err *err)
{
    if (spec->n > ROWS_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d settings", ROWS_MAX);
    *out = calloc(spec->n + 1, sizeof(**out));
    return *out != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "no memory for the configuration");
}

int dm_conf_parse(const dm_conf_spec *spec, dm_str text, const char *name, void *out, dm_err *err)
{
    DM_AUTO_MEM said *all = NULL;
    int r = new_said(spec, &all, err);
    if (r == 0)
        r = read_text(spec, text, name, all, err);
    if (r == 0)
        r = settle(spec, name, all, err);
    return r == 0 ? fill(spec, all, out, err) : r;
}

/* --- the command line --------------------------------------------------------------------------------------- */

typedef struct args {
    const char *config;
    bool dump;
    bool docs;
    bool help;
} args;

static int read_set(const dm_conf_spec *spec, const char *arg, said *all, dm_err *err)
{
    dm_str rest = dm_str_c(arg);
    dm_str name;
    if (memchr(rest.p, '=', rest.n) == NULL || !dm_str_split(&rest, '=', &name))
        return dm_fail(err, DM_E_INVALID, "--set takes NAME=VALUE");
    name = dm_str_trim(name);
    const dm_conf_row *row = row_of(spec, name);
    if (row == NULL)
        return dm_fail(err, DM_E_INVALID, "--set: unknown name \"%.*s\"", name.n < 64 ? (int)name.n : 64, name.p);
    if (!dm_utf8_ok(rest))
        return dm_fail(err, DM_E_INVALID, "--set %s: not UTF-8 text", row->name);
    all[row - spec->rows] = (said){.value = dm_str_trim(rest), .given = true};
    return 0;
}

static int read_args(const dm_conf_spec *spec, int argc, char **argv, args *a, said *sets, dm_err *err)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool config = strcmp(arg, "--config") == 0;
        if (strcmp(arg, "--help") == 0) {
            a->help = true;
        } else if (strcmp(arg, "--dump") == 0) {
            a->dump = true;
        } else if (strcmp(arg, "--docs") == 0) {
            a->docs = true;
        } else if (config || strcmp(arg, "--set") == 0) {
            if (next == NULL)
                return dm_fail(err, DM_E_INVALID, "%s takes a value", arg);
            if (config && a->config != NULL)
                return dm_fail(err, DM_E_INVALID, "--config was given twice");
            if (config)
                a->config = next;
            int r = config ? 0 : read_set(spec, next, sets, err);
            if (r < 0)
                return r;
            i++;
        } else {
            return dm_fail(err, DM_E_INVALID, "unknown argument \"%.64s\"; --help tells", arg);
        }
    }
    return 0;
}

static void bounds_help(dm_buf *b, const dm_conf_row *row)
{
    if (row->type == DM_CONF_U64 && row->max == UINT64_MAX)
        (void)dm_buf_fmt(b, "number from %llu", (unsigned long long)row->min);
    else if (row->type == DM_CONF_U64)
        (void)dm_buf_fmt(b, "number %llu to %llu", (unsigned long long)row->min, (unsigned long long)row->max);
    else if (row->type == DM_CONF_BOOL)
        (void)dm_buf_c(b, "true or false");
    else
        (void)dm_buf_fmt(b, "text, at most %llu bytes", (unsigned long long)row->max);
    if (row->def == NULL)
        (void)dm_buf_c(b, "; must be given");
    else if (row->def[0] != '\0')
        (void)dm_buf_fmt(b, "; default %s", row->def);
}

static void help_text(const dm_conf_spec *spec, dm_buf *b)
{
    (void)dm_buf_fmt(b,
            "%s: %s\n\n"
            "usage: %s [--config FILE] [--set NAME=VALUE]... [--dump | --docs]\n\n"
            "  --config FILE     read settings from FILE, lines \"name = value\"\n"
            "  --set NAME=VALUE  one setting, wins over the file\n"
            "  --dump            print the settings in force and leave\n"
            "  --docs            print the settings as a page of documentation\n"
            "  --help            this text\n\n"
            "settings:\n",
            spec->program, spec->summary, spec->program);
    for (size_t i = 0; i < spec->n; i++) {
        (void)dm_buf_fmt(b, "  %s\n      %s\n      (", spec->rows[i].name, spec->rows[i].help);
        bounds_help(b, &spec->rows[i]);
        (void)dm_buf_c(b, ")\n");
    }
}

/* A table of Markdown; what a value may be never holds a bar. */
static void docs_text(const dm_conf_spec *spec, dm_buf *b)
{
    (void)dm_buf_fmt(
            b, "## %s\n\n%s\n\n| setting | what it is | value |\n|---|---|---|\n", spec->program, spec->summary);
    for (size_t i = 0; i < spec->n; i++) {
        (void)dm_buf_fmt(b, "| `%s` | %s | ", spec->rows[i].name, spec->rows[i].help);
        bounds_help(b, &spec->rows[i]);
        (void)dm_buf_c(b, " |\n");
    }
}

static void dump_text(const dm_conf_spec *spec, const said *all, dm_buf *b)
{
    for (size_t i = 0; i < spec->n; i++) {
        (void)dm_buf_fmt(b, "%s = ", spec->rows[i].name);
        (void)dm_buf_str(b, all[i].value);
        (void)dm_buf_ch(b, '\n');
    }
}

static int answer(const dm_buf *b, dm_err *err)
{
    int r = dm_buf_ok(b, err);
    if (r == 0)
        r = dm_write_all(STDOUT_FILENO, dm_buf_view(b).p, b->len, err);
    return r < 0 ? r : DM_CONF_EXIT;
}

int dm_conf_main(const dm_conf_spec *spec, int argc, char **argv, void *out, dm_err *err)
{
    DM_AUTO_MEM said *all = NULL;
    DM_AUTO_MEM said *sets = NULL;
    int r = new_said(spec, &all, err);
    if (r == 0)
        r = new_said(spec, &sets, err);
    args a = {0};
    if (r == 0)
        r = read_args(spec, argc, argv, &a, sets, err);
    if (r < 0)
        return r;

    /* --dump repeats what may be a whole file, with defaults beside it. */
    DM_AUTO_BUF text;
    dm_buf_init(&text, TEXT_MAX);
    DM_AUTO_BUF reply;
    dm_buf_init(&reply, TEXT_MAX + HELP_MAX);
    if (a.help || a.docs) {
        (a.help ? help_text : docs_text)(spec, &reply);
        return answer(&reply, err);
    }
    const char *name = a.config != NULL ? a.config : spec->program;
    if (a.config != NULL)
        r = dm_file_read(a.config, &text, err);
    if (r == 0)
        r = read_text(spec, dm_buf_view(&text), name, all, err);
    for (size_t i = 0; i < spec->n; i++)
        if (sets[i].given)
            all[i] = sets[i];
    if (r == 0)
        r = settle(spec, name, all, err);
    if (r < 0)
        return r;
    if (a.dump) {
        dump_text(spec, all, &reply);
        return answer(&reply, err);
    }
    return fill(spec, all, out, err);
}
