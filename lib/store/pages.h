/*
 * pages - the pages of a segment's file, read without LMDB.
 *
 * LMDB's pages carry no checksum, and LMDB goes wherever a page says: a changed bit can end in a signal, in a loop, or in
 * an answer that lacks what is there.  Here every number is checked before it is used, each page is read once, and what
 * does not fit together is told; the values that can still be reached are given all the same.
 *
 * Source of the format: mdb.c of LMDB 0.9 (MDB_DATA_VERSION 1), on machines whose numbers are little-endian, of 64 bits.
 * Threads: one call has all of its state.
 */
#ifndef MCPLEDGER_STORE_PAGES_H
#define MCPLEDGER_STORE_PAGES_H

#include "env.h"

struct pages_place {
	uint64_t page; /* with the key */
	uint64_t at;   /* of the value, from the begin of the file */
};

struct pages_visitor {
	/*
	 * A value of one of our databases, in the order of keys; valid until it returns.  Another status ends the walk.
	 * NULL: values are not read.
	 */
	enum status (*value)(
		void *context, enum env_db db, struct text key, struct text value, struct pages_place place);
	/* What is wrong with a page; the walk goes on. */
	void (*fault)(void *context, uint64_t page, const char *what);
	void *context;
};

struct pages_found {
	uint64_t txnid;               /* of the commit that was read */
	uint64_t pages;               /* of the file, as of that commit */
	uint64_t used, free, ignored; /* ignored: neither in a tree nor free, which harms nobody */
	uint64_t faults;
};

/*
 * Walks the trees of the newest commit, or of the one that has this txnid (0: the newest).
 * STATUS_DAMAGED: no meta page is whole (told as a fault) or the file is too short to have any; STATUS_NOT_FOUND, _DENIED,
 * _IO, _NO_MEMORY; STATUS_CONFLICT: no meta has that txnid (any more).  Faults are no failure.
 */
enum status pages_walk(
	const char *path, uint64_t txnid, const struct pages_visitor *visitor, struct pages_found *found) MUST_CHECK;
/*
 * Whether LMDB can be let loose on a commit (0: the newest one) of a file: both meta pages are whole and fit each other, and
 * the pages of the trees are what they should be.  Values are not looked at; that is the matter of their own checksums.
 *   PAGES_TO_READ      all trees but that of the large payloads, which may have a hundred times as many pages as the rest
 *   PAGES_OF_PAYLOADS  only that one
 *   PAGES_TO_WRITE     all trees, and what decides about free pages, so that none is taken that is in use
 * STATUS_DAMAGED, _CONFLICT: no meta has that txnid (any more), _NOT_FOUND, _DENIED, _IO, _NO_MEMORY.
 */
enum pages_scope { PAGES_TO_READ, PAGES_OF_PAYLOADS, PAGES_TO_WRITE };
enum status pages_check(const char *path, uint64_t txnid, enum pages_scope scope) MUST_CHECK;
/* The txnid of the newest commit.  STATUS_DAMAGED: the meta pages are not whole, or do not fit each other. */
enum status pages_newest(const char *path, uint64_t *txnid) MUST_CHECK;

#endif
