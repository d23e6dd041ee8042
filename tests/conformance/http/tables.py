"""The tables that say what there is and who may: the mouths' rows of routes, tenants/who/rights.def, sdk/openapi.yaml. Read
here by a hand of their own, so that what is expected of an answer comes from no program that gives it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(os.environ["DM_ROOT"])

# How each mouth knows who asks: by an API key; by that or a session's cookie; by a person's access token; by the
# deployment's own token; not at all, since nothing from outside gets there.
MOUTHS = {
    "api/e2b/routes.def": "key",
    "api/e2b/token_routes.def": "token",
    "api/dm/routes.def": "own",
    "api/ops/routes.def": "own",
    "api/ops/admin.def": "admin",
    "api/ops/local.def": "inside",
    "api/door/routes.def": "inside",
    "api/uplink/routes.def": "inside",
}
CHANGES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    right: str  # as rights.def writes it in C, or NONE
    standing: str  # ANY or GOOD
    mouth: str
    body: bool  # whether it takes one

    @property
    def changes(self):
        return self.method in CHANGES

    @property
    def ops(self):
        return self.path.startswith("/v1/ops/")

    def __str__(self):
        return f"{self.method} {self.path}"


def routes():
    """All, of all mouths; and the tables that nobody has told us the mouth of."""
    row = re.compile(r'^ROUTE\((\w+), "([^"]+)", (\w+), (\w+), ([^,]+), (\w+)\)', re.M)
    found, strange = [], []
    for file in sorted(ROOT.glob("api/*/*.def")):
        name = str(file.relative_to(ROOT))
        text = file.read_text(encoding="utf-8")
        rows = row.findall(text)
        if len(rows) != len(re.findall(r"^ROUTE\(", text, re.M)) or (rows and name not in MOUTHS):
            strange.append(name)
        found += [Route(method, path, right, standing, MOUTHS.get(name, "?"), body != "0")
                  for method, path, right, standing, body, _ in rows]
    return found, strange


LETTERS = {"viewer": "V", "developer": "D", "billing": "B", "admin": "A", "owner": "O", "key": "K", "operator": "P", "look": "L"}


def rights():
    """{role: its rights by their names in C}, {name for people: name in C}."""
    rows = re.findall(r'^RIGHT\((\w+), "([^"]+)", "(\w+)"\)', (ROOT / "tenants/who/rights.def").read_text(encoding="utf-8"), re.M)
    assert rows
    of = {role: frozenset(name for name, _, who in rows if letter in who) for role, letter in LETTERS.items()}
    return of, {text: name for name, text, _ in rows}


class Document:
    def __init__(self):
        self.all = yaml.safe_load((ROOT / "sdk/openapi.yaml").read_text(encoding="utf-8"))
        self.operations = {(method.upper(), path): (item, item[method])
                           for path, item in self.all["paths"].items() for method in item if method != "parameters"}

    def _resolved(self, one):
        while "$ref" in one:
            at = self.all
            for part in one["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            one = at
        return one

    def parameters(self, route, where):
        item, operation = self.operations[route.method, route.path]
        return [p for p in map(self._resolved, item.get("parameters", []) + operation.get("parameters", [])) if p["in"] == where]

    def has_body(self, route):
        return "requestBody" in self.operations[route.method, route.path][1]

    def documents(self, route, status):
        said = self.operations[route.method, route.path][1]["responses"]
        return str(status) in said or f"{status // 100}XX" in said

    def can_succeed(self, route):
        return any(status.startswith("2") for status in self.operations[route.method, route.path][1]["responses"])
