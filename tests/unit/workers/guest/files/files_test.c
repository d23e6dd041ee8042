/* The file routes and filesystem.Filesystem over the wire. */
/* Covers workers/guest/files/compose.c, workers/guest/files/rpc.c, workers/guest/files/upload.c,
 * workers/guest/files/watch.c, workers/guest/files/watch_rpc.c, workers/guest/who/user.c. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "tests/support/wire.h"
#include "workers/guest/http/head.h"
#include "workers/guest/http/squeeze.h"

#define OCTETS "Content-Type: application/octet-stream\r\n"

static const char *at(const wire *w, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", w->dir, name);
    return out;
}

static int get(wire *w, const char *name, const char *head)
{
    char line[160];
    (void)snprintf(line, sizeof(line), "GET /files?path=%s/%s", w->dir, name);
    return wire_ask(w, line, head, NULL, 0);
}

static int post(wire *w, const char *name, const char *head, const char *body, size_t n)
{
    char line[160];
    (void)snprintf(line, sizeof(line), "POST /files?path=%s/%s", w->dir, name);
    return wire_ask(w, line, head, body, n);
}

/* The text with the fixture's directory for each '@'. */
static const char *fill(const wire *w, const char *text, dm_buf *b)
{
    dm_str rest = dm_str_c(text), part;
    bool first = true;
    dm_buf_reset(b);
    while (dm_str_split(&rest, '@', &part)) {
        if (!first)
            (void)dm_buf_c(b, w->dir);
        first = false;
        (void)dm_buf_str(b, part);
    }
    return b->p != NULL ? b->p : "";
}

static int call(wire *w, const char *method, const char *json)
{
    char full[60];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    (void)snprintf(full, sizeof(full), "filesystem.Filesystem/%s", method);
    return wire_unary(w, full, fill(w, json, &b));
}

static void writes_and_reads(void **state)
{
    wire *w = *state;
    char path[128], expected[256];
    struct stat st;
    assert_int_equal(post(w, "a/b/f.txt", OCTETS, "hello", 5), 200);
    (void)snprintf(
            expected, sizeof(expected), "[{\"path\":\"%s/a/b/f.txt\",\"name\":\"f.txt\",\"type\":\"file\"}]", w->dir);
    assert_string_equal(wire_body(w), expected);
    assert_int_equal(stat(at(w, "a/b/f.txt", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(stat(at(w, "a/b", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(get(w, "a/b/f.txt", ""), 200);
    assert_string_equal(wire_body(w), "hello");
    assert_has(w->in.p, "Content-Type: text/plain; charset=utf-8\r\n");
    assert_has(w->in.p, "Content-Disposition: inline; filename=f.txt\r\n");
    assert_has(w->in.p, "Vary: Accept-Encoding\r\n");
    assert_has(w->in.p, "Accept-Ranges: bytes\r\n");
    assert_int_equal(chmod(at(w, "a/b/f.txt", path), 0600), 0);
    assert_int_equal(post(w, "a/b/f.txt", OCTETS, "", 0), 200); /* truncates, and keeps the mode */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(get(w, "a/b/f.txt", ""), 200);
    assert_has(w->in.p, "Content-Length: 0\r\n");
    assert_int_equal(get(w, "nope", ""), 404);
    (void)snprintf(
            expected, sizeof(expected), "{\"code\":404,\"message\":\"path '%s/nope' does not exist\"}\n", w->dir);
    assert_string_equal(wire_body(w), expected);
    assert_int_equal(get(w, "a", ""), 400);
    assert_int_equal(get(w, "a/b/f.txt/c", ""), 500);
    assert_int_equal(wire_ask(w, "GET /files?path=/a&path=/b", "", NULL, 0), 400);
    assert_int_equal(wire_ask(w, "GET /files?path=/etc/passwd&username=nobody-of-that", "", NULL, 0), 401);
    assert_has(wire_body(w), "\"code\":401");
    /* what the kernel makes up says that it is empty */
    assert_int_equal(wire_ask(w, "GET /files?path=/proc/self/status", "", NULL, 0), 200);
    assert_has(wire_body(w), "VmRSS");
}

static void serves_parts(void **state)
{
    wire *w = *state;
    assert_int_equal(post(w, "f.txt", OCTETS, "0123456789", 10), 200);
    assert_int_equal(get(w, "f.txt", "Range: bytes=2-4\r\n"), 206);
    assert_string_equal(wire_body(w), "234");
    assert_has(w->in.p, "Content-Range: bytes 2-4/10\r\n");
    assert_int_equal(get(w, "f.txt", "Range: bytes=0-0,-1\r\n"), 206);
    assert_has(w->in.p, "Content-Type: multipart/byteranges; boundary=");
    assert_has(wire_body(w), "Content-Range: bytes 9-9/10\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n9\r\n--");
    assert_int_equal(get(w, "f.txt", "Range: bytes=10-\r\n"), 416);
    assert_has(w->in.p, "Content-Range: bytes */10\r\n");
    assert_int_equal(get(w, "f.txt", "Range: bytes=b-a\r\n"), 416);
    assert_lacks(w->in.p, "Content-Range");
    assert_int_equal(get(w, "f.txt", "If-None-Match: *\r\n"), 304);
    assert_int_equal(get(w, "f.txt", "If-Match: \"x\"\r\n"), 412);
    assert_int_equal(get(w, "f.txt", "Accept-Encoding: identity;q=0\r\n"), 406);
    assert_int_equal(get(w, "f.txt", "Accept-Encoding: identity;q=0, gzip\r\n"), 200);
    assert_has(w->in.p, "Content-Encoding: gzip\r\n");
    dm_chunked c = {.state = 0};
    dm_str in = {wire_body(w), 0}, piece;
    in.n = (size_t)(w->in.p + w->in.len - in.p);
    DM_AUTO_BUF packed, plain;
    dm_buf_init(&packed, 4096);
    dm_buf_init(&plain, 4096);
    while (dm_chunked_next(&c, &in, &piece) == DM_CHUNKED_PIECE)
        (void)dm_buf_str(&packed, piece);
    assert_int_equal(dm_gunzip_all(dm_buf_view(&packed), &plain, NULL), 0);
    assert_string_equal(plain.p, "0123456789");
}

/* More than the queue holds, both ways, and large enough to go out by sendfile. */
static void carries_large_files(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 8 << 20);
    for (uint32_t i = 0; i < 1 << 20; i++)
        (void)dm_buf_le32(&b, i * 2654435761u);
    assert_int_equal(post(w, "big", OCTETS, b.p, b.len), 200);
    assert_int_equal(get(w, "big", ""), 200);
    assert_int_equal(w->in.p + w->in.len - wire_body(w), b.len);
    assert_memory_equal(wire_body(w), b.p, b.len);
}

#define FORM "Content-Type: multipart/form-data; boundary=B\r\n"
#define PART(name) "--B\r\nContent-Disposition: form-data; name=\"file\"" name "\r\n\r\n"

static void takes_forms(void **state)
{
    wire *w = *state;
    char body[600], path[128];
    int n = snprintf(body, sizeof(body),
            PART("; filename=\"%s/one\"") "1\r\n--B\r\nContent-Disposition: form-data; "
                                          "name=\"other\"\r\n\r\nx\r\n" PART("; filename=\"%s/two\"") "22\r\n--B--\r\n",
            w->dir, w->dir);
    assert_int_equal(wire_ask(w, "POST /files", FORM, body, (size_t)n), 200);
    assert_has(wire_body(w), "\"name\":\"one\"");
    assert_has(wire_body(w), "\"name\":\"two\"");
    assert_int_equal(get(w, "two", ""), 200);
    assert_string_equal(wire_body(w), "22");
    /* with a path, the part needs no name of its own */
    static const char bare[] = PART("") "bare\r\n--B--\r\n";
    assert_int_equal(post(w, "bare", FORM, bare, sizeof(bare) - 1), 200);
    assert_int_equal(get(w, "bare", ""), 200);
    assert_string_equal(wire_body(w), "bare");
    static const char twice[] = PART("") "1\r\n" PART("") "2\r\n--B--\r\n";
    assert_int_equal(post(w, "twice", FORM, twice, sizeof(twice) - 1), 400);
    assert_int_equal(get(w, "twice", ""), 200);
    assert_string_equal(wire_body(w), "1");
    assert_int_equal(wire_ask(w, "POST /files", FORM, "--B--", 5), 200);
    assert_string_equal(wire_body(w), "[]");
    assert_int_equal(wire_ask(w, "POST /files", FORM, PART("; filename=\"/tmp/x\"") "cut", 70), 500);
    assert_int_equal(wire_ask(w, "POST /files", "Content-Type: multipart/form-data\r\n", "x", 1), 500);
    (void)at(w, "", path);
}

static void refuses_uploads(void **state)
{
    wire *w = *state;
    char path[128];
    assert_int_equal(wire_ask(w, "POST /files", OCTETS, "x", 1), 400);
    assert_int_equal(wire_ask(w, "POST /files?path=", OCTETS, "x", 1), 400);
    assert_int_equal(post(w, "f", "", "x", 1), 400);
    assert_int_equal(post(w, "f", "Content-Type: text/plain\r\n", "x", 1), 400);
    assert_int_equal(post(w, "f", OCTETS "Content-Encoding: br\r\n", "x", 1), 400);
    assert_int_equal(post(w, "f", OCTETS "Content-Encoding: gzip\r\n", "not gzip", 8), 400);
    assert_int_equal(post(w, "", OCTETS, "x", 1), 400); /* a directory */
    assert_int_equal(post(w, "f", OCTETS "X-Metadata-a: \xc3\xbc\r\n", "x", 1), 400);
    assert_int_equal(post(w, "f", OCTETS, "x", 1), 200);
    assert_int_equal(post(w, "f/below", OCTETS, "x", 1), 500);
    assert_int_equal(wire_ask(w, "POST /files?path=/proc/nothing", OCTETS, "x", 1), 500);
    DM_AUTO(dm_gzip) z = NULL;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(dm_gzip_new(&z, NULL), 0);
    assert_int_equal(dm_gzip_feed(z, DM_STR("squeezed"), true, &b, NULL), 0);
    assert_int_equal(post(w, "z", OCTETS "Content-Encoding: gzip\r\n", b.p, b.len), 200);
    assert_int_equal(get(w, "z", ""), 200);
    assert_string_equal(wire_body(w), "squeezed");
    assert_int_equal(post(w, "z", OCTETS "Content-Encoding: gzip\r\n", b.p, b.len - 1), 500);
    /* cut off in the middle: what has come stays */
    char head[300];
    DM_AUTO_FD fd = wire_open(w);
    int n = snprintf(head, sizeof(head),
            "POST /files?path=%s/cut HTTP/1.1\r\nHost: h\r\n" OCTETS "Content-Length: 100\r\n\r\npart", w->dir);
    wire_send(w, fd, head, (size_t)n);
    wire_turn_for(w, 5000);
    (void)close(dm_steal_fd(&fd));
    wire_turn_for(w, 20000);
    DM_AUTO_BUF left;
    dm_buf_init(&left, 100);
    assert_int_equal(dm_file_read(at(w, "cut", path), &left, NULL), 0);
    assert_string_equal(left.p, "part");
}

static void composes(void **state)
{
    wire *w = *state;
    char path[128];
    static const struct {
        const char *json;
        int status;
    } bad[] = {{"{\"source_paths\":[],\"destination\":\"@/d\"}", 400}, {"{\"source_paths\":[\"@/p1\"]}", 400},
            {"x", 400}, {"{\"source_paths\":[\"@/nope\"],\"destination\":\"@/x\"}", 404},
            {"{\"source_paths\":[\"@\"],\"destination\":\"@/x\"}", 400},
            {"{\"source_paths\":[\"@/p1\"],\"destination\":\"@/p1\"}", 400},
            {"{\"source_paths\":[\"@/p1\"],\"destination\":\"@\"}", 500}};
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    assert_int_equal(post(w, "p1", OCTETS, "one", 3), 200);
    assert_int_equal(post(w, "p2", OCTETS, "two", 3), 200);
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        const char *json = fill(w, bad[i].json, &b);
        assert_int_equal(wire_ask(w, "POST /files/compose", "", json, strlen(json)), bad[i].status);
    }
    const char *json = fill(w, "{\"source_paths\":[\"@/p1\",\"@/p2\",\"@/p1\"],\"destination\":\"@/sub/all\"}", &b);
    assert_int_equal(wire_ask(w, "POST /files/compose", "", json, strlen(json)), 200);
    assert_has(wire_body(w), "\"name\":\"all\",\"type\":\"file\"}");
    assert_int_equal(get(w, "sub/all", ""), 200);
    assert_string_equal(wire_body(w), "onetwoone");
    assert_int_not_equal(access(at(w, "p1", path), F_OK), 0);
}

static void calls_the_filesystem(void **state)
{
    wire *w = *state;
    char path[128];
    assert_int_equal(call(w, "MakeDir", "{\"path\":\"@/d/e\"}"), 200);
    assert_has(wire_body(w), "\"type\":\"FILE_TYPE_DIRECTORY\"");
    assert_int_equal(call(w, "MakeDir", "{\"path\":\"@/d\"}"), 409);
    assert_has(wire_body(w), "{\"code\":\"already_exists\"");
    assert_int_equal(post(w, "f", OCTETS, "x", 1), 200);
    assert_int_equal(call(w, "MakeDir", "{\"path\":\"@/f\"}"), 400);
    assert_int_equal(call(w, "MakeDir", "{\"path\":\"@/f/g\"}"), 500);
    assert_int_equal(call(w, "Stat", "{\"path\":\"@/d/../f\"}"), 200);
    assert_has(wire_body(w), "/d/../f\""); /* not cleaned */
    assert_int_equal(call(w, "Stat", "{\"path\":\"@/nope\"}"), 404);
    assert_has(wire_body(w), "{\"code\":\"not_found\"");
    assert_int_equal(call(w, "Stat", "{\"path\":\"@/f/g\"}"), 500);
    assert_int_equal(call(w, "Stat", "{\"path\":\"~root\"}"), 400);
    assert_int_equal(call(w, "Stat", ""), 400);
    assert_int_equal(call(w, "Stat", "{\"path\":\"/\"}"), 200);
    assert_has(wire_body(w), "\"name\":\"/\"");
    assert_int_equal(call(w, "ListDir", "{\"path\":\"@\",\"depth\":3}"), 200);
    const char *d = strstr(wire_body(w), "\"name\":\"d\""), *e = strstr(wire_body(w), "\"name\":\"e\"");
    const char *f = strstr(wire_body(w), "\"name\":\"f\"");
    assert_true(d != NULL && e != NULL && f != NULL && d < e && e < f);
    assert_int_equal(call(w, "ListDir", "{\"path\":\"@/d/e\"}"), 200);
    assert_string_equal(wire_body(w), "{}");
    assert_int_equal(call(w, "ListDir", "{\"path\":\"@/f\"}"), 400);
    assert_int_equal(call(w, "ListDir", "{\"path\":\"@/nope\"}"), 404);
    assert_int_equal(symlink("loop", at(w, "loop", path)), 0);
    assert_int_equal(call(w, "ListDir", "{\"path\":\"@/loop\"}"), 400);
    assert_has(wire_body(w), "{\"code\":\"failed_precondition\"");
    assert_int_equal(call(w, "Move", "{\"source\":\"@/f\",\"destination\":\"@/new/g\"}"), 200);
    assert_has(wire_body(w), "/new/g\"");
    assert_int_equal(call(w, "Move", "{\"source\":\"@/f\",\"destination\":\"@/made/g\"}"), 404);
    assert_int_equal(access(at(w, "made", path), F_OK), 0);
    assert_int_equal(call(w, "Move", "{\"source\":\"@/new/g\",\"destination\":\"@/d\"}"), 500);
    assert_int_equal(call(w, "Remove", "{\"path\":\"@/d\"}"), 200);
    assert_string_equal(wire_body(w), "{}");
    assert_int_equal(call(w, "Remove", "{\"path\":\"@/d\"}"), 200);
    assert_int_equal(call(w, "Remove", "{\"path\":\"@/new/.\"}"), 500);
    assert_int_equal(call(w, "Nothing", "{}"), 404);
    assert_string_equal(wire_body(w), "404 page not found\n");
}

/* Everything a polled watcher has to say, "name TYPE " each. */
static const char *polled(wire *w, dm_buf *b)
{
    dm_buf_reset(b);
    assert_int_equal(call(w, "GetWatcherEvents", "{\"watcherId\":\"w1\"}"), 200);
    DM_AUTO(json_t) tree = NULL;
    assert_int_equal(dm_json_load(dm_str_c(wire_body(w)), 1 << 20, &tree, NULL), 0);
    json_t *events = json_object_get(tree, "events");
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *e = json_array_get(events, i);
        (void)dm_buf_fmt(b, "%s %s ", json_string_value(json_object_get(e, "name")),
                json_string_value(json_object_get(e, "type")) + sizeof("EVENT_TYPE_") - 1);
    }
    return b->p != NULL ? b->p : "";
}

static void watches(void **state)
{
    wire *w = *state;
    char path[128], to[128];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(call(w, "CreateWatcher", "{\"path\":\"@/nope\"}"), 404);
    assert_int_equal(post(w, "f", OCTETS, "x", 1), 200);
    assert_int_equal(call(w, "CreateWatcher", "{\"path\":\"@/f\"}"), 400);
    assert_int_equal(call(w, "CreateWatcher", "{\"path\":\"@\"}"), 200);
    assert_string_equal(wire_body(w), "{\"watcherId\":\"w1\"}");
    assert_string_equal(polled(w, &b), "");
    /* exactly these, in this order, however the bytes come: the Python suite counts them */
    char head[300];
    DM_AUTO_FD fd = wire_open(w);
    int n = snprintf(head, sizeof(head),
            "POST /files?path=%s/new HTTP/1.1\r\nHost: h\r\n" OCTETS "Connection: close\r\nContent-Length: 4\r\n\r\nab",
            w->dir);
    wire_send(w, fd, head, (size_t)n);
    wire_turn_for(w, 3000);
    wire_send(w, fd, "cd", 2);
    (void)wire_read(w, fd, NULL);
    assert_int_equal(wire_status(w), 200);
    assert_string_equal(polled(w, &b), "new CREATE new CHMOD new WRITE ");
    assert_int_equal(post(w, "new", OCTETS, "12", 2), 200);
    assert_string_equal(polled(w, &b), "new CHMOD new WRITE ");
    assert_int_equal(post(w, "empty", OCTETS, "", 0), 200);
    assert_string_equal(polled(w, &b), "empty CREATE empty CHMOD ");
    assert_int_equal(call(w, "MakeDir", "{\"path\":\"@/sub\"}"), 200);
    assert_string_equal(polled(w, &b), "sub CREATE sub CHMOD ");
    assert_int_equal(rename(at(w, "new", path), at(w, "old", to)), 0);
    assert_string_equal(polled(w, &b), "new RENAME old CREATE ");
    assert_int_equal(unlink(to), 0);
    assert_int_equal(chmod(w->dir, 0750), 0);
    assert_string_equal(polled(w, &b), "old REMOVE . CHMOD ");
    assert_int_equal(call(w, "RemoveWatcher", "{\"watcher_id\":\"w1\"}"), 200);
    assert_int_equal(call(w, "GetWatcherEvents", "{\"watcherId\":\"w1\"}"), 404);
}

static void watches_trees(void **state)
{
    wire *w = *state;
    char path[128], to[128];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(mkdir(at(w, "old", path), 0755), 0);
    assert_int_equal(call(w, "CreateWatcher", "{\"path\":\"@\",\"recursive\":true}"), 200);
    assert_int_equal(post(w, "old/f", OCTETS, "x", 1), 200);
    assert_has(polled(w, &b), "old/f CREATE old/f CHMOD old/f WRITE ");
    assert_int_equal(post(w, "a/b/c", OCTETS, "x", 1), 200);
    const char *p = polled(w, &b);
    assert_has(p, "a CREATE ");
    assert_has(p, "a/b CREATE ");
    assert_has(p, "a/b/c CREATE ");
    assert_has(p, "a/b/c WRITE ");
    assert_int_equal(post(w, "a/b/d", OCTETS, "x", 1), 200);
    assert_string_equal(polled(w, &b), "a/b/d CREATE a/b/d CHMOD a/b/d WRITE ");
    /* moved within: told of under the new name, and only that */
    assert_int_equal(rename(at(w, "a", path), at(w, "z", to)), 0);
    assert_has(polled(w, &b), "a RENAME z CREATE z/b CREATE ");
    assert_int_equal(post(w, "z/b/d", OCTETS, "y", 1), 200);
    assert_string_equal(polled(w, &b), "z/b/d CHMOD z/b/d WRITE ");
    assert_int_equal(call(w, "Remove", "{\"path\":\"@/z\"}"), 200);
    p = polled(w, &b);
    assert_has(p, "z/b/d REMOVE ");
    assert_has(p, "z REMOVE ");
}

static void streams_changes(void **state)
{
    wire *w = *state;
    char json[128];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    (void)snprintf(json, sizeof(json), "{\"path\":\"%s\",\"includeEntry\":true}", w->dir);
    DM_AUTO_FD fd = wire_stream(w, "filesystem.Filesystem/WatchDir", "Keepalive-Ping-Interval: 1\r\n", json);
    assert_int_equal(wire_read(w, fd, "{\"start\":{}}"), 0);
    assert_int_equal(post(w, "f", OCTETS, "xyz", 3), 200);
    assert_int_equal(wire_read(w, fd, "EVENT_TYPE_WRITE"), 0);
    assert_true(wire_has(w, "\"size\":\"3\""));
    assert_int_equal(call(w, "Remove", "{\"path\":\"@/f\"}"), 200);
    assert_int_equal(wire_read(w, fd, "EVENT_TYPE_REMOVE"), 0);
    assert_false(wire_has(w, "entry"));
    assert_int_equal(wire_read(w, fd, "{\"keepalive\":{}}"), 0);
    (void)snprintf(json, sizeof(json), "{\"path\":\"%s/nope\"}", w->dir);
    assert_has(wire_run(w, "filesystem.Filesystem/WatchDir", "", json, &b), "2:{\"error\":{\"code\":\"not_found\"");
    (void)snprintf(json, sizeof(json), "{\"path\":\"%s\"}", w->dir);
    assert_has(wire_run(w, "filesystem.Filesystem/WatchDir", "Connect-Timeout-Ms: 30\r\n", json, &b),
            "0:{\"start\":{}}2:{\"error\":{\"code\":\"deadline_exceeded\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {WIRE_TEST(writes_and_reads), WIRE_TEST(serves_parts),
            WIRE_TEST(carries_large_files), WIRE_TEST(takes_forms), WIRE_TEST(refuses_uploads), WIRE_TEST(composes),
            WIRE_TEST(calls_the_filesystem), WIRE_TEST(watches), WIRE_TEST(watches_trees), WIRE_TEST(streams_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
