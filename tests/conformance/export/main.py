"""Exports before readers that are no part of Dormouse. What a file says is what its rows as JSON lines say, cell by cell, and
what its rows of an invoice sum to is what the invoice says, as text. main.py PROGRAMS, the folder that has `exports`."""

import base64
import csv
import datetime
import functools
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from decimal import Decimal, getcontext
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import check  # noqa: E402

getcontext().prec = 60
PROGRAMS = Path(sys.argv[1])
FOLDER = tempfile.TemporaryDirectory(prefix="dormouse-exports-")
MADE = Path(FOLDER.name)
# What Dormouse is, in the validator's words; without them most of its rules are skipped.
CRITERIA = ("ACCOUNT_NAMING_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED", "PUBLIC_PRICE_LIST_SUPPORTED", "USAGE_MEASUREMENT_SUPPORTED",
            "UNIT_PRICING_SUPPORTED", "SUB_ACCOUNT_SUPPORTED", "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED",
            "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED", "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
            "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED", "REGION_SUPPORTED", "TAGGING_SUPPORTED", "MULTIPLE_PRICING_CATEGORIES_SUPPORTED")
# Which columns say an invoice's number and an amount, of what is charged on invoices.
CHARGED = {"cost": ("invoice", "amount"), "focus-1.2": ("InvoiceId", "BilledCost"), "focus-1.3": ("InvoiceId", "BilledCost"),
           "focus-1.4": ("InvoiceId", "BilledCost")}


def datasets():
    return sorted(p.stem for p in MADE.glob("*.jsonl"))


@functools.cache
def manifest(dataset, kind="jsonl"):
    return json.loads((MADE / f"{dataset}.{kind}.json").read_text())


@functools.cache
def rows(dataset):
    """As JSON lines say them: what all other formats are held against."""
    return [json.loads(line) for line in (MADE / f"{dataset}.jsonl").read_text().splitlines()]


def invoices():
    return json.loads((MADE / "invoices.json").read_text())


def sums(dataset, said):
    """By invoice, as text with 18 decimals."""
    number, amount = CHARGED[dataset]
    by = defaultdict(Decimal)
    for row in said:
        if row[number] is not None:
            by[row[number]] += Decimal(row[amount])
    return {k: f"{v:.18f}" for k, v in by.items()}


def same(dataset, kind, said):
    """Rows as texts, null as None, are those of the JSON lines."""
    wanted = rows(dataset)
    check.equal(len(said), len(wanted), f"{dataset}.{kind}: rows")
    for n, (got, want) in enumerate(zip(said, wanted), 1):
        want = {k: v if v is None else str(v) for k, v in want.items()}
        if got != want:
            wrong = next(k for k in want if got.get(k, "no such column") != want[k])
            check.equal(got.get(wrong), want[wrong], f"{dataset}.{kind}, row {n}, {wrong}")
    if dataset in CHARGED:
        check.equal(sums(dataset, said), invoices(), f"{dataset}.{kind}: sums")


@check.case("csv", 60)
def says_the_same():
    for dataset in datasets():
        with open(MADE / f"{dataset}.csv", newline="", encoding="utf-8") as file:
            text = file.read()
        assert "\r" not in text and not text.startswith("\ufeff") and text.endswith("\n"), dataset
        guarded = not dataset.startswith("focus-")
        said = []
        for row in unquoted(text):
            said.append({k: ungarded(v, guarded) for k, v in row.items()})
        same(dataset, "csv", said)


def unquoted(text):
    """Rows in which what stands there without quotes, and is nothing, is None: Python's reader cannot tell it from ""."""
    read = csv.reader(text.splitlines(keepends=True), strict=True)
    names = next(read)
    for cells in read:
        assert len(cells) == len(names), cells
        yield {k: v if v != "" else None for k, v in zip(names, cells)}


def ungarded(cell, guarded):
    if not guarded or cell is None:
        return cell
    return cell[1:] if cell.startswith("'") and cell[1:2] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell


def summed(dataset, amount, *by, where=lambda row: True):
    found = defaultdict(Decimal)
    for row in rows(dataset):
        if where(row) and row[amount] is not None:
            found[tuple(row[name] for name in by)] += Decimal(row[amount])
    return {k: f"{v:.18f}" for k, v in found.items()}


def balanced(said):
    """Of the journal: the days that do not come to nothing."""
    days = defaultdict(Decimal)
    for row in said:
        days[row["day"], row["currency"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    return [day for day, sum_ in days.items() if sum_ != 0]


def rolled(said):
    """Of revenue: the positions of which opening and movements are not closing."""
    left = defaultdict(Decimal)
    for row in said:
        left[row["account"], row["ledger"], row["currency"]] += Decimal(row["amount"]) * (-1 if row["item"] == "closing" else 1)
    return [position for position, rest in left.items() if rest != 0]


@check.case("entity", 60)
def the_books_agree_with_each_other():
    """What the journal has, tax, ageing and revenue say, too; and what they say is what documents do."""
    check.equal(balanced(rows("journal")), [])
    check.equal(rolled(rows("revenue")), [])
    booked = summed("journal", "amount", "ledger")
    for (jurisdiction,), tax in summed("tax", "tax", "jurisdiction").items():
        check.equal(booked[f"tax:{jurisdiction}",], f"{-Decimal(tax):.18f}", jurisdiction)
    check.equal(summed("ageing", "open", "currency"), {("CNY",): booked["receivable",]})
    closing = summed("revenue", "amount", "ledger", where=lambda row: row["item"] == "closing")
    check.equal(closing, {k: v for k, v in booked.items() if k in closing})
    recognised = -sum(Decimal(v) for (name,), v in closing.items() if name.startswith("revenue:"))
    charged = sum(Decimal(r["amount"]) for r in rows("cost") if r["kind"] in ("usage", "measured", "correction", "commitment"))
    issued = {row["reference"] for row in rows("journal") if row["kind"] == "commitment"}
    later = sum(Decimal(r["amount"]) for r in rows("cost") if r["kind"] == "commitment" and r["invoice"] not in issued)
    check.equal(f"{recognised:.18f}", f"{charged - later:.18f}")
    check.equal(summed("usage", "amount"), summed("cost", "amount", where=lambda r: r["kind"] in ("usage", "measured", "correction")))


@check.case("entity", 60)
def faults_in_the_books_are_seen():
    def changed(dataset, column, which):
        said = [dict(row) for row in rows(dataset)]
        row = next(r for r in said if which(r))
        row[column] = f"{Decimal(row[column]) + Decimal('0.000000000000000001'):f}"
        return said
    assert balanced(changed("journal", "debit", lambda r: r["debit"] is not None))
    assert balanced(rows("journal")[1:])
    for item in ("opening", "closing", "close"):
        if any(r["item"] == item for r in rows("revenue")):
            assert rolled(changed("revenue", "amount", lambda r, item=item: r["item"] == item)), item


@check.case("jsonl", 60)
def rows_sum_to_the_invoices():
    for dataset in CHARGED:
        check.equal(sums(dataset, rows(dataset)), invoices(), dataset)
        documents = {d["number"]: d["total"] for d in manifest(dataset)["documents"] if d["whole"]}
        check.equal(documents, invoices(), f"{dataset}: manifest")
        check.equal(manifest(dataset)["rows"], len(rows(dataset)), f"{dataset}: rows")


def readers():
    if os.environ["DM_READERS_WHY"]:
        check.skip(os.environ["DM_READERS_WHY"])


def plainly(value):
    """A value that a reader has found, as JSON lines have it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def read_by(reader):
    readers()
    for dataset in datasets():
        same(dataset, "parquet", [{k: plainly(v) for k, v in row.items()} for row in reader(MADE / f"{dataset}.parquet")])


@check.case("parquet", 100)
def pyarrow_reads_the_same():
    import pyarrow.parquet
    read_by(lambda file: pyarrow.parquet.read_table(file).to_pylist())


@check.case("parquet", 100)
def polars_reads_the_same():
    import polars
    read_by(lambda file: polars.read_parquet(file).rows(named=True))


@check.case("parquet", 100)
def duckdb_reads_the_same():
    import duckdb

    def rows_of(file):
        db = duckdb.connect()
        db.execute("SET TimeZone = 'UTC'")
        found = db.execute(f"SELECT * FROM '{file}'")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row)) for row in found.fetchall()]
    read_by(rows_of)


@check.case("parquet", 60)
def sums_are_exact_in_sql():
    readers()
    import duckdb
    for dataset, (number, amount) in CHARGED.items():
        found = duckdb.sql(f"SELECT {number}, sum({amount}) FROM '{MADE / dataset}.parquet' WHERE {number} IS NOT NULL GROUP BY 1").fetchall()
        check.equal({k: f"{v:f}" for k, v in found}, invoices(), dataset)


@check.case("parquet", 60)
def types_are_what_the_manifest_says():
    readers()
    import pyarrow.parquet
    for dataset in datasets():
        if dataset == "every":
            continue
        schema = pyarrow.parquet.read_schema(MADE / f"{dataset}.parquet")
        said = {"text": lambda c: "string", "int": lambda c: "int64", "time": lambda c: "timestamp[us, tz=UTC]",
                "decimal": lambda c: f"decimal128({c['precision']}, {c['scale']})"}
        columns = manifest(dataset, "parquet")["columns"]
        check.equal([(f.name, str(f.type), not f.nullable) for f in schema], [(c["name"], said[c["type"]](c), c["required"]) for c in columns])


@check.case("parquet", 30)
def memory_is_that_of_a_group():
    readers()
    import pyarrow.parquet
    groups = pyarrow.parquet.ParquetFile(MADE / "every.parquet").metadata
    check.equal([groups.row_group(i).num_rows for i in range(groups.num_row_groups)], [32768, 32768, 4464])


@check.case("xlsx", 200)
def openpyxl_reads_the_same():
    """Texts as they are; of a decimal both columns; no formula, though some cells look like one."""
    readers()
    import openpyxl
    for dataset in datasets():
        sheet = openpyxl.load_workbook(MADE / f"{dataset}.xlsx", read_only=True).worksheets[0].iter_rows()
        names = [cell.value for cell in next(sheet)]
        said = []
        for cells in sheet:
            row = {}
            for name, cell in zip(names, cells, strict=False):
                assert cell.data_type != "f", (dataset, name, cell.value)
                row[name] = cell.value
            said.append({k: shown(k, row.get(k), row) for k in names if not k.endswith(" (rounded to 6)")})
        same(dataset, "xlsx", [aligned(got, want) for got, want in zip(said, rows(dataset), strict=True)])


def shown(name, value, row):
    """Of a decimal its text, which its number has to be, rounded."""
    number = row.get(f"{name} (rounded to 6)")
    if number is not None:
        exact = Decimal(value)
        assert abs(Decimal(number) - exact) <= Decimal("0.0000005") + abs(exact) * Decimal("1e-15"), (name, value, number)
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value if value is None or isinstance(value, str) else str(value)


def aligned(got, want):
    """A whole number that a double cannot hold is shown as near as one can."""
    for name, value in want.items():
        if isinstance(value, int) and abs(value) > 2**53:
            assert abs(int(float(got[name])) - value) <= 1024, (name, got[name])
            got = {**got, name: str(value)}
    return got


def found_wrong(file):
    """By the official validator: names of rules, and how many were passed."""
    if os.environ["DM_FOCUS_WHY"]:
        check.skip(os.environ["DM_FOCUS_WHY"])
    report, packages = MADE / f"{file.stem}.xml", os.environ["DM_FOCUS_VALIDATOR"]
    done = subprocess.run([os.environ["DM_FOCUS_PYTHON"], "-c", "from focus_validator.main import main; main()", "--data-file", file,
                           "--validate-version", "1.2.0.1", "--focus-dataset", "CostAndUsage", "--applicability-criteria", ",".join(CRITERIA),
                           "--block-download", "--show-violations", "--output-type", "unittest", "--output-destination", report],
                          cwd=packages, env={**os.environ, "PYTHONPATH": packages}, capture_output=True, text=True, timeout=200, check=False)
    assert report.exists(), done.stderr[-2000:]
    wrong, passed = set(), 0
    for rule in ElementTree.parse(report).getroot().iter("testcase"):
        outcome = [x.tag for x in rule]
        if "failure" in outcome or "error" in outcome:
            wrong.add(rule.attrib["name"].split(" ")[0])
        passed += not outcome
    return wrong, passed


@check.case("focus", 220)
def passes_its_own_validator():
    expected = {line for line in (HERE / "focus.expected").read_text().splitlines() if line and not line.startswith("#")}
    wrong, passed = found_wrong(MADE / "focus-1.2.csv")
    assert wrong == expected, f"not expected: {sorted(wrong - expected)}; expected and not so: {sorted(expected - wrong)}"
    assert passed >= 250, passed


@check.case("focus", 220)
def the_validator_sees_what_is_wrong():
    """A charge without a cost, of a service that is in two categories, in a file that is short."""
    lines = (MADE / "focus-1.2.csv").read_text().splitlines()
    names = lines[0].split(",")
    cells = next(csv.reader([lines[1]]))
    cells[names.index("BilledCost")] = ""
    cells[names.index("ServiceCategory")] = "Nonsense"
    short = MADE / "wrong-1.2.csv"
    with open(short, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([names, cells])
        file.write("\n".join(lines[2:40] + lines[-12:]) + "\n")
    wrong, _ = found_wrong(short)
    for column in ("BilledCost-", "ServiceName-"):
        assert any(rule.startswith(column) for rule in wrong), sorted(wrong)


# --- a bucket of others --------------------------------------------------------------------------------------------


@functools.cache
def bucket():
    """A server that speaks S3 and looks at signatures, with a bucket and a key that may put there; and one that may not."""
    if os.environ["DM_BUCKET_WHY"]:
        check.skip(os.environ["DM_BUCKET_WHY"])
    env = {**os.environ, "PYTHONPATH": os.environ["DM_BUCKET"], "INITIAL_NO_AUTH_ACTION_COUNT": "6"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check.at_end(server.kill)
    url = f"http://127.0.0.1:{port}"
    script = """
import json, sys, time, boto3
def client(name, key="x", secret="y"):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name="eu-central-1", aws_access_key_id=key, aws_secret_access_key=secret)
iam = client("iam")
for n in range(100):
    try:
        iam.create_user(UserName="may")
        break
    except Exception:
        time.sleep(0.2)
client("s3").create_bucket(Bucket="acme-finance", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName="may", PolicyName="all", PolicyDocument=json.dumps(allow))
may = iam.create_access_key(UserName="may")["AccessKey"]
iam.create_user(UserName="none")
none = iam.create_access_key(UserName="none")["AccessKey"]
print(json.dumps([[k["AccessKeyId"], k["SecretAccessKey"]] for k in (may, none)]))
"""
    done = subprocess.run([sys.executable, "-c", script, url], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return url, *json.loads(done.stdout)


def delivered(url, name, key, folder):
    """What was said of each try."""
    folder.mkdir()
    done = subprocess.run([PROGRAMS / "deliver", url, name, *key, folder], capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stderr.splitlines() if line.split(" ")[0] in ("waiting", "delivered", "failed")]


def objects(url, key):
    script = """
import base64, json, sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="eu-central-1", aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3])
names = [o["Key"] for o in s3.list_objects_v2(Bucket="acme-finance").get("Contents", [])]
print(json.dumps({n: base64.b64encode(s3.get_object(Bucket="acme-finance", Key=n)["Body"].read()).decode() for n in names}))
"""
    env = {**os.environ, "PYTHONPATH": os.environ["DM_BUCKET"]}
    done = subprocess.run([sys.executable, "-c", script, url, *key], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {k: base64.b64decode(v) for k, v in json.loads(done.stdout).items()}


@check.case("bucket", 200)
def is_put_there_with_its_manifest():
    url, may, _ = bucket()
    name = "finance/cost/dormouse-cost-2026-03.csv"
    check.equal(delivered(url, "acme-finance", may, MADE / "delivered"), [f"delivered 1 {name}"])
    found = objects(url, may)
    check.equal(sorted(found), [name, f"{name}.manifest.json"])
    check.equal(found[name], (MADE / "delivered/file").read_bytes())
    check.equal(found[f"{name}.manifest.json"], (MADE / "delivered/manifest").read_bytes())
    said = json.loads(found[f"{name}.manifest.json"])["file"]["sha256"]
    check.equal(hashlib.sha256(found[name]).hexdigest(), said)


@check.case("bucket", 200)
def what_is_refused_is_tried_again_and_said():
    """A secret that is not the key's, a key that may not, no such bucket, and nobody there."""
    url, may, none = bucket()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    for n, (at, name, key, says) in enumerate(((url, "acme-finance", [may[0], "wrong"], "403: SignatureDoesNotMatch"),
                                               (url, "acme-finance", none, "403: AccessDenied"),
                                               (url, "not-there", may, "404: NoSuchBucket"),
                                               (nobody, "acme-finance", may, "cannot be reached"))):
        tries = delivered(at, name, key, MADE / f"refused{n}")
        check.equal([line.split(" ")[:2] for line in tries], [["waiting", "1"], ["waiting", "2"], ["waiting", "3"]])
        assert says in tries[0], (says, tries[0])


MADE.chmod(0o755)
made = subprocess.run([PROGRAMS / "exports", MADE], capture_output=True, text=True, timeout=200, check=False)
if made.returncode != 0:
    sys.exit(print("not ok conformance/exports/made:", made.stderr or made.stdout) or 1)
if not datasets():
    sys.exit(print("skip conformance/exports: there is no PostgreSQL here"))
check.at_end(FOLDER.cleanup)
check.run("exports", sys.argv[2:])
