/*
 * The manual pages, but for what other tables tell:
 *
 *   PAGE("name", "section", "what it is, in one line", SYNOPSIS)
 *   SECTION("title", TABLE, "text")        the text, see prose.h, then the rows of a table: put_<TABLE> of main.c
 *   ENTRY("tag", "what it takes", "text")  an item of the section above, behind its text
 */
PAGE("mcpledger", "1", "see what agents did through MCP servers", VERBS)
SECTION("Description", none,
	"mcpledger reads what `mcpledgerd`(8) collected: who called which tool of which MCP server, with which "
	"parameters, "
	"what came back, what went wrong, and what surrounded it. It reads the directories of stores, live or copied, "
	"or "
	"asks a running collector with --url; the answers are the same.\n"
	"\n"
	"Options may stand before or after the words. `mcpledger help VERB` shows the part about a verb, `mcpledger "
	"help "
	"query` the search language, which is also in `mcpledger-query`(7).")
SECTION("Verbs", verbs, "")
SECTION("Options", options, "All verbs that read take these; a verb's own ones stand with it above.")
SECTION("What an answer cannot know", none,
	"An answer over a range of time ends with its coverage, on stderr or as the member `coverage` of JSON: "
	"sequence "
	"numbers that are missing, events that the collector says it lost, damaged parts, what retention removed, "
	"restarts "
	"and clock jumps, and how many events were redacted, cut or sampled. Where it says complete, nothing found "
	"means "
	"that there was nothing. With --require-complete an answer that may lack events ends with status 3, for "
	"programs "
	"that must not take silence for proof.")
SECTION("Exit status", exits, "")
SECTION("Environment", none, "")
ENTRY("MCPLEDGER_STORE_DIR", "", "The store that is read without --data and --url.")
ENTRY("XDG_STATE_HOME, HOME", "",
	"Where a store of one's own is looked for, when /var/lib/mcpledger holds none: $XDG_STATE_HOME/mcpledger, or "
	"~/.local/state/mcpledger.")
ENTRY("COLUMNS", "", "How wide tables and help are; else as the terminal says.")
ENTRY("NO_COLOR", "", "When set and not empty, no colours. There are none beside a terminal, either.")
ENTRY("TZ", "", "The time zone of tables, and of times that are given without one. JSON always is UTC.")
ENTRY("http_proxy, https_proxy, no_proxy", "", "How --url is reached, as `curl`(1) reads them.")
SECTION("Files", none, "")
ENTRY("/var/lib/mcpledger", "", "The store of the system's collector.")
ENTRY("~/.local/state/mcpledger", "", "The store of a collector that a person started.")
SECTION("Security", none,
	"What events say is hostile text: agents, tools and people choose it. Tables show control characters, escape "
	"sequences, bidirectional and invisible characters as escapes, one event a line; CSV takes the edge off cells "
	"that a "
	"spreadsheet would compute; JSON is exact.\n"
	"\n"
	"Whoever may read a store's directory may read all of it, of every tenant. Through the collector, a token's "
	"tenants "
	"and scopes decide, and each question is put on record as an event of kind `ledger`.\n"
	"\n"
	"Secrets that were recognised were taken out before anything was stored. What was not recognised as one is "
	"still "
	"there: treat answers as you treat logs.")
SECTION("Examples", none,
	"What did this token do, and what was refused to it?\n"
	"  mcpledger search token:sha256:55f4* --since 30d\n"
	"  mcpledger stats --by tool,verdict token:sha256:55f4*\n"
	"Who read something below /etc, and what did they do next?\n"
	"  mcpledger search 'request.path:/etc/*'\n"
	"  mcpledger timeline 'request.path:/etc/*'\n"
	"Everything after the first denied call of a person:\n"
	"  mcpledger search user:ben@example.com \\\n"
	"    --since 'first(user:ben@example.com verdict:denied)'\n"
	"The slowest calls, for a program:\n"
	"  mcpledger search kind:tool_call --sort duration -n 20 -o ndjson")
SECTION("See also", none, "`mcpledgerd`(8), `mcpledger-query`(7), `mcpledger.yaml`(5)")

PAGE("mcpledgerd", "8", "collect audit events of MCP servers", DAEMON)
SECTION("Description", none,
	"mcpledgerd takes events of MCP servers, gateways and clients over HTTP and UDP, takes secrets out, keeps them "
	"compressed in a store, and serves them to `mcpledger`(1), to its HTTP interface and to Prometheus. An event "
	"is "
	"acknowledged only when it is on disk. One process owns a store; any number may read it.\n"
	"\n"
	"It needs no configuration and no other service. Without one it listens on 127.0.0.1:7373, TCP and UDP.")
SECTION("Options", daemon_options, "")
SECTION("Listeners", none, "")
ENTRY("POST /v1/events", "",
	"Events as JSON: an object, an array, or one a line; gzip as Content-Encoding. 200 says how many were "
	"accepted, found "
	"to be duplicates and rejected, after they are durable. One bad event spoils no other. 429 and 503 carry "
	"Retry-After.")
ENTRY("UDP", "",
	"The same events, several in a datagram with newlines between. There is no answer; losses are counted.")
ENTRY("GET /api/v1/…", "", "The verbs of `mcpledger`(1) that read, with their options as parameters, as JSON.")
ENTRY("GET /metrics", "", "For Prometheus: what MCP servers do, and what the collector does itself.")
ENTRY("GET /healthz, /readyz", "", "Alive; able to store, else 503 with the reason.")
ENTRY("POST /-/reload", "", "What SIGHUP does.")
SECTION("Signals", none, "")
ENTRY("SIGTERM, SIGINT", "",
	"Closes the listeners, answers what was handed over, seals what is open and stops, within "
	"lifecycle.drain_time_max. A second one stops at once; what was acknowledged is stored.")
ENTRY("SIGHUP", "",
	"Reads the configuration and the tokens file again. A bad file changes nothing, and says so in the log and in "
	"mcpledger_config_last_reload_successful. Settings that need a restart are named.")
SECTION("Exit status", none, "")
ENTRY("0", "", "Stopped cleanly, or the settings are good (--check-config).")
ENTRY("2", "", "Wrong options, or wrong settings.")
ENTRY("3", "", "It could not start, or the stop was cut short.")
SECTION("Why an event is refused or lost", reasons,
	"These words stand in answers, in the label `reason` of mcpledger_ingest_rejected_total and "
	"mcpledger_ingest_dropped_total, and in events of kind `ledger`. Received is always stored + duplicate + "
	"rejected + "
	"dropped.")
SECTION("Environment", none, "")
ENTRY("MCPLEDGER_SECTION_KEY", "",
	"Sets a setting, before the file; see `mcpledger.yaml`(5). A name that is no setting is warned of.")
ENTRY("XDG_STATE_HOME, HOME", "",
	"Where the store is made when neither --data nor store.dir say it and /var/lib/mcpledger can't be used.")
SECTION("Files", none, "")
ENTRY("/etc/mcpledger/mcpledger.yaml", "", "The configuration that the systemd unit names. Without -c none is read.")
ENTRY("/var/lib/mcpledger", "", "The store, when it is usable. In it:")
ENTRY("store.json", "", "Identity and format version.")
ENTRY("seg-NUMBER.mdb", "",
	"Events, one file for each UTC day or store.segment_bytes_max. A file that is no longer written to may be "
	"copied as "
	"it is.")
ENTRY("keys/", "", "Keys of digests. They never belong into a copy that is given away as evidence.")
ENTRY("ballast", "", "Space kept free for the record of a full disk, while the daemon runs.")
SECTION("Security", none,
	"Everything listens on loopback until http.tokens_file is set. Loopback is no authentication against browsers: "
	"a "
	"foreign Origin, and a Host that is neither loopback nor configured, are refused. Tokens are made by "
	"`mcpledger "
	"token`; the file holds only their hashes. UDP cannot authenticate, so it leaves loopback only with "
	"udp.allow_unauthenticated.\n"
	"\n"
	"Directories are made 0700 and files 0600. The process needs no privilege, drops core dumps, and the unit that "
	"is "
	"shipped takes the rest away; `systemd-analyze security mcpledgerd` shows it. CAP_NET_ADMIN is for a receive "
	"buffer "
	"of UDP beyond net.core.rmem_max only; without it the daemon warns and names the sysctl.\n"
	"\n"
	"What events say about users is a claim, and shown as one, unless the token that sent them has the scope "
	"assert.")
SECTION("Examples", none,
	"Check a configuration, then take it over:\n"
	"  mcpledgerd -c /etc/mcpledger/mcpledger.yaml --check-config\n"
	"  systemctl reload mcpledgerd\n"
	"Send an event by hand:\n"
	"  curl -d '{\"kind\":\"tool_call\",\"target\":{\"name\":\"hello\"}}' \\\n"
	"    http://127.0.0.1:7373/v1/events\n"
	"Listen for other machines:\n"
	"  mcpledger token gateway-1 --scopes ingest --file /etc/mcpledger/tokens\n"
	"  MCPLEDGER_HTTP_TOKENS_FILE=/etc/mcpledger/tokens \\\n"
	"    MCPLEDGER_HTTP_LISTEN=0.0.0.0:7373 mcpledgerd")
SECTION("See also", none, "`mcpledger`(1), `mcpledger.yaml`(5), `mcpledger-query`(7)")

PAGE("mcpledger.yaml", "5", "configuration of mcpledgerd", FILE)
SECTION("Description", none,
	"`mcpledgerd -c FILE` reads settings from FILE, a YAML file of sections and keys. Every key may be left out. A "
	"key "
	"that is unknown, or a value outside its range, is an error with line and column, and names what is near. "
	"`mcpledgerd --print-config` prints the whole file, each setting with what it does.\n"
	"\n"
	"Order: defaults, then the file, then variables of the environment. Secrets never stand in the file: settings "
	"whose "
	"name ends in _file name a file that holds them.")
SECTION("Values", none, "")
ENTRY("size", "", "Bytes, or with a unit: KiB, MiB, GiB, TiB, PiB (powers of 1024), kB, MB, GB, TB (of 1000).")
ENTRY("duration", "", "With a unit: ns, us, ms, s, m, h, d.")
ENTRY("list", "", "A YAML list of texts; in variables, separated by commas.")
ENTRY("truth", "", "true or false.")
SECTION("Settings", settings,
	"Each is named as section.key; in the file the key stands below its section. What a reload takes over is "
	"marked so, "
	"the others need a restart.")
SECTION("Tokens file", none,
	"http.tokens_file names a file with one token a line, four columns with blanks between; empty lines and lines "
	"that "
	"begin with # are passed over:\n"
	"  SHA-256   NAME   SCOPES   TENANTS\n"
	"SCOPES are of ingest (may send events), read (may use the read API and /metrics), admin (may do all, for all "
	"tenants) and assert (is believed about the identity of users). TENANTS are names with commas between, or * "
	"for all. "
	"`mcpledger token` makes a token and appends its line.")
SECTION("Examples", none,
	"  store:\n"
	"    retention_age: 400d\n"
	"    retention_bytes: 200GiB\n"
	"  http:\n"
	"    listen: 0.0.0.0:7373\n"
	"    tokens_file: /etc/mcpledger/tokens\n"
	"    tls_certificate_file: /etc/mcpledger/tls.pem\n"
	"    tls_key_file: /etc/mcpledger/tls.key\n"
	"The same setting by a variable:\n"
	"  MCPLEDGER_STORE_RETENTION_AGE=400d mcpledgerd")
SECTION("See also", none, "`mcpledgerd`(8), `mcpledger`(1)")

PAGE("mcpledger-query", "7", "the search language of mcpledger", WORDS)
SECTION("Description", none,
	"The words of `mcpledger search` and of other verbs that take WORDS, and the parameter `q` of the read API. An "
	"error "
	"in a search names the column, and the field that was probably meant. `mcpledger help query` shows the same.")
SECTION("The language", query, "")
SECTION("Short names of fields", names, "")
SECTION("Paths of events", fields,
	"Every path of an event is a field's name, too. Those that hold JSON lead further into it. The last ones are "
	"added "
	"by the collector; no emitter can set them.")
SECTION("Kinds", kinds, "What `kind` may be. Other kinds are kept, and marked.")
SECTION("Verdicts", verdicts,
	"What became of a call; the first that fits. `verdict:error` means those marked as an error.")
SECTION("Examples", none,
	"  mcpledger search 'user:ben@* verdict:error,denied after:30d'\n"
	"  mcpledger search 'request.path:/etc/* -user:ben@example.com'\n"
	"  mcpledger search '( tool:deploy OR effect:delete ) duration:>500ms'\n"
	"  mcpledger search 'response:/OPS-[0-9]{3}/ verdict:error'\n"
	"  mcpledger search 'kind:tool_definition op:changed'\n"
	"  mcpledger timeline '\"partner check\"'")
SECTION("See also", none, "`mcpledger`(1), `mcpledgerd`(8)")
