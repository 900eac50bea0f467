/* Random schemas: a small model that is easy to change, drawn at random, mutated at random, repaired until SQLite takes
   it, and written out as d1t_table. Needs d1target.h and random.h before it. Names are numbers here, so that a rename
   is one assignment; `column_name` and its brothers spell them, some of them awkwardly. */
#ifndef SETUP_SCHEMAS_H
#define SETUP_SCHEMAS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_TABLES = 16,
    MOST_TABLES = 8,
    MAX_COLUMNS = 14,
    MAX_INDEXES = 5,
    MAX_KEYS = 3,
    MAX_CHECKS = 3,
    NONE = -1,
    TAG = 0,
    ROWID = 24
};

typedef enum m_index_kind { M_PLAIN, M_UNIQUE, M_PARTIAL, M_UNIQUE_PARTIAL, M_TERMS, M_CONSTRAINT, M_FTS } m_index_kind;

/* The column TAG is in every table and nothing ever changes it: it tells which row a row has been. */
typedef struct m_column {
    int name, was;
    d1t_type type;
    bool odd_type; /* spelt as others do: VARCHAR(20) */
    bool key, not_null, stored;
    int fallback;      /* 0: no default; else the number of one */
    int generated, of; /* 0: ordinary; else the kind of expression, over this column */
    int collation;     /* 0 BINARY, 1 NOCASE, 2 RTRIM */
} m_column;

typedef struct m_index {
    int name, columns[2], count;
    m_index_kind kind;
} m_index;

typedef struct m_key { /* foreign */
    int columns[2], parent_columns[2], count, parent;
    bool implicit, deferred;
    d1t_action on_delete, on_update;
} m_key;

typedef struct m_check {
    int name, column, kind;
} m_check;

typedef struct m_table {
    int name, was;
    uint32_t flags;
    m_column columns[MAX_COLUMNS];
    m_index indexes[MAX_INDEXES];
    m_key keys[MAX_KEYS];
    m_check checks[MAX_CHECKS];
    int column_count, index_count, key_count, check_count;
} m_table;

typedef struct m_schema {
    m_table tables[MAX_TABLES];
    int count;
} m_schema;

static int next_table, next_column, next_object; /* names not used yet */

static inline bool chance(size_t percent)
{
    return random_below(100) < percent;
}

static inline int pick(int n)
{
    return n > 0 ? (int)random_below((size_t)n) : 0;
}

/* ---- finding */

static inline m_table *table_named(m_schema *s, int name)
{
    for (int i = 0; i < s->count; i++)
        if (s->tables[i].name == name) return &s->tables[i];
    return NULL;
}

static inline m_column *column_named(m_table *t, int name)
{
    for (int i = 0; t && i < t->column_count; i++)
        if (t->columns[i].name == name) return &t->columns[i];
    return NULL;
}

static inline int key_columns(const m_table *t, int out[MAX_COLUMNS])
{
    int n = 0;

    for (int i = 0; i < t->column_count; i++)
        if (t->columns[i].key) out[n++] = t->columns[i].name;
    return n;
}

/* The one INTEGER key column that is the rowid itself, or NULL. */
static inline const m_column *rowid_alias(const m_table *t)
{
    int keys[MAX_COLUMNS];
    const m_column *c;

    if ((t->flags & D1T_WITHOUT_ROWID) || key_columns(t, keys) != 1) return NULL;
    for (c = t->columns; !c->key; c++) {}
    return c->type == D1T_INTEGER && !c->odd_type ? c : NULL;
}

/* Can FTS5 find the table's rows by `rowid`? Column ROWID is called so. */
static inline bool has_rowid(const m_table *t)
{
    for (int i = 0; i < t->column_count; i++)
        if (t->columns[i].name == ROWID) return false;
    return !(t->flags & D1T_WITHOUT_ROWID);
}

/* ---- drawing */

static inline d1t_type random_type(bool key, bool strict)
{
    static const d1t_type types[] = {D1T_INTEGER, D1T_TEXT, D1T_TEXT, D1T_INTEGER, D1T_BLOB,
                                     D1T_REAL,    D1T_ANY,  D1T_JSON, D1T_BOOL,    D1T_NUMERIC};

    return types[pick(key ? 5 : strict ? 9 : 10)];
}

static inline int random_default(const m_column *c)
{
    return c->type == D1T_JSON || c->type == D1T_BOOL ? 1 : 1 + pick(4);
}

static inline m_column random_column(const m_table *t, bool key)
{
    m_column c = {0};
    bool strict = (t->flags & D1T_STRICT) != 0;

    c.name = next_column++;
    c.was = NONE;
    c.type = random_type(key, strict);
    c.key = key;
    c.odd_type = !strict && chance(15);
    c.not_null = !key && chance(30);
    if (chance(key ? 5 : c.not_null ? 70 : 25)) c.fallback = random_default(&c);
    if (!key && chance(15)) c.collation = 1 + pick(2);
    return c;
}

static inline void make_generated(m_table *t, m_column *c)
{
    c->of = t->columns[pick(t->column_count)].name;
    c->generated = 1 + pick(2);
    c->type = c->generated == 1 ? D1T_INTEGER : D1T_TEXT;
    c->stored = chance(40);
    c->key = c->not_null = c->odd_type = false;
    c->fallback = 0;
    if (c->generated == 1) c->not_null = chance(20);
}

static inline void add_column(m_table *t, bool key)
{
    m_column c = random_column(t, key);

    if (t->column_count == MAX_COLUMNS) return;
    if (!key && t->column_count && chance(12)) make_generated(t, &c);
    t->columns[t->column_count++] = c;
}

static inline void add_index(m_table *t)
{
    m_index *x = &t->indexes[t->index_count];

    if (t->index_count == MAX_INDEXES) return;
    memset(x, 0, sizeof *x);
    x->name = next_object++;
    x->kind = (m_index_kind)pick(M_FTS + 1);
    x->count = 1 + (t->column_count > 1 && chance(35));
    x->columns[0] = t->columns[pick(t->column_count)].name;
    if (x->count == 2) x->columns[1] = t->columns[pick(t->column_count)].name;
    t->index_count++;
}

static inline void add_check(m_table *t)
{
    m_check *k = &t->checks[t->check_count];

    if (t->check_count == MAX_CHECKS) return;
    k->name = chance(60) ? next_object++ : NONE;
    k->column = t->columns[pick(t->column_count)].name;
    k->kind = pick(3);
    t->check_count++;
}

/* What a foreign key may lead to: the primary key, or the columns of a unique index or constraint. */
static inline bool aim(const m_table *parent, m_key *f)
{
    int keys[MAX_COLUMNS], n = key_columns(parent, keys), at = pick(parent->index_count + 2);
    const m_index *x = at < parent->index_count ? &parent->indexes[at] : NULL;

    if (x && (x->kind == M_UNIQUE || x->kind == M_CONSTRAINT)) {
        f->implicit = false;
        f->count = x->count;
        memcpy(f->parent_columns, x->columns, sizeof x->columns);
        return true;
    }
    if (n > 2) return false;
    f->implicit = chance(50);
    f->count = n;
    memcpy(f->parent_columns, keys, (size_t)n * sizeof *keys);
    return true;
}

/* A foreign key over new columns of the parent's types, or over columns that are there. */
static inline void add_foreign_key(m_schema *s, m_table *t)
{
    m_table *parent = chance(15) ? t : &s->tables[pick(s->count)];
    m_key *f = &t->keys[t->key_count];

    if (t->key_count == MAX_KEYS || t->column_count + 2 > MAX_COLUMNS) return;
    memset(f, 0, sizeof *f);
    f->parent = parent->name;
    f->on_delete = (d1t_action)pick(5);
    f->on_update = chance(60) ? D1T_NO_ACTION : (d1t_action)pick(5);
    f->deferred = chance(10);
    if (!aim(parent, f)) return;
    for (int i = 0; i < f->count; i++) {
        m_column c = random_column(t, false);
        const m_column *p = column_named(parent, f->parent_columns[i]);

        if (p && (t->flags & D1T_STRICT ? p->type != D1T_NUMERIC : true)) c.type = p->type;
        c.not_null = chance(10);
        c.fallback = 0;
        c.collation = 0;
        f->columns[i] = c.name;
        t->columns[t->column_count++] = c;
    }
    t->key_count++;
}

static inline void random_table(m_schema *s)
{
    m_table *t = &s->tables[s->count];
    m_column tag = {0};
    int keys = chance(70) ? 1 : 2 + pick(2), others = 1 + pick(4);

    if (s->count == MOST_TABLES) return;
    memset(t, 0, sizeof *t);
    t->name = next_table++;
    t->was = NONE;
    t->flags =
        (chance(25) ? D1T_STRICT : 0u) | (chance(25) ? D1T_WITHOUT_ROWID : 0u) | (chance(15) ? D1T_AUTOINCREMENT : 0u);
    for (int i = 0; i < keys; i++) add_column(t, true);
    tag.name = TAG;
    tag.was = NONE;
    tag.type = D1T_INTEGER;
    t->columns[t->column_count++] = tag;
    for (int i = 0; i < others; i++) add_column(t, false);
    for (int n = pick(4); n > 0; n--) add_index(t);
    for (int n = pick(3) / 2 + pick(2); n > 0; n--) add_check(t);
    s->count++;
}

/* ---- repairing: what SQLite, or d1t_table_check, does not take is left out or made right */

static inline void repair_column(m_table *t, m_column *c)
{
    const m_column *of = column_named(t, c->of);

    if (c->generated && (!of || of->generated || of == c || c->key)) c->generated = 0;
    if (!c->generated) c->stored = false;
    if (c->generated) c->fallback = 0;
    if ((t->flags & D1T_STRICT) && c->type == D1T_NUMERIC) c->type = D1T_ANY;
    if (t->flags & D1T_STRICT) c->odd_type = false;
    if (c->key) {
        c->not_null = false;
        c->collation = 0;
        if (c->type == D1T_REAL || c->type == D1T_ANY || c->type == D1T_JSON || c->type == D1T_NUMERIC)
            c->type = D1T_TEXT;
    }
    if (c->fallback > 1 && (c->type == D1T_JSON || c->type == D1T_BOOL)) c->fallback = 1;
}

static inline bool index_fits(m_table *t, const m_index *x)
{
    int keys[MAX_COLUMNS], n = key_columns(t, keys);
    bool is_key = n == x->count;

    for (int i = 0; i < x->count; i++) {
        const m_column *c = column_named(t, x->columns[i]);

        if (!c || (i && x->columns[i] == x->columns[0])) return false;
        if (x->kind == M_FTS && (c->type != D1T_TEXT || c->generated || !has_rowid(t))) return false;
        is_key = is_key && keys[i] == x->columns[i];
    }
    for (const m_index *y = t->indexes; x->kind == M_CONSTRAINT && y < x; y++)
        if (y->kind == M_CONSTRAINT && y->count == x->count && memcmp(y->columns, x->columns, sizeof x->columns) == 0)
            return false;
    return !(x->kind == M_CONSTRAINT && is_key); /* SQLite makes no index of its own for it */
}

/* Is there a key or a unique index over exactly the parent's columns? */
static inline bool key_fits(m_schema *s, m_table *t, m_key *f)
{
    m_table *parent = table_named(s, f->parent);
    int keys[MAX_COLUMNS], n = parent ? key_columns(parent, keys) : 0;
    bool is_key = n == f->count;

    for (int i = 0; i < f->count; i++) {
        const m_column *c = column_named(t, f->columns[i]);

        if (!parent || !c || c->generated || !column_named(parent, f->parent_columns[i])) return false;
        is_key = is_key && keys[i] == f->parent_columns[i];
    }
    if (is_key) return true;
    f->implicit = false;
    for (int i = 0; parent && i < parent->index_count; i++) {
        const m_index *x = &parent->indexes[i];

        if ((x->kind == M_UNIQUE || x->kind == M_CONSTRAINT) && x->count == f->count &&
            memcmp(x->columns, f->parent_columns, (size_t)f->count * sizeof *x->columns) == 0)
            return true;
    }
    return false;
}

/* Two that say the same without a name are one and the same. */
static inline bool check_fits(m_table *t, const m_check *k)
{
    for (const m_check *other = t->checks; other < k; other++)
        if (other->name == k->name && other->column == k->column && other->kind == k->kind) return false;
    return column_named(t, k->column) != NULL;
}

static inline void repair_flags(m_table *t)
{
    const m_column *id;

    if (t->flags & D1T_WITHOUT_ROWID) t->flags &= ~(uint32_t)D1T_AUTOINCREMENT;
    id = rowid_alias(t);
    if (!id || id->fallback) t->flags &= ~(uint32_t)D1T_AUTOINCREMENT;
}

static inline void repair_table(m_schema *s, m_table *t)
{
    int keys[MAX_COLUMNS], n;

    if (key_columns(t, keys) == 0) t->columns[t->columns[0].name == TAG && t->column_count > 1 ? 1 : 0].key = true;
    for (int i = 0; i < t->column_count; i++)
        if (t->columns[i].key) t->columns[i].generated = 0;
    for (int i = 0; i < t->column_count; i++) repair_column(t, &t->columns[i]);
    n = 0;
    for (int i = 0; i < t->index_count; i++)
        if (index_fits(t, &t->indexes[i])) t->indexes[n++] = t->indexes[i];
    t->index_count = n;
    n = 0;
    for (int i = 0; i < t->check_count; i++)
        if (check_fits(t, &t->checks[i])) t->checks[n++] = t->checks[i];
    t->check_count = n;
    n = 0;
    for (int i = 0; i < t->key_count; i++)
        if (key_fits(s, t, &t->keys[i])) t->keys[n++] = t->keys[i];
    t->key_count = n;
    repair_flags(t);
}

static inline void repair(m_schema *s)
{
    for (int round = 0; round < 2; round++) /* what a table loses, a foreign key of another one may miss */
        for (int i = 0; i < s->count; i++) repair_table(s, &s->tables[i]);
}

static inline void random_schema(m_schema *s)
{
    int tables = 1 + pick(6);

    memset(s, 0, sizeof *s);
    for (int i = 0; i < tables; i++) random_table(s);
    repair(s);
    for (int i = 0; i < s->count; i++)
        for (int n = pick(3); n > 0; n--) add_foreign_key(s, &s->tables[i]);
    repair(s);
}

/* ---- changing */

static inline int swapped(int name, int old, int fresh)
{
    return name == old ? fresh : name;
}

static inline void rename_column(m_schema *s, m_table *t, m_column *c, bool hint)
{
    int old = c->name, fresh = next_column++;

    c->name = fresh;
    if (c->was == NONE && hint) c->was = old;
    for (int i = 0; i < t->column_count; i++) t->columns[i].of = swapped(t->columns[i].of, old, fresh);
    for (int i = 0; i < t->check_count; i++) t->checks[i].column = swapped(t->checks[i].column, old, fresh);
    for (int i = 0; i < t->index_count; i++)
        for (int k = 0; k < 2; k++) t->indexes[i].columns[k] = swapped(t->indexes[i].columns[k], old, fresh);
    for (int i = 0; i < s->count; i++)
        for (int f = 0; f < s->tables[i].key_count; f++)
            for (int k = 0; k < 2; k++) {
                m_key *key = &s->tables[i].keys[f];

                if (&s->tables[i] == t) key->columns[k] = swapped(key->columns[k], old, fresh);
                if (key->parent == t->name) key->parent_columns[k] = swapped(key->parent_columns[k], old, fresh);
            }
}

static inline void rename_table(m_schema *s, m_table *t, bool hint)
{
    int old = t->name, fresh = next_table++;

    t->name = fresh;
    if (t->was == NONE && hint) t->was = old;
    for (int i = 0; i < s->count; i++)
        for (int f = 0; f < s->tables[i].key_count; f++)
            s->tables[i].keys[f].parent = swapped(s->tables[i].keys[f].parent, old, fresh);
}

/* Mostly to a type that takes every value: a key cannot lose one. */
static inline void retype(m_table *t, m_column *c)
{
    c->type = random_type(c->key, (t->flags & D1T_STRICT) != 0);
    if (c->key && chance(75)) c->type = chance(70) ? D1T_TEXT : D1T_BLOB;
    if (c->not_null && !c->fallback && chance(75)) c->fallback = 1;
    c->odd_type = chance(20);
    if (c->fallback) c->fallback = random_default(c);
    c->generated = 0;
}

static inline void change_column(m_schema *s, m_table *t)
{
    m_column *c = &t->columns[pick(t->column_count)];

    if (c->name == TAG) return;
    switch (pick(10)) {
        case 0: rename_column(s, t, c, true); break;
        case 1: rename_column(s, t, c, chance(60)); break;
        case 2:
        case 3: retype(t, c); break;
        case 4: c->not_null = !c->not_null && !c->key; break;
        case 5:
        case 6: c->fallback = chance(30) ? 0 : random_default(c); break;
        case 7: c->collation = pick(3); break;
        case 8:
            if (c->generated) c->generated = 0;
            else make_generated(t, c);
            break;
        default:
            if (c->generated) c->stored = !c->stored;
            else c->fallback = random_default(c);
            break;
    }
}

static inline void remove_at(void *list, int *count, size_t size, int at)
{
    char *p = (char *)list + (size_t)at * size;

    if (*count == 0) return;
    (*count)--;
    memmove(p, p + size, (size_t)(*count - at) * size);
}

static inline void drop_column(m_table *t)
{
    int at = pick(t->column_count);

    if (t->columns[at].name != TAG && !(t->columns[at].key && chance(70)))
        remove_at(t->columns, &t->column_count, sizeof *t->columns, at);
}

static inline void reorder(m_table *t)
{
    int a = pick(t->column_count), b = pick(t->column_count);
    m_column c = t->columns[a];

    t->columns[a] = t->columns[b];
    t->columns[b] = c;
}

static inline void change_key(m_table *t)
{
    m_column *c = &t->columns[pick(t->column_count)];

    if (c->name != TAG && !c->generated) c->key = !c->key;
}

static inline void change_foreign_key(m_schema *s, m_table *t)
{
    m_key *f = &t->keys[pick(t->key_count)];

    if (t->key_count == 0 || chance(30)) add_foreign_key(s, t);
    else if (chance(40)) remove_at(t->keys, &t->key_count, sizeof *t->keys, (int)(f - t->keys));
    else if (chance(80)) f->on_delete = (d1t_action)pick(5);
    else f->deferred = !f->deferred;
}

/* Rows that are there can hardly ever get a NOT NULL column without a default. */
static inline void widen(m_table *t)
{
    int before = t->column_count;
    m_column *c = &t->columns[before];

    add_column(t, false);
    if (t->column_count > before && c->not_null && !c->generated && !c->fallback && chance(85))
        c->fallback = random_default(c);
}

static inline void mutate(m_schema *s)
{
    m_table *t = &s->tables[pick(s->count)];
    static const uint32_t flags[] = {D1T_STRICT, D1T_WITHOUT_ROWID, D1T_AUTOINCREMENT};

    switch (pick(20)) {
        case 0:
        case 1:
        case 2: widen(t); break;
        case 3: drop_column(t); break;
        case 4:
        case 5:
        case 6:
        case 7:
        case 8: change_column(s, t); break;
        case 9:
        case 10: add_index(t); break;
        case 11: remove_at(t->indexes, &t->index_count, sizeof *t->indexes, pick(t->index_count)); break;
        case 12:
        case 13: change_foreign_key(s, t); break;
        case 14:
            if (t->check_count && chance(50))
                remove_at(t->checks, &t->check_count, sizeof *t->checks, pick(t->check_count));
            else add_check(t);
            break;
        case 15: t->flags ^= flags[pick(3)]; break;
        case 16: change_key(t); break;
        case 17:
            if (s->count > 1 && chance(50)) remove_at(s->tables, &s->count, sizeof *s->tables, pick(s->count));
            else random_table(s);
            break;
        case 18: rename_table(s, t, chance(85)); break;
        default: reorder(t); break;
    }
    repair(s);
}

/* ---- writing it out */

/* A text in the arena. */
static inline char *text_of(d1t_arena *a, const char *format, ...)
{
    char buffer[4096];
    va_list args;
    char *copy;

    va_start(args, format);
    vsnprintf(buffer, sizeof buffer, format, args);
    va_end(args);
    copy = d1t_arena_text(a, d1t_cstr(buffer));
    if (!copy) exit(3);
    return copy;
}

static inline const char *quoted(d1t_arena *a, const char *name)
{
    char buffer[512];
    d1t_writer w;

    d1t_writer_fixed(&w, buffer, sizeof buffer);
    d1t_write_name(&w, name);
    return text_of(a, "%.*s", (int)w.total, buffer);
}

static inline const char *table_name(d1t_arena *a, int name)
{
    static const char *const odd[] = {"order",
                                      "t 2",
                                      "Gr\xc3\xb6\xc3\x9f"
                                      "e",
                                      "it's",
                                      "we`ird",
                                      "a.b"};

    return name % 3 == 2 && name / 3 < 6 ? odd[name / 3] : text_of(a, "t%d", name);
}

static inline const char *column_name(d1t_arena *a, int name)
{
    static const char *const odd[] = {"select", "c 1", "na\"me", "\xc3\xa9t\xc3\xa9", "rowid", "value", "t1", "x[y]"};

    if (name == TAG) return "tag";
    return name % 5 == 4 && name / 5 < 8 ? odd[name / 5] : text_of(a, "c%d", name);
}

static inline const char *object_name(d1t_arena *a, int name)
{
    return text_of(a, name % 7 == 3 ? "x %d" : "x%d", name);
}

static inline const char *default_text(const m_column *c)
{
    static const char *const ints[] = {"7", "-1", "3+4", "abs(-9)"},
                             *const texts[] = {"'x'", "'it''s'", "lower('ABC')", "CURRENT_DATE"},
                             *const reals[] = {"1.5", "2.5", "0.5*3", "abs(-2.5)"},
                             *const blobs[] = {"x'00ff'", "x''", "zeroblob(2)", "x'41'"},
                             *const any[] = {"7", "'x'", "1+1", "x'01'"}, *const numbers[] = {"7", "1.5", "2*4", "-3"};

    if (c->fallback == 0) return NULL;
    switch (c->type) {
        case D1T_INTEGER: return ints[c->fallback - 1];
        case D1T_BOOL: return "1";
        case D1T_JSON: return "'{}'";
        case D1T_REAL: return reals[c->fallback - 1];
        case D1T_BLOB: return blobs[c->fallback - 1];
        case D1T_ANY: return any[c->fallback - 1];
        case D1T_NUMERIC: return numbers[c->fallback - 1];
        default: return texts[c->fallback - 1];
    }
}

static inline const char *odd_type(d1t_type type)
{
    switch (type) {
        case D1T_INTEGER: return "INT";
        case D1T_REAL: return "DOUBLE PRECISION";
        case D1T_TEXT: return "VARCHAR(20)";
        case D1T_NUMERIC: return "DATETIME";
        default: return NULL;
    }
}

static inline d1t_column column_out(d1t_arena *a, const m_column *c)
{
    static const char *const collations[] = {NULL, "NOCASE", "RTRIM"};
    d1t_column out = {0};
    const char *of = quoted(a, column_name(a, c->of));

    out.name = column_name(a, c->name);
    out.type = c->type;
    out.flags = (c->key ? D1T_KEY : 0u) | (c->not_null ? D1T_NOT_NULL : 0u) | (c->stored ? D1T_STORED : 0u);
    out.default_sql = default_text(c);
    out.collation = collations[c->collation];
    if (c->generated) out.generated_sql = text_of(a, c->generated == 1 ? "coalesce(length(%s),0)" : "%s||'!'", of);
    if (c->odd_type) out.sql_type = odd_type(c->type);
    if (c->was != NONE) out.was = column_name(a, c->was);
    return out;
}

static inline const char *const *names_out(d1t_arena *a, const int *names, int count)
{
    const char **out = (const char **)d1t_arena_take(a, (size_t)count * sizeof *out);

    for (int i = 0; i < count; i++) out[i] = column_name(a, names[i]);
    return out;
}

static inline d1t_index index_out(d1t_arena *a, const m_index *x)
{
    d1t_index out = {0};
    const char *first = quoted(a, column_name(a, x->columns[0]));

    if (x->kind != M_CONSTRAINT) out.name = object_name(a, x->name);
    out.columns = names_out(a, x->columns, x->count);
    out.column_count = (size_t)x->count;
    if (x->kind == M_UNIQUE || x->kind == M_UNIQUE_PARTIAL || x->kind == M_CONSTRAINT) out.flags = D1T_UNIQUE;
    if (x->kind == M_PARTIAL || x->kind == M_UNIQUE_PARTIAL) out.where_sql = text_of(a, "%s IS NOT NULL", first);
    if (x->kind == M_FTS) out.flags = D1T_FTS5;
    if (x->kind == M_FTS && x->count == 2) out.fts_sql = "tokenize='porter unicode61'";
    if (x->kind != M_TERMS) return out;
    out.terms_sql = x->count == 1 ? text_of(a, "lower(%s)", first)
                                  : text_of(a, "%s DESC, lower(%s)", first, quoted(a, column_name(a, x->columns[1])));
    out.columns = NULL;
    out.column_count = 0;
    return out;
}

static inline d1t_check check_out(d1t_arena *a, const m_table *t, const m_check *k)
{
    static const char *const kinds[] = {"length(%s)<12", "%s IS NOT 13", "%s.%s IS NOT 'k13'"};
    const char *column = quoted(a, column_name(a, k->column));
    d1t_check out;

    out.name = k->name == NONE ? NULL : object_name(a, k->name);
    out.sql = k->kind == 2 ? text_of(a, kinds[2], quoted(a, table_name(a, t->name)), column)
                           : text_of(a, kinds[k->kind], column);
    return out;
}

static inline d1t_foreign_key key_out(d1t_arena *a, const m_key *f)
{
    d1t_foreign_key out = {0};

    out.columns = names_out(a, f->columns, f->count);
    out.column_count = (size_t)f->count;
    out.parent = table_name(a, f->parent);
    if (!f->implicit) out.parent_columns = names_out(a, f->parent_columns, f->count);
    out.on_delete = f->on_delete;
    out.on_update = f->on_update;
    out.deferred = f->deferred;
    return out;
}

static inline const d1t_table *table_out(d1t_arena *a, const m_table *t)
{
    d1t_table *out = (d1t_table *)d1t_arena_take(a, sizeof *out);
    d1t_column *columns = (d1t_column *)d1t_arena_take(a, MAX_COLUMNS * sizeof *columns);
    d1t_index *indexes = (d1t_index *)d1t_arena_take(a, MAX_INDEXES * sizeof *indexes);
    d1t_foreign_key *keys = (d1t_foreign_key *)d1t_arena_take(a, MAX_KEYS * sizeof *keys);
    d1t_check *checks = (d1t_check *)d1t_arena_take(a, MAX_CHECKS * sizeof *checks);

    for (int i = 0; i < t->column_count; i++) columns[i] = column_out(a, &t->columns[i]);
    for (int i = 0; i < t->index_count; i++) indexes[i] = index_out(a, &t->indexes[i]);
    for (int i = 0; i < t->key_count; i++) keys[i] = key_out(a, &t->keys[i]);
    for (int i = 0; i < t->check_count; i++) checks[i] = check_out(a, t, &t->checks[i]);
    out->name = table_name(a, t->name);
    out->columns = columns;
    out->column_count = (size_t)t->column_count;
    out->indexes = indexes;
    out->index_count = (size_t)t->index_count;
    out->foreign_keys = keys;
    out->foreign_key_count = (size_t)t->key_count;
    out->checks = checks;
    out->check_count = (size_t)t->check_count;
    out->flags = t->flags;
    if (t->was != NONE) out->was = table_name(a, t->was);
    return out;
}

#endif
