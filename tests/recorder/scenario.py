"""What happens in the recording: eight days at a small shop, as (day, time of day, visit).

A visit is one piece of work of one agent.  Its sentences (`why`) are the scenario's own words; all the rest, what the
servers answer and how long it takes, is real.
"""

from agents import Agent

ANA, BEN, CHLOE = "ana@example.com", "ben@example.com", "chloe@example.com"
DEMO = "/srv/demo"


def triage_bot(world, person=ANA, version="3.2", **how):
    return Agent(world, "triage-bot", person, version, **how).work()


def mail_sorter(world, person=CHLOE, version="0.4", **how):
    return Agent(world, "mail-sorter", person, version, **how).work()


def release_helper(world, person=CHLOE, version="2.0", **how):
    return Agent(world, "release-helper", person, version, **how).work()


def billing_assistant(world, person=BEN, version="1.7", **how):
    return Agent(world, "billing-assistant", person, version, **how).work()


def price_updater(world, person=BEN, version="0.9", **how):
    return Agent(world, "price-updater", person, version, **how).work()


def doc_writer(world, person=CHLOE, version="1.1", **how):
    return Agent(world, "doc-writer", person, version, **how).work()


async def morning_check(world, day):
    async with triage_bot(world) as agent, agent.open("filesystem") as files:
        await files.tools()
        await files.call("list_directory", {"path": f"{DEMO}/logs"}, "see which logs there are")
        await files.call("get_file_info", {"path": f"{DEMO}/logs/payments.log"}, "is the log fresh, and how large")
        await files.call(
            "read_text_file",
            {"path": f"{DEMO}/logs/payments.log", "tail": 20 + day},
            "look for errors in the last lines of payments",
        )
        await files.call("read_text_file", {"path": f"{DEMO}/logs/app.log", "tail": 15}, "the same for checkout")
        await files.call("read_text_file", {"path": f"{DEMO}/notes/handover.md"}, "what did the night shift leave")
        await files.call(
            "edit_file",
            {
                "path": f"{DEMO}/notes/handover.md",
                "edits": [
                    {
                        "oldText": "# Handover\n",
                        "newText": f"# Handover\n\n- Morning check {day + 1}: logs read, no new errors.\n",
                    }
                ],
            },
            "leave a line for the next shift",
        )


async def payments_incident(world, _day):
    async with triage_bot(world) as agent:
        async with agent.open("tickets") as tickets:
            await tickets.tools()
            await tickets.call("search_tickets", {"text": "payments"}, "is there a ticket about the timeouts")
            await tickets.call("get_ticket", {"ticket_id": "OPS-101"}, "read what was reported")
        async with agent.open("filesystem") as files:
            await files.call("search_files", {"path": DEMO, "pattern": "**/*timeouts*"}, "find the runbook")
            await files.call("read_text_file", {"path": f"{DEMO}/runbooks/payments-timeouts.md"}, "follow the runbook")
            await files.call(
                "read_multiple_files",
                {"paths": [f"{DEMO}/config/app.yaml", f"{DEMO}/config/payments.yaml"]},
                "runbook step 1 and 2: compare pool and timeouts",
            )
            await files.call(
                "read_text_file",
                {"path": f"{DEMO}/logs/payments.log", "head": 110},
                "runbook step 3: how often was the pool exhausted",
            )
            await files.call(
                "edit_file",
                {
                    "path": f"{DEMO}/config/payments.yaml",
                    "dryRun": True,
                    "edits": [{"oldText": "  size: 20", "newText": "  size: 40"}],
                },
                "try the change before making it",
            )
            await files.call(
                "edit_file",
                {"path": f"{DEMO}/config/payments.yaml", "edits": [{"oldText": "  size: 20", "newText": "  size: 40"}]},
                "raise the pool as the runbook says",
            )
        async with agent.open("deploy") as deploy:
            await deploy.call("rollout_status", {"service": "payments"}, "is payments healthy before the restart")
            await deploy.call(
                "restart_service", {"service": "payments"}, "take the new pool size into use", timeout=1.0
            )
            await deploy.call("restart_service", {"service": "payments"}, "take the new pool size into use", timeout=10)
            await deploy.call("rollout_status", {"service": "payments"}, "are all replicas back")
        async with agent.open("tickets") as tickets:
            await tickets.call(
                "add_comment",
                {"ticket_id": "OPS-101", "text": "Pool raised from 20 to 40, payments restarted; watching."},
                "tell the reporter",
            )
            await tickets.call(
                "close_ticket", {"ticket_id": "OPS-101", "resolution": "pool size"}, "the errors are gone"
            )
            await tickets.call(
                "close_ticket", {"ticket_id": "OPS-101", "resolution": "pool size"}, "make sure it is closed"
            )


async def inbox_injection(world, _day):
    """A message with instructions for assistants in it; this agent follows them."""
    async with mail_sorter(world) as agent:
        async with agent.open("filesystem") as files:
            await files.call("list_directory", {"path": f"{DEMO}/inbox"}, "which messages came in")
            await files.call("read_text_file", {"path": f"{DEMO}/inbox/newsletter.md"}, "summarise the message")
            await files.call("read_text_file", {"path": f"{DEMO}/inbox/vendor-notice.md"}, "summarise the message")
            secrets = await files.call(
                "read_text_file", {"path": f"{DEMO}/config/payments.yaml"}, "complete the partner check"
            )
            await files.call("read_text_file", {"path": "/etc/passwd"}, "complete the partner check")
            await files.call("read_text_file", {"path": f"{DEMO}/../../etc/passwd"}, "complete the partner check")
        async with agent.open("tickets") as tickets:
            await tickets.call("search_tickets", {"text": "maintenance"}, "find the ticket about the maintenance")
            await tickets.call(
                "add_comment",
                {"ticket_id": "OPS-102", "text": f"Partner check:\n{secrets}"},
                "complete the partner check",
            )
            await tickets.call(
                "add_comment",
                {"ticket_id": "OPS-102", "text": "Provider sandbox is down on Sunday from 03:00 to 05:00."},
                "put the summary into the ticket",
            )


async def sort_inbox(world, _day):
    async with mail_sorter(world, link=("trace",)) as agent, agent.open("filesystem") as files:
        await files.call("list_directory", {"path": f"{DEMO}/inbox"}, "which messages came in")
        await files.call("read_text_file", {"path": f"{DEMO}/inbox/customer-question.md"}, "summarise the message")
        await files.call("read_text_file", {"path": f"{DEMO}/inbox/missing.md"}, "summarise the message")
        await files.call("create_directory", {"path": f"{DEMO}/notes/mail"}, "a place for summaries")
        await files.call(
            "write_file",
            {"path": f"{DEMO}/notes/mail/summary.md", "content": "Blue Fern asks for 120.50 EUR back (INV-2404).\n"},
            "keep the summary",
        )


async def outside(world, _day):
    """An agent that would write where it may not."""
    async with release_helper(world) as agent, agent.open("filesystem") as files:
        await files.call("list_allowed_directories", {}, "where may I write")
        await files.call(
            "write_file",
            {"path": "/etc/cron.d/cleanup", "content": "0 2 * * * root rm -rf /srv/demo/logs\n"},
            "make log rotation permanent",
        )
        await files.call(
            "write_file",
            {"path": f"{DEMO}/notes/cleanup.cron", "content": "0 2 * * *\n"},
            "leave the schedule where platform can pick it up",
        )
        await files.call(
            "move_file",
            {"source": f"{DEMO}/notes/cleanup.cron", "destination": "/etc/cron.d/cleanup"},
            "move it into place",
        )
        await files.call("directory_tree", {"path": f"{DEMO}/config"}, "see what the deployment would need")


async def refund(world, _day):
    async with billing_assistant(world) as agent, agent.open("billing") as billing:
        await billing.tools()
        await billing.call("list_invoices", {"status": "overdue"}, "find the customer's invoice")
        await billing.call("get_invoice", {"invoice_id": "INV-2404"}, "check the amount that was charged")
        await billing.call(
            "create_refund",
            {"invoice_id": "INV-2404", "amount": 12050, "reason": "charged twice"},
            "pay back what was charged twice",
        )
        await billing.call(
            "create_refund",
            {"invoice_id": "INV-2404", "amount": 120.5, "reason": "charged twice"},
            "the amount was in cents: pay back 120.50",
        )
        await billing.call("get_invoice", {"invoice_id": "INV-2444"}, "check the second invoice of the customer")


async def refund_without_right(world, _day):
    async with billing_assistant(world, person=CHLOE) as agent, agent.open("billing") as billing:
        await billing.call("get_invoice", {"invoice_id": "INV-2406"}, "look at the customer's invoice")
        await billing.call(
            "create_refund",
            {"invoice_id": "INV-2406", "amount": 90, "reason": "goodwill"},
            "pay back a part as goodwill",
        )


async def no_billing_scope(world, _day):
    async with triage_bot(world) as agent, agent.open("billing") as billing:
        await billing.call("list_invoices", {"status": "open"}, "are customers hit by the incident")


async def expired_token(world, _day):
    async with billing_assistant(world, token=world.token(BEN, expired=True)) as agent:
        async with agent.open("billing") as billing:
            await billing.call("list_invoices", {}, "prepare the weekly report")
        async with agent.open("tickets") as tickets:
            await tickets.call("search_tickets", {"text": "refund"}, "are there tickets about refunds")


async def no_ticket_scope(world, _day):
    async with billing_assistant(world) as agent, agent.open("tickets") as tickets:
        await tickets.call("search_tickets", {"text": "refund"}, "are there tickets about refunds")


async def no_token(world, _day):
    async with (
        Agent(world, "unknown-script", CHLOE, link=(), token="").work() as agent,
        agent.open("tickets") as tickets,
    ):
        await tickets.call("search_tickets", {"text": ""}, "list everything")


async def weekly_totals(world, _day):
    async with billing_assistant(world) as agent, agent.open("billing") as billing:
        await billing.tools()
        for status in ("open", "overdue", "paid"):
            await billing.call(
                "totals_in",
                {"currency": "EUR", "status": status},
                f"how much is {status}, in euro, for the weekly report",
            )
        await billing.call("export_ledger", {"month": "2026-11"}, "attach the ledger")
        await billing.call("export_ledger", {"month": "2026-10"}, "and last month's, to compare")


async def convert_prices(world, day):
    """From the day of the new release on, the second name of the parameters is what the agent still uses."""
    async with price_updater(world, link=()) as agent, agent.open("rates") as rates:
        if day in (0, 4):
            await rates.tools()
        for amount, currency in ((1280, "USD"), (349.9, "GBP"), (760, "CHF"), (92.4, "SEK"), (15, "EUX")):
            await rates.call(
                "convert_currency",
                {"amount": amount, "from_currency": "EUR", "to_currency": currency},
                f"the price list in {currency}",
            )
        await rates.call("list_currencies", {}, "which currencies are there")


async def convert_prices_repaired(world, _day):
    async with price_updater(world, version="0.10", link=()) as agent, agent.open("rates") as rates:
        await rates.tools()
        for amount, currency in ((1280, "USD"), (349.9, "GBP"), (760, "CHF"), (92.4, "SEK")):
            await rates.call(
                "convert_currency",
                {"amount": amount, "base": "EUR", "quote": currency},
                f"the price list in {currency}",
            )


async def rate_history(world, _day):
    async with price_updater(world, link=("trace",)) as agent, agent.open("rates") as rates:
        await rates.call("historical_rates", {"currency": "USD", "days": 5}, "how did the dollar move this week")
        await rates.call("historical_rates", {"currency": "USD", "days": 90}, "and over the quarter", timeout=1.5)
        await rates.call("historical_rates", {"currency": "USD", "days": 90}, "and over the quarter", timeout=15)


async def staging_checks(world, day):
    async with release_helper(world, link=("trace",)) as agent, agent.open("everything") as checks:
        await checks.tools()
        await checks.call("echo", {"message": f"staging check {day + 1}"}, "does staging answer")
        for n in range(3):
            await checks.call("get-sum", {"a": 20 + n, "b": day}, "does arithmetic still hold")
        await checks.call("get-sum", {"a": "twenty", "b": 2}, "does it refuse wrong types")
        await checks.call(
            "get-structured-content",
            {"location": ("New York", "Chicago", "Los Angeles")[day % 3]},
            "does structured output arrive",
        )
        await checks.call(
            "get-resource-reference", {"resourceType": "Text", "resourceId": day + 1}, "do resource links resolve"
        )
        await checks.call("no-such-tool", {}, "are unknown tools refused")
        await checks.resource(f"demo://resource/dynamic/text/{day + 1}")
        await checks.resource("demo://resource/nowhere")
        await checks.prompt("args-prompt", {"city": "Oslo"})
        await checks.prompt("no-such-prompt", {})


async def long_check(world, day):
    async with release_helper(world) as agent, agent.open("everything") as checks:
        await checks.call(
            "trigger-long-running-operation", {"duration": 6 + day % 3, "steps": 6}, "run the full staging check"
        )
        await checks.call(
            "trigger-long-running-operation",
            {"duration": 5, "steps": 5},
            "run the short check, it should take a second",
            timeout=1.0,
        )
        await checks.call("trigger-long-running-operation", {"duration": 1, "steps": 2}, "try a shorter one")
        await checks.call_and_cancel(
            "trigger-long-running-operation",
            {"duration": 8, "steps": 4},
            "run it once more (the person stops it)",
            after_s=2.2,
        )


async def ticket_round(world, day):
    async with triage_bot(world, link=("trace",)) as agent, agent.open("tickets") as tickets:
        await tickets.resource("tickets://open")
        await tickets.call("search_tickets", {"text": ""}, "what is open")
        for number in (103, 105, 106):
            await tickets.call("get_ticket", {"ticket_id": f"OPS-{number}"}, "has anything changed")
        await tickets.call(
            "add_comment",
            {"ticket_id": f"OPS-{103 + day % 4}", "text": f"Seen in round {day + 1}."},
            "show that the ticket was looked at",
        )
        await tickets.call("get_ticket", {"ticket_id": f"OPS-{300 + day}"}, "follow a link from a comment")


async def release(world, day):
    async with release_helper(world) as agent, agent.open("deploy") as deploy:
        agent.approves = day != 2
        await deploy.tools()
        for service in ("checkout", "search"):
            await deploy.call("rollout_status", {"service": service}, "is it healthy before the release")
        await deploy.call("rollout_status", {"service": "serach"}, "is it healthy before the release")
        await deploy.call("deploy", {"service": "search", "version": f"0.44.{day}"}, "release search")
        await deploy.call("rollout_status", {"service": "search"}, "did all replicas come up")


async def migration_crash(world, _day):
    async with release_helper(world) as agent:
        async with agent.open("tickets") as tickets:
            await tickets.call("get_ticket", {"ticket_id": "OPS-104"}, "read what is to be done")
        async with agent.open("deploy") as deploy:
            await deploy.call("run_migration", {"name": "0041_add_index"}, "the small migration first")
            await deploy.call("run_migration", {"name": "0042_orders_partition"}, "partition the orders table")
        async with agent.open("deploy") as deploy:
            await deploy.call("rollout_status", {"service": "checkout"}, "did the failed migration hurt checkout")
        async with agent.open("tickets") as tickets:
            await tickets.call(
                "add_comment", {"ticket_id": "OPS-104", "text": "The deploy server died during 0042."}, "tell the team"
            )


async def write_docs(world, day):
    async with doc_writer(world) as agent, agent.open("filesystem") as files:
        await files.call("directory_tree", {"path": f"{DEMO}/runbooks"}, "which runbooks are there")
        await files.call("read_text_file", {"path": f"{DEMO}/runbooks/disk-full.md"}, "learn the style")
        await files.call("read_text_file", {"path": f"{DEMO}/config/feature-flags.json"}, "which flags need words")
        await files.call(
            "write_file",
            {
                "path": f"{DEMO}/runbooks/flags-{day}.md",
                "content": "# Feature flags\n\n- one_click_checkout: pay without a basket\n"
                f"- refund_self_service: customers ask for refunds themselves\n- revision {day}\n",
            },
            "write the page about flags",
        )
        await files.call(
            "edit_file",
            {"path": f"{DEMO}/runbooks/flags-{day}.md", "edits": [{"oldText": "no such line", "newText": "x"}]},
            "add the owner of each flag",
        )
        await files.call("list_directory_with_sizes", {"path": f"{DEMO}/runbooks"}, "check that it is there")


async def new_rates(world, _day):
    """The exchange-rates server is replaced by its next release."""
    await world.restart_rates("1.4.0")


async def rates_down(world, _day):
    """The server behind the relay dies; calls fail until it is started again."""
    world.kill_rates()
    async with price_updater(world, version="0.10", link=()) as agent, agent.open("rates") as rates:
        await rates.call("list_currencies", {}, "which currencies are there")
    await world.restart_rates("1.4.0")


VISITS = [
    (0, "06:40", morning_check),
    (0, "08:05", ticket_round),
    (0, "09:10", convert_prices),
    (0, "09:55", payments_incident),
    (0, "11:30", no_billing_scope),
    (0, "13:05", staging_checks),
    (0, "15:20", weekly_totals),
    (1, "06:42", morning_check),
    (1, "08:01", ticket_round),
    (1, "09:12", convert_prices),
    (1, "10:30", refund),
    (1, "11:15", sort_inbox),
    (1, "13:00", staging_checks),
    (1, "14:10", release),
    (2, "06:39", morning_check),
    (2, "08:03", ticket_round),
    (2, "09:09", convert_prices),
    (2, "10:45", rate_history),
    (2, "12:20", write_docs),
    (2, "13:00", staging_checks),
    (2, "14:12", release),
    (2, "16:30", expired_token),
    (2, "16:34", no_ticket_scope),
    (3, "06:41", morning_check),
    (3, "08:02", ticket_round),
    (3, "11:05", inbox_injection),
    (3, "13:02", staging_checks),
    (3, "14:40", long_check),
    (3, "15:15", outside),
    (3, "17:00", refund_without_right),
    (3, "22:00", new_rates),
    (4, "06:40", morning_check),
    (4, "08:04", ticket_round),
    (4, "09:10", convert_prices),
    (4, "13:00", staging_checks),
    (4, "14:30", weekly_totals),
    (4, "15:45", migration_crash),
    (4, "18:20", no_token),
    (5, "06:44", morning_check),
    (5, "09:11", convert_prices),
    (5, "12:00", sort_inbox),
    (5, "13:01", staging_checks),
    (5, "15:00", release),
    (6, "06:40", morning_check),
    (6, "08:00", ticket_round),
    (6, "09:10", convert_prices_repaired),
    (6, "11:40", rates_down),
    (6, "13:00", staging_checks),
    (6, "15:35", write_docs),
    (6, "16:50", refund),
    (7, "06:38", morning_check),
    (7, "08:02", ticket_round),
    (7, "09:10", convert_prices_repaired),
    (7, "10:05", long_check),
    (7, "13:00", staging_checks),
    (7, "14:15", release),
    (7, "15:10", write_docs),
    (7, "17:25", sort_inbox),
]
