/*
 * fields - the fields table as a tree: objects hold fields and other objects.  Made from tbl/fields.h at the first use.
 * Any thread.
 */
#ifndef MCPLEDGER_EVENT_FIELDS_H
#define MCPLEDGER_EVENT_FIELDS_H

#include "event.h"

enum { NODES_MAX = 64, NODE_ROOT = 0, MEMBERS_MAX = 512 };

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

/* A member that the envelope knows, in one of its objects. */
struct field_member {
	struct json_name name;
	uint8_t node; /* the object it stands in */
	uint8_t use;  /* enum member_use */
	uint8_t target;
};

extern const struct field_info field_infos[FIELD_LIMIT];
const struct field_node *field_nodes(void);   /* NODES_MAX of them */
const struct field_place *field_places(void); /* by field number */
const uint8_t *field_ranks(void);             /* by field number: its place in field_order() */
/* The members, MEMBERS_MAX at most.  Number 0 stands for all unknown ones: it is in no object. */
const struct field_member *field_members(void);
/* The number of the member of this decoded name in the object `node` of a sent event; after field_members() was called. */
unsigned field_member(unsigned node, struct text name);

#endif
