"""JSON-RPC messages, as a relay sees them, made native mcpledger events.

An Observer stands for one server.  The relay tells it each message with the time (ns) at which its bytes passed; the
observer pairs requests with responses and appends one JSON line per event to the recording.  Lines are written with
one write(2) to a file opened for appending, so several relays may share it and its order is the order of happening.
"""

import base64
import hashlib
import json
import os
import time
import uuid

META_CLIENT = "io.modelcontextprotocol/clientInfo"
META_SERVER = "io.modelcontextprotocol/serverInfo"
META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_INTENT = "com.example/intent"  # the scenario's sentence: why the agent makes this call
HANDSHAKES = {"initialize": "initialize", "server/discover": "discover"}
HINTS = {
    "readOnlyHint": "read_only",
    "destructiveHint": "destructive",
    "idempotentHint": "idempotent",
    "openWorldHint": "open_world",
}
RETRY_WINDOW_NS = 60 * 10**9


def digest(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def token_claims(token):
    """The claims of a JWT, unverified: the server verifies, the relay only reads who it says it is."""
    try:
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}


def token_id(token):
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()[:32]


class Connection:
    """What is known of one client: a stdio pipe, an HTTP session, or (stateless) one HTTP request."""

    def __init__(self, transport, peer=None, user_agent=None):
        self.transport = transport
        self.peer = peer
        self.user_agent = user_agent
        self.protocol_version = None
        self.client = None
        self.session_id = None
        self.agent = None
        self.conversation_id = None
        self.user = None
        self.oauth = None
        self.opened_ns = None
        self.requests = 0
        self.pending = {}
        self.closed = False

    def set_token(self, token):
        claims = token_claims(token)
        self.oauth = {"token_id": token_id(token)}
        for member, claim in (("client_id", "client_id"), ("issuer", "iss"), ("audience", "aud")):
            if claim in claims:
                self.oauth[member] = claims[claim]
        if "scope" in claims:
            self.oauth["scopes"] = claims["scope"].split()
        if "exp" in claims:
            self.oauth["expires_at"] = claims["exp"] * 10**9
        if "sub" in claims:
            self.user = {"id": claims["sub"], "kind": "human", "trust": "claimed"}
            if "team" in claims:
                self.user["team"] = claims["team"]


class Pending:
    def __init__(self, message, time_ns, connection):
        self.message = message
        self.time_ns = time_ns
        self.connection = connection
        self.id = str(uuid.uuid4())
        self.span_id = os.urandom(8).hex()
        self.first_byte_ns = None
        self.progress = 0
        meta = (message.get("params") or {}).get("_meta") or {}
        self.meta = meta
        self.trace_id = self.parent_span_id = None
        parts = str(meta.get("traceparent", "")).split("-")
        if len(parts) == 4:
            self.trace_id, self.parent_span_id = parts[1], parts[2]


class Observer:
    def __init__(self, name, out_path, state_dir, address=None):
        self.name = name
        self.address = address
        self.out = os.open(out_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.state_path = os.path.join(state_dir, name + ".json")
        self.epoch = str(uuid.uuid4())
        self.seq = 0
        self.server = {"name": name}
        self.definitions = {}
        self.recent = []
        self.pids = 0
        if os.path.exists(self.state_path):
            with open(self.state_path) as file:
                self.definitions = json.load(file)

    # --- writing ---

    def emit(self, kind, time_ns, connection=None, **members):
        self.seq += 1
        event = {"kind": kind, "id": str(uuid.uuid4()), "time": time_ns}
        event.update(members)
        event["observer"] = {
            "role": "gateway",
            "name": "recorder",
            "instance": self.name,
            "version": "1",
            "epoch": self.epoch,
            "seq": self.seq,
        }
        event["server"] = dict(self.server)
        if self.address:
            event["server"]["address"] = self.address
        if connection is not None:
            for member in ("client", "user", "oauth", "session_id", "conversation_id"):
                if getattr(connection, member) and member not in event:
                    event[member] = getattr(connection, member)
            if connection.agent:
                event["agent"] = {"name": connection.agent}
            net = {
                "transport": connection.transport,
                "protocol_version": connection.protocol_version,
                "peer": connection.peer,
                "user_agent": connection.user_agent,
            }
            event["net"] = {key: value for key, value in net.items() if value}
        line = json.dumps({k: v for k, v in event.items() if v is not None}, ensure_ascii=False, separators=(",", ":"))
        os.write(self.out, line.encode() + b"\n")
        return event["id"]

    # --- messages ---

    def request(self, connection, message, time_ns):
        pending = Pending(message, time_ns, connection)
        connection.pending[json.dumps(message["id"])] = pending
        connection.requests += 1
        if connection.opened_ns is None:
            connection.opened_ns = time_ns
        if META_VERSION in pending.meta:
            connection.protocol_version = pending.meta[META_VERSION]
        client = pending.meta.get(META_CLIENT)
        if message["method"] == "initialize":
            client = message["params"].get("clientInfo")
        if client:
            connection.client = {k: client[k] for k in ("name", "version") if client.get(k)}
        return pending

    def notification(self, connection, message, time_ns):
        """A message without an id, of either side."""
        params = message.get("params") or {}
        if message["method"] == "notifications/cancelled":
            pending = connection.pending.pop(json.dumps(params.get("requestId")), None)
            if pending:
                self.abandoned(pending, str(params.get("reason", "")), time_ns)
        elif message["method"] == "notifications/progress":
            for pending in connection.pending.values():
                if pending.meta.get("progressToken") == params.get("progressToken"):
                    pending.progress += 1

    def response(self, connection, message, time_ns, http_status=None, first_byte_ns=None):
        pending = connection.pending.pop(json.dumps(message.get("id")), None)
        if pending is None:
            return
        result = message.get("result")
        self._learn_server(connection, pending, result)
        if "error" not in message and pending.message["method"] in HANDSHAKES:
            self._handshake(pending, result, time_ns)
            return
        outcome = {"http_status": http_status}
        error = None
        if "error" in message:
            outcome["rpc_code"] = message["error"].get("code")
            error = {"type": str(message["error"].get("code")), "message": message["error"].get("message", "")}
        else:
            if pending.message["method"] == "tools/call":
                outcome["tool_error"] = bool(result.get("isError"))
            outcome["result_type"] = result.get("resultType")
        if outcome.get("tool_error"):
            error = {"type": "tool_error", "message": _first_text(result)}
        call_id = self._call(
            pending,
            time_ns,
            outcome,
            error,
            response=result if result is not None else message.get("error"),
            first_byte_ns=first_byte_ns,
        )
        if pending.message["method"] == "tools/list" and result:
            self._compare_definitions(connection, result.get("tools", []), time_ns, call_id)

    def refused(self, pending, http_status, headers, body, time_ns):
        """HTTP said no before JSON-RPC was spoken: 401, 403, 429, 5xx."""
        connection = pending.connection
        connection.pending.pop(json.dumps(pending.message["id"]), None)
        challenge = _challenge(headers.get("www-authenticate", ""))
        kind = challenge.get("error") or {401: "unauthorized", 403: "forbidden"}.get(http_status, "http_error")
        message = challenge.get("error_description") or body.decode("utf-8", "replace")[:300]
        self._call(
            pending,
            time_ns,
            {"http_status": http_status, "reason": kind},
            {"type": kind, "message": message},
            response=None,
        )
        if http_status in (401, 403):
            connection.oauth, oauth = None, connection.oauth
            scopes = {"requested": (oauth or {}).get("scopes"), "required": challenge.get("scope", "").split() or None}
            self.emit(
                "auth",
                time_ns,
                connection,
                step="authz" if http_status == 403 else "token_validate",
                method="bearer" if oauth else "none",
                result="deny",
                http_status=http_status,
                www_error=kind,
                reason=message,
                oauth=oauth,
                scopes={k: v for k, v in scopes.items() if v} or None,
            )

    def accepted(self, connection, time_ns):
        self.emit("auth", time_ns, connection, step="token_validate", method="bearer", result="allow", http_status=200)

    def abandoned(self, pending, reason, time_ns):
        timed_out = "timed out" in reason or "timeout" in reason.lower()
        error = {"type": "timeout" if timed_out else "cancelled", "message": reason or "cancelled by the client"}
        self._call(pending, time_ns, {}, error, response=None, cancelled_by="client")

    def broken(self, pending, kind, message, time_ns, http_status=None):
        pending.connection.pending.pop(json.dumps(pending.message["id"]), None)
        self._call(pending, time_ns, {"http_status": http_status}, {"type": kind, "message": message}, response=None)

    # --- the server's life ---

    def lifecycle(self, phase, time_ns, **members):
        self.emit("lifecycle", time_ns, phase=phase, version=self.server.get("version"), **members)

    def close(self, connection, time_ns):
        if not connection.closed and connection.opened_ns is not None:
            connection.closed = True
            self.emit(
                "connection",
                time_ns,
                connection,
                phase="close",
                requests=connection.requests,
                duration_ns=time_ns - connection.opened_ns,
            )

    def resources(self, pid, time_ns):
        """One sample of the server's process, from /proc; nothing when it is gone."""
        try:
            with open(f"/proc/{pid}/stat") as file:
                stat = file.read().rsplit(")", 1)[1].split()
            with open(f"/proc/{pid}/io") as file:
                io = dict(line.split(": ") for line in file.read().splitlines())
            fds = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            return
        tick_ns = 10**9 // os.sysconf("SC_CLK_TCK")
        self.emit(
            "resource_usage",
            time_ns,
            pid=pid,
            cpu_ns=(int(stat[11]) + int(stat[12])) * tick_ns,
            rss_bytes=int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
            threads=int(stat[17]),
            open_fds=fds,
            io_read_bytes=int(io["rchar"]),
            io_write_bytes=int(io["wchar"]),
        )

    # --- inside ---

    def _learn_server(self, connection, pending, result):
        if not isinstance(result, dict):
            return
        info = (result.get("_meta") or {}).get(META_SERVER) or result.get("serverInfo")
        if info:
            self.server["name"] = info["name"]
            if info.get("version"):
                self.server["version"] = info["version"]
        if pending.message["method"] == "initialize":
            connection.protocol_version = result.get("protocolVersion")

    def _handshake(self, pending, result, time_ns):
        connection = pending.connection
        self.emit(
            "connection",
            pending.time_ns,
            connection,
            duration_ns=time_ns - pending.time_ns,
            phase=HANDSHAKES[pending.message["method"]],
            request_id=pending.message["id"],
            **self._span(pending),
            attrs={"capabilities": result.get("capabilities")},
        )

    def _span(self, pending):
        if not pending.trace_id:
            return {}
        return {"trace_id": pending.trace_id, "span_id": pending.span_id, "parent_span_id": pending.parent_span_id}

    def _target(self, message):
        params = message.get("params") or {}
        kind, name = {
            "tools/call": ("tool", params.get("name")),
            "prompts/get": ("prompt", params.get("name")),
            "resources/read": ("resource", params.get("uri")),
        }.get(message["method"], (None, None))
        if name is None:
            return None
        target = {"type": kind, "name": name}
        known = self.definitions.get(name) if kind == "tool" else None
        if known:
            target["definition_digest"] = known["digest"]
            annotations = known["definition"].get("annotations") or {}
            hints = {ours: annotations[theirs] for theirs, ours in HINTS.items() if theirs in annotations}
            if hints:
                target["hints"] = hints
        return target

    def _call(self, pending, time_ns, outcome, error, response, first_byte_ns=None, **members):
        message, connection = pending.message, pending.connection
        params = {k: v for k, v in (message.get("params") or {}).items() if k != "_meta"}
        request = params.get("arguments", {}) if message["method"] == "tools/call" else params or None
        target = self._target(message)
        if target and target["type"] == "tool":
            members.update(self._attempt(pending, digest([target["name"], request]), bool(error)))
        if pending.progress:
            members["progress"] = {"notifications": pending.progress}
        if first_byte_ns and time_ns - first_byte_ns > 10**6:
            members["first_byte_ns"] = first_byte_ns - pending.time_ns
        outcome = {k: v for k, v in outcome.items() if v is not None}
        if state := params.get("requestState") or (response or {}).get("requestState"):
            members["state_digest"] = digest(state)
        call_id = self.emit(
            "tool_call",
            pending.time_ns,
            connection,
            id=pending.id,
            action=message["method"],
            direction="client_to_server",
            duration_ns=time_ns - pending.time_ns,
            request_id=message["id"],
            target=target,
            outcome=outcome or None,
            error=error,
            intent=pending.meta.get(META_INTENT),
            request=request,
            response=response,
            **self._span(pending),
            **members,
        )
        for name, answer in (params.get("inputResponses") or {}).items():
            self.emit(
                "approval",
                pending.time_ns,
                connection,
                mode="elicitation",
                result=answer.get("action"),
                approver={"id": connection.user["id"], "kind": "human"} if connection.user else None,
                arguments_digest=digest(request),
                binds_to=call_id,
                attrs={"question": name},
                **self._span(pending),
            )
        return call_id

    def _attempt(self, pending, key, failed):
        """The same tool with the same arguments again, soon after a failure, is a retry."""
        self.recent = [entry for entry in self.recent if pending.time_ns - entry[1] < RETRY_WINDOW_NS]
        work = (pending.connection.conversation_id, pending.connection.session_id, pending.trace_id)
        earlier = [entry for entry in self.recent if entry[0] == key and entry[4] == work]
        members = {}
        if earlier and earlier[-1][3]:
            members = {"attempt": earlier[-1][5] + 1, "retry_of": earlier[-1][2]}
        self.recent.append((key, pending.time_ns, pending.id, failed, work, members.get("attempt", 1)))
        return members

    def _compare_definitions(self, connection, tools, time_ns, call_id):
        """Tells what is new since the last list.  A server may show a person fewer tools, so that one is missing
        says that it was removed only when the server has a new version."""
        first_list = not self.definitions
        listed = {}
        for tool in tools:
            listed[tool["name"]] = {"digest": digest(tool), "definition": tool, "version": self.server.get("version")}
            old = self.definitions.get(tool["name"])
            if old and old["digest"] == listed[tool["name"]]["digest"]:
                continue
            op = "changed" if old else ("first_seen" if first_list else "added")
            self.emit(
                "tool_definition",
                time_ns,
                connection,
                op=op,
                target={"type": "tool", "name": tool["name"]},
                old_digest=old and old["digest"],
                new_digest=listed[tool["name"]]["digest"],
                field_digests={k: digest(v) for k, v in tool.items() if k != "name"},
                definition=tool,
                caused_by=call_id,
            )
        for name, old in list(self.definitions.items()):
            if name not in listed and old["version"] != self.server.get("version"):
                self.emit(
                    "tool_definition",
                    time_ns,
                    connection,
                    op="removed",
                    target={"type": "tool", "name": name},
                    old_digest=old["digest"],
                    caused_by=call_id,
                )
                del self.definitions[name]
        self.definitions.update(listed)
        with open(self.state_path, "w") as file:
            json.dump(self.definitions, file)


def _first_text(result):
    for item in result.get("content", []):
        if item.get("type") == "text":
            return item["text"][:500]
    return ""


def _challenge(header):
    """The parameters of a WWW-Authenticate header: Bearer error="…", error_description="…"."""
    fields = {}
    for part in header.partition(" ")[2].split('", '):
        name, _, value = part.partition("=")
        fields[name.strip()] = value.strip().strip('"')
    return fields


def now_ns():
    return time.time_ns()
