"""What the verbs of figures should say of a store, computed from the lines of its export: a second implementation.

Percentiles: the smallest value that the share of all values do not exceed.
"""

import datetime
import math
from collections import Counter, defaultdict

NS = 10**9
IDLE_NS = 30 * 60 * NS
ERRORS = ("timeout", "transport_error", "rpc_error", "tool_error")
REFUSED = ("denied", "throttled", "rejected", "cancelled")
RANKS = {"client": 0, "host": 0, "agent": 0, "server": 2, "tool": 2}
OWN_WORK = ("ledger", "heartbeat", "lifecycle", "resource_usage", "credential", "dependency")
LISTED = 20


def at(event, path):
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event


def first(event, *paths):
    return next((value for path in paths if (value := at(event, path)) is not None), None)


def tenant(event):
    return first(event, "tenant", "ingest.tenant")


def principal(event):
    return first(event, "user.id", "workload.id", "oauth.client_id")


def effect(event):
    return first(event, "marks.effect", "effect")


def time_of(event):
    return first(event, "time", "recv_time")


def place(event):
    return time_of(event), event["seq"]


def is_call(event):
    return event["kind"] == "tool_call"


def is_tool_call(event):
    return is_call(event) and event.get("action", "tools/call") == "tools/call"


def tool(event):
    """The target's name where it is a tool's."""
    about_tool = first(event, "target.type", "action") in ("tool", "tools/call")
    return at(event, "target.name") if about_tool else None


def rfc3339(ns):
    if ns is None:
        return None
    digits = f"{ns % NS:09d}"
    fraction = next((digits[:count] for count in (0, 3, 6) if not int(digits[count:])), digits)
    second = datetime.datetime.fromtimestamp(ns // NS, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{second}{'.' if fraction else ''}{fraction}Z"


def ns_of(text):
    """The inverse of rfc3339; texts of times do not sort as the times do."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.datetime.fromisoformat(f"{second}+00:00").timestamp()) * NS + int(f"{fraction:0<9}")


def percentile(values, share):
    rank = max(1, math.ceil(share * len(values)))
    return sorted(values)[rank - 1] if values else None


def count_values(events, value):
    return Counter(found for event in events if (found := value(event)) is not None)


def listed(events, value):
    """As a list of the answer: the most frequent first."""
    counts = count_values(events, value)
    ranked = sorted(counts, key=lambda text: (-counts[text], text.encode()))
    return ranked[:LISTED]


def group(events, key):
    groups = defaultdict(list)
    for event in events:
        groups[key(event)].append(event)
    return groups


# --- calls, once each ---


def rank(event):
    return RANKS.get(at(event, "observer.role"), 1)


def hashes(event):
    call = (tenant(event), event.get("action"), at(event, "target.name"))
    if event.get("trace_id"):
        for name in ("span_id", "parent_span_id"):
            if event.get(name):
                yield name, (*call, "span", event["trace_id"], event[name])
    if event.get("session_id") and event.get("request_id") is not None:
        yield "request", (*call, "request", event["session_id"], event["request_id"])


def once(events):
    """Without the reports that a report nearer to the server outranks, and without starts that have an end."""
    highest = {}
    ends = {(tenant(event), event["id"]) for event in events if is_call(event) and event.get("stage") == "end"}
    for event in filter(is_call, events):
        for _, key in hashes(event):
            highest[key] = max(highest.get(key, 0), rank(event))

    def counts(event):
        if not is_call(event):
            return True
        if event.get("stage") == "start" and (tenant(event), event["id"]) in ends:
            return False
        own = (key for name, key in hashes(event) if name != "parent_span_id")
        return all(highest[key] <= rank(event) for key in own)

    return [event for event in events if counts(event)]


# --- figures of a group ---


def figures(events, judged=None):
    """judged: the events that have verdicts and durations; all of them, unless told."""
    judged = events if judged is None else judged
    verdicts = Counter(event["verdict"] for event in judged)
    durations = [event["duration_ns"] for event in judged if "duration_ns" in event]
    errors = sum(verdicts[name] for name in ERRORS)
    failed = [time_of(event) for event in judged if event["verdict"] in ERRORS]
    times = [time_of(event) for event in events]
    return {
        "errors": errors,
        "refused": sum(verdicts[name] for name in REFUSED),
        "error_rate": round(errors / len(judged), 6) if judged else None,
        "p50_ns": percentile(durations, 0.50),
        "p95_ns": percentile(durations, 0.95),
        "p99_ns": percentile(durations, 0.99),
        "max_ns": max(durations, default=None),
        "first_seen": rfc3339(min(times)),
        "last_seen": rfc3339(max(times)),
        "first_error": rfc3339(min(failed, default=None)),
        "last_error": rfc3339(max(failed, default=None)),
    }


def latest(events, value):
    having = [event for event in events if value(event) is not None]
    return value(max(having, key=place)) if having else None


def stats(events, *paths):
    counted = [event for event in events if event.get("stage") != "start" and ("kind" in paths or is_call(event))]
    wanted = {}
    for key, grouped in group(counted, lambda event: tuple(text_of(at(event, path)) for path in paths)).items():
        verdicts = Counter(event["verdict"] for event in grouped)
        sizes = [sum(event.get(name, 0) for event in grouped) for name in ("request_size", "response_size")]
        wanted[key] = {
            **figures(grouped), "count": len(grouped), "ok": verdicts["ok"],
            "verdicts": dict(verdicts), "request_bytes": sizes[0], "response_bytes": sizes[1], "bytes": sum(sizes),
            "durations": sum("duration_ns" in event for event in grouped),
            **{f"{name}_rate": round(verdicts[name] / len(grouped), 6) for name in ERRORS},
        }
    return wanted


def text_of(value):
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, str) else str(value)


# --- verbs: {identity: members that must be so} ---


def tools(events):
    calls = once([event for event in events if is_tool_call(event)])
    key = lambda event: (tenant(event), at(event, "server.name"), at(event, "target.name"))  # noqa: E731
    return {identity: {
        **figures(grouped),
        "calls": len(grouped),
        "user_count": len(count_values(grouped, principal)),
        "users": listed(grouped, principal),
        "effects": listed(grouped, effect),
        "versions": listed(grouped, lambda event: at(event, "server.version")),
        "definitions": listed(grouped, lambda event: at(event, "target.definition_digest")),
    } for identity, grouped in group(calls, key).items()}


def servers(events):
    named = once([event for event in events if at(event, "server.name") is not None])
    wanted = {}
    for identity, grouped in group(named, lambda event: (tenant(event), at(event, "server.name"))).items():
        calls = [event for event in grouped if is_call(event)]
        expected = figures(grouped, calls)
        del expected["max_ns"]
        wanted[identity] = {
            **expected, "calls": len(calls), "events": len(grouped), "tools": listed(grouped, tool),
            "tool_count": len(count_values(grouped, tool)), "user_count": len(count_values(grouped, principal)),
            "versions": listed(grouped, lambda event: first(event, "server.version", "version")),
            "transports": listed(grouped, lambda event: at(event, "net.transport")),
            "state": latest(grouped, lambda event: event.get("phase") if event["kind"] == "lifecycle" else None),
        }
    return wanted


def trust(events):
    named = [event for event in events if principal(event) is not None]
    verified = sum(at(event, "marks.user_trust") == "verified" for event in events)
    if not named:
        return None
    return "claimed" if verified == 0 else "verified" if verified >= len(named) else "mixed"


def principals(events):
    identified = once([event for event in events if principal(event) is not None])
    wanted = {}
    for identity, grouped in group(identified, lambda event: (tenant(event), principal(event))).items():
        calls = [event for event in grouped if is_call(event)]
        expected = figures(grouped, calls)
        wanted[identity] = {
            **{name: expected[name] for name in ("errors", "refused", "first_seen", "last_seen")},
            "calls": len(calls), "events": len(grouped), "trust": trust(grouped), "tools": listed(grouped, tool),
            "destructive": sum(effect(event) == "delete" for event in grouped),
            "agents": listed(grouped, lambda event: at(event, "agent.name")),
            "token_count": len(count_values(grouped, lambda event: first(event, "oauth.token_id", "credential_id"))),
        }
    return wanted


def errors(events):
    failed = once([event for event in events if event["kind"] == "error" or event["verdict"] in ERRORS])
    kind = lambda event: first(event, "error.type", "class", "verdict")  # noqa: E731

    def key(event):
        digest = event.get("stack_digest")
        if digest is not None:
            return tenant(event), digest, None
        return tenant(event), None, (kind(event), at(event, "server.name"), at(event, "target.name"))

    wanted = {}
    for (of_tenant, digest, rest), grouped in group(failed, key).items():
        members = {
            "count": len(grouped), "types": listed(grouped, kind), "user_count": len(count_values(grouped, principal)),
            "first_seen": rfc3339(min(map(time_of, grouped))), "last_seen": rfc3339(max(map(time_of, grouped))),
            "stack": latest(grouped, lambda event: first(event, "error.stack", "stack")),
            "last_seq": max(grouped, key=place)["seq"],
        }
        message = latest(grouped, lambda event: first(event, "error.message", "outcome.reason", "reason"))
        if message is not None:
            members["message"] = message
        places = [tuple(listed(grouped, lambda event, path=path: at(event, path)))
                  for path in ("server.name", "target.name")]
        wanted[(of_tenant, digest, None if digest else (rest[0], *places))] = members
    return wanted


def auth(events):
    asked = [event for event in events if event["kind"] == "auth" or (is_call(event) and event["verdict"] == "denied")]
    asked = [event for event in asked if event.get("stage") != "start"]

    def key(event):
        return (tenant(event), principal(event), at(event, "client.name"), first(event, "step", "action"),
                event.get("method"), first(event, "result", "outcome.decision", "verdict"),
                first(event, "reason", "outcome.reason", "www_error", "error.type"))

    return {identity: {
        "count": len(grouped), "denied": sum(event["verdict"] == "denied" for event in grouped),
        "first_seen": rfc3339(min(map(time_of, grouped))), "last_seen": rfc3339(max(map(time_of, grouped))),
        "servers": listed(grouped, lambda event: at(event, "server.name")),
        "tokens": listed(grouped, lambda event: at(event, "oauth.token_id")),
    } for identity, grouped in group(asked, key).items()}


# --- pieces of work ---


def conversations_of_turns(events):
    turns = defaultdict(Counter)
    for event in events:
        if event.get("turn_id") and event.get("conversation_id"):
            turns[tenant(event), event["turn_id"]][event["conversation_id"]] += 1
    return {turn: min(found, key=lambda text, found=found: (-found[text], text)) for turn, found in turns.items()}


def units(events):
    """{(tenant, type, id): events}; an inferred one's id is its first event's seq."""
    turns = conversations_of_turns(events)
    found, without_id = defaultdict(list), defaultdict(list)
    for event in once([event for event in events if event["kind"] not in OWN_WORK]):
        of_turn = turns.get((tenant(event), event.get("turn_id")))
        ids = (("conversation", event.get("conversation_id") or of_turn), ("session", event.get("session_id")),
               ("trace", event.get("trace_id")))
        named = next(((name, text) for name, text in ids if text), None)
        if named:
            found[(tenant(event), *named)].append(event)
        else:
            who = (tenant(event), *(at(event, path) for path in ("user.id", "oauth.client_id", "client.name",
                                                                 "server.name")))
            without_id[who].append(event)
    for who, grouped in without_id.items():
        busy_until, unit = None, None
        for event in sorted(grouped, key=place):
            if busy_until is None or time_of(event) - busy_until > IDLE_NS:
                unit = found[who[0], "inferred", event["seq"]]
                busy_until = time_of(event)
            unit.append(event)
            busy_until = max(busy_until, time_of(event) + event.get("duration_ns", 0))
    return found


def sessions(events):
    wanted = {}
    for identity, grouped in units(events).items():
        calls = [event for event in grouped if is_call(event)]
        start = min(map(time_of, grouped))
        having = [event for event in grouped if event.get("intent") is not None]
        wanted[identity] = {
            "calls": len(calls), "events": len(grouped), "trust": trust(grouped), "users": listed(grouped, principal),
            "errors": sum(event["verdict"] in ERRORS for event in calls),
            "refused": sum(event["verdict"] in REFUSED for event in calls),
            "agents": listed(grouped, lambda event: first(event, "agent.name", "agent.id")),
            "servers": listed(grouped, lambda event: at(event, "server.name")), "tools": listed(grouped, tool),
            "started": rfc3339(start), "last_seen": rfc3339(max(map(time_of, grouped))),
            "duration_ns": max(time_of(event) + event.get("duration_ns", 0) for event in grouped) - start,
            "intent": min(having, key=place)["intent"] if having else None,
        }
    return wanted


# --- reports ---


def usage(events):
    calls = once([event for event in events if is_tool_call(event)])
    sections = {
        "tenant": lambda event: (None, tenant(event)), "team": lambda event: (None, at(event, "user.team")),
        "user": lambda event: (None, principal(event)), "agent": lambda event: (None, at(event, "agent.name")),
        "tool": lambda event: (at(event, "server.name"), at(event, "target.name")),
    }
    wanted = {}
    for section, name in sections.items():
        for (of_tenant, of), grouped in group(calls, lambda event, name=name: (tenant(event), name(event))).items():
            expected = figures(grouped)
            wanted[(section, of_tenant, *of)] = {
                **{member: expected[member] for member in ("errors", "refused", "error_rate", "p95_ns", "last_seen")},
                "calls": len(grouped), "user_count": len(count_values(grouped, principal)),
                "bytes": sum(event.get(size, 0) for event in grouped for size in ("request_size", "response_size")),
            }
    return wanted


def unused(events):
    """Tools that are known but were never called."""
    known = [event for event in events if at(event, "target.name") and (
        is_tool_call(event) or event["kind"] == "tool_definition")]
    wanted = set()
    for identity, grouped in group(known, lambda event: (tenant(event), at(event, "server.name"),
                                                         at(event, "target.name"))).items():
        op = latest(grouped, lambda event: event.get("op") if event["kind"] == "tool_definition" else None)
        if op != "removed" and not any(map(is_tool_call, grouped)):
            wanted.add(identity)
    return wanted


def credentials(events):
    key = lambda event: (tenant(event), first(event, "oauth.token_id", "credential_id"))  # noqa: E731
    wanted = {}
    for identity, grouped in group(once([event for event in events if key(event)[1]]), key).items():
        uses = [time_of(event) for event in grouped
                if event["kind"] in ("tool_call", "auth", "connection", "approval") and event["verdict"] != "denied"]
        revoked = [time_of(event) for event in grouped
                   if event["kind"] == "credential" and event.get("state") == "revoked"]
        expires_at = latest(grouped, lambda event: first(event, "expires_at", "oauth.expires_at"))
        flags = []
        if uses and revoked and max(uses) > min(revoked):
            flags.append("used after it was revoked")
        if uses and expires_at is not None and max(uses) > expires_at:
            flags.append("used after it expired")
        if len(count_values(grouped, principal)) > 1:
            flags.append("several users")
        wanted[identity] = {
            "flags": flags, "users": listed(grouped, principal), "expires_at": rfc3339(expires_at),
            "calls": sum(map(is_call, grouped)), "first_use": rfc3339(min(uses, default=None)),
            "last_use": rfc3339(max(uses, default=None)), "revoked_at": rfc3339(min(revoked, default=None)),
            "tools": listed([event for event in grouped if is_call(event)], tool),
            "state": latest(grouped, lambda event: event.get("state") if event["kind"] == "credential" else None),
        }
    return wanted
