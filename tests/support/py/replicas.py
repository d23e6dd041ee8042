"""Two replicas of the API behind nginx, before a worker without machines (tests/bench/api_fleet.c): real PostgreSQL, real
nginx, and each replica a process that may be killed and started again."""

import json
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import deployment

ROOT = Path(os.environ["DM_ROOT"])
BIN = Path(os.environ["DM_BUILD"]) / "bin"
AS_API = ["setpriv", "--reuid", "dormouse-api", "--regid", "dormouse-api", "--init-groups", "--"]
READY_S = 60


def dormouse(*words):
    done = subprocess.run([ROOT / "ops/dormouse", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=900)
    if done.returncode != 0:
        raise RuntimeError(f"ops/dormouse {' '.join(words)}:\n{done.stdout}")


def admin(*words):
    """What dormouse-admin prints, as NAME=VALUE."""
    db = f"host={deployment.DATA}/run/pg port={deployment.BASE + 432} dbname=dormouse user=dm_ops"
    done = subprocess.run([BIN / "dormouse-admin", "--db", db, "--who", "replicas", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


class Replica:
    """The first has the sockets of the deployment's only one; the worker reports to it."""

    def __init__(self, number):
        self.number, self.process = number, None
        run = deployment.DATA / "run/api"
        self.socket = run / ("api.sock" if number == 0 else f"{number}.sock")
        self.settings = [] if number == 0 else [f"http_socket={self.socket}", f"socket={run}/uplink-{number}.sock"]

    def start(self):
        words = [word for setting in self.settings for word in ("--set", setting)]
        with open(deployment.DATA / f"log/replica-{self.number}.log", "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                [*AS_API, BIN / "dormouse-api", "--config", deployment.DATA / "etc/api.conf", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")

    def ready(self):
        return deployment.local.get(self.socket, "/health", timeout=2)[0] in (200, 204)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


class Replicas:
    def __init__(self, delay_ms=0, claim_s=0):
        self.all, self.fleet, self.delay_ms, self.claim_s = [Replica(0), Replica(1)], None, delay_ms, claim_s
        self.token = secrets.token_hex(32)

    # --- up and down ---

    def up(self, projects):
        """projects: {slug: name of its account}. Returns {slug: API key}."""
        dormouse("up", "--only", "infra")
        dormouse("migrate")
        subprocess.run(["cmake", "--build", BIN.parent, "--target", "dormouse-api", "dormouse-admin", "api_fleet"],
                       stdout=subprocess.DEVNULL, check=True, timeout=1200)
        keys = self.tenants(projects)
        self.make_token()
        for replica in self.all:
            replica.settings.append(f"admin_token_file={deployment.DATA}/secrets/replicas.token")
            replica.start()
        for replica in self.all:
            deployment.wait_for(f"replica {replica.number}", READY_S, replica.ready)
        self.tell_front()
        self.start_fleet()
        return keys

    def make_token(self):
        """Which opens the operators' routes of each replica."""
        path = deployment.DATA / "secrets/replicas.token"
        path.touch(mode=0o600)
        path.write_text(self.token, encoding="ascii")
        shutil.chown(path, "dormouse-api", "dormouse-api")

    @staticmethod
    def tenants(projects):
        """The demo's project has the template; there is no limit that anybody here would meet."""
        admin("demo", "--key-file", str(deployment.DATA / "secrets/demo.key"))
        deployment.sql("UPDATE dm.template SET public = true")
        deployment.sql("UPDATE dm.tier_limit SET value = 100000000 WHERE tier = 'payg' AND name IN ('running_max', "
                       "'vcpus_total_max', 'mem_mib_total_max', 'create_rate', 'request_rate')")
        accounts, keys = {}, {}
        for slug, account in projects.items():
            if account not in accounts:
                accounts[account] = admin("account-add", "--name", account, "--country", "CN", "--currency", "CNY", "--tier",
                                          "payg")["DORMOUSE_ACCOUNT"]
            admin("project-add", "--account", accounts[account], "--slug", slug)
            keys[slug] = admin("key-add", "--project", slug)["E2B_API_KEY"]
        return keys

    def tell_front(self):
        """nginx learns of the second replica by a line of its own."""
        conf = deployment.DATA / "etc/nginx-front.conf"
        text = conf.read_text(encoding="utf-8")
        line = f"server unix:{self.all[0].socket} max_fails=0;"
        if line not in text:
            raise RuntimeError(f"{conf} does not name the API")
        more = "".join(f"\n        server unix:{replica.socket} max_fails=0;" for replica in self.all[1:])
        conf.write_text(text.replace(line, line + more), encoding="utf-8")
        os.kill(deployment.pid("front"), 1)
        deployment.wait_for("nginx to know both", READY_S, self.front_knows)

    @staticmethod
    def front_knows():
        """Its workers of before take no more connections."""
        children = Path(f"/proc/{deployment.pid('front')}/task/{deployment.pid('front')}/children").read_text(encoding="ascii").split()
        titles = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
        return titles and not any(b"shutting down" in title for title in titles)

    def start_fleet(self):
        orders = deployment.DATA / "run/orders/worker.sock"
        # pylint: disable=consider-using-with
        self.fleet = subprocess.Popen(
            [BIN / "api_fleet", orders, deployment.DATA / "run/uplink/api.sock", "fleet", str(self.delay_ms), str(self.claim_s)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        deployment.wait_for("the worker to be enrolled", READY_S, lambda: deployment.sql(
            "SELECT 1 FROM dm.worker WHERE beat_at > now() - interval '5 s'"))
        subprocess.run(["chgrp", "dormouse-api", orders], check=True)

    def down(self):
        if self.fleet is not None:
            self.fleet.stdin.close()
            self.fleet.wait(20)
        for replica in self.all:
            replica.stop()
        dormouse("down", "--purge")

    # --- what the worker holds ---

    def held(self):
        """{sandbox: (epoch, whether it runs, whether somebody was given it)}"""
        self.fleet.stdin.write("list\n")
        return {name: tuple(what) for name, what in json.loads(self.fleet.stdout.readline()).items()}
