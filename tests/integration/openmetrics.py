"""A strict parser of OpenMetrics 1.0 text: it takes what the specification allows and raises ValueError for all else.

parse(text) returns {family name: Family}.  It is held to OpenMetrics' own test data by test_openmetrics.py, and then
judges what the daemon exposes.
"""

import math
import re
from dataclasses import dataclass, field

TYPES = ("unknown", "gauge", "counter", "stateset", "info", "histogram", "gaugehistogram", "summary")
# What a sample of a family may have behind the family's name, by type.
SUFFIXES = {
    "unknown": ("",), "gauge": ("",), "stateset": ("",), "counter": ("_total", "_created"), "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum", "_created"), "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("", "_count", "_sum", "_created"),
}
EXEMPLARS_ON = {("counter", "_total"), ("histogram", "_bucket"), ("gaugehistogram", "_bucket")}
EXEMPLAR_CHARACTERS_MAX = 128

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
REAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NUMBER = re.compile(rf"[+-]?{REAL}|[+-]?(?i:inf(?:inity)?)|(?i:nan)")
TIMESTAMP = re.compile(rf"-?{REAL}")
ESCAPE = re.compile(r"\\(.)", re.S)


@dataclass
class Sample:
    name: str
    suffix: str
    labels: dict
    value: float
    timestamp: float | None = None
    exemplar: tuple | None = None  # labels, value, timestamp


@dataclass
class Family:
    name: str
    type: str = "unknown"
    unit: str = ""
    help: str = ""
    said: set = field(default_factory=set)  # which of TYPE, UNIT, HELP were there
    samples: list = field(default_factory=list)


class Line:
    """One line, taken piece by piece."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def fail(self, what):
        raise ValueError(f"{what} at column {self.at + 1}: {self.text!r}")

    def take(self, pattern, what):
        match = pattern.match(self.text, self.at)
        if not match:
            self.fail(f"no {what}")
        self.at = match.end()
        return match.group()

    def literal(self, text):
        if not self.text.startswith(text, self.at):
            self.fail(f"no {text!r}")
        self.at += len(text)

    def has(self, text):
        found = self.text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def at_end(self):
        return self.at == len(self.text)

    def quoted(self):
        self.literal('"')
        begin = self.at
        while not self.at_end() and self.text[self.at] != '"':
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            self.fail("a quote without an end")
        self.at += 1
        return unescape(self.text[begin:self.at - 1])

    def labels(self):
        found = {}
        if not self.has("{"):
            return found
        if self.has("}"):
            return found
        while True:
            name = self.take(LABEL_NAME, "label name")
            self.literal("=")
            if name in found:
                self.fail(f"label {name} twice")
            found[name] = self.quoted()
            if self.has("}"):
                return found
            self.literal(",")

    def number(self):
        return float(self.take(NUMBER, "number"))

    def timestamp(self):
        return float(self.take(TIMESTAMP, "timestamp"))


def unescape(text):
    """A backslash before anything but n, a quote and itself stays."""
    return ESCAPE.sub(lambda m: {"n": "\n", '"': '"', "\\": "\\"}.get(m.group(1), m.group()), text)


def parse_sample(text):
    """(name, labels, value, timestamp, exemplar)"""
    line = Line(text)
    name = line.take(NAME, "metric name")
    labels = line.labels()
    line.literal(" ")
    value, timestamp, exemplar = line.number(), None, None
    if not line.at_end() and not line.text.startswith(" # ", line.at):
        line.literal(" ")
        timestamp = line.timestamp()
    if line.has(" # "):
        if not line.text.startswith("{", line.at):
            line.fail("no labels of an exemplar")
        its = line.labels()
        line.literal(" ")
        of, at = line.number(), None
        if not line.at_end():
            line.literal(" ")
            at = line.timestamp()
        exemplar = (its, of, at)
        if sum(len(key) + len(its[key]) for key in its) > EXEMPLAR_CHARACTERS_MAX:
            line.fail("an exemplar with too many characters")
    if not line.at_end():
        line.fail("more than a sample")
    return name, labels, value, timestamp, exemplar


class Parser:
    def __init__(self):
        self.families = {}
        self.names = {}  # of samples that a family has or could have -> family name
        self.current = None

    def family(self, name):
        """The family that metadata is about: the current one, or a new one."""
        if self.current and self.current.name == name:
            return self.current
        if name in self.families:
            raise ValueError(f"{name}: not in one piece")
        self.end_family()
        self.current = self.families[name] = Family(name)
        return self.current

    def metadata(self, text):
        parts = text.split(" ", 3)
        if len(parts) < 4 or parts[1] not in ("TYPE", "UNIT", "HELP") or not NAME.fullmatch(parts[2]):
            raise ValueError(f"no metadata: {text!r}")
        _, what, name, value = parts
        family = self.family(name)
        if what in family.said:
            raise ValueError(f"{name}: {what} twice")
        if family.samples:
            raise ValueError(f"{name}: {what} after its samples")
        family.said.add(what)
        if what == "TYPE":
            if value not in TYPES:
                raise ValueError(f"{name}: no such type: {value!r}")
            family.type = value
        elif what == "UNIT":
            family.unit = value
        else:
            family.help = unescape(value)

    def find_family(self, name):
        """The family and suffix a sample belongs to: the current family's, or a new one of type unknown."""
        if self.current:
            for suffix in SUFFIXES[self.current.type]:
                if name == self.current.name + suffix:
                    return self.current, suffix
        return self.family(name), ""

    def sample(self, text):
        name, labels, value, timestamp, exemplar = parse_sample(text)
        family, suffix = self.find_family(name)
        if suffix not in SUFFIXES[family.type]:
            raise ValueError(f"{name}: not a sample of {family.name}, a {family.type}")
        sample = Sample(name, suffix, labels, value, timestamp, exemplar)
        check_sample(family, sample)
        family.samples.append(sample)

    def end_family(self):
        family = self.current
        if family is None:
            return
        if family.unit:
            if not family.name.endswith("_" + family.unit):
                raise ValueError(f"{family.name}: does not end in its unit {family.unit}")
            if family.type in ("info", "stateset"):
                raise ValueError(f"{family.name}: a unit of type {family.type}")
        for suffix in {"", *SUFFIXES[family.type]}:
            name = family.name + suffix
            if self.names.setdefault(name, family.name) != family.name:
                raise ValueError(f"{name}: of {family.name} and of {self.names[name]}")
        check_order(family)
        if family.type in ("histogram", "gaugehistogram"):
            check_buckets(family)
        self.current = None


def check_sample(family, sample):
    kind, suffix, value, labels = family.type, sample.suffix, sample.value, sample.labels
    if sample.exemplar and (kind, suffix) not in EXEMPLARS_ON:
        raise ValueError(f"{sample.name}: may not have an exemplar")
    if suffix in ("_total", "_count", "_sum", "_bucket", "_created", "_gcount") and not value >= 0:
        raise ValueError(f"{sample.name}: negative or NaN")
    if suffix in ("_count", "_bucket", "_gcount") and value != int(value):
        raise ValueError(f"{sample.name}: not a whole number")
    if kind == "info" and value != 1:
        raise ValueError(f"{sample.name}: an info that is not 1")
    if kind == "stateset":
        if family.name not in labels:
            raise ValueError(f"{sample.name}: a state without its label")
        if value not in (0, 1):
            raise ValueError(f"{sample.name}: a state that is neither 0 nor 1")
    if suffix == "_bucket":
        check_bound(labels.get("le"), sample)
    if kind == "summary" and suffix == "":
        check_quantile(labels.get("quantile"), sample)


def check_bound(bound, sample):
    is_number = bound is not None and NUMBER.fullmatch(bound)
    if not is_number or math.isnan(float(bound)) or (math.isinf(float(bound)) and bound not in ("+Inf", "-Inf")):
        raise ValueError(f"{sample.name}: no bound: {bound!r}")


def check_quantile(quantile, sample):
    if quantile is None or not NUMBER.fullmatch(quantile) or not 0 <= float(quantile) <= 1:
        raise ValueError(f"{sample.name}: no quantile: {quantile!r}")
    if sample.value < 0:
        raise ValueError(f"{sample.name}: negative quantile")


def labels_of_metric(family, sample):
    """What tells one metric of a family from another."""
    own = {"_bucket": "le", "": "quantile" if family.type == "summary" else family.name}.get(sample.suffix)
    return frozenset((key, value) for key, value in sample.labels.items() if key != own)


def check_order(family):
    """Metrics stand in one piece; a sample twice has a later timestamp."""
    seen, last = set(), None
    points = {}
    for sample in family.samples:
        metric = labels_of_metric(family, sample)
        if metric != last and metric in seen:
            raise ValueError(f"{family.name}: metric {dict(metric)} not in one piece")
        seen.add(metric)
        last = metric
        key = (sample.suffix, frozenset(sample.labels.items()))
        if key in points:
            before = points[key]
            if before is None or sample.timestamp is None or sample.timestamp < before:
                raise ValueError(f"{sample.name}{sample.labels}: twice")
        points[key] = sample.timestamp


def check_buckets(family):
    metrics = {}
    for sample in family.samples:
        metrics.setdefault((labels_of_metric(family, sample), sample.timestamp), []).append(sample)
    for samples in metrics.values():
        buckets = [(float(sample.labels["le"]), sample.value) for sample in samples if sample.suffix == "_bucket"]
        by_suffix = {sample.suffix: sample.value for sample in samples}
        count, total = ("_gcount", "_gsum") if family.type == "gaugehistogram" else ("_count", "_sum")
        if not buckets or buckets[-1][0] != math.inf:
            raise ValueError(f"{family.name}: no bucket +Inf at the end")
        if buckets != sorted(buckets) or len({bound for bound, _ in buckets}) != len(buckets):
            raise ValueError(f"{family.name}: buckets out of order")
        if any(before[1] > after[1] for before, after in zip(buckets, buckets[1:], strict=False)):
            raise ValueError(f"{family.name}: buckets do not add up")
        if (count in by_suffix) != (total in by_suffix):
            raise ValueError(f"{family.name}: of {total} and {count} one only")
        if count in by_suffix and by_suffix[count] != buckets[-1][1]:
            raise ValueError(f"{family.name}: {count} is not the last bucket")
        below_zero = buckets[0][0] < 0
        if family.type == "histogram" and below_zero and total in by_suffix:
            raise ValueError(f"{family.name}: a sum beside negative buckets")
        if family.type == "gaugehistogram" and not below_zero and by_suffix.get(total, 0) < 0:
            raise ValueError(f"{family.name}: a negative sum without negative buckets")


def parse(text):
    if isinstance(text, bytes):
        text = text.decode()
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines or lines[-1] != "# EOF":
        raise ValueError("no # EOF at the end")
    parser = Parser()
    for line in lines[:-1]:
        if line.startswith("#"):
            parser.metadata(line)
        else:
            parser.sample(line)
    parser.end_family()
    return parser.families
