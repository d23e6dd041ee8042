"""What a test program says of each thing it tried, in the words that ops/lib/tests.sh counts."""

import sys
import traceback
from contextlib import contextmanager


def need(condition, words):
    if not condition:
        raise AssertionError(words)


class Results:
    def __init__(self, name):
        self.name, self.failed = name, []

    def say(self, name, bad=None):
        """bad: what is wrong, in words, or several of them; nothing: it passed."""
        bad = [bad] if isinstance(bad, str) else list(bad or [])
        for line in bad[:20]:
            print(f"  {line}")
        if bad:
            self.failed.append(name)
            print(f"not ok {self.name}/{name}: {str(bad[0]).splitlines()[0][:200]}")
        else:
            print(f"ok {self.name}/{name}")

    @contextmanager
    def proof(self, name):
        """What goes wrong within is that proof's failure; the next ones are tried all the same."""
        try:
            yield
        except Exception as e:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            self.say(name, f"{type(e).__name__}: {e}")
        else:
            self.say(name)
