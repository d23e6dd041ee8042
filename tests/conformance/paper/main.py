"""Invoices and credit notes of every kind, statements and receipts, printed by dormouse-print: looked at by our own exact check, and by strangers'
judges where they can be had. main.py PROGRAMS, the folder that has documents and dormouse-print."""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import check  # noqa: E402
import exact  # noqa: E402

PROGRAMS = Path(sys.argv[1])
FOLDER = tempfile.TemporaryDirectory(prefix="dormouse-paper-")
MADE = Path(FOLDER.name)
XML = ("ubl", "cii")
# What EN 16931 cannot say: a currency of three decimals.
NO_XML = {"dinar"}
ELSEWHERE = {"TZ": "Asia/Kathmandu", "LANG": "de_DE.UTF-8", "LC_ALL": "C", "HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"}


def printed(name, kind, env=None):
    with open(MADE / f"{name}.json", "rb") as doc:
        return subprocess.run([PROGRAMS / "dormouse-print", kind], stdin=doc, capture_output=True, timeout=120, check=False, env=env)


def written(name, kind):
    """The file's name; it is made once."""
    path = MADE / f"{name}.{kind}"
    if not path.exists():
        done = printed(name, kind)
        assert done.returncode == 0 and not done.stderr, f"{name} as {kind}: {done.stderr.decode()}"
        path.write_bytes(done.stdout)
    return path


def source(name):
    return json.loads((MADE / f"{name}.json").read_text())


def names(but=()):
    return sorted(p.stem for p in MADE.glob("*.json") if p.stem not in but)


def unit_of(doc):
    digits = doc["totals"]["due"].partition(".")[2]
    return Decimal(1).scaleb(-len(digits))


def each_xml(but=()):
    for name in names(NO_XML | set(but)):
        for kind in XML:
            yield name, kind


@check.case("exact", 100)
def to_the_last_digit():
    for name, kind in each_xml():
        e = exact.read(written(name, kind).read_text())
        try:
            exact.check(e, unit_of(source(name)))
        except AssertionError as why:
            raise AssertionError(f"{name} as {kind}: {why}") from why


@check.case("exact", 100)
def they_say_what_was_signed():
    for name, kind in each_xml():
        doc, e = source(name), exact.read(written(name, kind).read_text())
        check.equal(e["number"], doc["number"], name)
        check.equal(e["currency"], doc["currency"], name)
        check.equal([li["net"] for li in e["lines"]], [Decimal(li["net"]) for li in doc["lines"]], f"{name}, lines")
        for ours, theirs in {"sum": "lines", "net": "net", "tax": "tax", "total": "total", "prepaid": "prepaid", "due": "due",
                             "allowance": "allowance"}.items():
            check.equal(e[ours], Decimal(doc["totals"][theirs]), f"{name}, {ours}")
        check.equal(e["due_on"], doc["due"], name)
        check.equal(e["account"], doc["seller"]["iban"] if Decimal(doc["totals"]["due"]) and not e["credit"] else None, name)


@check.case("exact")
def a_currency_of_three_decimals_is_refused():
    for name in NO_XML:
        for kind in XML:
            done = printed(name, kind)
            check.equal((done.returncode, done.stdout), (1, b""), name)
            assert b"KWD has 3 decimals" in done.stderr and done.stderr.count(b"\n") == 1, done.stderr


@check.case("same", 100)
def wherever_it_is_printed():
    for name, kind in each_xml(("ten-thousand",)):
        check.equal(printed(name, kind, ELSEWHERE).stdout == written(name, kind).read_bytes(), True, f"{name} as {kind}, elsewhere")


@check.case("refused")
def what_is_no_document():
    good = (MADE / "one.json").read_bytes()
    due = source("one")["totals"]["due"].encode()
    for bad in (b"", b"{}", b"[" * 100, good[:-1], good.replace(b'"due":"' + due, b'"due":"' + due[:-1] + b"9"),
                good.replace(b'"Berlin', b'"B'), good + b"\n\n", b" " + good, good.replace(b'"version":1', b'"version":2')):
        for kind in XML:
            done = subprocess.run([PROGRAMS / "dormouse-print", kind], input=bad, capture_output=True, timeout=30, check=False)
            if bad == good:
                continue
            check.equal((done.returncode, done.stdout), (1, b""), bad[:60])
            assert done.stderr.startswith(b"dormouse-print: ") and done.stderr.count(b"\n") == 1, done.stderr


# --- strangers ------------------------------------------------------------------------------------------------


def judge(jars, program, files):
    """{file: why not, or None}"""
    if not jars:
        check.skip(os.environ.get("DM_JUDGES_WHY") or "its judges are not here")
    done = subprocess.run(["java", "-Xmx1g", "-cp", f"{jars}/*", HERE / program, *files], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-600:]
    said = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        file, _, why = rest.partition(":")
        said[Path(file)] = None if word == "valid" else why or "invalid"
    check.equal(sorted(said), sorted(files), "what was judged")
    return said


def edited(name, kind, as_name, *changes):
    text = written(name, kind).read_text()
    for old, new in changes:
        assert old in text, f"{name} as {kind} has no {old}"
        text = text.replace(old, new)
    path = MADE / f"{as_name}.{kind}"
    path.write_text(text)
    return path


@functools.cache
def of_en16931():
    """What the official rules say of what we print, and of what we spoil: Java is started once for both."""
    totals, cent = source("twelve")["totals"], Decimal("0.01")
    spoilt = {
        "cent": edited("twelve", "ubl", "cent", *((f">{totals[was]}<", f">{Decimal(totals[was]) + cent}<") for was in ("tax", "total"))),
        "unnamed": edited("one", "ubl", "unnamed", ("<cbc:RegistrationName>Dormouse GmbH</cbc:RegistrationName>", "")),
        "unit": edited("one", "cii", "unit", ('unitCode="', 'unitCode="X'))}
    good = [written(*one) for one in each_xml(("ten-thousand",))]
    said = judge(os.environ.get("DM_JUDGES_EN16931"), "Invoices.java", [*good, *spoilt.values()])
    return {f.name: said[f] for f in good}, {name: said[f] for name, f in spoilt.items()}, spoilt["cent"]


@check.case("en16931", 220)
def the_official_rules_hold():
    good, _, _ = of_en16931()
    check.equal({name: why for name, why in good.items() if why}, {}, "not valid")


@check.case("en16931", 220)
def the_judge_is_awake_and_lets_a_cent_pass():
    """Why there is an exact check: a tax that is too high by 0.01 passes the official rules."""
    _, spoilt, cent = of_en16931()
    check.equal({name: why is not None for name, why in spoilt.items()}, {"cent": False, "unnamed": True, "unit": True}, str(spoilt))
    why = check.raises(AssertionError, exact.check, exact.read(cent.read_text()), Decimal("0.01"))
    assert "the tax of" in str(why), why


# --- paper ----------------------------------------------------------------------------------------------------


@check.case("pdf", 100)
def is_the_same_wherever_it_is_printed():
    for name in ("one", "outside", "arab"):
        check.equal(printed(name, "pdf", ELSEWHERE).stdout == written(name, "pdf").read_bytes(), True, f"{name}, elsewhere")


@check.case("pdf")
def without_a_font_there_is_none():
    done = printed("thai", "pdf")
    check.equal((done.returncode, done.stdout), (1, b""), "thai")
    assert done.stderr.startswith(b"dormouse-print: there is no font for") and done.stderr.count(b"\n") == 1, done.stderr


def stated(name, env=None, text=None):
    given = (MADE / f"{name}.stated").read_bytes() if text is None else text
    return subprocess.run([PROGRAMS / "dormouse-print", "pdf"], input=given, capture_output=True, timeout=120, check=False, env=env)


@functools.cache
def of_statement(name):
    """The file's name."""
    done = stated(name)
    assert done.returncode == 0 and not done.stderr, f"{name}: {done.stderr.decode()}"
    path = MADE / f"statement-{name}.pdf"
    path.write_bytes(done.stdout)
    return path


def words_of(path):
    return subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, timeout=60, check=True).stdout


@check.case("pdf", 100)
def a_statement_says_what_was_signed_and_what_it_leaves_out():
    if shutil.which("pdftotext") is None:
        check.skip("there is no pdftotext")
    for name in ("nothing", "few", "many"):
        head, *pages = ((MADE / f"{name}.stated").read_text().splitlines())
        head, words = json.loads(head), words_of(of_statement(name))
        lines = [line for page in pages for line in json.loads(page)["lines"]]
        assert f"{head['currency']} {head['total']}" in words, f"{name}: no total"
        check.equal(words.count("Line by line"), min(len(lines), 1), name)
        for line in lines[:1000]:
            assert line["amount"] in words, f"{name}: no {line['amount']}"
        if len(lines) > 1000:
            rest = sum(Decimal(line["amount"]) for line in lines[1000:])
            said = " ".join(words.split())
            assert f"The first 1000 of {len(lines)} lines" in said, f"{name}: what is left out is not said"
            assert f"The other {len(lines) - 1000} come to CNY {rest.normalize():f}" in said, f"{name}: {rest}"
            assert "All other projects together" in words, name


@functools.cache
def of_receipt(name):
    path = MADE / f"receipt-{name}.pdf"
    with open(MADE / f"{name}.receipt", "rb") as given:
        done = subprocess.run([PROGRAMS / "dormouse-print", "pdf"], stdin=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, f"{name}: {done.stderr.decode()}"
    path.write_bytes(done.stdout)
    return path


@check.case("pdf")
def a_receipt_says_what_came_and_for_what():
    if shutil.which("pdftotext") is None:
        check.skip("there is no pdftotext")
    for name in ("payment", "top-up"):
        doc, words = json.loads((MADE / f"{name}.receipt").read_text()), words_of(of_receipt(name))
        for text in (doc["number"], "EUR 120.00", doc["seller"]["name"], doc["buyer"]["name"], doc["received"],
                     doc["invoice"] or "the account's wallet, in advance"):
            assert text in words, f"{name}: no {text}"
        check.equal("The invoice had no need of EUR 1.00" in words, name == "payment", name)


@check.case("pdf", 100)
def a_statement_is_the_same_wherever_it_is_printed():
    for name in ("few", "many"):
        check.equal(stated(name, ELSEWHERE).stdout == of_statement(name).read_bytes(), True, f"{name}, elsewhere")


@check.case("refused")
def what_is_no_statement():
    good = (MADE / "few.stated").read_bytes()
    head, rest = good.split(b"\n", 1)
    for bad in (head, rest, good + rest, good.replace(b'"qty":"47', b'"qty":"48', 1), head + b"\n\n" + rest, good + b"{}"):
        done = stated("few", text=bad)
        check.equal((done.returncode, done.stdout), (1, b""), bad[:60])
        assert done.stderr.startswith(b"dormouse-print: ") and done.stderr.count(b"\n") == 1, done.stderr
    done = subprocess.run([PROGRAMS / "dormouse-print", "ubl"], input=good, capture_output=True, timeout=30, check=False)
    check.equal((done.returncode, done.stderr), (1, b"dormouse-print: a statement is not said as ubl\n"), "ubl")


@check.case("pdf", 200)
def lasts_and_can_be_read_by_all():
    """PDF/A-3a and PDF/UA-1, by veraPDF."""
    jars = os.environ.get("DM_JUDGES_VERAPDF")
    if not jars:
        check.skip(os.environ.get("DM_JUDGES_WHY") or "its judge is not here")
    files = [written(name, "pdf") for name in ("one", "twelve", "credit", "outside", "arab", "long")]
    files += [of_statement(name) for name in ("nothing", "few", "many")] + [of_receipt(name) for name in ("payment", "top-up")]
    for flavour in ("3a", "ua1"):
        done = subprocess.run(["java", "-Xmx1g", "-cp", f"{jars}/*", "org.verapdf.apps.GreenfieldCliWrapper", "--flavour", flavour,
                               "--format", "text", *files], capture_output=True, text=True, timeout=190, check=False)
        passed = [line for line in done.stdout.splitlines() if line.startswith("PASS ")]
        check.equal(len(passed), len(files), f"{flavour}: {done.stdout[-400:]}{done.stderr[-200:]}")


subprocess.run([PROGRAMS / "documents", MADE], check=True, timeout=60)
check.at_end(FOLDER.cleanup)
check.run("documents", sys.argv[2:])
