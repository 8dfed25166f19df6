"""Exchange rates (FastMCP, streamable HTTP, protocol 2026-07-28).  RATES_VERSION chooses one of two releases: 1.4.0
renamed two parameters of convert_currency, so agents that still call it by the old names fail."""

import asyncio
import os

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

VERSION = os.environ["RATES_VERSION"]
RATES = {"EUR": 1.0, "USD": 1.0842, "GBP": 0.8431, "CHF": 0.9417, "JPY": 163.52, "SEK": 11.214}

server = FastMCP("exchange-rates", version=VERSION)


def convert(amount: float, source: str, target: str) -> dict:
    for currency in (source, target):
        if currency not in RATES:
            raise ToolError(f"unknown currency {currency}")
    return {
        "amount": round(amount / RATES[source] * RATES[target], 2),
        "currency": target,
        "rate": round(RATES[target] / RATES[source], 6),
    }


@server.tool(annotations={"readOnlyHint": True})
async def list_currencies() -> list[str]:
    """Currencies that can be converted."""
    return sorted(RATES)


@server.tool(annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": True})
async def historical_rates(currency: str, days: int) -> list[float]:
    """Daily rates of a currency against the euro, newest first."""
    await asyncio.sleep(0.05 * days)
    return [round(RATES[currency] * (1 + (day * 37 % 19 - 9) / 1000), 4) for day in range(days)]


if VERSION == "1.3.0":

    @server.tool(annotations={"readOnlyHint": True, "idempotentHint": True})
    async def convert_currency(amount: float, from_currency: str, to_currency: str) -> dict:
        """Converts an amount of money."""
        return convert(amount, from_currency, to_currency)
else:

    @server.tool(annotations={"readOnlyHint": True, "idempotentHint": True})
    async def convert_currency(amount: float, base: str, quote: str) -> dict:
        """Converts an amount of money. `base` and `quote` are ISO 4217 codes."""
        return convert(amount, base, quote)


if __name__ == "__main__":
    server.run("http", host="127.0.0.1", port=int(os.environ["PORT"]), show_banner=False, log_level="critical")
