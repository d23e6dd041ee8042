"""sandbox.commands"""

import hashlib
import threading
import time

import e2b
from boxes import ENVS, folder, shared
from check import case, equal, raises, skip, wait_for

GROUP = "commands"


@case(GROUP)
def result():
    done = shared().commands.run("echo out; echo err >&2")
    equal((done.stdout, done.stderr, done.exit_code, done.error), ("out\n", "err\n", 0, None))


@case(GROUP)
def exit_code():
    e = raises(e2b.CommandExitException, shared().commands.run, "echo some; echo why >&2; exit 37")
    equal((e.exit_code, e.stdout, e.stderr, e.error), (37, "some\n", "why\n", "exit status 37"))


@case(GROUP)
def no_such_program():
    e = raises(e2b.CommandExitException, shared().commands.run, "no-such-program-here")
    equal(e.exit_code, 127)


@case(GROUP)
def output_as_it_comes():
    seen = []
    began = time.monotonic()
    shared().commands.run("echo first; sleep 1.5; echo second; echo third >&2",
                          on_stdout=lambda text: seen.append((text, time.monotonic() - began)),
                          on_stderr=lambda text: seen.append((text, time.monotonic() - began)))
    equal([text for text, _ in seen], ["first\n", "second\n", "third\n"])
    assert seen[1][1] - seen[0][1] > 1, f"the first line came only {seen[1][1] - seen[0][1]:.2f} s before the second"


@case(GROUP)
def environment():
    box = shared()
    text = 'printf "%s|%s|%s|%s|%s|%s" "$FROM_CREATE" "${EMPTY-unset}" "$HOME" "$USER" "$E2B_SANDBOX" "$E2B_SANDBOX_ID"'
    equal(box.commands.run(text).stdout, f"{ENVS['FROM_CREATE']}||/home/user|user|true|{box.sandbox_id}")
    done = box.commands.run('printf "%s|%s" "$FROM_CREATE" "$MORE"', envs={"FROM_CREATE": "over", "MORE": "it's \"more\"\n"})
    equal(done.stdout, 'over|it\'s "more"\n')
    equal(box.commands.run('printf "%s|%s" "$FROM_CREATE" "${MORE-unset}"').stdout, f"{ENVS['FROM_CREATE']}|unset")
    equal(box.commands.run("sudo env | grep -c ^MORE= || true").stdout, "0\n")


@case(GROUP)
def login_shell():
    """What Debian's own profile gives: the path of who one is, and what lies in profile.d."""
    box = shared()
    equal(box.commands.run("echo $PATH").stdout, "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games\n")
    root = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    equal(box.commands.run("echo $PATH", user="root").stdout, root)
    equal(box.commands.run("sh -l -c 'echo $PATH'", user="root").stdout, root)
    box.commands.run("echo export SEEN=yes >/etc/profile.d/a.sh; echo export OTHER=yes >/etc/profile.d/b.txt", user="root")
    try:
        equal(box.commands.run("echo ${SEEN-no} ${OTHER-no} ${i-no}").stdout, "yes no no\n")
    finally:
        box.commands.run("rm /etc/profile.d/a.sh /etc/profile.d/b.txt", user="root")


@case(GROUP)
def working_directory():
    box = shared()
    equal(box.commands.run("pwd").stdout, "/home/user\n")
    equal(box.commands.run("pwd", cwd="/etc").stdout, "/etc\n")
    raises(e2b.InvalidArgumentException, box.commands.run, "pwd", cwd="/no/such/folder")


@case(GROUP)
def users():
    box = shared()
    equal(box.commands.run("whoami").stdout, "user\n")
    equal(box.commands.run("whoami; id -u; pwd", user="root").stdout, "root\n0\n/root\n")
    equal(box.commands.run("sudo -n id -u").stdout, "0\n")
    e = raises(e2b.AuthenticationException, box.commands.run, "whoami", user="nobody-we-know")
    assert "nobody-we-know" in str(e), str(e)


@case(GROUP)
def background_list_kill():
    box = shared()
    handle = box.commands.run("echo begun; sleep 60", background=True)
    equal(next(iter(handle))[0], "begun\n")
    mine = wait_for("the command in the list", lambda: [p for p in box.commands.list() if p.pid == handle.pid])
    equal((mine[0].cmd, mine[0].args), ("/bin/bash", ["-l", "-c", "echo begun; sleep 60"]))
    equal(box.commands.kill(handle.pid), True)
    raises(e2b.CommandExitException, box.commands.run, f"kill -0 {handle.pid}", user="root")
    e = raises(e2b.CommandExitException, handle.wait)
    equal((e.exit_code, e.error, e.stdout), (-1, "signal: killed", "begun\n"))
    equal([p for p in box.commands.list() if p.pid == handle.pid], [])
    equal(box.commands.kill(handle.pid), False)


@case(GROUP)
def kill_unknown():
    equal(shared().commands.kill(999999), False)


@case(GROUP)
def standard_input():
    box = shared()
    handle = box.commands.run("cat; echo end", background=True, stdin=True)
    box.commands.send_stdin(handle.pid, "some text\n")
    if hasattr(handle, "send_stdin"):
        handle.send_stdin("é\n")
    else:
        box.commands.send_stdin(handle.pid, "é\n")
    box.commands.close_stdin(handle.pid)
    equal(handle.wait().stdout, "some text\né\nend\n")
    raises(e2b.NotFoundException, box.commands.send_stdin, handle.pid + 100000, "x")


@case(GROUP)
def standard_input_closed():
    e = raises(e2b.CommandExitException, shared().commands.run, "read -r line")
    equal(e.exit_code, 1)


@case(GROUP)
def input_of_a_mebibyte():
    box, text = shared(), "0123456789abcdef" * 65536
    handle = box.commands.run("sha256sum", background=True, stdin=True)
    box.commands.send_stdin(handle.pid, text)
    box.commands.close_stdin(handle.pid)
    equal(handle.wait().stdout, hashlib.sha256(text.encode()).hexdigest() + "  -\n")


@case(GROUP)
def input_stream():
    box = shared()
    if not hasattr(box.commands, "stream_input"):
        skip("this client has no such call")
    handle = box.commands.run("cat", background=True, stdin=True)

    def lines():
        for number in range(5):
            yield f"line {number}\n"
            time.sleep(0.1)
    box.commands.stream_input(handle.pid, lines())
    box.commands.close_stdin(handle.pid)
    equal(handle.wait().stdout, "".join(f"line {n}\n" for n in range(5)))
    raises(e2b.NotFoundException, box.commands.stream_input, handle.pid + 100000, iter(["x"]))


@case(GROUP)
def time_limit():
    box = shared()
    began = time.monotonic()
    raises(e2b.TimeoutException, box.commands.run, "exec sleep 47", timeout=2)
    took = time.monotonic() - began
    assert 1.5 < took < 8, f"a limit of 2 s took {took:.1f} s"
    wait_for("the end of the command itself", lambda: not [p for p in box.commands.list() if "sleep 47" in str(p.args)])
    raises(e2b.CommandExitException, box.commands.run, "pgrep -f '^sleep 47'")


@case(GROUP)
def connect_to_running():
    box = shared()
    handle = box.commands.run("sleep 1.5; echo late; sleep 0.1; exit 5", background=True)
    handle.disconnect()
    again = box.commands.connect(handle.pid)
    equal(again.pid, handle.pid)
    e = raises(e2b.CommandExitException, again.wait)
    equal((e.exit_code, e.stdout), (5, "late\n"))
    raises(e2b.NotFoundException, box.commands.connect, handle.pid + 100000)


@case(GROUP)
def large_output():
    done = shared().commands.run("head -c 3000000 /dev/zero | tr '\\0' x; echo; head -c 100000 /dev/zero | tr '\\0' y >&2")
    equal((len(done.stdout), done.stdout.strip("x"), len(done.stderr)), (3000001, "\n", 100000))


@case(GROUP)
def split_characters():
    done = shared().commands.run("for i in 1 2 3; do printf '\\xe2\\x82'; sleep 0.2; printf '\\xac'; done; printf '\\xff'")
    equal(done.stdout, "€€€\ufffd")


@case(GROUP)
def eight_at_once():
    box = shared()
    out = {}

    def one(number):
        out[number] = box.commands.run(f"sleep 0.3; echo {number}").stdout
    threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    equal(out, {n: f"{n}\n" for n in range(8)})


@case(GROUP)
def child_outlives_shell():
    where = folder(shared())
    done = shared().commands.run(f"nohup sh -c 'sleep 1; echo alive >{where}/said' >/dev/null 2>&1 & echo $!")
    assert done.stdout.strip().isdigit(), done.stdout
    wait_for("the child's file", lambda: shared().files.exists(f"{where}/said"))
