/*
 * The search language, for `mcpledger help query` and mcpledger-query(7).  filter.h has its grammar.
 *
 *   QUERY_PART("title", "text")                            begins a part; see prose.h
 *   QUERY_ROW("how it is written", "meaning", "example")   a search, which a test parses
 *
 * Names of fields stand in query_names.h, all others are paths of events (include/tbl/fields.h).
 */
QUERY_PART("Terms", "A search is terms with spaces between them; an event has to match all of them.  For the shell, "
		    "put the whole search "
		    "in single quotes.")
QUERY_ROW("word", "the word, in any case, in parameters, results, errors, reasons, intents, attributes or definitions",
	"passwd")
QUERY_ROW("\"some words\"", "these words one after the other, whatever stands between them", "\"drop table users\"")
QUERY_ROW("wor*", "a word that begins so; * stands for any letters and digits", "AKIA*")
QUERY_ROW("/regex/", "a regular expression in one of these texts", "/AKIA[0-9A-Z]{16}/")
QUERY_ROW("field:value", "the field has this value", "tool:read_file")
QUERY_ROW("-term, NOT term", "the term does not match; an event without the field does",
	"tool:read_file -user:alice@example.com")
QUERY_ROW("a b, a AND b", "both", "server:fs AND verdict:error")
QUERY_ROW("a OR b", "any of them; AND binds closer than OR", "tool:rm OR effect:delete")
QUERY_ROW("( a b )", "a term made of terms", "( tool:rm OR effect:delete ) \"srv data\"")
QUERY_ROW("*", "every event", "*")
QUERY_PART("Values",
	"Names and ids are equal to the value, case and all; in long texts and payloads its words are looked for.\n\n"
	"AND, OR and NOT are read in any case: quote them to search for the words.  NOT in small letters is refused "
	"before a "
	"bare word, for \"not found\" is mostly meant as words.")
QUERY_ROW("field:a,b,c", "any of these values", "verdict:error,denied")
QUERY_ROW("field:text*", "* stands for any text; in a list, too", "user:alice@*")
QUERY_ROW("field:\"text\"", "exactly this text, with spaces, commas and stars; \\\" is a quote, \\\\ a backslash",
	"tool:\"my tool\"")
QUERY_ROW("field:*", "the field is there", "session:*")
QUERY_ROW("field:/regex/", "a regular expression is found in the value", "error.type:/Time(d\\sout|out)/,/^Conn/")
QUERY_ROW("field:>2s, <, >=, <=", "numbers, durations (ns us ms s m h d) and times", "duration:>2s")
QUERY_ROW("field:1..5", "from one to the other, both included", "outcome.http_status:400..499")
QUERY_ROW("after:T, before:T", "the event's time: an RFC 3339 time, a date, today, yesterday, or an age such as 2h",
	"after:2h before:30m")
QUERY_ROW("ip:10.0.0.0/8", "an address, or a range of them; ports do not count", "ip:10.0.0.0/8,2001:db8::/32")
QUERY_ROW("field:10.0.0.0/8", "the same in any text; in fields of addresses a single address, too",
	"error.message:10.0.0.0/8")
QUERY_PART("Paths",
	"Any path of an event is a field's name; behind request, response, attrs, definition, detail and other fields "
	"that "
	"hold JSON, a path leads to the value inside.  It is equal to the value given, or (a list, an object) has one "
	"inside "
	"that is; a quoted value may also be words of it.  Numbers are compared as numbers, exactly, in strings, too.")
QUERY_ROW("request.path:/etc/*", "a member, by its name", "request.path:/etc/*")
QUERY_ROW("request.n:>10", "a number", "request.limit:>=1000")
QUERY_ROW("response:\"words\"", "words anywhere in the payload", "response:\"permission denied\"")
QUERY_ROW("a.b.c", "a member of a member; lists are entered by themselves", "response.content.text:*secret*")
QUERY_ROW("a[0].b, a.0.b, a[].b", "an element by its number, or each of them", "request.items[0].id:17")
QUERY_ROW("a.\"b c\".d", "a name in quotes is one name, dots and all", "attrs.\"k8s.pod name\":web-1")
QUERY_PART("Regular expressions", "They are written between slashes, without spaces (\\s), and end at the first / with "
				  "a space, a comma, a parenthesis "
				  "or the end behind it; \\/ is a slash within.  So request.path:/etc/* is a text with "
				  "a star, and request.path:/etc/ "
				  "a regular expression; a text that looks like one is quoted.\n\n"
				  "The syntax is Perl's (PCRE2); what is not anchored by ^ or $ may stand anywhere in "
				  "the text.  /…/i ignores case.  A "
				  "search whose expression takes too long on a text fails, and says where.")
QUERY_ROW("/regex/i", "in any case", "/drop\\s+table/i")
QUERY_ROW("field:/^regex$/", "all of the value", "request.path:/^\\/etc\\/(passwd|shadow)$/")
QUERY_PART("Lists of indicators", "--match-file FILE narrows an answer to events that hold one of the indicators in "
				  "it: one a line, lines that begin "
				  "with # do not count.  An address or a range of them is found as an address, "
				  "everything else where its words stand "
				  "one after the other, in any case, in any id, name, address or text of the event.  "
				  "hxxp and [.] are read as meant.")
