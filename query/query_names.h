/*
 * The short names of a search: NAME("name", WHICH, "meaning", fields…).  ANY: any of the fields may have the value;
 * FIRST: only the first of them that an event has counts.
 */
NAME("kind", ANY, "tool_call, auth, error, connection, lifecycle, ledger, …", FIELD_KIND)
NAME("id", ANY, "the event's id, as answers show it, or its seq", FIELD_ID)
NAME("session", ANY, "session_id", FIELD_SESSION_ID)
NAME("conversation", ANY, "conversation_id", FIELD_CONVERSATION_ID)
NAME("trace", ANY, "trace_id", FIELD_TRACE_ID)
NAME("request", ANY, "request_id, or words in the parameters; request.NAME leads into them", FIELD_REQUEST_ID,
	FIELD_REQUEST)
NAME("user", ANY, "user.id", FIELD_USER_ID)
NAME("team", ANY, "user.team", FIELD_USER_TEAM)
NAME("trust", ANY, "verified: the sender's credential may vouch for the user; -trust:verified: it only says so",
	FIELD_MARKS_USER_TRUST)
NAME("user.trust", ANY, "the same", FIELD_MARKS_USER_TRUST)
NAME("token", ANY, "oauth.token_id or credential_id", FIELD_OAUTH_TOKEN_ID, FIELD_CREDENTIAL_ID)
NAME("client", ANY, "client.name or oauth.client_id", FIELD_CLIENT_NAME, FIELD_OAUTH_CLIENT_ID)
NAME("agent", ANY, "agent.name or agent.id", FIELD_AGENT_NAME, FIELD_AGENT_ID)
NAME("server", ANY, "server.name", FIELD_SERVER_NAME)
NAME("tool", ANY, "target.name: the tool, resource or prompt", FIELD_TARGET_NAME)
NAME("action", ANY, "the MCP method, such as tools/call", FIELD_ACTION)
NAME("verdict", ANY,
	"what became of a call: ok, denied, tool_error, …; error: tool_error, rpc_error, transport_error or timeout",
	FIELD_VERDICT)
NAME("effect", FIRST, "read, create, update, delete, execute, unknown: the collector's judgement, else the claim",
	FIELD_MARKS_EFFECT, FIELD_EFFECT)
NAME("error", ANY, "error.type, class, or words of error.message", FIELD_ERROR_TYPE, FIELD_CLASS, FIELD_ERROR_MESSAGE)
NAME("source", ANY, "ingest.source: how the event came in", FIELD_INGEST_SOURCE)
NAME("tenant", FIRST, "tenant, else ingest.tenant", FIELD_TENANT, FIELD_INGEST_TENANT)
NAME("ip", ANY, "an address in net.peer, net.forwarded_for, ingest.peer, server.address or dependency.address",
	FIELD_NET_PEER, FIELD_NET_FORWARDED_FOR, FIELD_INGEST_PEER, FIELD_SERVER_ADDRESS, FIELD_DEPENDENCY_ADDRESS)
NAME("duration", ANY, "duration_ns, written with a unit", FIELD_DURATION_NS)
NAME("after", ANY, "at or after this time", FIELD_TIME)
NAME("before", ANY, "before this time", FIELD_TIME)
