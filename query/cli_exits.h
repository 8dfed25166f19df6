/* How mcpledger ends: EXIT(NAME, "in a word", "what it means"); their order is their number, for ever. */
EXIT(FOUND, "found", "Something was found, or done.")
EXIT(NOTHING, "nothing found", "A search, filter or id found nothing.")
EXIT(USAGE, "wrong use", "The verb, an option or the search is wrong; the message says where, and what would be right.")
EXIT(FAILED, "failed, damaged or incomplete",
	"The store or the collector can't be read, part of it is damaged (what is whole was shown), or "
	"--require-complete was given and the answer may lack events.")
