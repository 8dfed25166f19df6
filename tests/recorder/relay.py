"""A relay that stands before an MCP server, passes every message, and writes what it saw as native events.

    relay.py stdio --name N --out FILE --state DIR [--user U --agent A --conversation C] -- COMMAND…
    relay.py http  --name N --out FILE --state DIR --listen PORT --upstream PORT -- COMMAND…

Both start the server themselves.  A message is passed on as it came, but for one thing that any tracing proxy does:
the span id in `_meta.traceparent` is replaced by the relay's own, so that a call which the server makes on behalf of
this one can be seen to be its child.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys

from events import Connection, Observer, now_ns

SAMPLE_EVERY_S = 12
LINE_BYTES_MAX = 16 * 1024 * 1024
HOP_HEADERS = {"host", "content-length", "connection", "transfer-encoding", "keep-alive", "accept-encoding"}


def with_own_span(body, pending):
    if pending.parent_span_id:
        return body.replace(pending.parent_span_id.encode(), pending.span_id.encode(), 1)
    return body


async def sample(observer, pid):
    while True:
        observer.resources(pid, now_ns())
        await asyncio.sleep(SAMPLE_EVERY_S)


async def start_server(observer, command, **pipes):
    process = await asyncio.create_subprocess_exec(*command, limit=LINE_BYTES_MAX, cwd="/srv/demo", **pipes)
    observer.lifecycle("start", now_ns(), pid=process.pid)
    return process


async def end_server(observer, process, asked):
    """Waits for the server's end and puts on record how it came; asked: whether it was told to stop."""
    code = await process.wait()
    if asked.is_set() or code == 0:
        observer.lifecycle("stop", now_ns(), exit_code=max(code, 0), last_seq=observer.seq)
    elif code < 0:
        observer.lifecycle("crash", now_ns(), signal=signal.Signals(-code).name)
    else:
        observer.lifecycle("crash", now_ns(), exit_code=code)
    return code


# --- stdio ---


async def stdin_lines():
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line


async def relay_stdio(arguments):
    observer = Observer(arguments.name, arguments.out, arguments.state)
    connection = Connection("pipe")
    connection.agent, connection.conversation_id = arguments.agent, arguments.conversation
    connection.session_id = arguments.session
    if arguments.user:
        connection.user = {"id": arguments.user, "kind": "human", "trust": "claimed"}
    process = await start_server(
        observer, arguments.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    sampler = asyncio.create_task(sample(observer, process.pid))
    hung_up = asyncio.Event()

    async def client_to_server():
        async for line in stdin_lines():
            message = json.loads(line)
            if "method" in message and "id" in message:
                line = with_own_span(line, observer.request(connection, message, now_ns()))
            elif "method" in message:
                observer.notification(connection, message, now_ns())
            process.stdin.write(line)
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
        hung_up.set()
        process.stdin.close()
        await asyncio.sleep(2)
        if process.returncode is None:
            process.terminate()

    upward = asyncio.create_task(client_to_server())
    while line := await process.stdout.readline():
        message = json.loads(line)
        if "method" not in message:
            observer.response(connection, message, now_ns())
        elif "id" not in message:
            observer.notification(connection, message, now_ns())
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    sampler.cancel()
    for pending in list(connection.pending.values()):
        observer.broken(pending, "connection_closed", "the server ended before it answered", now_ns())
    observer.close(connection, now_ns())
    await end_server(observer, process, hung_up)
    upward.cancel()
    os._exit(0)  # the pipe reader on stdin would keep the loop alive


# --- streamable HTTP ---


class HttpRelay:
    def __init__(self, observer, upstream):
        import httpx2

        self.observer = observer
        self.upstream = f"http://127.0.0.1:{upstream}"
        self.client = httpx2.AsyncClient(timeout=None)
        self.sessions = {}
        self.tokens_seen = set()

    def connection(self, request, message):
        session = request.headers.get("mcp-session-id")
        connection = self.sessions.get(session)
        if connection is None:
            connection = Connection(
                "http", f"{request.client.host}:{request.client.port}", request.headers.get("user-agent")
            )
            connection.protocol_version = request.headers.get("mcp-protocol-version")
        connection.agent = request.headers.get("x-agent", connection.agent)
        connection.conversation_id = request.headers.get("x-conversation-id", connection.conversation_id)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            connection.set_token(token)
        return connection

    async def handle(self, request):
        import httpx2
        from starlette.responses import Response, StreamingResponse

        body = await request.body()
        message = json.loads(body) if body else {}
        connection = self.connection(request, message)
        pending = None
        if "method" in message and "id" in message:
            pending = self.observer.request(connection, message, now_ns())
            body = with_own_span(body, pending)
        elif "method" in message:
            self.observer.notification(connection, message, now_ns())
        headers = {k: v for k, v in request.headers.items() if k not in HOP_HEADERS}
        upstream = self.client.build_request(
            request.method, self.upstream + request.url.path, headers=headers, content=body
        )
        try:
            answer = await self.client.send(upstream, stream=True)
        except httpx2.TransportError as error:
            if pending:
                self.observer.broken(pending, type(error).__name__, "the server could not be reached", now_ns(), 502)
                self.observer.emit(
                    "error",
                    now_ns(),
                    connection,
                    **{"class": "upstream"},
                    error={"type": type(error).__name__, "message": "the server could not be reached"},
                )
            return Response("bad gateway", 502)
        return await self.answered(request, connection, pending, answer, Response, StreamingResponse)

    async def answered(self, request, connection, pending, answer, response_class, streaming_class):
        headers = {k: v for k, v in answer.headers.items() if k not in HOP_HEADERS | {"content-encoding"}}
        session = answer.headers.get("mcp-session-id")
        if session and pending and pending.message["method"] == "initialize":
            connection.session_id = session
            self.sessions[session] = connection
        if answer.status_code >= 400 and pending:
            body = await answer.aread()
            self.judge_failure(pending, answer, body)
            return response_class(body, answer.status_code, headers)
        if request.method == "DELETE":
            self.observer.close(connection, now_ns())
        if connection.oauth and pending:
            key = (connection.oauth["token_id"], connection.conversation_id or connection.session_id)
            if key not in self.tokens_seen:
                self.tokens_seen.add(key)
                self.observer.accepted(connection, now_ns())
        return streaming_class(self.stream(connection, pending, answer), answer.status_code, headers)

    def judge_failure(self, pending, answer, body):
        """A JSON-RPC error may come with a 4xx status; anything else is HTTP's own refusal."""
        with contextlib.suppress(ValueError):
            message = json.loads(body)
            if isinstance(message, dict) and "jsonrpc" in message and message.get("id") == pending.message["id"]:
                self.observer.response(pending.connection, message, now_ns(), answer.status_code)
                return
        self.observer.refused(pending, answer.status_code, answer.headers, body, now_ns())

    async def stream(self, connection, pending, answer):
        events = answer.headers.get("content-type", "").startswith("text/event-stream")
        held = b""
        first_byte_ns = None
        try:
            async for part in answer.aiter_bytes():
                first_byte_ns = first_byte_ns or now_ns()
                held += part
                if events:
                    *whole, held = held.replace(b"\r\n", b"\n").split(b"\n\n")
                    for event in whole:
                        self.event(connection, event, answer.status_code, first_byte_ns)
                yield part
            if not events and held:
                self.message(connection, held, answer.status_code, first_byte_ns)
            if pending and json.dumps(pending.message["id"]) in connection.pending:
                self.observer.broken(pending, "connection_closed", "the answer ended early", now_ns())
        except (asyncio.CancelledError, GeneratorExit):
            if pending and connection.pending.pop(json.dumps(pending.message["id"]), None):
                self.observer.abandoned(pending, "the client closed the request", now_ns())
            raise
        finally:
            await answer.aclose()

    def event(self, connection, event, status, first_byte_ns):
        data = b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
        if data:
            self.message(connection, data, status, first_byte_ns)

    def message(self, connection, data, status, first_byte_ns):
        message = json.loads(data)
        if "method" not in message:
            self.observer.response(connection, message, now_ns(), status, first_byte_ns)
        elif "id" not in message:
            self.observer.notification(connection, message, now_ns())


async def wait_for_port(port, process):
    while process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)


async def relay_http(arguments):
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route

    observer = Observer(arguments.name, arguments.out, arguments.state, f"127.0.0.1:{arguments.upstream}")
    process = await start_server(observer, arguments.command, stdout=asyncio.subprocess.DEVNULL)
    await wait_for_port(arguments.upstream, process)
    observer.lifecycle("ready", now_ns(), pid=process.pid)
    relay = HttpRelay(observer, arguments.upstream)
    app = Starlette(routes=[Route("/{path:path}", relay.handle, methods=["GET", "POST", "DELETE"])])
    server = uvicorn.Server(uvicorn.Config(app, port=arguments.listen, log_level="error", timeout_graceful_shutdown=1))
    sampler = asyncio.create_task(sample(observer, process.pid))
    stopping = asyncio.Event()

    watcher = asyncio.create_task(end_server(observer, process, stopping))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # uvicorn takes it, and raises it again for the handler it found
    await server.serve()
    sampler.cancel()
    stopping.set()
    if process.returncode is None:
        observer.resources(process.pid, now_ns())
        process.terminate()
    await watcher


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=("stdio", "http"))
    for name in ("name", "out", "state", "user", "agent", "conversation", "session"):
        parser.add_argument("--" + name)
    parser.add_argument("--listen", type=int)
    parser.add_argument("--upstream", type=int)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    asyncio.run(relay_stdio(arguments) if arguments.transport == "stdio" else relay_http(arguments))


if __name__ == "__main__":
    main()
