"""What redaction should take away, told a second time: regular expressions from the words of the event model.

secret_spans(text) gives the spans of a decoded string that must go; matches(sent, stored) holds a stored value against
the one that was sent: the same bytes everywhere else.
"""

import re

from canonical import decode_string

_NAMES = (r"(?:access[-_]token|refresh[-_]token|id[-_]token|password|passwd|secret|token|api[-_]key|client[-_]secret|"
          r"private[-_]key|connection[-_]string)")
_HEADERS = r"(?:(?:proxy-)?authorization|(?:set-)?cookie|mcp-param-[\w-]+)"
_EITHER = f"(?:{_NAMES}|{_HEADERS.replace('-', '[-_]')})"
_NAME_ALONE = re.compile(_EITHER, re.I | re.A)
_MEMBER = rf"(?P<level>\\*)(?P<quote>[\"']){_EITHER}(?P=level)(?P=quote)\s*:\s*"
_PROSE = (r"an?|and|as|auth(?:entication|orization)?|challenge|credentials?|error|for|format|from|headers?|in|is|it|"
          r"methods?|not|of|only|or|realm|required|schemes?|that|the|this|to|tokens?|type|was|with")
_REDACTED = r"\[redacted:[a-z_]+\]"

# Words (one stands in every text that the rule may hit, lower case), and the rule, whose group `gone` is what goes.
_NAME_WORDS = ("token", "passw", "secret", "key", "connection", "authorization", "cookie", "mcp")
_RULES = [(words, re.compile(rule, flags | re.A)) for words, rule, flags in (
    (("begin ",), r"(?P<gone>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z))", re.S),
    (("authorization", "cookie", "mcp-param"), rf"(?<![\w-]){_HEADERS}[ \t]*:[ \t]*(?P<gone>[^\r\n]+)", re.I),
    (("eyj",), r"(?<![\w-])(?P<gone>eyJ[\w-]{7,}(?:\.[\w-]+){2,4})", 0),
    (("akia", "asia"), r"\b(?P<gone>(?:AKIA|ASIA)[0-9A-Z]{16})(?!\w)", 0),
    (("gh",), r"\b(?P<gone>gh[pousr]_[A-Za-z0-9]{36,})", 0),
    (("xox",), r"\b(?P<gone>xox[abprs]-[\w-]{10,})", 0),
    (("sk-",), r"\b(?P<gone>sk-(?=[\w-]*[0-9A-Z])[\w-]{20,})", 0),
    (("bearer",), rf"\bbearer(?:[ \t]+|%20|\+)(?!(?:{_PROSE})(?![\w\-~+/=]))(?P<gone>[\w\-.~+/=]*[\w\-~+/=])", re.I),
    (("://",), r"[A-Za-z0-9]://[^\s\"'`<>\\:/?#@]*:(?P<gone>[^\s\"'`<>\\/?#]+)@", 0),
    (_NAME_WORDS, rf"(?<!\w)-*{_NAMES}=([\"'])(?P<gone>[^\"']*)\1", re.I),
    (_NAME_WORDS, rf"(?<![\w-]){_NAMES}=(?P<gone>[^\s\"'`<>\\&;]+)", re.I),
    (_NAME_WORDS, rf"{_MEMBER}(?P=level)(?P=quote)(?P<gone>.*?)(?<!\\)(?P=level)(?P=quote)", re.I | re.S),
    (_NAME_WORDS, rf"{_MEMBER}(?P<gone>[^\s\"'\\\[{{,}}\]]+)", re.I),
)]
_OBJECT = re.compile(rf"{_MEMBER}(?=[{{\[])", re.I | re.A)
_INSIDE = re.compile(r'[{}\[\]]|(\\*)".*?(?<!\\)\1"', re.S)


def _object_end(text, at):
    """Where an object or array in text ends; what stands in its strings does not count."""
    depth = 0
    for match in _INSIDE.finditer(text, at):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match.group(), 0)
        if depth == 0:
            return match.end()
    return len(text)


def secret_spans(text):
    lower = text.lower()
    spans = []
    for words, rule in _RULES:
        if any(word in lower for word in words):
            spans += [match.span("gone") for match in rule.finditer(text)]
    if any(word in lower for word in _NAME_WORDS):
        spans += [(match.end(), _object_end(text, match.end())) for match in _OBJECT.finditer(text)]
    outer = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end > start and (not outer or start >= outer[-1][1]):
            outer.append((start, end))
    return outer


def _string_matches(sent, stored):
    text = decode_string(sent)
    spans = secret_spans(text)
    if not spans:
        return sent == stored, 0
    pattern, at = "", 0
    for start, end in spans:
        pattern += re.escape(text[at:start]) + _REDACTED
        at = end
    pattern += re.escape(text[at:])
    return stored[:1] == b'"' and re.fullmatch(pattern, decode_string(stored), re.S) is not None, len(spans)


def matches(sent, stored):
    """(whether stored is what must be left of sent, how many spans went); both are canonical.Value."""
    if sent.members is not None:
        return _members_match(sent, stored)
    if sent.items is not None:
        if stored.items is None or len(stored.items) != len(sent.items):
            return False, 0
        return _all(matches(ours, theirs) for ours, theirs in zip(sent.items, stored.items, strict=True))
    if sent.text[:1] == b'"':
        return _string_matches(sent.text, stored.text)
    return sent.text == stored.text, 0


def _members_match(sent, stored):
    if stored.members is None or [k for k, _ in sent.members] != [k for k, _ in stored.members]:
        return False, 0
    results = []
    for (key, ours), (_, theirs) in zip(sent.members, stored.members, strict=True):
        if _NAME_ALONE.fullmatch(decode_string(key)):
            results.append((re.fullmatch(f'"{_REDACTED}"'.encode(), theirs.text) is not None, 1))
        else:
            results.append(matches(ours, theirs))
    return _all(results)


def _all(results):
    right, count = True, 0
    for one_right, one_count in results:
        right, count = right and one_right, count + one_count
    return right, count
