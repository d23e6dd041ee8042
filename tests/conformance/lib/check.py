"""Runs cases, each in a thread of its own with a time limit, and says what came of it: `ok NAME`, `not ok NAME: why` or
`skip NAME: why`. A case that hangs inside a client library is left behind: the process ends when all are done."""

import os
import sys
import threading
import time
import traceback

BUDGET_S = 240

_cases = []
_cleanups = []


class Skip(Exception):
    """Raised by a case that cannot be tried here."""


def case(group, limit=30):
    def register(function):
        _cases.append((f"{group}/{function.__name__}", limit, function))
        return function
    return register


def at_end(function):
    """Called once after all cases."""
    _cleanups.append(function)


def skip(why):
    raise Skip(why)


def equal(got, expected, what=""):
    assert got == expected, f"{what}{': ' if what else ''}got {short(got)}, expected {short(expected)}"


def raises(kind, function, *args, **kwargs):
    """The exception, which must be of that class and of no other than its subclasses."""
    try:
        got = function(*args, **kwargs)
    except kind as e:
        return e
    except Exception as e:
        raise AssertionError(f"raised {type(e).__name__} ({short(e)}) instead of {kind.__name__}") from e
    raise AssertionError(f"returned {short(got)} instead of raising {kind.__name__}")


def wait_for(what, condition, limit=10.0, every=0.1):
    """The first true value of condition()."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not within {limit:g} s"
        time.sleep(every)


def short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:160]}... ({len(text)} characters)"


def _try(function, limit):
    result = {}

    def body():
        try:
            function()
            result["done"] = True
        except BaseException as e:  # a result, whatever it is
            result["why"] = e
            result["trace"] = traceback.format_exc()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(limit)
    if not result:
        frame = sys._current_frames().get(thread.ident)
        result["why"] = TimeoutError(f"still not done after {limit:g} s")
        result["trace"] = "".join(traceback.format_stack(frame)) if frame else ""
    return result


def _one_line(e):
    text = " ".join(str(e).split()) or "no message"
    return short(text if isinstance(e, AssertionError) else f"{type(e).__name__}: {text}")


def run(label, wanted, after_failure=lambda: None):
    """Runs what begins with one of wanted (all where that is empty). Ends the process."""
    failed = 0
    end = time.monotonic() + BUDGET_S
    for name, limit, function in _cases:
        if wanted and not any(name.startswith(w) for w in wanted):
            continue
        began = time.monotonic()
        limit = min(limit, end - began)
        result = _try(function, limit) if limit > 0 else {"why": TimeoutError("no time left"), "trace": ""}
        why = result.get("why")
        if isinstance(why, Skip):
            print(f"skip conformance/{label}/{name}: {why}")
        elif why is None:
            print(f"  {time.monotonic() - began:.2f} s")
            print(f"ok conformance/{label}/{name}")
        else:
            failed += 1
            print(result["trace"])
            print(f"not ok conformance/{label}/{name}: {_one_line(why)}")
            _try(after_failure, 20)
        sys.stdout.flush()
    for function in _cleanups:
        _try(function, 20)
    sys.stdout.flush()
    os._exit(1 if failed else 0)
