/*
 * The verbs of mcpledger, as help lists them: GROUP("heading of those that follow"), and
 * VERB(id, "name", WHAT, "arguments", "summary", "help").  verb_<id> runs it; see cli.h.
 *
 * WHAT       READS: answers from events; with --url the daemon runs it, and GET /api/v1/<name> answers the same as JSON.
 *            ALONE: works in the command line only.
 * arguments  as usage shows them; shells complete them by these words: WORDS (a search), FIELD, FILE, DIR, VERB, and
 *            words in small letters, which are offered themselves.
 * help       what the words are, then two examples or more that work on the demo; see prose.h.  Options stand in
 *            cli_options.h.
 */
#ifndef GROUP
#define GROUP(title)
#endif

GROUP("Investigate")
VERB(timeline, "timeline", READS, "ID | WORDS", "What happened in a piece of work, in order",
	"ID is that of a session, conversation, trace or call; all of the same piece of work is shown. WORDS are those "
	"of a search: what it finds is shown, each in its piece of work.\n"
	"A call that client, gateway and server report is one line; what they tell differently stands below it (≠). A "
	"call "
	"that was made again right after it failed is one line with its attempts. Times are corrected where a clock is "
	"off by more than 2 seconds, and the head says so.\n"
	"  mcpledger timeline 92c19ee4-850d-4447-af89-a3c5547ceeeb\n"
	"  mcpledger timeline '\"partner check\"'\n"
	"  mcpledger timeline user:chloe@example.com --since yesterday")
VERB(sessions, "sessions", READS, "[WORDS]", "Pieces of work: who, how much, how long",
	"A piece of work is what the first of these holds together: the conversation (also by way of its turn), the "
	"session, the trace. Where an event has none, the same user, OAuth client, client program and server make one "
	"until nothing happens for 30 minutes; that is marked as inferred. With WORDS, those are shown in which the "
	"search finds something, and only what it finds is counted. A call that client, gateway and server tell of "
	"counts once. --and and --then ask for a second search: did it read the secret, and then post something?\n"
	"  mcpledger sessions --since yesterday\n"
	"  mcpledger sessions agent:triage-bot verdict:denied\n"
	"  mcpledger sessions --sort errors -n 10\n"
	"  mcpledger sessions 'request.path:*config*' --then tool:add_comment")
VERB(search, "search", READS, "WORDS", "Find events, newest last",
	"A word or \"phrase\" is looked for in parameters, results, errors, intents and attributes; field:value in a "
	"field. Put the whole search in single quotes when it holds double ones.\n"
	"  mcpledger search tool:read_text_file 'user:chloe@*' verdict:error,denied\n"
	"  mcpledger search 'request.path:/etc/* -verdict:ok'\n"
	"  mcpledger search '( tool:restart_service OR effect:delete ) duration:>900ms'\n"
	"  mcpledger search server:billing --sort duration -n 10\n"
	"`mcpledger help query` tells all of the search language, and the names of fields.")
VERB(count, "count", READS, "[WORDS]", "How many events a search finds",
	"WORDS are those of a search; without them, all events count. Each event counts once, so a call that several "
	"observers tell of counts for each of them. What the summaries of the store's blocks tell, such as the values "
	"of "
	"server, tool, verdict or error.type, is not read from the blocks.\n"
	"  mcpledger count verdict:error\n"
	"  mcpledger count tool:read_text_file --since yesterday")
VERB(show, "show", READS, "ID", "Everything about one event",
	"ID is the id of an event, as answers show it, or its sequence number.\n"
	"  mcpledger show 42\n"
	"  mcpledger show 0192f3c2-7b1e-7cc0-9d6a-0f3b5a1c2d3e -o json")
VERB(tail, "tail", READS, "[WORDS]", "The newest events; with -f, as they arrive",
	"WORDS are those of a search. With --url, -f goes on by itself where it was when the connection was lost; "
	"`GET /api/v1/tail` always follows, as server-sent events.\n"
	"  mcpledger tail verdict:denied,error\n"
	"  mcpledger tail user:chloe@example.com -n 100")
VERB(related, "related", READS, "ID | TEXT", "What has to do with an event, and why",
	"ID is the id or seq of an event. Related is, the strongest and nearest first: what names it or has the same "
	"id, what called it or was called by it, what got values of its result (addresses, paths, ids) as parameters "
	"or "
	"gave it its own, the same tool with the same arguments, the same conversation, session, trace, turn, task or "
	"token, and the same user or server within 5 minutes. A TEXT that is no event's id is looked for itself: which "
	"results held it, and where it was passed on.\n"
	"  mcpledger related 42\n"
	"  mcpledger related 0192f3c2-7b1e-7cc0-9d6a-0f3b5a1c2d3e -n 20\n"
	"  mcpledger related OPS-102 --since 30d")
VERB(auth, "auth", READS, "[WORDS]", "Logins, tokens and denied calls",
	"Events of kind auth, and calls that were denied, by principal, client, step, method, result and reason; "
	"denials stand first.\n"
	"  mcpledger auth --since 7d\n"
	"  mcpledger auth user:ana@example.com verdict:denied")
VERB(definitions, "definitions", READS, "[TOOL | WORDS]", "What tools said they do, and what changed",
	"Each version of a tool's definition that was announced, with what differs from the one before: description, "
	"parameters, hints. CALLS are those that saw it, by the digest they name, else by their time; FAILED those "
	"that "
	"ended in an error or were refused as invalid, beside the share before the change. Definitions that calls name "
	"and "
	"nobody announced are told, too. Tools that changed come first. TOOL is a name; WORDS are those of a search.\n"
	"With --as-of: the definitions in force at that time; of a single tool in full.\n"
	"  mcpledger definitions\n"
	"  mcpledger definitions convert_currency\n"
	"  mcpledger definitions server:exchange-rates --as-of 3d\n"
	"  mcpledger definitions op:changed -o json")
VERB(diff, "diff", READS, "WORDS", "What somebody did that they never did before",
	"WORDS choose events, such as user:alice or agent:triage-bot; those since --since (default: the day up to the "
	"newest of them) are compared with those of the --baseline before. Told is what is new: effects, servers, "
	"tools, "
	"resources, e-mail addresses, hosts and folders in parameters, failures, sign-ins, scopes, clients, peers, "
	"names "
	"of arguments, hours of the day; with the first event of each.\n"
	"  mcpledger diff user:chloe@example.com --baseline 30d\n"
	"  mcpledger diff agent:release-helper --since 1d --baseline 7d\n"
	"  mcpledger diff user:chloe@example.com --since 4d -o json")
VERB(first_seen, "first-seen", READS, "[FIELD,…] [WORDS]", "What was seen for the first time, and when",
	"The newest first. FIELD names what is looked at, such as token or user,tool (pairs); without it: servers, "
	"their "
	"tools and versions, users, agents, clients, which user on which server and with which tool. Other WORDS are a "
	"search, and only events that it finds count. With --since, only what was first seen then; it is compared with "
	"all "
	"of the record before, or with the --baseline.\n"
	"  mcpledger first-seen\n"
	"  mcpledger first-seen user,tool --since 2d\n"
	"  mcpledger first-seen net.user_agent server:tickets --since 5d --baseline 30d")
VERB(disagreements, "disagreements", READS, "[WORDS]", "Calls that their observers tell differently",
	"A call that several observers report is one; here are those of which they say different things: the verdict, "
	"how "
	"long it took, the result, the parameters, the user, or that one of them, which tells of other such calls, "
	"does "
	"not tell of it at all. WORDS are those of a search, for the calls. The newest 50, unless -n says otherwise.\n"
	"  mcpledger disagreements\n"
	"  mcpledger disagreements server:payments --since 7d -o ndjson")
VERB(gaps, "gaps", READS, "", "Where the record is not complete, and why",
	"One by one: what retention removed, parts of the store that are missing or damaged, what the collector lost "
	"or "
	"refused and when it was down, numbers of emitters that never came, emitters that went silent, sources that "
	"send "
	"a sample, calls without an end. With the time, the source, how many events, why, and what it means. Exit 1: "
	"nothing is known to be missing.\n"
	"  mcpledger gaps || echo 'nothing is known to be missing'\n"
	"  mcpledger gaps --since 7d -o json || true")

GROUP("Figures")
VERB(tools, "tools", READS, "[WORDS]", "Tools: calls, failures, durations, users",
	"One row for each tool of each server. A call that client, gateway and server tell of counts once. Effect is "
	"what it does to the world, as its definition claims or an operator said. JSON also has users, versions, "
	"digests of definitions and the latest error.\n"
	"  mcpledger tools --since 7d --sort error_rate\n"
	"  mcpledger tools server:billing")
VERB(servers, "servers", READS, "[WORDS]", "Servers: versions, state, calls, failures",
	"One row for each server name; state is that of the latest lifecycle event.\n"
	"  mcpledger servers\n"
	"  mcpledger servers --since 1h --sort errors")
VERB(principals, "principals", READS, "[WORDS]", "Who acted: people, workloads, OAuth clients",
	"One row for each user; where events have none, for each workload or OAuth client. Trust is claimed unless an "
	"emitter that may assert identities vouched for all (verified) or some (mixed) of the events.\n"
	"  mcpledger principals --sort refused\n"
	"  mcpledger principals tool:create_refund")
VERB(errors, "errors", READS, "[WORDS]", "Errors, the same ones together, since when",
	"Errors with the same digest of their stack are one row, others those of the same type, server and tool. With "
	"--since, new says whether the first one of all that is stored lies in the range. JSON holds the stack.\n"
	"  mcpledger errors --since 24h\n"
	"  mcpledger errors server:deploy --sort first_seen")
VERB(report, "report", READS, "usage|tools|credentials [WORDS]", "Who uses what, what fails, whose tokens",
	"Of the last 30 days, unless --since says otherwise; -n is the rows of a section. usage: calls by tenant, "
	"team, "
	"user, agent and tool. tools: those that fail most, the slowest, and those that are known but were not called. "
	"credentials: for each token who used it, from where, for which tools, its expiry and state; flagged first are "
	"those used after they expired or were revoked, or by several users.\n"
	"  mcpledger report usage --since 7d\n"
	"  mcpledger report tools server:exchange-rates\n"
	"  mcpledger report credentials user:chloe@example.com")
VERB(stats, "stats", READS, "[WORDS]", "Figures of the store, or of calls by field",
	"Without --by: events, blocks and bytes of the store. With --by FIELD[,FIELD]: calls that the words match, by "
	"outcome, with durations and bytes; a field may be a path into parameters, or minute, hour, day (UTC). Only "
	"calls "
	"are counted unless the words or --by name a kind; each report of a call counts, which tools does not do.\n"
	"Errors are what counts against the server: tool_error, rpc_error, transport_error and timeout. Refused is "
	"what "
	"does not: denied, throttled, rejected, cancelled. p99 is the smallest duration that 99 % do not exceed, exact "
	"for "
	"up to 65536 in a group (512 where all have more than four million), else at most 0.8 % off.\n"
	"With -n, or beyond 10000 groups, the rest is one row (other), so that totals stay right.\n"
	"  mcpledger stats\n"
	"  mcpledger stats --by server,tool --since 7d --sort errors -n 10\n"
	"  mcpledger stats --by day,user verdict:denied\n"
	"  mcpledger stats --by request.path tool:read_text_file")

GROUP("The store")
VERB(export, "export", READS, "", "All events as NDJSON, in order of arrival",
	"The same bytes for the same store. Coverage and damage are told on stderr.\n"
	"With --checkpoint, each run tells what came since the last one. The file moves on only when all was written "
	"(and, to a file, is on disk): after a failure the next run tells the same again, and nothing is passed over.\n"
	"  mcpledger export --data ./mcpledger-data > events.ndjson\n"
	"  mcpledger export --tenant demo --since 7d | gzip > demo.ndjson.gz\n"
	"  mcpledger export --checkpoint siem.position >> to-siem.ndjson")
VERB(backup, "backup", ALONE, "DIR", "Copy a store, also one in use",
	"DIR is a new or empty directory, or one with an earlier backup of the same store, to which only what is new "
	"is "
	"added; a backup that was broken off is finished so. What was copied is read again and its checksums are "
	"compared. The backup is a store: --data DIR reads it. Not copied are the keys in keys/ (for new payload "
	"digests "
	"and for finding duplicates; reading needs none of them): keep them apart. Until a backup is whole, DIR holds "
	"the file backup.incomplete. A backup is made from the directory, on the collector's machine, by its owner.\n"
	"  mcpledger backup ./backup\n"
	"  mcpledger backup evidence/case-17 --data ./mcpledger-data")
VERB(verify, "verify", ALONE, "", "Whether a store is whole; save what is",
	"Reads all of the store's files without trusting any of it: the pages and how they hang together, each block, "
	"tail chunk, summary and large payload with its checksum, that no event is missing within a segment or between "
	"two, and that each segment holds what it says. What is wrong is told with its segment, page and events; then "
	"the exit is 3. Nothing is changed. The store is read from its directory, as its owner where it is in use.\n"
	"With --salvage, a new store is made in DIR, which must be new or empty, of all events that are whole, also "
	"where "
	"nothing leads to them any more: then the files are searched for them. Events keep their seq and their "
	"canonical "
	"bytes. What is lost is told, every answer of the new store says that it is missing, and the exit is 3. The "
	"collector must be stopped; keys/ is not copied: copy it yourself where the new store takes the old one's "
	"place.\n"
	"  mcpledger verify\n"
	"  mcpledger verify --data evidence/case-17 -o json\n"
	"  mcpledger verify --data evidence/case-17 --salvage ./salvaged")

GROUP("Send")
VERB(import, "import", ALONE, "[FILE|-]", "Send exported or recorded events",
	"Lines of export, or native events, plain or gzip. Events keep their time and get a new seq; an export's own "
	"seq, "
	"receipt and marks stand in ingest.origin. What the collector has already is left out, so an import that broke "
	"off can be run again; a line that is refused is named. With a tokens file it needs a token of scope admin. "
	"The "
	"collector is the one at --url, by default http://127.0.0.1:7373.\n"
	"  mcpledger import events.ndjson\n"
	"  mcpledger import demo.ndjson.gz\n"
	"  mcpledger export | mcpledger import - --url http://127.0.0.1:7373")
VERB(demo, "demo", ALONE, "", "Load recorded traffic into the tenant demo",
	"Eight days of a small shop, with fresh times and new ids. The collector is the one at --url, by default "
	"http://127.0.0.1:7373.\n"
	"  mcpledger demo\n"
	"  mcpledger demo --url http://127.0.0.1:7373 --quiet")

GROUP("Other")
VERB(token, "token", ALONE, "NAME", "Make a token for http.tokens_file",
	"Prints the token, which is shown only this once, and appends a line with its hash to the file of --file "
	"(which is "
	"made, for you alone).\n"
	"  mcpledger token gateway-1 --scopes ingest --tenants acme,beta --file tokens\n"
	"  mcpledger token auditor --scopes read --file tokens")
VERB(completion, "completion", ALONE, "bash|zsh|fish", "The completion script of a shell",
	"Completes verbs, options, their values, and the fields of a search. Packages install it; else, once for this "
	"shell, or for all to come:\n"
	"  source <(mcpledger completion bash)\n"
	"  mcpledger completion bash >> ~/.bash_completion\n"
	"  mcpledger completion zsh > ~/.zfunc/_mcpledger\n"
	"  mcpledger completion fish > ~/.config/fish/completions/mcpledger.fish\n"
	"The folder for zsh has to stand in its fpath, before compinit.")
VERB(help, "help", ALONE, "[VERB|query]", "This text, a verb, or the search language",
	"  mcpledger help\n"
	"  mcpledger help search\n"
	"  mcpledger help query")
VERB(version, "version", ALONE, "", "The version",
	"  mcpledger version\n"
	"  mcpledger --version")

#undef GROUP
