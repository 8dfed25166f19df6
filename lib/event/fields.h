/*
 * fields - the fields table as a tree: objects hold fields and other objects.  Made from tbl/fields.h at the first use.
 * Any thread.
 */
#ifndef MCPLEDGER_EVENT_FIELDS_H
#define MCPLEDGER_EVENT_FIELDS_H

#include "event.h"

enum { NODES_MAX = 64, NODE_ROOT = 0 };

/* An object of the envelope; node 0 is the event itself. */
struct field_node {
	struct text path; /* "target.hints"; empty for the event */
	struct text key;  /* "\"hints\":" as it is written */
	uint8_t parent;
	uint8_t depth;  /* 0 for the event */
	uint8_t lowest; /* the lowest number of a field in it: where it stands */
};

struct field_place {
	struct text key; /* "\"name\":" as it is written */
	uint8_t node;
};

enum member_use {
	MEMBER_UNKNOWN,
	MEMBER_FIELD,     /* target: its number */
	MEMBER_OBJECT,    /* target: its node */
	MEMBER_COLLECTOR, /* only the collector writes it */
	MEMBER_EXPORTED,  /* as MEMBER_FIELD, but only in lines of `export` */
};

struct member_meaning {
	enum member_use use;
	uint8_t target;
};

extern const struct field_info field_infos[FIELD_LIMIT];
const struct field_node *field_nodes(void);   /* NODES_MAX of them */
const struct field_place *field_places(void); /* by field number */
/* What a member of this decoded name means in the object `node` of a sent event; after field_nodes() was called once. */
struct member_meaning field_member(unsigned node, struct text name);

#endif
