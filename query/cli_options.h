/*
 * The options of mcpledger: OPTION(member, "long name", short name, TYPE, WHERE, "VALUE", "verbs", "help").
 *
 * TYPE    FLAG: bool; STRING: const char *, given once; LIST: struct option_list; FORMAT, LIMIT, TIME: see options.h.
 * WHERE   ASKED: part of the question; with --url it goes along, and it is the read API's parameter of the same name
 *         (as_of for --as-of).  HERE: it says how this process works.
 * verbs   that take it, between spaces; "" = all that read, "* x " = these and x.  Others refuse it.
 */
OPTION(data, "data", 0, LIST, HERE, "DIR", "* backup verify ",
	"a store's directory, live or copied; may be repeated. Default: $MCPLEDGER_STORE_DIR, /var/lib/mcpledger, "
	"~/.local/state/mcpledger")
OPTION(url, "url", 0, STRING, HERE, "URL", "* demo import ",
	"ask a running collector instead of reading a directory (times are then UTC); unix:/path for a socket")
OPTION(token_file, "token-file", 0, STRING, HERE, "FILE", "* demo import ", "holds the token for the collector")
OPTION(output, "output", 'o', FORMAT, ASKED, "FORMAT", "* backup verify ", "table (default), json, ndjson or csv")
OPTION(limit, "limit", 'n', LIMIT, ASKED, "N", "", "at most N, the newest or largest; 0: all")
OPTION(follow, "follow", 'f', FLAG, HERE, NULL, " tail ", "go on with each further event as it becomes durable")
OPTION(since, "since", 0, STRING, ASKED, "TIME", "",
	"the event's time: 2026-11-20T10:00:00Z, 2026-11-20, 2h (ago), yesterday; or that of the first or last event a "
	"search finds: 'first(user:alice verdict:denied)'")
OPTION(until, "until", 0, STRING, ASKED, "TIME", "", "the same; the time itself is no longer in the range")
OPTION(time, "time", 0, TIME, ASKED, "WHICH", "", "recv: --since and --until mean the time of receipt; event (default)")
OPTION(tenants, "tenant", 0, LIST, ASKED, "NAME", "", "only this tenant; may be repeated")
OPTION(sort, "sort", 0, STRING, ASKED, "FIELD", " search stats sessions tools servers principals errors auth ",
	"largest first: by a field that holds numbers (duration, time, …), or by a column of figures (errors, p99, "
	"last_seen, …)")
OPTION(by, "by", 0, STRING, ASKED, "FIELD,…", " stats ", "the fields to group by, such as server,tool")
OPTION(and_words, "and", 0, STRING, ASKED, "WORDS", " sessions ",
	"only those that a second search finds something in, too")
OPTION(then_words, "then", 0, STRING, ASKED, "WORDS", " sessions ",
	"the same, after the first event of the first search")
OPTION(as_of, "as-of", 0, STRING, ASKED, "TIME", " definitions ", "what was in force at this time")
OPTION(baseline, "baseline", 0, STRING, ASKED, "DURATION", " diff first-seen ",
	"how long before --since is compared: 30d (default of diff), 12h; first-seen: all of the record")
OPTION(utc, "utc", 0, FLAG, HERE, NULL, "", "tables show UTC instead of local time (JSON always is UTC)")
OPTION(require_complete, "require-complete", 0, FLAG, ASKED, NULL, "", "exit with 3 when the answer may lack events")
OPTION(match_file, "match-file", 0, STRING, HERE, "FILE",
	" search count tail stats sessions tools servers principals errors auth definitions diff first-seen ",
	"only events that hold one of the indicators in this file, one a line: names, phrases, hashes, addresses")
OPTION(explain, "explain", 0, FLAG, ASKED, NULL, "",
	"tell on stderr, after the answer, which blocks were read, why the others were not, and the time it took")
OPTION(checkpoint, "checkpoint", 0, STRING, HERE, "FILE", " search export ",
	"go on behind what the last run with this file told; it is made, and moves on once all was written")
OPTION(position, "position", 0, STRING, ASKED, "STORE:SEQ,…", " search export ",
	"the same with a position as a checkpoint file holds it; start: from the beginning")
OPTION(quiet, "quiet", 'q', FLAG, ASKED, NULL, "* backup verify demo import ", "no coverage, no progress")
OPTION(salvage, "salvage", 0, STRING, HERE, "DIR", " verify ",
	"make a new store in this directory of all events that are whole")
OPTION(scopes, "scopes", 0, STRING, HERE, "SCOPE,…", " token ", "of ingest, read, admin, assert")
OPTION(token_tenants, "tenants", 0, STRING, HERE, "NAME,…", " token ",
	"tenants the token may see or send for (default: all)")
OPTION(file, "file", 0, STRING, HERE, "FILE", " token ",
	"append the line to this file; without it, the line is printed")
