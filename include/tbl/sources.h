/* Where events come from: SOURCE(NAME, "name").  Append only: their order stands in stored counters. */
SOURCE(HTTP, "http")
SOURCE(UDP, "udp")
SOURCE(IMPORT, "import")
SOURCE(LEDGER, "ledger")
