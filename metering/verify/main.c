/* dormouse-verify: whether a bundle of statements holds, without us. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "metering/verify/verify.h"

static const char usage[] =
        "dormouse-verify [--json] BUNDLE\n"
        "\n"
        "Recomputes the statements in a bundle (.tar.zst; - is standard input) from the attestations up: signatures,\n"
        "hashes, chains, seconds, lines, sums. It reads that file and nothing else, and names the first record that\n"
        "does not hold. sdk/FORMAT.md describes what is checked, and in which order.\n"
        "\n"
        "  --json   the verdict as one object\n"
        "\n"
        "Exit codes: 0 all of it holds; 1 something does not, and is named; 2 it could not be looked at (no such\n"
        "file, no memory, wrong usage); 3 it is of a kind, or larger than, this program knows.\n";

enum { BAD = 1, FAILED = 2, UNKNOWN = 3 };

static int source(void *arg, void *to, size_t room, size_t *n, dm_err *err)
{
    const int *fd = arg;
    ssize_t got;
    do
        got = read(*fd, to, room);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return dm_fail_sys(err, errno, "read");
    *n = (size_t)got;
    return 0;
}

static void progress(void *arg, int64_t statement, uint32_t page, uint32_t pages)
{
    (void)arg;
    (void)fprintf(stderr, "\rstatement %lld, page %u of %u\033[K", (long long)statement, page, pages);
}

static int say(const dm_verdict *v, int outcome, bool json)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 64 << 10);
    if (json)
        dm_verdict_json(v, outcome, &text);
    else
        dm_verdict_words(v, outcome, &text);
    (void)fwrite(dm_buf_view(&text).p, 1, text.len, stdout);
    if (fflush(stdout) != 0)
        return FAILED;
    return outcome == 0 ? 0 : outcome == DM_VERIFY_BAD ? BAD : UNKNOWN;
}

static int run(const char *path, bool json)
{
    static dm_verdict verdict;
    dm_err err;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)fprintf(stderr, "dormouse-verify: %s: %s\n", path, strerror(errno));
        return FAILED;
    }
    bool seen = isatty(STDERR_FILENO) == 1;
    int r = dm_verify_bundle(source, &fd, seen ? progress : NULL, NULL, &verdict, &err);
    if (seen)
        (void)fputs("\r\033[K", stderr);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    if (r < 0) {
        (void)fprintf(stderr, "dormouse-verify: %s\n", err.msg);
        return FAILED;
    }
    return say(&verdict, r, json);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int at = json ? 2 : 1;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (argc != at + 1 || (argv[at][0] == '-' && argv[at][1] != '\0')) {
        (void)fputs(usage, stderr);
        return FAILED;
    }
    return run(argv[at], json);
}
