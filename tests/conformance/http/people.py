"""people.py: signs somebody up and an operator in, and says with which cookie each of them asks, a line each."""

import sys

from person import MARK, Browser, Person, begin_as_operator, go_on_as_operator


def cookie(browser, name):
    return "; ".join(f"{n}={v}" for n, v in browser.jar.items() if n.endswith(name))


def main():
    owner, operator = Person("owner"), Browser("operator")
    owner.sign_up()
    go_on_as_operator(operator, begin_as_operator(operator, f"people-{MARK}"))
    print(cookie(owner, "session"))
    print(cookie(operator, "ops"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
