/*
 * The verbs of mcpledger: VERB(id, "name", WHAT, "arguments", "summary", "help").  verb_<id> runs it; see cli.h.
 *
 * WHAT    READS: answers from events; with --url the daemon runs it, and GET /api/v1/<name> answers the same as JSON.
 *         ALONE: works in the command line only.
 * help    the text of `mcpledger help NAME`: what the words are, examples.  Options stand in cli_options.h.
 */
VERB(timeline, "timeline", READS, "ID | WORDS",
	"What happened in a session, conversation, trace or around a call, in order",
	"ID is a session, conversation, trace or call id; all of the same piece of work is shown.  WORDS are those of "
	"a search.\n"
	"  mcpledger timeline 92c19ee4-850d-4447-af89-a3c5547ceeeb\n"
	"  mcpledger timeline user:alice@acme.io --since yesterday")
VERB(search, "search", READS, "WORDS", "Find events, newest last",
	"A word or \"phrase\" is looked for in parameters, results, errors, intents and attributes; field:value in a "
	"field.\n"
	"Put the whole search in single quotes when it holds double ones.\n"
	"  mcpledger search tool:read_file 'user:alice@*' verdict:error,denied --since 2h\n"
	"  mcpledger search 'server:fs duration:>2s request.path:/etc/* -tool:ping'\n"
	"  mcpledger search '( tool:rm OR effect:delete ) \"/srv/data\"'\n"
	"  mcpledger search server:fs --sort duration -n 10\n"
	"mcpledger help query tells all of the search language, and the names of fields.")
VERB(show, "show", READS, "ID", "Everything about one event",
	"ID is the id of an event, as answers show it, or its sequence number.\n"
	"  mcpledger show 4711\n"
	"  mcpledger show 0192f3c2-7b1e-7cc0-9d6a-0f3b5a1c2d3e -o json")
VERB(stats, "stats", READS, "[WORDS]", "Figures of the store, or of calls by field",
	"Without --by: events, blocks and bytes of the store.  With --by FIELD[,FIELD]: calls that the words match, "
	"by\n"
	"outcome, with durations and bytes.  Only tool calls are counted unless the words or --by name a kind.\n"
	"  mcpledger stats\n"
	"  mcpledger stats --by server,tool --since 7d")
VERB(export, "export", READS, "", "All events as NDJSON, in order of arrival",
	"The same bytes for the same store.  Coverage and damage are told on stderr.\n"
	"  mcpledger export --data ./mcpledger-data > events.ndjson")
VERB(import, "import", ALONE, "[FILE|-]", "Send exported or recorded events to a collector",
	"Lines of `export`, or native events.  What the collector has already is left out, so an import that broke off "
	"can\n"
	"be run again.  With a tokens file it needs a token of scope admin.\n"
	"The collector is the one at --url, default http://127.0.0.1:7373.\n"
	"  mcpledger import events.ndjson --url http://127.0.0.1:7373")
VERB(demo, "demo", ALONE, "", "Load recorded traffic into the tenant demo, with fresh times and new ids",
	"  mcpledger demo\n"
	"The collector is the one at --url, default http://127.0.0.1:7373.\n"
	"  mcpledger timeline user:ana@example.com --data ./mcpledger-data")
VERB(token, "token", ALONE, "NAME", "Make a token for http.tokens_file; it is shown once",
	"Appends its line to the file F (which is made, for you alone) and prints the token.\n"
	"  mcpledger token gateway-1 --scopes ingest --tenants acme,beta --file /etc/mcpledger/tokens")
