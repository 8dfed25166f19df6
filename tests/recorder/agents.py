"""Agents of the scenario: real MCP clients, started as a person's assistant would start them, that never give up on an
error (they record it and go on, as an agent loop does)."""

import asyncio
import contextlib
import os
import random
import sys
import uuid

import fastmcp
import fastmcp.exceptions
import httpx2
import mcp
from events import META_INTENT
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult, Implementation
from opentelemetry import trace

HERE = os.path.dirname(os.path.abspath(__file__))
tracer = trace.get_tracer("scenario")


class World:
    """Where the servers are; its heir gives out the people's tokens."""

    def __init__(self, out, state, ports, stdio_commands, environment, seed):
        self.out, self.state, self.ports = out, state, ports
        self.stdio_commands, self.environment = stdio_commands, environment
        self.random = random.Random(seed)


class Agent:
    """One conversation of one person's agent.  link: what its calls share (any of conversation, trace)."""

    def __init__(self, world, name, person, version="1.0", link=("conversation", "trace"), token=None):
        self.world, self.name, self.person = world, name, person
        self.conversation = str(uuid.uuid4()) if "conversation" in link else None
        self.traced = "trace" in link
        self.info = Implementation(name=name, version=version)
        self.token = world.token(person) if token is None else token
        self.approves = True

    @contextlib.asynccontextmanager
    async def work(self):
        with tracer.start_as_current_span("turn") if self.traced else contextlib.nullcontext():
            yield self

    def open(self, server):
        return Toolbox(self, server)

    def _client(self, server):
        if server in self.world.stdio_commands:
            return self._stdio(server)
        url = f"http://127.0.0.1:{self.world.ports[server]}/mcp"
        headers = {"x-agent": self.name, "user-agent": f"{self.info.name}/{self.info.version}"}
        if self.conversation:
            headers["x-conversation-id"] = self.conversation
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        if server in ("billing", "rates"):
            return fastmcp.Client(StreamableHttpTransport(url, headers=headers), client_info=self.info)
        return mcp.Client(
            streamable_http_client(url, http_client=httpx2.AsyncClient(headers=headers, timeout=30)),
            mode="legacy",
            client_info=self.info,
        )

    def _stdio(self, server):
        legacy = server == "filesystem"
        arguments = [
            os.path.join(HERE, "relay.py"),
            "stdio",
            "--name",
            server,
            "--out",
            self.world.out,
            "--state",
            self.world.state,
            "--user",
            self.person,
            "--agent",
            self.name,
        ]
        if self.conversation:
            arguments += ["--conversation", self.conversation]
        if legacy:
            arguments += ["--session", str(uuid.uuid4())]
        parameters = StdioServerParameters(
            command=sys.executable,
            env=self.world.environment,
            args=arguments + ["--"] + self.world.stdio_commands[server],
        )

        async def answer(_context, _params):
            await asyncio.sleep(self.world.random.uniform(1.5, 3))
            return ElicitResult(
                action="accept" if self.approves else "decline", content={"approve": True} if self.approves else None
            )

        return mcp.Client(
            parameters, mode="legacy" if legacy else "auto", client_info=self.info, elicitation_callback=answer
        )


class Toolbox:
    """A client connected to one server.  Where it was refused, no call is made: that happens to agents."""

    def __init__(self, agent, server):
        self.agent, self.server = agent, server
        self.connection = None
        self.client = None

    async def __aenter__(self):
        self.connection = self.agent._client(self.server)
        try:
            self.client = await self.connection.__aenter__()
        except Exception as error:  # the SDKs wrap what went wrong in groups of several kinds
            self._tell("connect", error)
        return self

    async def __aexit__(self, *_):
        if self.client is not None:
            try:
                await self.connection.__aexit__(None, None, None)
            except Exception as error:
                self._tell("close", error)

    def _tell(self, what, error):
        print(f"    {self.agent.name} on {self.server}: {what}: {error!r}"[:200], flush=True)

    async def _think(self):
        await asyncio.sleep(self.agent.world.random.uniform(0.15, 0.9))

    async def _try(self, what, awaitable):
        try:
            return await awaitable
        except (mcp.MCPError, httpx2.HTTPError, RuntimeError, fastmcp.exceptions.FastMCPError) as error:
            self._tell(what, error)
            return None

    async def call(self, tool, arguments, why, timeout=None):
        """Calls a tool; returns its text, or None when it failed in any way."""
        if self.client is None:
            return None
        await self._think()
        options = {"meta": {META_INTENT: why}}
        if isinstance(self.client, fastmcp.Client):
            options |= {"timeout": timeout, "raise_on_error": False}
        else:
            options["read_timeout_seconds"] = timeout
        result = await self._try(tool, self.client.call_tool(tool, arguments, **options))
        if result is None or result.is_error:
            return None
        return "\n".join(item.text for item in result.content if item.type == "text")

    async def tools(self):
        if self.client is not None:
            await self._think()
            await self._try("tools/list", self.client.list_tools())

    async def resource(self, uri):
        if self.client is not None:
            await self._think()
            await self._try(uri, self.client.read_resource(uri))

    async def prompt(self, name, arguments):
        if self.client is not None:
            await self._think()
            await self._try(name, self.client.get_prompt(name, arguments))

    async def call_and_cancel(self, tool, arguments, why, after_s):
        task = asyncio.create_task(self.call(tool, arguments, why))
        await asyncio.sleep(after_s)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
