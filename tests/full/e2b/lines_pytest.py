"""A pytest plugin: each test's result as one line of JSON on the descriptor DM_LINES, the moment it is known."""

import json
import os

_worst = {}


def _say(test, state, why=""):
    os.write(int(os.environ["DM_LINES"]), (json.dumps({"test": test, "state": state, "why": why[:500]}) + "\n").encode())


def _why(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash.message if crash else str(report.longrepr or "")


class Lines:
    # A test has three reports: set-up, call, tear-down. It has passed when none of them failed.
    def pytest_runtest_logreport(self, report):
        state, why = _worst.get(report.nodeid, ("passed", ""))
        if report.failed and state != "failed":
            state, why = "failed", _why(report)
        elif report.skipped and state == "passed":
            state, why = "skipped", _why(report)
        _worst[report.nodeid] = (state, why)
        if report.when not in ("setup", "call"):
            _say(report.nodeid, *_worst.pop(report.nodeid))

    def pytest_collectreport(self, report):
        if report.failed:
            _say(report.nodeid, "failed", _why(report))


def pytest_configure(config):
    # With xdist, the process that hears of all of them is the one without a workerinput.
    if "DM_LINES" in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Lines())
