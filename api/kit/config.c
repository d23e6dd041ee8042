#include "api/kit/config.h"

#include <stddef.h>

#include "base/exec.h"
#include "base/wire/period.h"

#include "api/limits.h"

#define STR(member, def, help)                                                                                         \
    {                                                                                                                  \
#member, DM_CONF_STR, offsetof(dm_api_config, member), def, 0, 1023, help                                      \
    }
#define NUM(member, def, lo, hi, help)                                                                                 \
    {                                                                                                                  \
#member, DM_CONF_U64, offsetof(dm_api_config, member), def, lo, hi, help                                       \
    }

static const dm_conf_row rows[] = {
        STR(http_socket, "", "unix socket of the API, for the front; its folder says who reaches it"),
        STR(listen_address, "127.0.0.1", "IPv4 address of the same, where a port is set"),
        NUM(port, "0", 0, 65535, "its port; 0: none"),
        STR(socket, NULL, "unix socket on which workers report"),
        STR(worker_socket, NULL, "unix socket of the worker; with {no} in it, of each worker its own"),
        STR(db_api, NULL, "libpq connection string, role dm_api"),
        STR(db_ops, NULL, "libpq connection string, role dm_ops"),
        STR(db_who, NULL, "libpq connection string, role dm_who: passwords, sessions, who somebody is"),
        STR(master_key, NULL, "file of the key that seals secrets; made when there is none"),
        STR(frame_key_file, NULL,
                "file of the secret that workers' keys for usage frames are made of: 64 hex digits, mode 0600; the "
                "meter's must be the same"),
        STR(admin_token_file, "",
                "file of the token that opens /nodes and /admin (X-Admin-Token): 64 hex digits, mode 0600; empty: none "
                "does"),
        STR(domain, "", "what sandboxes' names end in; empty: clients use their own setting"),
        STR(region, "local", "region of the workers that enrol here"),
        NUM(period_s, "3600", 60, 3600,
                "accounting period: a multiple of 60 that divides 3600; workers are told, the meter's must be the "
                "same"),
        NUM(lease_s, "30", 2, 3600, "a worker silent for this long gets no new sandboxes"),
        NUM(lease_cap_s, "900", 10, 86400,
                "a worker that cannot ask about budgets runs on, at our cost, for so long without an alarm; and so "
                "long "
                "what it was granted is kept for it"),
        NUM(http_threads, "0", 0, DM_API_HTTP_THREADS_MAX, "threads that hold connections; 0: one for two processors"),
        NUM(connections_max, "4096", 16, 65536, "connections at once"),
        NUM(idle_s, "620", 1, 86400, "a silent connection is closed after this"),
        NUM(live_streams, "1024", 1, 32768,
                "streams of what changes in projects, at once: half of connections_max at most; a quarter of one "
                "project"),
        NUM(exec_threads, "0", 0, DM_API_EXEC_THREADS_MAX,
                "threads for requests that only ask the database; 0: one for each processor, and one"),
        NUM(exec_queue, "4096", 1, 65536, "requests that may wait for one; more are answered 503"),
        NUM(order_threads, "64", 1, DM_EXEC_THREADS_MAX,
                "threads for requests that wait for a worker: create, wake, timeout; a project has a quarter at most"),
        NUM(stop_threads, "16", 1, DM_EXEC_THREADS_MAX, "threads for kill and pause, shared in the same way"),
        NUM(read_threads, "16", 1, DM_EXEC_THREADS_MAX,
                "threads for lists, logs, statements and metrics, shared in the same way"),
        NUM(file_threads, "4", 1, 64,
                "threads that hand over bundles of statements, each for as long as one is read; an account has a "
                "quarter at most"),
        NUM(order_queue, "4096", 1, 65536,
                "requests that may wait for a thread of each of these; a quarter of a project"),
        NUM(order_timeout_ms, "55000", 100, 600000, "how long a worker may take over an order"),
        NUM(worker_wait_ms, "10000", 0, 600000, "how long a worker that cannot be reached is tried again"),
        NUM(wait_s, "45", 1, 600, "how long a request waits for another's transition"),
        NUM(stuck_s, "150", 1, 86400,
                "a transition older than this is carried to its end, even when the API that began it lives"),
        NUM(db_connections, "12", 1, 512, "connections as dm_api; a project has three quarters of them at most"),
        NUM(db_ops_connections, "4", 1, 64, "connections as dm_ops"),
        NUM(db_who_connections, "4", 1, 64, "connections as dm_who"),
        NUM(key_keep_ms, "60000", 0, 60000,
                "how long what an API key, a person or a template is, is believed without asking again, unless it is "
                "heard to have changed"),
        NUM(wrong_keys_per_min, "60", 1, 60000,
                "wrong API keys that one address may send, a minute and in one go, before a key that is not known "
                "waits "
                "for its turn"),
        NUM(person_requests_per_s, "100", 0, 1000000,
                "requests of one person or operator a second, with cookies, and twice as many in one go. 0: as many as "
                "come"),
        STR(sign_up, "invited", "who may sign up: open, invited or closed"),
        STR(api_url, "", "where clients and browsers reach the API; links in letters begin with it"),
        STR(sandbox_url, "", "where they reach sandboxes"),
        NUM(password_mem_kib, "32768", 8, 1048576, "memory that looking at a password takes (Argon2id), in KiB"),
        NUM(password_passes, "3", 1, 100, "how often it is gone over"),
        NUM(password_lanes, "1", 1, 8, "threads for one password"),
        NUM(password_threads, "2", 1, 64,
                "passwords that are looked at at once; 64 more wait, others are answered 503"),
        NUM(token_s, "300", 10, 3600, "how long a session's short token is good, in seconds"),
        NUM(access_s, "600", 10, 3600, "how long a page's access to one sandbox is good, in seconds"),
        NUM(token_key_days, "30", 1, 3650, "how long one key signs such tokens, in days"),
        STR(export_folder, "", "where dormouse-export keeps files that people fetch; empty: there are none"),
        NUM(download_s, "900", 60, 604800, "how long a link to such a file is good, in seconds"),
        STR(delivery_key_file, "",
                "file of the key that secrets of customers' buckets are sealed with: 64 hex digits, mode 0600; the "
                "exporter's must be the same; empty: nothing is put into buckets"),
        {"delivery_loopback", DM_CONF_BOOL, offsetof(dm_api_config, delivery_loopback), "false", 0, 0,
                "a bucket may be named that is on this machine, over http: for tests"},
        NUM(document_s, "10", 0, 60, "how long a request for an invoice as PDF or XML waits for it to be made"),
        NUM(session_idle_h, "336", 1, 8760, "a session ends when it was not refreshed for so many hours"),
        NUM(session_max_h, "2160", 1, 87600, "and so many hours after the sign-in in any case"),
        NUM(ops_session_h, "12", 1, 720, "both, for operators"),
        NUM(ops_proof_min, "10", 1, 1440,
                "minutes for which an operator's second factor, once shown, is good for acts on money"),
        NUM(removal_notice_h, "168", 0, 8760,
                "hours between the word that a project be removed and its end; until then it can be taken back"),
        NUM(retention_notice_h, "72", 1, 720,
                "hours between the notice that a sandbox has slept for nearly as long as its project's limit "
                "asleep_days_max says, and its end"),
        STR(smtp_url, "",
                "mail relay, smtp://HOST:PORT or smtps://HOST:PORT; empty: no mail is sent, and ops/dormouse mail "
                "shows "
                "what waits"),
        STR(smtp_user, "", "user at the relay; empty: it asks for none"),
        STR(smtp_password_file, "", "file of his password, mode 0600"),
        {"smtp_plain", DM_CONF_BOOL, offsetof(dm_api_config, smtp_plain), "false", 0, 0,
                "true: mail may go to an smtp:// relay unencrypted; else by STARTTLS or not at all"},
        STR(smtp_ca_file, "", "certificates that the relay's is held against; empty: the machine's"),
        STR(mail_from, "", "address that mail comes from"),
        NUM(log_level, "1", 0, 3, "least level of a log line: 0 debug, 1 info, 2 warn, 3 error"),
};

const dm_conf_spec dm_api_conf = {.program = "dormouse-api",
        .summary = "The public API: E2B's surface, placement, billing reads, the door's verdicts, the workers' uplink.",
        .rows = rows,
        .n = DM_LEN(rows)};

int dm_api_config_check(const dm_api_config *c, dm_err *err)
{
    if (strcmp(c->sign_up, "open") != 0 && strcmp(c->sign_up, "invited") != 0 && strcmp(c->sign_up, "closed") != 0)
        return dm_fail(err, DM_E_INVALID, "sign_up is %s: it must be open, invited or closed", c->sign_up);
    if (c->password_mem_kib < 8 * c->password_lanes)
        return dm_fail(err, DM_E_INVALID, "password_mem_kib must be 8 for each of password_lanes at least");
    if (c->live_streams > c->connections_max / 2)
        return dm_fail(err, DM_E_INVALID, "live_streams is %llu: it must be half of connections_max at most",
                (unsigned long long)c->live_streams);
    if (!dm_period_s_fits((uint32_t)c->period_s))
        return dm_fail(err, DM_E_INVALID, "period_s is %llu: it must be a multiple of 60 that divides 3600",
                (unsigned long long)c->period_s);
    /* Else the sweep would take back what is only slow: an order behind a wait, its worker's and the database's. */
    uint64_t longest_s = c->wait_s + (c->worker_wait_ms + c->order_timeout_ms) / 1000;
    if (c->stuck_s <= longest_s)
        return dm_fail(err, DM_E_INVALID,
                "stuck_s is %llu: it must be more than the %llu s that wait_s, worker_wait_ms and order_timeout_ms "
                "allow",
                (unsigned long long)c->stuck_s, (unsigned long long)longest_s);
    return 0;
}
