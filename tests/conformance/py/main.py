"""main.py LABEL [CASE...]: the cases against the client that PYTHONPATH holds."""

import importlib
import sys

import boxes
import check

GROUPS = ("commands", "files", "pty", "sandbox", "asynchronous", "refusals", "fork", "snapshot")

for group in GROUPS:
    importlib.import_module(f"{group}_cases")
check.at_end(boxes.end_all)
check.run(sys.argv[1], sys.argv[2:], boxes.drop_shared)
