"""callers.py LABEL [CASE...]: each caller asks each route. Ids of things are of none that is there, and bodies are cut short:
so whoever is let in changes nothing, and it does not matter who was there before."""

import base64
import http.client
import json
import re
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from client import API, connect
import check
from check import case
from person import MARK, PASSWORD, Browser, Person, address, admin, begin_as_operator, go_on_as_operator, letter
from tables import Document, rights, routes

GROUP = "who"
AT_ONCE = 4
SHOWN = 12
RIGHTS_OF, RIGHT_NAMED = rights()
ROUTES, STRANGE = routes()
DOCUMENT = Document()
READS = ("sandbox.read", "template.read", "usage.read", "limit.read", "billing.read")

# What ends or empties that by which its caller is let in comes last.
ENDS = re.compile(r"POST .*/sign-out-everywhere|DELETE /v1/(projects/\{slug\}|accounts/\{id\}|ops/impersonation)")
# Where it is no refusal of who asks that there is nothing of his to show.
LACKS = {"GET /v1/ops/impersonation": "look.none", "GET /v1/accounts/{id}/bundle": "statement.unknown",
         "GET /v1/accounts/{id}/export-target": "export.unknown"}
# Whoever may, may without a body: a session or an account is all that it takes.
NOTHING_NEEDED = re.compile(r"POST .*/(sign-out|sign-out-everywhere)")
# These look at whether a page of the console asks before they look at anything else.
OWN_PAGE = re.compile(r"POST /v1/(ops/)?auth/")

GATE = {"auth.key", "auth.forbidden", "auth.rate", "request.rate", "account.suspended"}
NOBODY_THERE = ("project not found", "account not found")


# --- who asks ---


@dataclass
class Home:
    """An account and its project."""
    account: str = ""
    slug: str = ""
    project: str = ""
    state: str = "good"  # or blocked, or suspended


@dataclass
class Caller:
    name: str
    at: Home  # whose project and account the path names
    key: str | None = None
    key_rights: frozenset | None = None  # None: it is none that is valid
    key_of: Home | None = None
    token: str | None = None  # an access token
    token_good: bool = False
    session: str | None = None  # a person's cookie; and an operator's
    ops_session: str | None = None
    session_good: bool = True
    ops_ready: bool = True
    roles: dict = field(default_factory=dict)  # {id of the account: role in all of it}
    look: tuple | None = None  # what an operator who looks as a tenant sends: its id, and the cookie or None
    look_at: Home | None = None  # None: it is over
    page: str = "own"  # or without its header, or of another site: what a browser says of where a request came from


class People:
    made = {}  # name: Person
    homes = {}
    callers = []


# --- what is expected ---


def judge(of, home, route):
    """By his rights, and by what his account may: blocked counts more than a right, suspended less."""
    if home.state == "blocked" and route.standing == "GOOD":
        return 403, "auth.forbidden"
    if route.right not in of:
        return 403, "auth.forbidden"
    if home.state == "suspended" and route.standing == "GOOD":
        return 403, "account.suspended"
    return None


def of_path(route):
    return route.path.startswith("/v1/projects/{"), route.path.startswith("/v1/accounts/{")


def by_key(caller, route):
    if caller.key_rights is None:
        return 401, "auth.key"
    if any(of_path(route)) and caller.key_of is not caller.at:
        return 404, "request.unknown"
    return judge(caller.key_rights, caller.key_of, route)


def by_token(caller, route):
    if not caller.token_good:
        return 401, "auth.key"
    if route.right == "SELF":
        return None
    if caller.at.account not in caller.roles:
        return 404, "request.unknown"
    return judge(RIGHTS_OF[caller.roles[caller.at.account]], caller.at, route)


def by_look(caller, route):
    """He sees what its people see, with no regard to what holds the account; what he may not has a rule of its own."""
    if caller.look_at is None:
        return 401, "look.over"
    if route.changes:
        return 403, "look.read_only"
    if any(of_path(route)) and caller.look_at is not caller.at:
        return 404, "request.unknown"
    seen = RIGHTS_OF["look"] if any(of_path(route)) else {"ME"}
    return None if route.right in seen else (403, "look.read_only")


def by_cookie(caller, route):
    if route.changes and caller.page != "own":
        return 403, "auth.csrf"
    if not caller.session_good:
        return 401, "auth.session"
    if route.ops:
        return judge(RIGHTS_OF["operator"] if caller.ops_ready else {"OPS_SELF"}, Home(), route)
    if not any(of_path(route)):
        return judge({"SELF", "ME"}, Home(), route)
    if caller.at.account not in caller.roles:
        return 404, "request.unknown"
    return judge(RIGHTS_OF[caller.roles[caller.at.account]], caller.at, route)


def expected(caller, route):
    """(status, rule) of a refusal, or None: he is let in."""
    if route.mouth == "inside":
        return 404, "request.unknown"
    if route.mouth == "admin":
        return 403, "admin.off"  # this deployment has no such token
    if route.right == "NONE":
        return (403, "auth.csrf") if OWN_PAGE.match(str(route)) and caller.page != "own" else None
    if route.mouth == "token":
        return by_token(caller, route)
    if route.mouth == "own" and caller.look and caller.key is None and not route.ops:
        return by_look(caller, route)
    cookie = caller.ops_session if route.ops else caller.session
    if route.mouth == "key" or caller.key is not None or cookie is None:
        return by_key(caller, route)
    return by_cookie(caller, route)


# --- what is asked ---

NONE_SUCH = ("00000000-0000-4000-8000-000000000000", "99999999", "i" + "0" * 18 + "zz", "0" * 40, "none-such")


def fits(schema, text):
    if schema.get("type") == "integer":
        return text.isdigit()
    if schema.get("format") == "uuid":
        return text.count("-") == 4
    return re.search(schema.get("pattern", ""), text) is not None


def value_of(parameter):
    schema = parameter.get("schema", {})
    if "examples" in schema and parameter["in"] == "query":
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    return next(text for text in NONE_SUCH if fits(schema, text))


def path_of(caller, route):
    own, account = of_path(route)
    values = {p["name"]: value_of(p) for p in DOCUMENT.parameters(route, "path")} if documented(route) else {}
    if own:
        values["slug"] = caller.at.slug
    if account:
        values["id"] = caller.at.account
    if route.path.startswith("/teams/{id}/metrics"):
        values["id"] = caller.key_of.project if caller.key_of else caller.at.project
    path = re.sub(r"\{(\w+)\}", lambda m: urllib.parse.quote(str(values.get(m[1], NONE_SUCH[0])), safe=""), route.path)
    query = {p["name"]: value_of(p) for p in DOCUMENT.parameters(route, "query") if p.get("required")} if documented(route) else {}
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


def headers_of(caller):
    headers = {"User-Agent": f"callers/{caller.name}"}
    if caller.key is not None:
        headers["X-API-KEY"] = caller.key
    if caller.token is not None:
        headers["Authorization"] = f"Bearer {caller.token}"
        headers["X-Team-ID"] = caller.at.slug
    jar = {"dormouse_session": caller.session, "dormouse_ops": caller.ops_session}
    if caller.look is not None:
        headers["Dormouse-Look"], jar["dormouse_look"] = caller.look
    jar = {name: value for name, value in jar.items() if value is not None}
    if jar:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    if caller.page == "own":
        headers |= {"Dormouse-Csrf": "1", "Origin": API}
    elif caller.page == "without its header":
        headers |= {"Origin": API, "Sec-Fetch-Site": "same-origin"}
    else:
        headers |= {"Dormouse-Csrf": "1", "Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}
    return headers


class Line:
    """A kept connection, from an address that is given up before wrong keys would count against it."""
    PER_ADDRESS = 20

    def __init__(self):
        self.connection, self.left = None, 0

    def ask(self, method, path, body, headers):
        if self.left == 0 or self.connection.sock is None:
            self.close()
            self.connection = connect(API, 20, address())
            self.left = self.PER_ADDRESS
        self.left -= 1
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        if (answer.getheader("Content-Type") or "").startswith("text/event-stream"):
            self.close()  # it goes on for ever: its head is all
            return answer.status, b""
        return answer.status, answer.read()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.left = 0


def documented(route):
    return (route.method, route.path) in DOCUMENT.operations


# --- compared ---


def let_in(caller, route, status, said):
    """What is wrong with the answer to somebody who may; None: nothing."""
    rule = said.get("denial", {}).get("rule")
    if status >= 500:
        return "our fault"
    if not DOCUMENT.documents(route, status):
        return "not documented"
    if rule in GATE or (status == 404 and said.get("message") in NOBODY_THERE):
        return "he may"
    if rule is not None and rule == LACKS.get(str(route)):
        return None
    if route.right != "NONE" and rule in ("auth.session", "auth.csrf"):
        return "he may"
    things = [p for p in re.findall(r"\{(\w+)\}", route.path)][sum(of_path(route)):]
    if route.path.startswith("/teams/{id}/metrics"):
        things = []
    if not DOCUMENT.can_succeed(route):
        return None if status >= 400 else "it is not offered"
    if not route.changes and not things:
        return None if status < 300 else "there is something to show"
    if things or DOCUMENT.has_body(route):
        return None if status >= 400 else "there is no such thing, and no body"
    return None if status < 300 or not NOTHING_NEEDED.fullmatch(str(route)) else "nothing is lacking"


def wrong(caller, route, status, body):
    try:
        said = json.loads(body) if body else {}
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    want = expected(caller, route)
    rule = said.get("denial", {}).get("rule")
    got = f"{status} {rule or ''} {said.get('message', '')}"[:120]
    if want is None:
        why = let_in(caller, route, status, said)
        return f"{route}: let in, but {got}: {why}" if why else None
    if (status, rule) != want:
        return f"{route}: {want[0]} {want[1]} expected, got {got}"
    return None


def ask_all(caller, those):
    line = Line()
    bad = []
    for route in those:
        try:
            body = b"{" if route.body else None
            bad.append(wrong(caller, route, *line.ask(route.method, path_of(caller, route), body,
                                                      headers_of(caller) | ({"Content-Type": "application/json"} if body else {}))))
        except (OSError, http.client.HTTPException) as e:
            bad.append(f"{route}: {type(e).__name__} {e}")
            line.close()
    line.close()
    return [one for one in bad if one]


def goes_round(caller):
    first = [route for route in ROUTES if not ENDS.fullmatch(str(route))]
    last = [route for route in ROUTES if ENDS.fullmatch(str(route))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        bad = sum(pool.map(lambda part: ask_all(caller, part), [first[i::AT_ONCE] for i in range(AT_ONCE)]), [])
    bad += ask_all(caller, [route for route in last if expected(caller, route) is not None])
    assert not bad, f"{len(bad)} of {len(ROUTES)}: " + "; ".join(bad[:SHOWN])


def last_things(caller):
    """What he may, and may only once."""
    those = [route for route in ROUTES if ENDS.fullmatch(str(route)) and expected(caller, route) is None]
    bad = ask_all(caller, sorted(those, key=lambda route: "sign-out" in route.path))
    assert not bad, f"{caller.name}: " + "; ".join(bad)


# --- the cases ---


@case(GROUP)
def every_route_is_in_both():
    said = set(DOCUMENT.operations)
    has = {(r.method, r.path) for r in ROUTES if r.mouth not in ("inside", "?")}
    assert not STRANGE, f"rows that this test cannot read, or of a mouth that it does not know: {STRANGE}"
    assert said == has, f"in one of the two alone: {sorted(said ^ has)}"
    unknown = {r.right for r in ROUTES} - {"NONE"} - set(RIGHT_NAMED.values())
    assert not unknown and {r.standing for r in ROUTES} <= {"ANY", "GOOD"}, unknown


def sign_up(name):
    person = Person(name)
    person.sign_up()
    People.made[name] = person
    return person


def home_of(person):
    me = person.ask("GET", "/v1/me")
    project = me["projects"][0]
    return Home(me["accounts"][0]["id"], project["slug"], project["id"])


def join(name, home, owner, role):
    person = sign_up(name)
    owner.ask("POST", f"/v1/accounts/{home.account}/invitations", {"email": person.email, "role": role}, 201)
    person.ask("POST", f"/v1/invitations/{letter(person.email, 'invite')}/accept", {}, 204)
    return person


def key_for(person, home, **members):
    return person.ask("POST", f"/v1/projects/{home.slug}/keys", {"name": "callers", **members}, 201)


def session_of(browser, cookie="dormouse_session"):
    return browser.jar[cookie]


def jwt(head, like):
    part = base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
    return f"{part}.{like.split('.')[1]}."


@case(GROUP, limit=90)
def all_are_there():
    owner = sign_up("owner")
    home = home_of(owner)
    add = People.callers.append
    whole = RIGHTS_OF["key"]
    for role in ("admin", "developer", "billing", "viewer"):
        add(Caller(role, home, session=session_of(join(role, home, owner, role)), roles={home.account: role}))
    stranger = sign_up("stranger")
    abroad = home_of(stranger)
    add(Caller("owner", home, session=session_of(owner), roles={home.account: "owner"}))
    add(Caller("owner_elsewhere", home, session=session_of(stranger), roles={abroad.account: "owner"}))
    add(Caller("key", home, key=key_for(owner, home)["key"], key_rights=whole, key_of=home))
    add(Caller("key_elsewhere", home, key=key_for(stranger, abroad)["key"], key_rights=whole, key_of=abroad))
    add(Caller("key_that_reads", home, key=key_for(owner, home, rights=list(READS))["key"],
               key_rights=frozenset(RIGHT_NAMED[name] for name in READS), key_of=home))
    gone = key_for(owner, home)
    owner.ask("DELETE", f"/v1/projects/{home.slug}/keys/{gone['id']}", {}, 204)
    add(Caller("key_revoked", home, key=gone["key"]))
    add(Caller("key_made_up", home, key="e2b_" + "0" * 40))
    add(Caller("nobody", home))

    # by access tokens, which E2B's own routes about keys take
    def token(person, name):
        return person.ask("POST", "/v1/me/access-tokens", {"name": name}, 201)
    for role in ("owner", "developer", "viewer"):
        add(Caller(f"token_of_{role}", home, token=token(People.made[role], "callers")["token"], token_good=True,
                   roles={home.account: role}))
    add(Caller("token_elsewhere", home, token=token(stranger, "callers")["token"], token_good=True, roles={abroad.account: "owner"}))
    dead = token(owner, "dead")
    owner.ask("DELETE", f"/v1/me/access-tokens/{dead['id']}", {}, 204)
    add(Caller("token_revoked", home, token=dead["token"]))

    # whose account may not
    for state in ("blocked", "suspended"):
        person = sign_up(state)
        held = home_of(person)
        key = key_for(person, held)["key"]
        held.state = state
        admin(*("account", "block") if state == "blocked" else ("suspend",), "--account", held.account, "--reason", "the test")
        add(Caller(f"key_{state}", held, key=key, key_rights=whole, key_of=held))
        add(Caller(f"owner_{state}", held, session=session_of(person), roles={held.account: "owner"}))

    # sessions that are none
    good = session_of(owner)
    for name, text in (("session_without_a_signature", good.rsplit(".", 1)[0] + "."),
                       ("session_that_needs_none", jwt({"alg": "none", "typ": "JWT"}, good)),
                       ("session_signed_by_another", good.rsplit(".", 1)[0] + "." + "A" * 86)):
        add(Caller(name, home, session=text, ops_session=text, session_good=False))
    left = Browser("left")
    left.ask("POST", "/v1/auth/sign-in", {"email": owner.email, "password": PASSWORD})
    over = session_of(left)
    left.ask("POST", "/v1/auth/sign-out-everywhere", {}, 204)
    add(Caller("session_that_is_over", home, session=over, session_good=False))
    owner.ask("POST", "/v1/auth/sign-in", {"email": owner.email, "password": PASSWORD})
    for caller in People.callers:
        if caller.name == "owner":
            caller.session = session_of(owner)

    # other pages than the console's
    for page in ("without its header", "of another site"):
        add(Caller(f"page_{page.replace(' ', '_')}", home, session=session_of(owner), roles={home.account: "owner"}, page=page))

    # operators, and who would like to be one
    fresh, operator = Browser("fresh"), Browser("operator")
    begin_as_operator(fresh, f"fresh-{MARK}")
    go_on_as_operator(operator, begin_as_operator(operator, f"callers-{MARK}"))
    add(Caller("operator", home, ops_session=session_of(operator, "dormouse_ops")))
    add_looks(home, abroad, operator)
    add(Caller("operator_not_ready", home, ops_session=session_of(fresh, "dormouse_ops"), ops_ready=False))
    add(Caller("operator_on_another_page", home, ops_session=session_of(operator, "dormouse_ops"), page="of another site"))
    add(Caller("operator_as_a_person", home, session=session_of(operator, "dormouse_ops"), session_good=False))
    add(Caller("owner_as_an_operator", home, ops_session=session_of(owner), session_good=False))
    assert {c.name for c in People.callers} == set(NAMES), {c.name for c in People.callers} ^ set(NAMES)


def add_looks(home, abroad, operator):
    """A session has one look at a time, so each has an operator of its own."""
    for name, at, over in (("look", home, False), ("look_elsewhere", abroad, False), ("look_that_is_over", home, True)):
        who = Browser(name)
        go_on_as_operator(who, begin_as_operator(who, f"{name.replace('_', '-')}-{MARK}"))
        look = who.ask("POST", f"/v1/ops/accounts/{at.account}/impersonate", {"reason": "the test"}, 201)
        cookie = session_of(who, "dormouse_look")
        if over:
            who.ask("DELETE", "/v1/ops/impersonation", {}, 204)
        People.callers.append(Caller(name, home, look=(look["id"], cookie), look_at=None if over else at,
                                     ops_session=session_of(who, "dormouse_ops")))
        if name == "look":  # its id alone, and another's cookie, are worth nothing
            People.callers.append(Caller("look_without_its_cookie", home, look=(look["id"], None)))
            People.callers.append(Caller("look_and_a_session", home, look=(look["id"], None), session=named("owner").session))


NAMES = ("look", "look_elsewhere", "look_that_is_over", "look_without_its_cookie", "look_and_a_session", "key", "key_elsewhere", "key_that_reads", "key_revoked", "key_made_up", "key_blocked", "key_suspended", "nobody",
         "owner", "admin", "developer", "billing", "viewer", "owner_elsewhere", "owner_blocked", "owner_suspended",
         "token_of_owner", "token_of_developer", "token_of_viewer", "token_elsewhere", "token_revoked",
         "session_without_a_signature", "session_that_needs_none", "session_signed_by_another", "session_that_is_over",
         "page_without_its_header", "page_of_another_site", "operator", "operator_not_ready", "operator_on_another_page",
         "operator_as_a_person", "owner_as_an_operator")


def named(name):
    return next(caller for caller in People.callers if caller.name == name)


def add_case(name):
    def one():
        goes_round(named(name))
    one.__name__ = name
    case(GROUP)(one)


for _name in NAMES:
    add_case(_name)


@case(GROUP)
def whoever_may_ends_it():
    for caller in People.callers:
        if caller.page == "own":
            last_things(caller)


check.run(sys.argv[1], sys.argv[2:])
