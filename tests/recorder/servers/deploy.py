"""Deployments (Python MCP SDK, stdio, protocol 2026-07-28).  deploy asks a person first; one migration crashes."""

import os
from typing import Annotated

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import ToolAnnotations
from pydantic import BaseModel

server = MCPServer("deploy", version="3.1.0", log_level="CRITICAL")
RUNNING = {"checkout": "5.2.0", "payments": "1.19.3", "search": "0.44.1"}


class Approval(BaseModel):
    approve: bool


async def ask(service: str, version: str) -> Elicit[Approval]:
    return Elicit(f"Deploy {service} {version} to production?", Approval)


def known(service):
    if service not in RUNNING:
        raise ToolError(f"no service {service}; there are {', '.join(RUNNING)}")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def rollout_status(service: str) -> dict:
    """Which version of a service runs, and how healthy it is."""
    known(service)
    return {"service": service, "version": RUNNING[service], "replicas": 6, "ready": 6}


@server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
async def restart_service(service: str) -> dict:
    """Restarts a service, one replica after the other."""
    known(service)
    await anyio.sleep(1.8)
    return {"service": service, "restarted": 6}


@server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
async def deploy(service: str, version: str, approval: Annotated[Approval, Resolve(ask)]) -> dict:
    """Deploys a version to production after a person has agreed."""
    known(service)
    if not approval.approve:
        return {"service": service, "deployed": False}
    await anyio.sleep(0.9)
    before, RUNNING[service] = RUNNING[service], version
    return {"service": service, "deployed": True, "from": before, "to": version}


@server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
async def run_migration(name: str) -> str:
    """Runs a schema migration."""
    await anyio.sleep(0.3)
    if "orders_partition" in name:
        os._exit(70)
    return f"{name}: applied"


if __name__ == "__main__":
    server.run("stdio")
