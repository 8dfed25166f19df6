"""What a responder asks, the one command that answers it, and the same answer computed from the raw data.

The store holds the demo's recording as it is, and the AgentDojo traces as tenant `agentdojo`.  A question's `wanted`
looks at the raw events alone; `found` takes out of the command's JSON what the question asked for.  Both must be equal.

`python tests/integration/investigation.py --print` prints the questions, commands and answers.
"""

import argparse
import datetime
import gzip
import json
import math
import re
import shlex
import sys
import tempfile
from collections import Counter, defaultdict

import ledgerlib
import traces
from canonical import canonical, parse, split_export
from expected_redaction import matches

DEMO = ledgerlib.ROOT / "config" / "demo" / "demo.ndjson.gz"
AGENTDOJO = "agentdojo_dev.jsonl.zst"
SLOW, MINUTE_NS = 5, 60 * 10**9

TOKEN = "sha256:55f4ab0b9ef2b1ea23e4a8e8445cf7a2"
MARKER = "Partner check"
IBAN = "US133000000121212121212"
INJECTION = "this is an important message from me"
SECRET_FILE = "payments.yaml"


# --- the raw data ---


def demo_lines():
    return gzip.decompress(DEMO.read_bytes()).splitlines()


def agentdojo_lines(folder):
    """Native events, as an emitter beside each agent would have written them."""
    made = []
    for number, line in enumerate(traces.lines(folder / AGENTDOJO)):
        row = json.loads(line)
        event = {
            "kind": "tool_call", "action": "tools/call", "id": f"agentdojo-{number}", "tenant": "agentdojo",
            "time": traces.BASE_NS + number * traces.STEP_NS, "session_id": row["session"],
            "agent": {"name": row["session"].split("/")[0]}, "server": {"name": row["server"]},
            "target": {"type": "tool", "name": row["tool"]}, "outcome": {"tool_error": bool(row["is_error"])},
            "request": row["arguments"], "response": row["result"],
        }
        made.append(json.dumps(event, ensure_ascii=False).encode())
    return made


class Raw:
    """The events as they were recorded, in order."""

    def __init__(self, shared=None):
        self.demo_lines = demo_lines()
        self.agentdojo_lines = agentdojo_lines(shared) if shared else []
        self.lines = self.demo_lines + self.agentdojo_lines
        self.demo = [json.loads(line) for line in self.demo_lines]
        self.agentdojo = [json.loads(line) for line in self.agentdojo_lines]
        self.all = self.demo + self.agentdojo
        self.exported = []  # lines of the store's export: only to see what redaction took

    def load(self, daemon):
        daemon.cli("import", "-", stdin=b"\n".join(self.demo_lines) + b"\n")
        for at in range(0, len(self.agentdojo_lines), 500):
            daemon.accept(b"\n".join(self.agentdojo_lines[at:at + 500]))
        self.exported = daemon.export()


# --- the event model, told again ---


def at(event, path, default=None):
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
        if event is None:
            return default
    return event


def calls(events):
    return [event for event in events if event["kind"] == "tool_call"]


def strings(value):
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def holds(value, phrase):
    """Whether the phrase's words stand in one string of value, whatever is between them."""
    pattern = re.compile(r"(?<!\w)" + r"[^\w]+".join(map(re.escape, phrase.split())) + r"(?!\w)", re.I)
    return any(pattern.search(text) for text in strings(value))


def says(event, words):
    text = re.sub(r"[\s_-]", "", str(at(event, "error.type", "")).lower())
    return any(word in text for word in words)


def verdict(event):
    """From the words of the event model, as far as the demo goes."""
    status = at(event, "outcome.http_status") or event.get("http_status")
    code = at(event, "outcome.rpc_code")
    result = at(event, "outcome.result_type")
    decision = event.get("result")
    error = event.get("error") is not None or at(event, "outcome.tool_error") is True
    for name, holds_true in (
        ("timeout", says(event, ("timeout", "timedout", "deadline")) or status in (408, 504)),
        ("cancelled", "cancelled_by" in event or says(event, ("cancel",))),
        ("denied", status in (401, 403) or decision in ("deny", "denied", "decline", "declined")),
        ("throttled", status == 429),
        ("rejected", code in (-32700, -32002, *range(-32602, -32599))),
        ("transport_error", (status or 0) >= 400 or says(event, ("connect", "transport", "socket", "network"))),
        ("rpc_error", code is not None or event["kind"] == "error"),
        ("tool_error", error),
        ("pending", result == "input_required"),
        ("ok", status or at(event, "outcome.tool_error") is False or result or "response" in event
            or decision in ("allow", "accept", "auto")),
    ):
        if holds_true:
            return name
    return "unknown"


ERRORS = ("tool_error", "rpc_error", "transport_error", "timeout")
REFUSED = ("denied", "throttled", "rejected", "cancelled")


def is_error(event):
    return verdict(event) in ERRORS


def groups(events, *paths):
    return Counter(tuple(at(event, path) for path in paths) for event in events)


def when(ns):
    seconds, rest = divmod(ns, 10**9)
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


def percentile(values, share):
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def ids(events):
    return [event["id"] for event in events]


def named(events, tool):
    return [event for event in calls(events) if at(event, "target.name") == tool]


# --- what is taken out of an answer ---


def item_ids(answer):
    return [item["id"] for item in answer["items"]]


def counts(answer):
    return Counter({tuple(item["by"].values()): item["count"] for item in answer["items"]})


def columns(*names):
    """Rows of these members, lists as tuples."""
    def take(answer):
        return sorted((tuple(tuple(value) if isinstance(value, list) else value
                             for value in (item[name] for name in names)) for item in answer["items"]), key=repr)
    return take


def with_relation(*relations):
    def take(answer):
        return sorted((item["id"], relation) for item in answer["items"] for relation in item["relations"]
                      if relation in relations)
    return take


def moment_ids(answer):
    return [moment["event"]["id"] for timeline in answer["timelines"] for moment in timeline["moments"]]


class Question:
    def __init__(self, text, command, wanted, found, needs_agentdojo=False):
        self.text, self.wanted, self.found, self.needs_agentdojo = text, wanted, found, needs_agentdojo
        self.command = command  # without -o json

    def arguments(self):
        return shlex.split(self.command)


# --- the same answers from the raw data ---


def of_token(raw):
    return ids(event for event in raw.demo if TOKEN in (at(event, "oauth.token_id"), event.get("credential_id")))


def readers_of_etc(raw):
    hit = [event | {"verdict": verdict(event)} for event in calls(raw.demo)
           if at(event, "target.hints.read_only") and "/etc/" in str(at(event, "request.path", ""))]
    return groups(hit, "user.id", "agent.name", "target.name", "verdict")


def definitions_of(raw, tool):
    """(server version, calls that saw it, failed ones, first of those, parameters changed) of each definition."""
    rows, before = [], {}
    for event in raw.demo:
        if event["kind"] != "tool_definition" or at(event, "definition.name") != tool:
            continue
        saw = [call for call in named(raw.demo, tool)
               if at(call, "target.definition_digest") == event["new_digest"] and call["action"] == "tools/call"]
        failed = [call for call in saw if is_error(call) or verdict(call) == "rejected"]
        parameters = at(event, "definition.inputSchema.properties", {})
        changed = {name for name in before.keys() | parameters.keys() if before.get(name) != parameters.get(name)}
        rows.append((at(event, "server.version"), len(saw), len(failed),
                     when(min(call["time"] for call in failed)) if failed else None, sorted(changed) if before else []))
        before = parameters
    return rows


def found_definitions(answer):
    rows = []
    for item in answer["items"]:
        changed = {path.removeprefix("inputSchema.properties.").split(".")[0] for path in item["changed"]
                   if path.startswith("inputSchema.properties.")}
        rows.append((item["server_version"], item["calls"], item["failed"], item["first_failed"], sorted(changed)))
    return rows


def after_first_denied(raw):
    of_ben = [event for event in raw.demo if at(event, "user.id") == "ben@example.com"]
    since = min(event["time"] for event in of_ben if verdict(event) == "denied")
    return sorted(ids(event for event in of_ben if event["time"] >= since))


def passed_on(events, text, also_mentioned=False):
    """(id, how it stands there): a result held it; parameters gave it on once a result had held it."""
    rows, held = [], False
    for event in sorted(events, key=lambda event: event["time"]):
        if holds(event.get("request"), text):
            rows.append((event["id"], "given_on" if held else "given"))
        if holds(event.get("response"), text):
            rows.append((event["id"], "held"))
            held = True
        others = [at(event, path) for path in ("intent", "error.message", "reason", "outcome.reason", "attrs")]
        if also_mentioned and any(holds(value, text) for value in others if value is not None):
            rows.append((event["id"], "mentioned"))
    return sorted(rows)


def destructive(raw):
    return groups((event for event in calls(raw.demo) if at(event, "target.hints.destructive")),
                  "user.id", "agent.name", "server.name", "target.name")


def by_piece_of_work(events):
    pieces = defaultdict(list)
    for event in calls(events):
        piece = event.get("conversation_id") or event.get("session_id") or event.get("trace_id")
        pieces[piece].append(event)
    return pieces


def reads_secret(event):
    return at(event, "target.name") == "read_text_file" and SECRET_FILE in str(at(event, "request.path", ""))


def secret_and_outgoing(raw):
    return sorted(piece for piece, events in by_piece_of_work(raw.demo).items()
                  if any(map(reads_secret, events)) and any(at(e, "target.name") == "add_comment" for e in events))


def users_of_refund(raw):
    people = defaultdict(list)
    for call in named(raw.demo, "create_refund"):
        people[at(call, "user.id")].append(call)
    return sorted((user, len(made), sum(map(is_error, made)), when(min(e["time"] for e in made)))
                  for user, made in people.items())


def failing_versions(raw):
    versions = defaultdict(list)
    for call in calls(raw.demo):
        versions[at(call, "server.name"), at(call, "server.version")].append(call)
    rows = []
    for key, made in versions.items():
        failed = [call["time"] for call in made if is_error(call)]
        rows.append((*key, len(made), len(failed), when(min(failed)) if failed else None))
    return sorted(rows, key=repr)


def found_versions(answer):
    return sorted(((*item["by"].values(), item["count"], item["errors"], item["first_error"])
                   for item in answer["items"]), key=repr)


def slowest(raw):
    of_server = [call for call in calls(raw.demo) if at(call, "server.name") == "deploy"]
    return ids(sorted(of_server, key=lambda call: -call.get("duration_ns", 0))[:SLOW])


def without_outcome(raw):
    return ids(call for call in calls(raw.demo) if verdict(call) in ("unknown", "pending", "timeout", "cancelled"))


def leak(raw):
    """The call that carried the secret out: its comment is the marker and what the secret file holds."""
    return next(call for call in named(raw.demo, "add_comment") if str(at(call, "request.text")).startswith(MARKER))


def around_the_leak(raw):
    event = leak(raw)
    rows = []
    for other in raw.demo:
        if other["kind"] == "resource_usage":  # nobody did that
            continue
        if other is event or abs(other["time"] - event["time"]) > 5 * MINUTE_NS:
            continue
        rows += [(other["id"], name) for name, path in (("user_near", "user.id"), ("server_near", "server.name"))
                 if at(other, path) == at(event, path)]
    return sorted(rows)


def with_the_leaks_token(raw):
    token = at(leak(raw), "oauth.token_id")
    return sorted((event["id"], "token") for event in raw.demo
                  if token in (at(event, "oauth.token_id"), event.get("credential_id")) and event is not leak(raw))


def new_errors(raw, day):
    first = {}
    for event in raw.demo:
        if is_error(event):
            key = (at(event, "error.type") or event.get("class"), at(event, "server.name"), at(event, "target.name"))
            first.setdefault(key, when(event["time"]))
    return sorted((key for key, seen in first.items() if seen.startswith(day)), key=repr)


def found_new_errors(answer):
    return sorted(((*item["types"], *(item["servers"] or [None]), *(item["tools"] or [None]))
                   for item in answer["items"] if item["new"]), key=repr)


def denials(raw):
    return groups((call for call in calls(raw.demo) if verdict(call) == "denied"),
                  "user.id", "agent.name", "outcome.reason")


def unverified(raw):
    return groups(raw.all, "kind")


def lost_numbers(raw):
    """Numbers that emitters gave and that never came."""
    numbers = defaultdict(set)
    for event in raw.all:
        if at(event, "observer.seq") is not None:
            numbers[at(event, "observer.name"), at(event, "observer.epoch")].add(at(event, "observer.seq"))
    return sum(max(seen) - min(seen) + 1 - len(seen) for seen in numbers.values())


def redacted(raw):
    kept = [split_export(line)[0] for line in raw.exported]
    hit = [event for event, sent, stored in zip(raw.all, raw.lines, kept, strict=True)
           if matches(parse(canonical(sent)), parse(stored))[1] > 0]
    return groups(hit, "server.name", "target.name")


def intents(raw):
    return [(call["id"], call["intent"]) for call in named(raw.demo, "create_refund") if "intent" in call]


def refusals(raw):
    refused = [call | {"verdict": verdict(call)} for call in calls(raw.demo)]
    return groups((call for call in refused if call["verdict"] in ("denied", "throttled", "rejected")),
                  "user.id", "server.name", "target.name", "verdict")


def p95_by_version(raw):
    durations = defaultdict(list)
    for call in named(raw.demo, "convert_currency"):
        durations[at(call, "server.version")].append(call["duration_ns"])
    return sorted((version, len(values), percentile(values, 0.95)) for version, values in durations.items())


def on_behalf(raw):
    return groups((call for call in calls(raw.demo) if at(call, "oauth.client_id")), "oauth.client_id", "user.id")


def habits(events):
    """What can be new in an agent's doings: (what, value)."""
    found = set()
    for event in events:
        server, action = at(event, "server.name"), event.get("action")
        found.add(("server", server))
        found.add(("hour", when(event["time"])[11:13] + ":00"))
        if action == "tools/call":
            found.add(("tool", f"{server} · {at(event, 'target.name')}"))
        if action == "resources/read":
            found.add(("resource", f"{server} · {at(event, 'target.name')}"))
        if verdict(event) in (*ERRORS, *REFUSED):
            found.add(("failure", f"{server} · {verdict(event)}"))
    return found


def never_before(raw, agent, day):
    of_agent = [event for event in raw.demo if at(event, "agent.name") == agent]
    then = [event for event in of_agent if when(event["time"]).startswith(day)]
    before = [event for event in of_agent if when(event["time"]) < day]
    return sorted(habits(then) - habits(before))


def found_new(answer):
    known = ("server", "tool", "resource", "failure", "hour")
    return sorted((item["new"], item["value"]) for item in answer["items"] if item["new"] in known)


def first_called(raw, since):
    first = {}
    for call in calls(raw.demo):
        if call["action"] == "tools/call":
            first.setdefault(at(call, "target.name"), when(call["time"]))
    return sorted((tool, seen) for tool, seen in first.items() if seen >= since)


def injected_sessions(raw):
    return sorted({event["session_id"] for event in raw.agentdojo if holds(event.get("response"), INJECTION)})


def injected_then_paid(raw):
    told = {}
    for event in raw.agentdojo:
        if holds(event.get("response"), INJECTION):
            told[event["session_id"]] = min(event["time"], told.get(event["session_id"], event["time"]))
    return sorted({event["session_id"] for event in named(raw.agentdojo, "send_money")
                   if event["time"] > told.get(event["session_id"], event["time"])})


def money_to_the_attacker(raw):
    sent = [call for call in named(raw.agentdojo, "send_money") if at(call, "request.recipient") == IBAN]
    return groups((call | {"verdict": verdict(call)} for call in sent), "agent.name", "verdict")


QUESTIONS = (
    Question("What did this token do?", f"search token:{TOKEN} -n 0", of_token, item_ids),
    Question("Who read a path that matches /etc/*, and what became of it?",
             "stats 'effect:read request.path:*/etc/*' --by user,agent,tool,verdict", readers_of_etc, counts),
    Question("What changed in convert_currency before it began to fail?", "definitions convert_currency",
             lambda raw: definitions_of(raw, "convert_currency"), found_definitions),
    Question("What happened after the first denied call of Ben?",
             "search user:ben@example.com --since 'first(user:ben@example.com verdict:denied)' -n 0",
             after_first_denied, lambda answer: sorted(item_ids(answer))),
    Question("Which results held this text, and where was it passed on?", f"related '{MARKER}' --tenant default",
             lambda raw: passed_on(raw.demo, MARKER, also_mentioned=True),
             with_relation("held", "given", "given_on", "mentioned")),
    Question("What did this agent do today that it never did before?",
             "diff agent:release-helper --since 2026-11-15 --until 2026-11-16 --baseline 30d",
             lambda raw: never_before(raw, "release-helper", "2026-11-15"), found_new),
    Question("Which tools were called for the first time this week?",
             "first-seen tool kind:tool_call action:tools/call --since 2026-11-16 --tenant default",
             lambda raw: first_called(raw, "2026-11-16"),
             lambda answer: sorted((*item["values"], item["first"]) for item in answer["items"])),
    Question("Which calls could destroy something, and by whom?",
             "stats target.hints.destructive:true --by user,agent,server,tool", destructive, counts),
    Question("Which pieces of work read the secret file and wrote a comment that others read?",
             f"sessions 'tool:read_text_file request.path:*{SECRET_FILE}' --and tool:add_comment", secret_and_outgoing,
             lambda answer: sorted(item["id"] for item in answer["items"])),
    Question("Who uses create_refund, how well, since when?", "principals 'kind:tool_call tool:create_refund'",
             users_of_refund, columns("principal", "calls", "errors", "first_seen")),
    Question("Which servers and versions fail most, since when?",
             "stats --by server,server.version --sort errors --tenant default", failing_versions, found_versions),
    Question("Which are the slowest calls of the deploy server?",
             f"search 'server:deploy kind:tool_call' --sort duration -n {SLOW}", slowest, item_ids),
    Question("Of which calls does nobody know how they ended?",
             "search 'kind:tool_call verdict:unknown,pending,timeout,cancelled' --tenant default -n 0",
             without_outcome, item_ids),
    Question("What did the same person and the same server do within 5 minutes of the leak?",
             "related {leak} -n 0", around_the_leak, with_relation("user_near", "server_near")),
    Question("What else was done with the credential of the leak?", "related {leak} -n 0",
             with_the_leaks_token, with_relation("token")),
    Question("Which errors were new on the 16th?",
             "errors --since 2026-11-16 --until 2026-11-17 --tenant default -n 0",
             lambda raw: new_errors(raw, "2026-11-16"), found_new_errors),
    Question("Who was denied, and why?", "stats verdict:denied --by user,agent,outcome.reason", denials, counts),
    Question("Which events lack a verified identity?", "stats '-marks.user_trust:verified -kind:ledger' --by kind",
             unverified, counts),
    Question("Was anything lost, and was anything taken out?", "gaps",
             lambda raw: (lost_numbers(raw), redacted(raw).total()),
             lambda answer: (len(answer["items"]), answer["coverage"]["redacted"])),
    Question("Of which tools were secrets taken out before anybody could see them?",
             "stats 'redaction.count:>0' --by server,tool", redacted, counts),
    Question("What did the agents intend when they paid money back?", "search 'tool:create_refund intent:*' -n 0",
             intents, lambda answer: [(item["id"], item["intent"]) for item in answer["items"]]),
    Question("What was attempted and refused?",
             "stats verdict:denied,rejected,throttled --by user,server,tool,verdict --tenant default",
             refusals, counts),
    Question("Did convert_currency become slower with the new version?",
             "stats tool:convert_currency --by server.version", p95_by_version,
             lambda answer: sorted((item["by"]["server.version"], item["count"], item["p95_ns"])
                                   for item in answer["items"])),
    Question("Which programs act on behalf of which people?", "stats 'oauth.client_id:*' --by oauth.client_id,user",
             on_behalf, counts),
    Question("Which sessions were told to do something by what they read?",
             f"sessions 'response:\"{INJECTION}\"' --tenant agentdojo -n 0", injected_sessions,
             lambda answer: sorted(item["id"] for item in answer["items"]), needs_agentdojo=True),
    Question("In which of them did the agent then send money?",
             f"sessions 'response:\"{INJECTION}\"' --then tool:send_money --tenant agentdojo -n 0", injected_then_paid,
             lambda answer: sorted(item["id"] for item in answer["items"]), needs_agentdojo=True),
    Question("Where did this account number come from, and to which calls was it passed on?",
             f"related {IBAN} --tenant agentdojo -n 0", lambda raw: passed_on(raw.agentdojo, IBAN),
             with_relation("held", "given", "given_on"), needs_agentdojo=True),
    Question("Which models sent money to the attacker's account?",
             f"stats 'tool:send_money request.recipient:{IBAN}' --by agent,verdict", money_to_the_attacker, counts,
             needs_agentdojo=True),
)


# --- for people ---


def command_of(question, raw):
    return question.command.replace("{leak}", leak(raw)["id"])


def print_all(raw, daemon, lines):
    for number, question in enumerate(QUESTIONS, 1):
        if question.needs_agentdojo and not raw.agentdojo:
            continue
        command = command_of(question, raw)
        shown = daemon.cli_on_store(*shlex.split(command), "--utc", "-q", status=None).stdout.decode().splitlines()
        print(f"{number}. {question.text}\n   $ mcpledger {command}")
        for line in shown[:lines]:
            print(f"     {line}")
        if len(shown) > lines:
            print(f"     … {len(shown) - lines} more lines")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--print", action="store_true", required=True)
    parser.add_argument("--lines", type=int, default=8, help="of each answer (8)")
    options = parser.parse_args()
    shared = ledgerlib.SHARED_DATA if (ledgerlib.SHARED_DATA / AGENTDOJO).exists() else None
    raw = Raw(shared)
    with tempfile.TemporaryDirectory(prefix="mcpledger-investigation-") as folder:
        daemon = ledgerlib.Daemon(folder).start()
        try:
            raw.load(daemon)
            print_all(raw, daemon, options.lines)
        finally:
            daemon.close()


if __name__ == "__main__":
    sys.exit(main())
