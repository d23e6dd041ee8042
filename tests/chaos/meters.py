"""Two meters, of which one writes. What befalls it must cost nobody a second, and count none twice.

    meters.py
    meters.py proxy LISTEN TARGET       stands between a meter and the database, so that the line can be cut"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from results import Results, need

ROOT, DATA, BUILD = (Path(os.environ.get(name, "/")) for name in ("DM_ROOT", "DM_DATA", "DM_BUILD"))
BASE = int(os.environ.get("DM_PORT_BASE", "16000"))
FROZEN_S = int(os.environ.get("DM_CHAOS_FROZEN_S", "12"))
WORKERS, SANDBOXES = 6, 3000
TAKEOVER_S = 6
SOON_S = 30         # a stopped one is followed at once, a silent one after TAKEOVER_S; the machine may be busy
LOCKED_S = 120      # one that is cut off within a transaction holds its locks until the database gives it up
USER = ["setpriv", "--reuid", "dormouse-meter", "--regid", "dormouse-meter", "--init-groups", "--"]
RESULTS = Results("meters")


def proxy(listen, target):
    """Bytes back and forth; the line is cut by freezing this process."""

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    door = socket.socket(socket.AF_UNIX)
    door.bind(listen)
    door.listen(64)
    while True:
        near, _ = door.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(target)
        for ends in ((near, far), (far, near)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def dormouse(*words):
    done = subprocess.run([ROOT / "ops/dormouse", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    need(done.returncode == 0, f"ops/dormouse {' '.join(words)}:\n{done.stdout}")


def ask(question):
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", DATA / "run/pg", "-p", str(BASE + 432),
                           "-U", "postgres", "-d", "dormouse", "-c", question],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def until(what, seconds, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def holder():
    return ask("SELECT coalesce((SELECT name FROM dm.meter_holder WHERE left_at IS NULL), '')")


class Meter:
    """One of them, with a configuration, a key and a line to the database of its own."""

    def __init__(self, name):
        self.name = name
        self.folder = DATA / f"meter-{name}"
        subprocess.run(["install", "-d", "-o", "dormouse-meter", "-g", "dormouse-meter", "-m", "700", self.folder], check=True)
        own = {"name": name, "takeover_s": TAKEOVER_S, "flush_ms": 500, "metrics_socket": self.folder / "page.sock",
               "signing_key_file": self.folder / "statement.key",
               "db": f"host={self.folder} port=1 dbname=dormouse user=dm_meter"}
        lines = (DATA / "etc/meter.conf").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.split("=")[0].strip() not in own]
        self.conf = self.folder / "meter.conf"
        self.conf.write_text("\n".join([*kept, *(f"{k} = {v}" for k, v in own.items())]) + "\n", encoding="utf-8")
        self.conf.chmod(0o644)
        # pylint: disable=consider-using-with
        self.line = subprocess.Popen([*USER, sys.executable, __file__, "proxy", self.folder / ".s.PGSQL.1",
                                      DATA / f"run/pg/.s.PGSQL.{BASE + 432}"], stdin=subprocess.DEVNULL)
        until(f"the line of {name}", SOON_S, (self.folder / ".s.PGSQL.1").exists)
        self.process, self.before = None, ""

    def start(self):
        self.before = ask(f"SELECT owner FROM dm.meter_here WHERE name = '{self.name}'")
        # pylint: disable=consider-using-with
        with open(DATA / f"log/meter-{self.name}.log", "ab") as log:
            self.process = subprocess.Popen([*USER, BUILD / "bin/dormouse-meter", "--config", self.conf],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")

    def there(self):
        """This life of it, and it would take over."""
        owner = ask(f"SELECT owner FROM dm.meter_here WHERE name = '{self.name}' AND reaches "
                    f"AND beat_at > now() - interval '{TAKEOVER_S} seconds'")
        return owner not in ("", self.before)

    def holds(self):
        return holder() == self.name

    def ended(self):
        return self.process.poll() is not None

    def end(self):
        for process in (self.process, self.line):
            if process is not None:
                process.kill()
                process.wait()


class Feed:
    """Workers that tell of each second when it has ended."""

    def __init__(self):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [BUILD / "bin/meter_feed", f"127.0.0.1:{BASE + 92}", str(WORKERS), str(SANDBOXES), "worker",
             DATA / "secrets/kafka-worker.key", DATA / "etc/kafka.crt", DATA / "secrets/frames-meter.key"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.samples = self.seconds = 0
        self.stop = threading.Event()
        self.failed = None
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.stop.is_set():
            self.process.stdin.write("live 1\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                self.failed = "the simulated workers stopped"
                return
            said = json.loads(answer)
            self.samples += said["samples"]
            self.seconds += said["seconds"]

    def end(self):
        self.stop.set()
        self.thread.join(60)
        self.process.kill()
        self.process.wait()


def set_up():
    dormouse("up", "--only", "infra")
    dormouse("migrate")
    # They are gone, so that no period waits for them; and whose their sandboxes are.
    ask("INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, gone_at, sealed_from_boot) "
        "OVERRIDING SYSTEM VALUE SELECT w, 'chaos-' || w, 1, 1, 'w1', 'none', 0, 0, 'epoch', 1 "
        f"FROM generate_series(1, {WORKERS}) w")
    ask("INSERT INTO dm.account (account_no, legal_name, country, currency, tier) OVERRIDING SYSTEM VALUE "
        "SELECT g, 'Chaos ' || g, 'CN', 'CNY', 'payg' FROM generate_series(1001, 1100) g")
    ask("INSERT INTO dm.project (account_no, project_no, slug, name, region_no) OVERRIDING SYSTEM VALUE "
        "SELECT 1001 + n % 100, n, 'chaos-' || n, 'Chaos', 1 FROM generate_series(1, 1000) n")


def killed(a, b):
    os.kill(a.process.pid, signal.SIGKILL)
    a.process.wait()
    until("b takes over from a killed one", SOON_S, b.holds)
    a.start()
    until("a stands by", SOON_S, a.there)
    need(b.holds(), f"who comes back takes nothing from the one that writes, but {holder()} does")


def frozen(a, b):
    """b, which writes."""
    need(b.holds(), f"{holder()} writes")
    os.kill(b.process.pid, signal.SIGSTOP)
    until("a takes over from a frozen one", LOCKED_S, a.holds)
    time.sleep(FROZEN_S)
    os.kill(b.process.pid, signal.SIGCONT)
    until("the one that was frozen ends", SOON_S, b.ended)
    need(b.process.returncode == 1, f"it ended with {b.process.returncode}")
    need(a.holds(), "it took nothing back")
    b.start()
    until("b stands by", SOON_S, b.there)


def cut_off(a, b):
    """a, which writes: its line to the database stands still."""
    need(a.holds(), f"{holder()} writes")
    os.kill(a.line.pid, signal.SIGSTOP)
    until("b takes over from one that is cut off", LOCKED_S, b.holds)
    os.kill(a.line.pid, signal.SIGCONT)
    until("the one that was cut off ends", LOCKED_S, a.ended)
    need(b.holds(), "it took nothing back")
    a.start()
    until("a stands by", SOON_S, a.there)


def stopped(a, b):
    """b, which writes, is told to stop: that needs no waiting."""
    need(b.holds(), f"{holder()} writes")
    b.process.terminate()
    need(b.process.wait(60) == 0, f"it ended with {b.process.returncode}")
    until("a goes on", SOON_S, a.holds)


def told():
    return int(ask("SELECT coalesce(sum(running_s), 0) FROM dm.spend_open"))


def whole(feed):
    """Every second once: in what is told of open periods, which the last meter found again in the ledger, and in the chunks."""
    feed.end()
    need(feed.failed is None, feed.failed)
    try:
        until("all is told", SOON_S * 2, lambda: told() == feed.samples)
    except AssertionError as late:
        raise AssertionError(f"{late}: {told()} running seconds told of {feed.samples}") from late
    need(ask("SELECT count(*) FROM dm.anomaly") == "0", ask("SELECT string_agg(kind || ' ' || detail, '; ') FROM dm.anomaly"))
    behind = ask("SELECT count(DISTINCT complete_through) || ' ' || count(*) FROM dm.worker_mark")
    need(behind == f"1 {WORKERS}", f"how far each worker is known: {behind}")


def main():
    meters = []
    feed = None
    try:
        set_up()
        a, b = (Meter(name) for name in "ab")
        meters = [a, b]
        a.start()
        until("a writes", SOON_S * 2, a.holds)
        b.start()
        until("b stands by", SOON_S, b.there)
        feed = Feed()
        time.sleep(3)
        for act in (killed, frozen, cut_off, stopped):
            with RESULTS.proof(act.__name__):
                act(a, b)
            time.sleep(2)
        with RESULTS.proof("every_second_once"):
            whole(feed)
            print(f"  {feed.samples:,} running seconds in {feed.seconds} s")
    finally:
        if feed is not None and feed.process.poll() is None:
            feed.end()
        for meter in meters:
            meter.end()
            if RESULTS.failed:
                print((DATA / f"log/meter-{meter.name}.log").read_text(encoding="utf-8")[-8000:])
        subprocess.run([ROOT / "ops/dormouse", "down", "--purge"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    return 1 if RESULTS.failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["proxy"]:
        proxy(*sys.argv[2:])
    sys.exit(main())
