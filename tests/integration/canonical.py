"""The second canonicaliser: from the JSON text an emitter sent to the bytes that `export` must give back.

Written from the description of the event model, not from the C code.  Only the list of fields (numbers, paths, types)
is read from include/tbl/fields.h.  Texts are bytes all the way: payloads are never turned into Python values and back.
"""

import datetime
import re
from decimal import Decimal

import ledgerlib

_WS = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?'
                     rb"(?:[eE][+-]?[0-9]+)?|true|false|null")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|([+-])(\d\d):(\d\d))")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(.))')
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MINIMAL = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
COLLECTOR_FIRST = 200
NULL_KEPT = {("request",), ("response",)}  # nothing was asked or answered, which says something


class Value:
    """A JSON value: `text` is its bytes without white space between tokens; objects have members, arrays items."""

    __slots__ = ("text", "members", "items")

    def __init__(self, text, members=None, items=None):
        self.text, self.members, self.items = text, members, items

    def is_null(self):
        return self.text == b"null"

    def get(self, *path):
        """The value at a path of member names; None where there is none."""
        value = self
        for name in path:
            value = next((v for k, v in value.members or [] if decode_string(k) == name), None)
            if value is None:
                return None
        return value


def parse(text):
    """The one value of a JSON text; ValueError when it is not JSON."""
    value, at = _value(text, _WS.match(text).end(), 0)
    if at != len(text):
        raise ValueError(f"something behind the value at {at}")
    return value


def _value(text, at, depth):
    first = text[at:at + 1]
    if first in (b"{", b"["):
        return _container(text, at + 1, first == b"{", depth + 1)
    match = _SCALAR.match(text, at)
    if not match:
        raise ValueError(f"no value at {at}")
    return Value(match.group()), _WS.match(text, match.end()).end()


def _container(text, at, is_object, depth):
    if depth > 900:
        raise ValueError("too deep")
    close = b"}" if is_object else b"]"
    found = []
    at = _WS.match(text, at).end()
    if text[at:at + 1] == close:
        return _closed(found, is_object), _WS.match(text, at + 1).end()
    while True:
        key = None
        if is_object:
            match = _SCALAR.match(text, at)
            if not match or match.group()[:1] != b'"':
                raise ValueError(f"no name at {at}")
            key = match.group()
            at = _WS.match(text, match.end()).end()
            if text[at:at + 1] != b":":
                raise ValueError(f"no colon at {at}")
            at = _WS.match(text, at + 1).end()
        value, at = _value(text, at, depth)
        found.append((key, value))
        sign = text[at:at + 1]
        at = _WS.match(text, at + 1).end()
        if sign == close:
            return _closed(found, is_object), at
        if sign != b",":
            raise ValueError(f"no comma at {at}")


def _closed(found, is_object):
    if is_object:
        return Value(b"{" + b",".join(k + b":" + v.text for k, v in found) + b"}", members=found)
    return Value(b"[" + b",".join(v.text for _, v in found) + b"]", items=[v for _, v in found])


def decode_string(token):
    """A string token's text; a lone surrogate stays one."""

    def character(match):
        return chr(int(match.group(1), 16)) if match.group(1) else _SHORT.get(match.group(2), match.group(2))

    text = _ESCAPE.sub(character, token[1:-1].decode())
    return _PAIR.sub(lambda m: m.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)


def put_string(text):
    """Minimally escaped, with its quotes."""

    def escape(match):
        character = match.group()
        return _MINIMAL.get(character) or f"\\u{ord(character):04x}"

    return b'"' + re.sub(r'["\\\x00-\x1f\ud800-\udfff]', escape, text).encode() + b'"'


class Field:
    def __init__(self, number, path, kind):
        self.number, self.path, self.kind = number, tuple(path.split(".")), kind


def _read_fields():
    table = (ledgerlib.ROOT / "include" / "tbl" / "fields.h").read_text()
    rows = re.findall(r'^FIELD\((\d+), \w+, "([^"]+)", (\w+),', table, re.M)
    return [Field(int(number), path, kind) for number, path, kind in rows]


FIELDS = _read_fields()
EMITTERS = {field.path: field for field in FIELDS if field.number < COLLECTOR_FIRST}
OBJECTS = {path[:i] for path in EMITTERS for i in range(1, len(path))}
CLAIMS = {("user", "trust"): ("user", "trust_claimed"), ("approver", "trust"): ("approver", "trust_claimed")}


def _integer(token):
    number = Decimal(token.decode())
    if number != number.to_integral_value():
        raise ValueError("not an integer")
    return b"%d" % int(number)


def time_ns(value):
    """Integer ns of a time token: a number, or RFC 3339 text."""
    if value.text[:1] != b'"':
        return int(_integer(value.text))
    match = _RFC3339.fullmatch(decode_string(value.text))
    date, hours, minutes, seconds, fraction, _, sign, off_hours, off_minutes = match.groups()
    leap = seconds == "60"
    moment = datetime.datetime.fromisoformat(f"{date}T{hours}:{minutes}:{'59' if leap else seconds}+00:00")
    ns = int(moment.timestamp()) * 10**9 + (999_999_999 if leap else int((fraction or "0")[:9].ljust(9, "0")))
    if sign:
        offset = (int(off_hours) * 60 + int(off_minutes)) * 60 * 10**9
        ns += offset if sign == "-" else -offset
    return ns


def _render(field, value):
    if field.kind in ("TEXT", "ID", "LONG"):
        return put_string(decode_string(value.text))
    if field.kind == "INT":
        return _integer(value.text)
    if field.kind == "TIME":
        return b"%d" % time_ns(value)
    return value.text


def _collect(members, prefix, found, unknown):
    for key, value in members:
        path = (*prefix, decode_string(key))
        path = CLAIMS.get(path, path)
        if path in EMITTERS:
            if not value.is_null() or path in NULL_KEPT:
                found[path] = value
        elif path in OBJECTS:
            if not value.is_null():
                _collect(value.members, path, found, unknown)
        else:
            unknown.append((path, key, value))


def _write(found, prefix):
    """An object's members in the order of their numbers; an object stands where its lowest number stands."""
    places = {}
    for path in found:
        name = path[len(prefix)]
        inner = (*prefix, name)
        lowest = min(f.number for p, f in EMITTERS.items() if p[:len(inner)] == inner)
        places[lowest] = inner
    parts = []
    for _, path in sorted(places.items()):
        value = _render(EMITTERS[path], found[path]) if path in EMITTERS else _write(
            {p: v for p, v in found.items() if p[:len(path)] == path}, path)
        parts.append(put_string(path[-1]) + b":" + value)
    return b"{" + b",".join(parts) + b"}"


def canonical(text, tenant=None):
    """The canonical bytes of an event's JSON text.  tenant: what an event that names none is given, if anything."""
    found, unknown = {}, []
    _collect(parse(text).members, (), found, unknown)
    if tenant and ("tenant",) not in found:
        found[("tenant",)] = Value(put_string(tenant))
    if unknown:
        sent = found.get(("attrs",), Value(b"{}", members=[]))
        members = [k + b":" + v.text for k, v in sent.members]
        for path, key, value in unknown:
            prefix = "".join(name + "." for name in path[:-1]).encode()
            members.append(b'"' + prefix + key[1:] + b":" + value.text)
        found[("attrs",)] = Value(b"{" + b",".join(members) + b"}")
    return _write(found, ())


def split_export(line):
    """(canonical bytes, {name: Value} of the collector's members) of a line of `export`."""
    members = parse(line).members
    at = next(i for i, (key, _) in enumerate(members) if key == b'"seq"')
    own = b"{" + b",".join(k + b":" + v.text for k, v in members[:at]) + b"}"
    return own, {decode_string(k): v for k, v in members[at:]}
