"""Records the demo: runs the servers, relays and agents, and lays the times over eight days.

    python record.py OUTPUT.ndjson.gz

Needs /srv/demo (made new, from srv/), Node with the packages of package.json, and requirements.txt.
"""

import argparse
import asyncio
import contextlib
import datetime
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import jwt
from agents import HERE, World
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from events import Observer, now_ns, token_id
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from scenario import ANA, BEN, CHLOE, VISITS

FIRST_DAY = datetime.datetime(2026, 11, 12, tzinfo=datetime.UTC)
SEED = 20261112
VISIT_S_MAX = 60
PORTS = {"tickets": 8301, "billing": 8302, "rates": 8303, "everything": 8304}  # of relays; servers: 100 higher
PEOPLE = {
    ANA: ("platform", "tickets"),
    BEN: ("finance", "billing:read billing:write"),
    CHLOE: ("web", "tickets billing:read"),
}


class Shop(World):
    """The running servers."""

    def __init__(self, directory, node):
        self.directory, self.node = directory, node
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        key_file = os.path.join(directory, "public.pem")
        with open(key_file, "wb") as file:
            file.write(
                self.key.public_key().public_bytes(
                    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
                )
            )
        environment = {
            "PATH": os.environ["PATH"],
            "PUBLIC_KEY_FILE": key_file,
            "HOME": directory,
            "RATES_URL": f"http://127.0.0.1:{PORTS['rates']}/mcp",
            "LANG": "C.UTF-8",
        }
        stdio = {
            "filesystem": ["node", self.package("filesystem"), "/srv/demo"],
            "deploy": [sys.executable, os.path.join(HERE, "servers/deploy.py")],
        }
        super().__init__(os.path.join(directory, "raw.ndjson"), directory, PORTS, stdio, environment, SEED)
        self.relays = {}
        self.identity = Observer("identity", self.out, directory)

    def package(self, name):
        return os.path.join(self.node, f"node_modules/@modelcontextprotocol/server-{name}/dist/index.js")

    def token(self, person, expired=False):
        """A new token, as the identity provider (which the scenario plays) would give it out, with its event."""
        team, scope = PEOPLE[person]
        now = int(time.time())
        claims = {
            "sub": person,
            "team": team,
            "scope": scope,
            "iss": "https://id.example.com",
            "aud": "billing.example.com",
            "client_id": "desk-agents",
            "iat": now - (3660 if expired else 0),
        }
        claims["exp"] = claims["iat"] + 3600
        token = jwt.encode(claims | {"jti": str(uuid.uuid4())}, self.key, "RS256")
        self.identity.emit(
            "credential",
            now_ns(),
            credential_id=token_id(token),
            type="oauth_access",
            issuer=claims["iss"],
            not_before=claims["iat"] * 10**9,
            expires_at=claims["exp"] * 10**9,
            state="expired" if expired else "issued",
            user={"id": person, "kind": "human", "trust": "claimed", "team": team},
        )
        return token

    async def start(self, name, command, **environment):
        port = PORTS[name]
        arguments = [
            sys.executable,
            os.path.join(HERE, "relay.py"),
            "http",
            "--name",
            name,
            "--out",
            self.out,
            "--state",
            self.state,
            "--listen",
            str(port),
            "--upstream",
            str(port + 100),
            "--",
        ] + command
        self.relays[name] = await asyncio.create_subprocess_exec(
            *arguments, env=self.environment | {"PORT": str(port + 100)} | environment, start_new_session=True
        )
        for _ in range(400):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(name)

    async def stop(self, name):
        relay = self.relays.pop(name)
        relay.terminate()
        await relay.wait()

    async def start_all(self):
        python = [sys.executable]
        await self.start("tickets", python + [os.path.join(HERE, "servers/tickets.py")])
        await self.start("billing", python + [os.path.join(HERE, "servers/billing.py")])
        await self.start("everything", ["node", self.package("everything"), "streamableHttp"])
        await self.start_rates("1.3.0")

    async def start_rates(self, version):
        await self.start("rates", [sys.executable, os.path.join(HERE, "servers/rates.py")], RATES_VERSION=version)

    async def restart_rates(self, version):
        await self.stop("rates")
        await self.start_rates(version)

    def kill_rates(self):
        """Kills the server, not its relay."""
        children = subprocess.run(["pgrep", "-P", str(self.relays["rates"].pid)], capture_output=True, text=True)
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)

    def lines(self):
        with open(self.out) as file:
            return sum(1 for _ in file)


def moment_ns(day, clock):
    hours, minutes = clock.split(":")
    moment = FIRST_DAY + datetime.timedelta(days=day, hours=int(hours), minutes=int(minutes))
    return int(moment.timestamp()) * 10**9


async def play(shop, visits):
    """Runs all visits; returns (first line, offset ns) of each: what must be added to the times from that line on."""
    marks = [(0, moment_ns(0, "06:30") - now_ns())]
    try:
        await shop.start_all()
        for day, clock, visit in visits:
            await asyncio.sleep(0.4)
            marks.append((shop.lines(), moment_ns(day, clock) - now_ns()))
            print(f"day {day + 1} {clock} {visit.__name__}", flush=True)
            await asyncio.wait_for(visit(shop, day), VISIT_S_MAX)
        await asyncio.sleep(0.4)
        marks.append((shop.lines(), moment_ns(7, "18:00") - now_ns()))
    finally:
        for name in list(shop.relays):
            await shop.stop(name)
    return marks


def lay_over_days(raw, marks):
    """Adds each visit's offset to the times in its lines; durations and the gaps within a visit stay real.  The name
    that a server gives itself is put on the events of its start, too, when nobody had asked it yet."""
    events = [json.loads(line) for line in raw]
    names = {event["observer"]["instance"]: event["server"]["name"] for event in events}
    for number, event in enumerate(events):
        event["server"]["name"] = names[event["observer"]["instance"]]
        offset = [mark[1] for mark in marks if mark[0] <= number][-1]
        event["time"] += offset
        for holder, member in ((event, "not_before"), (event, "expires_at"), (event.get("oauth", {}), "expires_at")):
            if member in holder:
                holder[member] += offset
    return events


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--only", help="the visits to play, with commas between, for trying")
    parser.add_argument("--node", default=HERE, help="folder that holds node_modules")
    arguments = parser.parse_args()
    trace.set_tracer_provider(TracerProvider())
    shutil.rmtree("/srv/demo", ignore_errors=True)
    shutil.copytree(os.path.join(HERE, "srv"), "/srv/demo")
    with tempfile.TemporaryDirectory() as directory:
        wanted = arguments.only.split(",") if arguments.only else [visit.__name__ for _, _, visit in VISITS]
        shop = Shop(directory, os.path.abspath(arguments.node))
        marks = asyncio.run(play(shop, [v for v in VISITS if v[2].__name__ in wanted]))
        with open(shop.out) as file:
            events = lay_over_days(file, marks)
    with open(arguments.output, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as file:
        for event in events:
            file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    print(f"{len(events)} events, {os.path.getsize(arguments.output)} bytes")


if __name__ == "__main__":
    main()
