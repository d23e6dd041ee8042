"""The deployment that is measured: where it is, what it says of itself, how much of the processors each part takes."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "support/py"))
# pylint: disable=wrong-import-position
import local  # noqa: E402


class Database:
    """One psql session that stays open: a question costs a round trip, not a process."""

    def __init__(self, run, port, role="postgres"):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(run), "-p", str(port), "-U", role,
             "-d", "dormouse"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        """The columns of the one row a question gives."""
        self.psql.stdin.write(question + ";\n")
        self.psql.stdin.flush()
        line = self.psql.stdout.readline()
        if not line:
            raise RuntimeError(f"the database did not answer: {question}")
        return line.rstrip("\n").split("|")

    def durable(self):
        """Whether a commit is on the disk when it is acknowledged."""
        return self.ask("SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') = 'on' "
                        "AND current_setting('full_page_writes') = 'on'")[0] == "t"

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(10)


def conf(path):
    """The settings of one of our programs."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def page(path, name):
    """What a service shows on its socket."""
    status, body = local.get(path, name)
    if status != 200:
        raise RuntimeError(f"{path}: {name} answers {status}")
    return body


def service_pid(data, name):
    try:
        return int((Path(data) / "sv" / name / "supervise/pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def cpu_s(pid):
    """Processor seconds of a process so far, and of the children it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def cpu_tree_s(pid):
    """The same with its living children: PostgreSQL is a family."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        children = []
    return cpu_s(pid) + sum(cpu_s(int(child)) for child in children)


def peak_rss_mib(pid):
    """The most memory a process ever had; None when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None
