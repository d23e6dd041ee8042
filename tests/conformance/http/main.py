"""main.py LABEL [CASE...]"""

import importlib
import sys

import client
import check

for group in ("api", "life", "door", "agent"):
    importlib.import_module(f"{group}_cases")
check.run(sys.argv[1], sys.argv[2:], client.drop_shared)
