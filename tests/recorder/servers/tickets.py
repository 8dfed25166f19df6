"""A ticket tracker (Python MCP SDK, streamable HTTP, bearer tokens verified as JWT); clients use it with the sessions
of protocol 2025-11-25."""

import json
import os

import jwt
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import ToolAnnotations

with open(os.environ["PUBLIC_KEY_FILE"]) as file:
    PUBLIC_KEY = file.read()
with open("/srv/demo/tickets/tickets.json") as file:
    TICKETS = {ticket["id"]: ticket for ticket in json.load(file)}
READ = ToolAnnotations(read_only_hint=True)
WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=False)


class Verifier:
    async def verify_token(self, token):
        try:
            claims = jwt.decode(
                token, PUBLIC_KEY, ["RS256"], issuer="https://id.example.com", options={"verify_aud": False}
            )
        except jwt.PyJWTError:
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
            subject=claims["sub"],
        )


port = int(os.environ["PORT"])
server = MCPServer(
    "tickets",
    version="0.9.4",
    token_verifier=Verifier(),
    log_level="CRITICAL",
    auth=AuthSettings(
        issuer_url="https://id.example.com",
        required_scopes=["tickets"],
        validate_token_resource=False,
        resource_server_url=f"http://127.0.0.1:{port}/mcp",
    ),
)


def ticket_of(ticket_id):
    if ticket_id not in TICKETS:
        raise ToolError(f"no ticket {ticket_id}")
    return TICKETS[ticket_id]


@server.tool(annotations=READ)
def search_tickets(text: str = "", status: str = "open") -> list[dict]:
    """Tickets whose title or text contains a text."""
    return [
        {"id": t["id"], "title": t["title"], "status": t["status"]}
        for t in TICKETS.values()
        if t["status"] == status and text.lower() in (t["title"] + t["text"]).lower()
    ]


@server.tool(annotations=READ)
def get_ticket(ticket_id: str) -> dict:
    """One ticket with its comments."""
    return ticket_of(ticket_id)


@server.tool(annotations=WRITE)
def add_comment(ticket_id: str, text: str) -> dict:
    """Adds a comment; everybody who follows the ticket gets it by mail."""
    ticket_of(ticket_id)["comments"].append(text)
    return {"ticket": ticket_id, "comments": len(TICKETS[ticket_id]["comments"])}


@server.tool(annotations=WRITE)
def open_ticket(title: str, text: str) -> dict:
    """Opens a ticket."""
    ticket = {"id": f"OPS-{100 + len(TICKETS) + 1}", "title": title, "text": text, "status": "open", "comments": []}
    TICKETS[ticket["id"]] = ticket
    return ticket


@server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
def close_ticket(ticket_id: str, resolution: str) -> dict:
    """Closes a ticket."""
    ticket = ticket_of(ticket_id)
    if ticket["status"] == "closed":
        raise MCPError(-32010, f"{ticket_id} is closed already")
    ticket["status"] = "closed"
    return {"ticket": ticket_id, "status": "closed", "resolution": resolution}


@server.resource("tickets://open")
def open_tickets() -> str:
    """Titles of the open tickets."""
    return "\n".join(f"{t['id']} {t['title']}" for t in TICKETS.values() if t["status"] == "open")


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=port)
