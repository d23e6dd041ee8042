"""From outside, without a key or with a wrong one: what is nobody's stays nobody's."""

from attacker import call, side
from results import need

RESULTS = side("outside")


def main():
    with RESULTS.proof("inner_pages"):
        for path in ("/door", "/metrics", "/metrics/", "/%6detrics", "/x/../metrics"):
            told = call("GET", path)
            need(told.status in (400, 404), f"{path} answers {told.status}")
    with RESULTS.proof("keys"):
        for key in (None, "", "e2b_" + "0" * 40, "x" * 4000):
            told = call("GET", "/v2/sandboxes", key=key)
            need(told.status == 401, f"the key {str(key)[:20]!r} gets {told.status}")
    raise SystemExit(1 if RESULTS.failed else 0)


main()
