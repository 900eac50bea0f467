/* A shop's schema and its migrations: one realistic change, or several at once. Every column of the target says what it
   holds afterwards, as SQL over its table as it was. Include d1target.h first. */
#ifndef SETUP_SHOP_H
#define SETUP_SHOP_H

#include <string.h>

enum { CUSTOMERS, PRODUCTS, ORDERS, LINES, NOTES, TAGS, SHOP_TABLES };

typedef struct shop_table {
    d1t_table       t;          /* its arrays are the ones below */
    d1t_column      columns[10];
    d1t_index       indexes[5];
    d1t_foreign_key keys[3];
    d1t_check       checks[2];
    d1t_command     commands[2];
    const char     *holds[10];  /* by column: SQL over the table as it was */
    const char     *was;        /* the table that it was; NULL: it begins empty */
    bool            declared;
} shop_table;

typedef struct shop {
    shop_table       tables[SHOP_TABLES];
    const d1t_table *list[SHOP_TABLES];     /* the declared ones */
    size_t           count;
} shop;

/* ---- the parts */

static inline d1t_column *shop_add(shop_table *s, const char *name, d1t_type type, uint32_t flags, const char *holds)
{
    d1t_column *c = &s->columns[s->t.column_count];

    memset(c, 0, sizeof *c);
    c->name = name;
    c->type = type;
    c->flags = flags;
    s->holds[s->t.column_count++] = holds;
    return c;
}

static inline void shop_columns(shop_table *s, const char *name, const d1t_column *columns, const char *const *holds)
{
    s->t.name = s->was = name;
    s->declared = true;
    for (; columns->name; columns++)
        shop_add(s, columns->name, columns->type, columns->flags, *holds++)->default_sql = columns->default_sql;
}

static inline d1t_column *shop_column(shop_table *s, const char *name)
{
    return &s->columns[d1t_table_column(&s->t, d1t_cstr(name))];
}

static inline void shop_index(shop_table *s, const char *name, const char *const *columns, size_t count, uint32_t flags)
{
    const d1t_index x = {name, columns, count, flags, NULL, NULL, NULL};

    s->indexes[s->t.index_count++] = x;
}

static inline void shop_references(shop_table *s, const char *const *column, const char *parent, d1t_action on_delete)
{
    const d1t_foreign_key key = {column, 1, parent, NULL, on_delete, D1T_NO_ACTION, false};

    s->keys[s->t.foreign_key_count++] = key;
}

static inline void shop_command(shop_table *s, const char *name, const char *setup, const char *teardown)
{
    const d1t_command command = {name, setup, teardown};

    s->commands[s->t.command_count++] = command;
}

static inline void shop_remove(shop_table *s, const char *name)
{
    size_t at = (size_t)(shop_column(s, name) - s->columns), left = --s->t.column_count - at;

    memmove(&s->columns[at], &s->columns[at + 1], left * sizeof *s->columns);
    memmove(&s->holds[at], &s->holds[at + 1], left * sizeof *s->holds);
}

/* ---- the schema */

static const char *const on_city[] = {"city"}, *const on_city_name[] = {"city", "name"}, *const on_email[] = {"email"};
static const char *const on_customer[] = {"customer"}, *const on_at[] = {"at"}, *const on_order[] = {"order_id"};
static const char *const on_product[] = {"product"}, *const on_parent[] = {"parent"}, *const on_text[] = {"text"};
static const char *const on_words[] = {"title", "body"}, *const on_name[] = {"name"}, *const on_title[] = {"title"};

static const d1t_column customer_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("email", D1T_TEXT, 0), D1T_COLUMN("city", D1T_TEXT, 0), D1T_COLUMN("credit", D1T_INTEGER, 0), {0}};
static const char *const customer_holds[] = {"id", "name", "email", "city", "credit"};
static const d1t_column product_columns[] = {
    D1T_COLUMN("code", D1T_TEXT, D1T_KEY), D1T_COLUMN("title", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("body", D1T_TEXT, 0), D1T_COLUMN("parent", D1T_TEXT, 0), D1T_COLUMN("price", D1T_REAL, 0), {0}};
static const char *const product_holds[] = {"code", "title", "body", "parent", "price"};
static const d1t_column order_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("customer", D1T_INTEGER, 0), D1T_COLUMN("at", D1T_TEXT, 0),
    D1T_COLUMN("total", D1T_REAL, 0), D1T_COLUMN_DEFAULT("state", D1T_TEXT, D1T_NOT_NULL, "'open'"), {0}};
static const char *const order_holds[] = {"id", "customer", "at", "total", "state"};
static const d1t_column line_columns[] = {
    D1T_COLUMN("order_id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("product", D1T_TEXT, 0), D1T_COLUMN("qty", D1T_INTEGER, 0), {0}};
static const char *const line_holds[] = {"order_id", "nth", "product", "qty"};
static const d1t_column note_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("kind", D1T_TEXT, D1T_NOT_NULL), D1T_COLUMN("text", D1T_TEXT, 0),
    {0}};
static const char *const note_holds[] = {"id", "kind", "text"};
static const d1t_column tag_columns[] = {
    D1T_COLUMN("tag", D1T_TEXT, D1T_KEY), D1T_COLUMN("customer", D1T_INTEGER, D1T_NOT_NULL), {0}};
static const char *const tag_holds[] = {"tag", "customer"};

/* customers <- orders <- lines -> products -> products; notes alone. */
static inline void shop_base(shop *s, bool autoincrement)
{
    shop_table *t = s->tables;

    memset(s, 0, sizeof *s);
    shop_columns(&t[CUSTOMERS], "customers", customer_columns, customer_holds);
    t[CUSTOMERS].t.flags = autoincrement ? D1T_AUTOINCREMENT : 0;
    shop_index(&t[CUSTOMERS], "customers_city", on_city, 1, 0);
    shop_index(&t[CUSTOMERS], "customers_email", on_email, 1, D1T_UNIQUE);
    shop_columns(&t[PRODUCTS], "products", product_columns, product_holds);
    shop_references(&t[PRODUCTS], on_parent, "products", D1T_SET_NULL);
    shop_index(&t[PRODUCTS], "products_parent", on_parent, 1, 0);
    shop_index(&t[PRODUCTS], "products_words", on_words, 2, D1T_FTS5);
    shop_columns(&t[ORDERS], "orders", order_columns, order_holds);
    shop_references(&t[ORDERS], on_customer, "customers", D1T_CASCADE);
    shop_index(&t[ORDERS], "orders_customer", on_customer, 1, 0);
    shop_command(&t[ORDERS], "late", "CREATE VIEW late_orders AS SELECT id FROM orders WHERE state = 'late'",
                 "DROP VIEW late_orders");
    shop_columns(&t[LINES], "lines", line_columns, line_holds);
    t[LINES].t.flags = D1T_WITHOUT_ROWID;
    shop_references(&t[LINES], on_order, "orders", D1T_CASCADE);
    shop_references(&t[LINES], on_product, "products", D1T_RESTRICT);
    shop_index(&t[LINES], "lines_product", on_product, 1, 0);
    shop_columns(&t[NOTES], "notes", note_columns, note_holds);
}

/* Fills the list, and lets each table point to its own parts. */
static inline void shop_ready(shop *s)
{
    size_t i;

    for (i = s->count = 0; i < SHOP_TABLES; i++) {
        shop_table *t = &s->tables[i];

        t->t.columns = t->columns;
        t->t.indexes = t->indexes;
        t->t.foreign_keys = t->keys;
        t->t.checks = t->checks;
        t->t.commands = t->commands;
        if (t->declared)
            s->list[s->count++] = &t->t;
    }
}

/* Rows, and what somebody made by hand: views on views, triggers, a log. */
static const char *const shop_rows[] = {
    "INSERT INTO customers SELECT value, 'Name '||value, CASE WHEN value%4 THEN 'm'||value||'@example.org' END,"
    " CASE WHEN value%3 THEN 'City '||(value%2) END, value*10 FROM json_each('[1,2,3,4,5,6,7,9]')",
    "INSERT INTO products SELECT 'p'||value, 'Title '||value, 'word'||value||' common', CASE WHEN value>1 THEN"
    " 'p'||(value-1) END, value+0.5 FROM json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13]')",
    "DELETE FROM products WHERE code='p0'",     /* rowids that do not begin at 1 */
    "INSERT INTO orders SELECT value, 1+value%7, '2024-01-'||(10+value), value*2.5, CASE WHEN value%2 THEN 'late' ELSE"
    " 'open' END FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]')",
    "INSERT INTO lines SELECT 1+value%12, 1+value/12, CASE WHEN value%5 THEN 'p'||(1+value%13) END, value%7 FROM"
    " json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]')",
    "INSERT INTO notes VALUES(1,'a','x'),(2,'a','y'),(5,'b',NULL)",
    "DELETE FROM customers WHERE id=9"};        /* an id that must not be given again */
static const char *const shop_by_hand[] = {
    "CREATE TABLE log(text)",
    "CREATE VIEW sales AS SELECT o.id, c.city, o.total FROM orders o JOIN customers c ON c.id = o.customer",
    "CREATE VIEW cities AS SELECT city, count(*) AS n FROM sales GROUP BY city",
    "CREATE TRIGGER sale_cancelled INSTEAD OF DELETE ON sales BEGIN DELETE FROM orders WHERE id = old.id; END",
    "CREATE TRIGGER customer_moved AFTER UPDATE OF city ON customers BEGIN"
    " INSERT INTO log VALUES(old.city || '>' || new.city); END",
    "CREATE TRIGGER logged AFTER INSERT ON log BEGIN UPDATE orders SET total = total WHERE id = -1; END"};
#define SHOP_ROWS (sizeof shop_rows / sizeof *shop_rows)
#define SHOP_BY_HAND (sizeof shop_by_hand / sizeof *shop_by_hand)

/* All of it works: 1. The moves write, so only on a database that is not needed any more. */
static const char shop_moves[] =
    "UPDATE customers SET city='Elsewhere' WHERE id=2; DELETE FROM sales WHERE id=1; INSERT INTO products(code,title,"
    "body) VALUES('p99','T','zebra')";
static const char shop_works[] =
    "SELECT (SELECT count(*) FROM sqlite_schema WHERE name IN ('sales','cities','sale_cancelled','customer_moved',"
    "'logged'))=5 AND (SELECT group_concat(text) FROM log)='City 0>Elsewhere' AND (SELECT count(*) FROM sales)=11 AND "
    "(SELECT count(*) FROM cities WHERE city='Elsewhere')=1 AND (SELECT count(*) FROM orders)=11 AND "
    "NOT EXISTS(SELECT 1 FROM pragma_foreign_key_check) AND (SELECT quick_check FROM pragma_quick_check)='ok'";

/* ---- changes */

static inline void edit_create_table(shop *s)
{
    shop_columns(&s->tables[TAGS], "tags", tag_columns, tag_holds);
    s->tables[TAGS].was = NULL;
    shop_references(&s->tables[TAGS], on_customer, "customers", D1T_CASCADE);
    shop_index(&s->tables[TAGS], "tags_customer", on_customer, 1, 0);
    shop_command(&s->tables[TAGS], "first", "CREATE VIEW first_tag AS SELECT min(tag) AS tag FROM tags",
                 "DROP VIEW first_tag");
}

static inline void edit_add_column(shop *s)
{
    shop_add(&s->tables[CUSTOMERS], "phone", D1T_TEXT, 0, "NULL");
}

static inline void edit_add_not_null_column(shop *s)
{
    shop_add(&s->tables[ORDERS], "currency", D1T_TEXT, D1T_NOT_NULL, "'EUR'")->default_sql = "'EUR'";
}

static inline void edit_add_generated_column(shop *s)
{
    shop_add(&s->tables[ORDERS], "cents", D1T_INTEGER, 0, "CAST(total*100 AS INTEGER)")->generated_sql =
        "CAST(total*100 AS INTEGER)";
}

static inline void edit_add_computed_default(shop *s)
{
    shop_add(&s->tables[LINES], "weight", D1T_INTEGER, D1T_NOT_NULL, "3")->default_sql = "(1+2)";
}

static inline void edit_drop_column(shop *s)
{
    shop_remove(&s->tables[CUSTOMERS], "credit");
}

static inline void edit_drop_column_and_rebuild(shop *s)
{
    shop_remove(&s->tables[PRODUCTS], "price");
    s->tables[PRODUCTS].t.flags |= D1T_STRICT;
}

static inline void rename_column(shop_table *t, const char *from, const char *to)
{
    d1t_column *c = shop_column(t, from);

    c->name = to;
    c->was = from;
}

static inline void edit_rename_column(shop *s)
{
    rename_column(&s->tables[CUSTOMERS], "name", "full_name");
}

static inline void edit_rename_key_column(shop *s)
{
    rename_column(&s->tables[LINES], "nth", "position");
}

static inline void edit_rename_table(shop *s)
{
    s->tables[NOTES].t.name = "remarks";
    s->tables[NOTES].t.was = "notes";
}

/* The renames go first, in a batch of their own. */
static inline void edit_rename_and_rebuild(shop *s)
{
    shop_table *t = &s->tables[ORDERS];
    const d1t_check check = {"not_free", "amount > 0"};

    rename_column(t, "total", "amount");
    t->checks[t->t.check_count++] = check;
}

static inline void edit_rename_table_and_key(shop *s)
{
    shop_table *t = &s->tables[NOTES];

    edit_rename_table(s);
    shop_column(t, "kind")->flags = D1T_KEY;
}

static inline void edit_retype_to_text(shop *s)
{
    shop_table *t = &s->tables[LINES];

    shop_column(t, "qty")->type = D1T_TEXT;
    t->holds[shop_column(t, "qty") - t->columns] = "CAST(qty AS TEXT)";
}

static inline void edit_retype_to_integer(shop *s)
{
    shop_table *t = &s->tables[PRODUCTS];

    shop_column(t, "price")->type = D1T_INTEGER; /* 1.5 does not survive */
    t->holds[shop_column(t, "price") - t->columns] = "NULL";
}

static inline void edit_not_null(shop *s)
{
    shop_table *t = &s->tables[CUSTOMERS];
    d1t_column *c = shop_column(t, "city");

    c->flags |= D1T_NOT_NULL;
    c->default_sql = "'nowhere'";
    t->holds[c - t->columns] = "coalesce(city,'nowhere')";
}

static inline void edit_nullable(shop *s)
{
    shop_column(&s->tables[PRODUCTS], "title")->flags = 0;
}

static inline void edit_change_default(shop *s)
{
    shop_column(&s->tables[ORDERS], "state")->default_sql = "'new'";
}

static inline void edit_change_collation(shop *s)
{
    shop_column(&s->tables[CUSTOMERS], "name")->collation = "NOCASE";
}

static inline void edit_change_key(shop *s)
{
    shop_column(&s->tables[NOTES], "kind")->flags = D1T_KEY;
}

static inline void edit_add_foreign_key(shop *s)
{
    shop_table *t = &s->tables[NOTES];

    shop_add(t, "customer", D1T_INTEGER, 0, "NULL");
    shop_references(t, on_customer, "customers", D1T_SET_NULL);
}

static inline void edit_change_action(shop *s)
{
    s->tables[ORDERS].keys[0].on_delete = D1T_RESTRICT;
}

static inline void edit_drop_foreign_key(shop *s)
{
    s->tables[LINES].t.foreign_key_count = 1;
}

static inline void edit_add_check(shop *s)
{
    const d1t_check check = {"named", "length(name) > 0"};
    shop_table *t = &s->tables[CUSTOMERS];

    t->checks[t->t.check_count++] = check;
}

static inline void edit_autoincrement(shop *s)
{
    s->tables[CUSTOMERS].t.flags ^= D1T_AUTOINCREMENT;
}

static inline void edit_rowid(shop *s)
{
    s->tables[LINES].t.flags ^= D1T_WITHOUT_ROWID;
}

static inline void edit_add_index(shop *s)
{
    shop_index(&s->tables[ORDERS], "orders_at", on_at, 1, 0);
}

static inline void edit_change_index(shop *s)
{
    s->tables[CUSTOMERS].indexes[0].columns = on_city_name;
    s->tables[CUSTOMERS].indexes[0].column_count = 2;
}

static inline void edit_drop_index(shop *s)
{
    s->tables[CUSTOMERS].t.index_count = 1;
}

static inline void edit_add_fts(shop *s)
{
    shop_index(&s->tables[NOTES], "notes_text", on_text, 1, D1T_FTS5);
}

static inline void edit_change_fts(shop *s)
{
    shop_table *t = &s->tables[PRODUCTS];

    t->indexes[1].columns = on_title;
    t->indexes[1].column_count = 1;
}

static inline void edit_drop_fts(shop *s)
{
    s->tables[PRODUCTS].t.index_count = 1;
}

static inline void edit_change_command(shop *s)
{
    s->tables[ORDERS].commands[0].setup_sql = "CREATE VIEW late_orders AS SELECT id, at FROM orders WHERE state='late'";
}

static inline void edit_change_command_and_rebuild(shop *s)
{
    edit_change_command(s);
    shop_column(&s->tables[ORDERS], "at")->flags |= D1T_NOT_NULL;
}

static inline void edit_drop_command(shop *s)
{
    s->tables[ORDERS].t.command_count = 0;
}

static inline void edit_drop_table(shop *s)
{
    s->tables[NOTES].declared = false;
}

/* What a change touches: several go together where they touch different things. */
enum {
    C_NAME = 1, C_PHONE = 2, C_CREDIT = 4, C_CITY = 8, C_FLAGS = 16, C_INDEX = 32,
    P_PRICE = 64, P_TITLE = 128, P_FTS = 256,
    O_TOTAL = 512, O_CURRENCY = 1024, O_STATE = 2048, O_KEY = 4096, O_AT = 8192, O_COMMAND = 16384,
    L_WEIGHT = 1 << 15, L_NTH = 1 << 16, L_QTY = 1 << 17, L_KEY = 1 << 18, L_FLAGS = 1 << 19,
    N_NAME = 1 << 20, N_KIND = 1 << 21, N_CUSTOMER = 1 << 22, N_TEXT = 1 << 23, N_ALL = 15 << 20, TAG = 1 << 24
};

typedef struct shop_edit {
    const char *name;
    void      (*make)(shop *s);
    unsigned    touches;
} shop_edit;

#define EDIT(name, touches) {#name, edit_##name, touches}
static const shop_edit shop_edits[] = {
    EDIT(create_table, TAG),
    EDIT(add_column, C_PHONE),
    EDIT(add_not_null_column, O_CURRENCY),
    EDIT(add_generated_column, O_TOTAL),
    EDIT(add_computed_default, L_WEIGHT),
    EDIT(drop_column, C_CREDIT),
    EDIT(drop_column_and_rebuild, P_PRICE),
    EDIT(rename_column, C_NAME),
    EDIT(rename_key_column, L_NTH),
    EDIT(rename_table, N_NAME),
    EDIT(rename_and_rebuild, O_TOTAL),
    EDIT(rename_table_and_key, N_NAME | N_KIND),
    EDIT(retype_to_text, L_QTY),
    EDIT(retype_to_integer, P_PRICE),
    EDIT(not_null, C_CITY),
    EDIT(nullable, P_TITLE),
    EDIT(change_default, O_STATE),
    EDIT(change_collation, C_NAME),
    EDIT(change_key, N_KIND),
    EDIT(add_foreign_key, N_CUSTOMER),
    EDIT(change_action, O_KEY),
    EDIT(drop_foreign_key, L_KEY),
    EDIT(add_check, C_NAME),
    EDIT(autoincrement, C_FLAGS),
    EDIT(rowid, L_FLAGS),
    EDIT(add_index, O_AT),
    EDIT(change_index, C_NAME | C_INDEX),
    EDIT(drop_index, C_INDEX),
    EDIT(add_fts, N_TEXT),
    EDIT(change_fts, P_FTS),
    EDIT(drop_fts, P_FTS),
    EDIT(change_command, O_COMMAND),
    EDIT(change_command_and_rebuild, O_COMMAND | O_AT),
    EDIT(drop_command, O_COMMAND),
    EDIT(drop_table, N_ALL),
};
#define SHOP_EDITS (sizeof shop_edits / sizeof *shop_edits)

/* Migration `number` of any count: first every change alone, then up to five together. Writes its name. */
static inline void shop_migration(shop *before, shop *after, unsigned number, char *name, size_t room)
{
    uint64_t state = number * 0x9E3779B97F4A7C15u + 1;
    unsigned touched = 0, left = number < SHOP_EDITS ? 1 : 2 + number % 4, tries;
    size_t at = number % SHOP_EDITS, n = (size_t)snprintf(name, room, "%u", number);

    shop_base(before, number % 2 != 0);
    shop_base(after, number % 2 != 0);
    shop_ready(after);
    for (tries = 0; left > 0 && tries < 100; tries++) {
        const shop_edit *e = &shop_edits[at];

        state = state * 6364136223846793005u + 1442695040888963407u;
        at = (size_t)(state >> 33) % SHOP_EDITS;
        if (touched & e->touches)
            continue;
        e->make(after);
        touched |= e->touches;
        left--;
        n += (size_t)snprintf(name + n, n < room ? room - n : 0, " %s", e->name);
    }
    shop_ready(before);
    shop_ready(after);
}

#endif
