"""The search language a second time: random searches, and what they must find, over lines of `export`.

Nothing here knows the product's code.  A search is made as a tree, written out, and evaluated from the tree, so the
parser is held to what was meant.
"""

import functools
import ipaddress
import json
import random
import re
from datetime import UTC, datetime
from decimal import Decimal

# How a name is looked into: names and ids are equal to a value, prose may hold its words, a payload's scalars do.
EQUAL, PROSE, PAYLOAD, NUMBER, DURATION, TIME = "equal", "prose", "payload", "number", "duration", "time"
FIELDS = {
    "kind": (EQUAL, "kind"), "session": (EQUAL, "session_id"), "conversation": (EQUAL, "conversation_id"),
    "trace": (EQUAL, "trace_id"), "user": (EQUAL, "user.id"), "team": (EQUAL, "user.team"),
    "server": (EQUAL, "server.name"), "tool": (EQUAL, "target.name"), "action": (EQUAL, "action"),
    "source": (EQUAL, "ingest.source"), "client": (EQUAL, "client.name", "oauth.client_id"),
    "token": (EQUAL, "oauth.token_id", "credential_id"), "error.type": (EQUAL, "error.type"),
    "server.version": (EQUAL, "server.version"), "observer.name": (EQUAL, "observer.name"),
    "error.message": (PROSE, "error.message"), "intent": (PROSE, "intent"), "net.user_agent": (PROSE, "net.user_agent"),
    "response": (PAYLOAD, "response"), "attrs": (PAYLOAD, "attrs"), "oauth.scopes": (PAYLOAD, "oauth.scopes"),
    "outcome.http_status": (NUMBER, "outcome.http_status"), "outcome.rpc_code": (NUMBER, "outcome.rpc_code"),
    "seq": (NUMBER, "seq"), "duration": (DURATION, "duration_ns"), "time": (TIME, "time"),
}
TEXTS = ("request", "response", "error.message", "intent", "attrs", "outcome.reason", "reason", "error.stack", "stack",
         "definition")
ADDRESSES = ("net.peer", "net.forwarded_for", "ingest.peer", "server.address", "dependency.address")
PATH_ROOTS = ("request", "response", "attrs", "definition", "detail")
ERRORS = ("tool_error", "rpc_error", "transport_error", "timeout")
UNITS = (("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9), ("m", 60 * 10**9))


class Token(str):
    """A number as it was sent."""

    __slots__ = ()


def parse(line):
    return json.loads(line, parse_int=Token, parse_float=Token)


def get(event, path):
    """A field's value; members with dots in their names are not fields."""
    for name in path.split("."):
        if not isinstance(event, dict) or name not in event:
            return None
        event = event[name]
    return event


def text_of(scalar):
    literals = {True: "true", False: "false", None: "null"}
    return scalar if isinstance(scalar, str) else literals[scalar]


def scalars(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield text_of(value)


def lower(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


WORD = re.compile("[A-Za-z0-9_\u0080-\U0010ffff]+")


@functools.lru_cache(maxsize=100_000)
def words(text):
    return [lower(word) for word in WORD.findall(text)]


def fits(pattern, text):
    """Whether all of text fits, where * stands for anything: the first place that each piece is found at will do."""
    first, *pieces = pattern.split("*")
    if not pieces:
        return text == first
    last, at = pieces.pop(), len(first)
    if not text.startswith(first):
        return False
    for piece in pieces:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(text) - at >= len(last) and text.endswith(last)


def has_phrase(patterns, text):
    found = words(text)
    return any(all(fits(pattern, found[start + i]) for i, pattern in enumerate(patterns))
               for start in range(len(found) - len(patterns) + 1))


def phrase_of(text, stars):
    """The words of a value; with stars, * is part of a word."""
    runs = re.findall("[A-Za-z0-9_*\u0080-\U0010ffff]+", text) if stars else WORD.findall(text)
    return [lower(run) for run in runs if run.strip("*")]


def number_of(text):
    return Decimal(text) if re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", text) else None


# --- values: how they are written, and which texts they take ---


class Value:
    """written: its text in a search; equal, within: whether all of a text, or a part of it, is what is asked for."""

    def __init__(self, written, equal, within, at_path=None):
        self.written, self.equal, self.within = written, equal, within
        self.at_path = at_path or equal


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quoted_value(text):
    phrase = phrase_of(text, stars=False)
    return Value(quoted(text), lambda found: found == text, lambda found: bool(phrase) and has_phrase(phrase, found),
                 at_path=lambda found: found == text or (bool(phrase) and has_phrase(phrase, found)))


def is_plain(text):
    """Whether a text can be written without quotes and means itself."""
    return (text and not re.search(r'[\s(),"*]', text) and not re.match(r"[<>/]", text) and ".." not in text
            and (number_of(text) is not None or not re.fullmatch(r"[0-9a-fA-F.:]+(/[0-9]+)?", text)))


def plain_value(text):
    number, phrase = number_of(text), phrase_of(text, stars=False)
    return Value(text, lambda found: found == text, lambda found: bool(phrase) and has_phrase(phrase, found),
                 at_path=lambda found: found == text or (
                     number is not None and number_of(found) is not None and number_of(found) == number))


def starred_value(pattern):
    phrase = phrase_of(pattern, stars=True)
    return Value(pattern, lambda found: fits(pattern, found), lambda found: bool(phrase) and has_phrase(phrase, found))


def regex_value(rng, text):
    """A piece of the text, with some of it made general."""
    start = rng.randrange(len(text))
    piece = text[start:start + rng.randint(1, 12)]
    parts = []
    for c in piece:
        if c.isascii() and c.isalnum():
            parts.append(rng.choice([c] * 6 + [".", r"\w", f"[{c}x]", f"({c}|q)", f"{c}+"]))
        elif c.isspace():
            parts.append(r"\s")
        elif c.isascii():
            parts.append("\\" + c)
        else:
            parts.append(".")
    pattern = ("^" if start == 0 and rng.random() < 0.4 else "") + "".join(parts)
    pattern += "$" if start + len(piece) == len(text) and rng.random() < 0.4 else ""
    any_case = rng.random() < 0.3
    compiled = re.compile(pattern, re.ASCII | (re.IGNORECASE if any_case else 0))

    def search(found):
        return bool(compiled.search(found))

    return Value(f"/{pattern}/" + "i" * any_case, search, search)


def number_value(number, operator):
    """operator: "<", "<=", ">", ">=" or a pair (low, high)."""
    if isinstance(operator, tuple):
        low, high = operator
        return Value(f"{low}..{high}", None, None, lambda found: Decimal(low) <= Decimal(found) <= Decimal(high))
    compare = {"": lambda a, b: a == b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
               ">=": lambda a, b: a >= b}[operator]
    return Value(operator + number, None, None, lambda found: compare(Decimal(found), Decimal(number)))


# --- conditions ---


class Term:
    def __init__(self, written, matches):
        self.written, self.matches = written, matches


def joined(kind, terms, rng):
    if kind == "and":
        glue = [rng.choice([" ", "  ", " AND ", " and "]) for _ in terms[1:]]
    else:
        glue = [rng.choice([" OR ", " or ", " Or "]) for _ in terms[1:]]
    written = terms[0].written + "".join(between + term.written for between, term in zip(glue, terms[1:], strict=True))
    every = all if kind == "and" else any
    return Term(written, lambda event: every(term.matches(event) for term in terms))


def negated(term, is_group, rng):
    sign = rng.choice(["-", "NOT ", "not " if is_group else "NOT "])
    return Term(sign + term.written, lambda event: not term.matches(event))


def grouped(term, rng):
    space = " " * rng.randint(0, 1)
    return Term(f"({space}{term.written}{space})", term.matches)


# --- paths ---


def steps_written(steps):
    out = ""
    for kind, name in steps:
        if kind == "index":
            out += f"[{name}]"
        elif kind == "quoted":
            out += "." + quoted(name)
        else:
            out += "." + name
    return out


def path_values(value, steps):
    """All values a path leads to.  steps: ("plain", name), ("quoted", name), ("index", number or "")."""
    if not steps:
        yield value
        return
    kind, name = steps[0]
    if isinstance(value, list):
        is_index = kind == "index" or (kind == "plain" and name.isdigit() and name.isascii())
        for index, item in enumerate(value):
            if not is_index:
                yield from path_values(item, steps)
            elif name == "" or index == int(name):
                yield from path_values(item, steps[1:])
    elif isinstance(value, dict):
        for member, item in value.items():
            for count in range(1, len(steps) + 1):
                taken = steps[:count]
                if count > 1 and any(step == "quoted" for step, _ in taken):
                    continue
                if any(kind == "index" and not str(name) for kind, name in taken):
                    continue
                if ".".join(str(name) for _, name in taken) == member:
                    yield from path_values(item, steps[count:])


class Generator:
    """Random searches that have a chance to find something: their values come from the events."""

    def __init__(self, events, seed):
        self.rng, self.events = random.Random(seed), events

    def command(self):
        """A search that can be an argument of a command."""
        while "\0" in (search := self.search()).written:
            pass
        return search

    def search(self, depth=2):
        alternatives = [self.all(depth) for _ in range(self.rng.choice([1, 1, 1, 2, 3]))]
        return alternatives[0] if len(alternatives) == 1 else joined("or", alternatives, self.rng)

    def all(self, depth):
        terms = [self.term(depth) for _ in range(self.rng.choice([1, 1, 2, 2, 3]))]
        return terms[0] if len(terms) == 1 else joined("and", terms, self.rng)

    def term(self, depth):
        is_group = depth > 0 and self.rng.random() < 0.2
        term = grouped(self.search(depth - 1), self.rng) if is_group else self.simple()
        return negated(term, is_group, self.rng) if self.rng.random() < 0.2 else term

    def simple(self):
        make = self.rng.choice([self.field, self.field, self.field, self.words, self.path, self.path, self.verdict,
                                self.exists, self.address, self.regex_words])
        return make() or self.simple()

    def some(self, path):
        """A value of a field, from a few events that are looked at."""
        for event in self.rng.sample(self.events, 40):
            value = get(event, path)
            if value is not None:
                return value
        return None

    def value_like(self, text):
        """A value that takes the text, or nearly does."""
        roll = self.rng.random()
        if roll < 0.25:
            cut = self.rng.randint(0, len(text))
            pattern = re.sub(r'[\s(),"<>/]', "*", text[:cut])[:60] + "*"
            if pattern.strip("*") and self.rng.random() < 0.3:
                pattern = "*" + pattern[1:]
            if pattern.strip("*") and ".." not in pattern:
                return starred_value(pattern)
        if roll < 0.45 and text:
            return regex_value(self.rng, text)
        if roll < 0.7 and is_plain(text):
            return plain_value(text)
        found = words(text)
        if roll < 0.9 and len(found) > 1:
            start = self.rng.randrange(len(found))
            return quoted_value(" ".join(found[start:start + self.rng.randint(1, 3)]))
        return quoted_value(text)

    def values_like(self, texts):
        values = [self.value_like(text) for text in texts]
        return values, ",".join(value.written for value in values)

    def field(self):
        name = self.rng.choice(list(FIELDS))
        how, *paths = FIELDS[name]
        found = self.some(self.rng.choice(paths))
        if found is None:
            return None
        if how in (NUMBER, DURATION, TIME):
            return self.number_field(name, how, paths[0], found)
        texts = [text for text in scalars(found) if words(text)]
        if not texts:
            return None
        values, written = self.values_like(self.rng.sample(texts, min(len(texts), self.rng.choice([1, 1, 2]))))
        if how == PAYLOAD and not all(phrase_of(value.written, stars=True) for value in values):
            return None

        def matches(event):
            for path in paths:
                value = get(event, path)
                if value is None:
                    continue
                for one in values:
                    if how != PAYLOAD and one.equal(value):
                        return True
                    if how != EQUAL and any(one.within(text) for text in scalars(value)):
                        return True
            return False

        return Term(f"{name}:{written}", matches)

    def number_field(self, name, how, path, found):
        number = int(found)
        unit, factor = self.rng.choice(UNITS) if how == DURATION else ("", 1)
        limit = number // factor
        operator = self.rng.choice(["<", "<=", ">", ">=", ""])
        spread = self.rng.randint(0, max(1, abs(limit) // 4))
        low, high = limit - spread, limit + spread
        if how == DURATION and low < 0:
            low = 0
        if self.rng.random() < 0.3:
            written = f"{low}{unit}..{high}{unit}"
            operator = (low * factor, high * factor)
        else:
            written = f"{operator}{limit}{unit}"
        if how == TIME:
            return None if ".." in written else self.time_field(number)
        test = number_value(str(limit * factor), operator).at_path

        def matches(event):
            value = get(event, path)
            return value is not None and test(value)

        return Term(f"{name}:{written}", matches)

    def time_field(self, number):
        seconds, fraction = divmod(number, 10**9)
        written = f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
        after = self.rng.random() < 0.5

        def matches(event):
            time = int(event.get("time") or event["recv_time"])
            return time >= number if after else time < number

        return Term(f"{'after' if after else 'before'}:{written}", matches)

    def some_text(self):
        """A text of an event, and the field it stands in."""
        found = self.some(self.rng.choice(TEXTS))
        texts = [text for text in scalars(found) if words(text)] if found is not None else []
        return self.rng.choice(texts) if texts else None

    def in_texts(self, test):
        def matches(event):
            return any(test(text) for path in TEXTS if (value := get(event, path)) is not None
                       for text in scalars(value))
        return matches

    def words(self):
        text = self.some_text()
        if text is None:
            return None
        found = words(text)
        start = self.rng.randrange(len(found))
        taken = found[start:start + self.rng.randint(1, 3)]
        if len(taken) == 1 and self.rng.random() < 0.5:
            word = taken[0]
            if word in ("and", "or", "not"):
                return None
            if self.rng.random() < 0.4:
                word = word[:self.rng.randint(1, len(word))] + "*"
            phrase = phrase_of(word, stars=True)
            return Term(word, self.in_texts(lambda text: has_phrase(phrase, text)))
        return Term(quoted(" ".join(taken)), self.in_texts(lambda text: has_phrase(taken, text)))

    def regex_words(self):
        text = self.some_text()
        if text is None:
            return None
        value = regex_value(self.rng, text)
        return Term(value.written, self.in_texts(value.equal))

    def verdict(self):
        wanted = self.rng.sample(["ok", "error", "denied", "unknown", "tool_error", "rejected", "timeout"],
                                 self.rng.randint(1, 2))
        expanded = {verdict for one in wanted for verdict in (ERRORS if one == "error" else (one,))}
        return Term("verdict:" + ",".join(wanted), lambda event: event["verdict"] in expanded)

    def exists(self):
        name = self.rng.choice([name for name in FIELDS if name not in ("seq", "time")])
        paths = FIELDS[name][1:]
        return Term(f"{name}:*", lambda event: any(get(event, path) is not None for path in paths))

    def address(self):
        found = self.some(self.rng.choice(ADDRESSES))
        addresses = addresses_in(found) if found else []
        if not addresses:
            return None
        address = self.rng.choice(addresses)
        bits = self.rng.choice([address.max_prefixlen, 8, 16, 24, address.max_prefixlen - 1])
        network = ipaddress.ip_network((address, bits), strict=False)
        written = f"{network}" if self.rng.random() < 0.7 or bits < address.max_prefixlen else f"{address}"
        name, paths = self.rng.choice([("ip", ADDRESSES), ("net.peer", ("net.peer",))])

        def matches(event):
            return any(one.version == network.version and one in network for path in paths
                       for one in addresses_in(get(event, path) or ""))

        return Term(f"{name}:{written}", matches)

    def path(self):
        root = self.rng.choice(PATH_ROOTS)
        value, steps = self.some(root), []
        if value is None:
            return None
        while isinstance(value, (dict, list)) and value and (not steps or self.rng.random() < 0.9):
            if isinstance(value, dict):
                name = self.rng.choice(list(value))
                simple = re.fullmatch(r"[A-Za-z0-9_@$-]+", name)
                steps.append(("plain" if simple and self.rng.random() < 0.9 else "quoted", name))
                value = value[name]
                continue
            index = self.rng.randrange(len(value))
            if self.rng.random() < 0.5:
                steps.append(("index", self.rng.choice([index, ""])))
            value = value[index]
        texts = list(scalars(value))
        if not steps or not texts:
            return None
        return self.path_term(root, steps, self.rng.choice(texts))

    def path_term(self, root, steps, text):
        written = root + steps_written(steps)

        def found_in(event):
            value = get(event, root)
            return [] if value is None else path_values(value, steps)

        if self.rng.random() < 0.15:
            return Term(f"{written}:*", lambda event: any(True for _ in found_in(event)))
        value = self.value_like(text)
        if number_of(text) is not None and self.rng.random() < 0.7:
            compares = number_value(text, self.rng.choice(["<", "<=", ">", ">="]))
            value = Value(compares.written, None, None,
                          lambda found: number_of(found) is not None and compares.at_path(found))
        return Term(f"{written}:{value.written}",
                    lambda event: any(value.at_path(one) for item in found_in(event) for one in scalars(item)))


def addresses_in(text):
    """The addresses that the tests' events write: alone, with ports, in brackets, in lists, in URLs."""
    found = []
    for part in re.split(r"[,\s/]+", text):
        inside = re.fullmatch(r"\[(.*)\](:\d+)?", part)
        one = inside[1] if inside else part.rsplit(":", 1)[0] if part.count(":") == 1 else part
        try:
            found.append(ipaddress.ip_address(one))
        except ValueError:
            continue
    return found
