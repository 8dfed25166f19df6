"""Invoices and refunds (FastMCP, streamable HTTP, protocol 2026-07-28, bearer tokens verified as JWT).

Reading needs the scope billing:read (else 403 before any call), refunds billing:write.  totals_in asks the
exchange-rates server, through its relay, on behalf of the caller."""

import os

from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from fastmcp.server.auth import require_scopes
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_http_headers
from mcp.shared.exceptions import MCPError

with open(os.environ["PUBLIC_KEY_FILE"]) as file:
    verifier = JWTVerifier(
        public_key=file.read(),
        issuer="https://id.example.com",
        audience="billing.example.com",
        required_scopes=["billing:read"],
    )
server = FastMCP("billing", version="2.8.1", auth=verifier)

INVOICES = {
    f"INV-{2400 + n}": {
        "id": f"INV-{2400 + n}",
        "customer": customer,
        "amount": amount,
        "currency": currency,
        "status": status,
    }
    for n, (customer, amount, currency, status) in enumerate(
        [
            ("Northwind Books", 1280.00, "EUR", "paid"),
            ("Alder & Sons", 349.90, "EUR", "open"),
            ("Kite Robotics", 18450.00, "USD", "open"),
            ("Harbour Cafe", 92.40, "GBP", "paid"),
            ("Blue Fern Studio", 2310.75, "EUR", "overdue"),
            ("Osaka Prints", 412000, "JPY", "paid"),
            ("Lindgren Bygg", 15890.00, "SEK", "open"),
            ("Marmot Outdoor", 760.00, "CHF", "overdue"),
        ]
    )
}
refunds = []


@server.tool(annotations={"readOnlyHint": True})
async def list_invoices(status: str | None = None) -> list[dict]:
    """Invoices, all or those of one status."""
    return [invoice for invoice in INVOICES.values() if status in (None, invoice["status"])]


@server.tool(annotations={"readOnlyHint": True})
async def get_invoice(invoice_id: str) -> dict:
    """One invoice."""
    if invoice_id not in INVOICES:
        raise ToolError(f"no invoice {invoice_id}")
    return INVOICES[invoice_id]


@server.tool(annotations={"readOnlyHint": True, "openWorldHint": True})
async def totals_in(currency: str, status: str) -> dict:
    """Sum of the invoices of one status, converted to one currency."""
    headers = {k: v for k, v in get_http_headers().items() if k in ("x-agent", "x-conversation-id")}
    total = 0.0
    transport = StreamableHttpTransport(os.environ["RATES_URL"], headers=headers)
    async with Client(transport) as rates:
        for invoice in INVOICES.values():
            if invoice["status"] == status:
                answer = await rates.call_tool(
                    "convert_currency",
                    {"amount": invoice["amount"], "from_currency": invoice["currency"], "to_currency": currency},
                )
                total += answer.structured_content["amount"]
    return {"status": status, "total": round(total, 2), "currency": currency}


@server.tool(
    annotations={"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False},
    auth=require_scopes("billing:write"),
)
async def create_refund(invoice_id: str, amount: float, reason: str) -> dict:
    """Pays money back."""
    invoice = await get_invoice(invoice_id)
    if amount > invoice["amount"]:
        raise ToolError(f"refund of {amount} is more than the invoice's {invoice['amount']} {invoice['currency']}")
    refunds.append(invoice_id)
    return {"refund": f"RF-{900 + len(refunds)}", "invoice": invoice_id, "amount": amount, "reason": reason}


@server.tool(annotations={"readOnlyHint": True})
async def export_ledger(month: str) -> str:
    """The month's ledger as CSV."""
    if month.endswith("-10"):
        raise MCPError(-32603, "ledger backend answered 500")
    return "\n".join(
        ["invoice,customer,amount,currency"]
        + [",".join(str(invoice[k]) for k in ("id", "customer", "amount", "currency")) for invoice in INVOICES.values()]
    )


if __name__ == "__main__":
    server.run("http", host="127.0.0.1", port=int(os.environ["PORT"]), show_banner=False, log_level="critical")
