/* What has to become of the rows when a schema A becomes a schema B, worked out without any of the header's planner:
   A's rows are read, each value is turned into what its new column takes by the rules below, and all goes into an empty
   database with B's tables. If SQLite refuses a row there, the change is impossible, and only then may a
   plan be refused.

   A row may go only if the primary key is over other columns than before, and then only
     - if one of its new key's columns, there before, is NULL in it,
     - if another row has the same new key (of these, exactly one stays),
     - if the new key has a column that is new, has no default and is not the rowid (all rows go).
   A value may change only
     - if the column's affinity changes, the table becomes STRICT, or the column becomes the rowid: see `converted`,
     - NULL, in a column that becomes NOT NULL: it takes the default,
     - in a column that is generated afterwards. */
#ifndef SETUP_ORACLE_H
#define SETUP_ORACLE_H

typedef struct m_rows { /* SQL literals, as quote() gives them, in the order of the model's columns */
    int count;
    char ***v;
} m_rows;

typedef struct m_map {        /* where a table of the target comes from */
    int source;               /* table of A, NONE: it is new */
    int columns[MAX_COLUMNS]; /* column of A, NONE: it is new */
} m_map;

typedef struct m_fate {
    m_map map;
    bool key_changes; /* rows may go */
    bool empty;       /* all rows go */
    bool keyless;     /* a row's key would get lost: no value can stand for it */
    int lost, filled; /* values that became NULL or the default */
    bool dropped;     /* a column that held values goes, or is computed from now on */
    char ***rows;     /* [count of A's rows][column]: literal or expression, NULL: left to SQLite */
    bool *goes;       /* [count of A's rows] */
} m_fate;

/* ---- a scratch database */

static inline void scratch_exec(sqlite3 *s, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(s, sql, NULL, NULL, &message) == SQLITE_OK) return;
    printf("scratch: %s\n  %s\n", message, sql);
    exit(3);
}

static inline char *written(d1t_arena *a, const d1t_table *t, const d1t_index *x)
{
    static char buffer[1 << 16];
    d1t_writer w;

    d1t_writer_fixed(&w, buffer, sizeof buffer);
    if (x) d1t_write_create_index(&w, t, x);
    else d1t_write_create_table(&w, t);
    return d1t_arena_text(a, d1t_bytes(buffer, w.total));
}

/* Without FTS5 indexes, which hold no rows of their own. */
static inline sqlite3 *scratch_open(d1t_arena *a, const m_schema *s)
{
    sqlite3 *scratch;

    if (sqlite3_open(":memory:", &scratch) != SQLITE_OK) exit(3);
    for (int i = 0; i < s->count; i++) {
        const d1t_table *t = table_out(a, &s->tables[i]);

        scratch_exec(scratch, written(a, t, NULL));
        for (size_t k = 0; k < t->index_count; k++)
            if (t->indexes[k].name && !(t->indexes[k].flags & D1T_FTS5))
                scratch_exec(scratch, written(a, t, &t->indexes[k]));
    }
    return scratch;
}

/* The value as a literal. quote() ends a text at its first NUL, which a generated column has if a blob is in it. */
static inline char *as_literal(d1t_arena *a, const char *column)
{
    return text_of(a,
                   "iif(typeof(%s)='text' AND instr(CAST(%s AS BLOB),x'00'),"
                   "'CAST('||quote(CAST(%s AS BLOB))||' AS TEXT)',quote(%s))",
                   column, column, column, column);
}

/* "SELECT literal,... FROM ... ORDER BY tag" */
static inline char *select_rows(d1t_arena *a, const m_table *t)
{
    char *sql = text_of(a, "SELECT ");

    for (int i = 0; i < t->column_count; i++)
        sql = text_of(a, "%s%s%s", sql, i ? "," : "", as_literal(a, quoted(a, column_name(a, t->columns[i].name))));
    return text_of(a, "%s FROM %s ORDER BY `tag`", sql, quoted(a, table_name(a, t->name)));
}

static inline void add_row(d1t_arena *a, m_rows *rows, char **row)
{
    char ***v = (char ***)d1t_arena_take(a, (size_t)(rows->count + 1) * sizeof *v);

    if (rows->count) memcpy(v, rows->v, (size_t)rows->count * sizeof *v);
    v[rows->count++] = row;
    rows->v = v;
}

static inline m_rows scratch_rows(sqlite3 *s, d1t_arena *a, const m_table *t)
{
    m_rows rows = {0, NULL};
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(s, select_rows(a, t), -1, &stmt, NULL) != SQLITE_OK) {
        printf("scratch: %s\n", sqlite3_errmsg(s));
        exit(3);
    }
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        char **row = (char **)d1t_arena_take(a, MAX_COLUMNS * sizeof *row);

        for (int i = 0; i < t->column_count; i++) row[i] = text_of(a, "%s", (const char *)sqlite3_column_text(stmt, i));
        add_row(a, &rows, row);
    }
    sqlite3_finalize(stmt);
    return rows;
}

/* ---- random rows, as A's constraints allow */

static inline const char *random_literal(d1t_arena *a, const m_table *t, const m_column *c)
{
    static const char *const texts[] = {"''",    "'it''s'", "'Abc'", "'12'",         "'012'",
                                        "'1.5'", "'1e3'",   "'x  '", "'caf\xc3\xa9'"};
    d1t_type type = c->type;

    if (!c->key && chance(c->not_null ? 0 : 15)) return "NULL";
    if (!(t->flags & D1T_STRICT) && c->name != TAG && !rowid_alias(t) && chance(5))
        type = D1T_ANY; /* SQLite takes what does not fit the type */
    if (type == D1T_ANY) {
        static const d1t_type any[] = {D1T_INTEGER, D1T_REAL, D1T_TEXT, D1T_BLOB};

        type = any[pick(4)];
    }
    switch (type) {
        case D1T_INTEGER:
        case D1T_NUMERIC:
            if (type == D1T_NUMERIC && chance(30)) return chance(50) ? "'n/a'" : "2.5";
            return chance(4) ? "9007199254740993" : text_of(a, "%d", pick(25) - 2);
        case D1T_BOOL: return text_of(a, "%d", pick(2));
        case D1T_REAL: return text_of(a, "%d.%d", pick(12), pick(2) * 5);
        case D1T_BLOB: return chance(40) ? text_of(a, "x'%02x'", 48 + pick(10)) : text_of(a, "x'00ff%02x'", pick(20));
        case D1T_JSON: return chance(50) ? "'{\"a\":1}'" : "'[]'";
        default:
            return chance(35)   ? texts[pick(9)]
                   : chance(30) ? text_of(a, "'%d'", pick(25))
                                : text_of(a, "'k%d'", pick(25));
    }
}

static inline void fill_table(sqlite3 *s, d1t_arena *a, const m_table *t, int *tag)
{
    int rows = chance(12) ? 0 : 1 + pick(16);

    for (int r = 0; r < rows; r++) {
        char *names = text_of(a, "`tag`"), *values = text_of(a, "%d", ++*tag);

        for (int i = 0; i < t->column_count; i++) {
            const m_column *c = &t->columns[i];

            if (c->generated || c->name == TAG || (c->fallback && chance(15))) continue;
            names = text_of(a, "%s,%s", names, quoted(a, column_name(a, c->name)));
            values = text_of(a, "%s,%s", values, random_literal(a, t, c));
        }
        sqlite3_exec(
            s, text_of(a, "INSERT OR IGNORE INTO %s(%s) VALUES(%s)", quoted(a, table_name(a, t->name)), names, values),
            NULL, NULL, NULL); /* a STRICT table refuses some: then there are fewer rows */
    }
}

/* Children without a parent let go of it, or go. Comparing with a cast is close to what SQLite does; what is left over
   is found by SQLite's own check. */
static inline int drop_orphans(sqlite3 *s, d1t_arena *a, const m_table *t, const m_key *f)
{
    const char *child = quoted(a, table_name(a, t->name)), *parent = quoted(a, table_name(a, f->parent));
    char *where = text_of(a, "1"), *match = text_of(a, "1"), *set = text_of(a, " ");

    for (int i = 0; i < f->count; i++) {
        const char *c = quoted(a, column_name(a, f->columns[i])), *p = quoted(a, column_name(a, f->parent_columns[i]));

        where = text_of(a, "%s AND %s.%s IS NOT NULL", where, child, c);
        match = text_of(a, "%s AND p.%s=%s.%s AND typeof(p.%s)=typeof(%s.%s)", match, p, child, c, p, child, c);
        set = text_of(a, "%s%s%s=NULL", set, i ? "," : "", c);
    }
    where = text_of(a, "%s AND NOT EXISTS(SELECT 1 FROM %s p WHERE %s)", where, parent, match);
    sqlite3_exec(s, text_of(a, "UPDATE OR IGNORE %s SET %s WHERE %s", child, set, where), NULL, NULL, NULL);
    scratch_exec(s, text_of(a, "DELETE FROM %s WHERE %s", child, where));
    return sqlite3_changes(s);
}

/* The first child table with orphans; NULL: there is none. "mismatch": a foreign key leads to no unique columns. */
static inline const char *first_orphan(sqlite3 *s, d1t_arena *a)
{
    sqlite3_stmt *stmt = NULL;
    const char *table = NULL;
    int status;

    if (sqlite3_prepare_v2(s, "PRAGMA foreign_key_check", -1, &stmt, NULL) != SQLITE_OK) return "mismatch";
    status = sqlite3_step(stmt);
    if (status == SQLITE_ROW) table = text_of(a, "%s", (const char *)sqlite3_column_text(stmt, 0));
    else if (status != SQLITE_DONE) table = "mismatch";
    sqlite3_finalize(stmt);
    return table;
}

static inline void fill(sqlite3 *s, d1t_arena *a, const m_schema *schema)
{
    int tag = 0, changes = 1;
    const char *orphan;

    for (int i = 0; i < schema->count; i++) fill_table(s, a, &schema->tables[i], &tag);
    while (changes) {
        changes = 0;
        for (int i = 0; i < schema->count; i++)
            for (int f = 0; f < schema->tables[i].key_count; f++)
                changes += drop_orphans(s, a, &schema->tables[i], &schema->tables[i].keys[f]);
    }
    while ((orphan = first_orphan(s, a)) != NULL) scratch_exec(s, text_of(a, "DELETE FROM %s", quoted(a, orphan)));
}

/* ---- values */

static inline d1t_type affinity(const m_column *c)
{
    return c->type == D1T_BOOL ? D1T_INTEGER : c->type == D1T_JSON ? D1T_TEXT : c->type;
}

static inline bool is_text(const char *v)
{
    return v[0] == '\'' || v[0] == 'C';
}

static inline bool is_blob(const char *v)
{
    return v[0] == 'X';
}

static inline bool is_real(const char *v)
{
    return !is_text(v) && !is_blob(v) && (strchr(v, '.') || strchr(v, 'e') || strchr(v, 'E'));
}

/* '12' -> 12: the text is exactly what the integer looks like. */
static inline char *text_as_integer(d1t_arena *a, const char *v)
{
    long long i;
    char *digits = text_of(a, "%.*s", (int)strlen(v) - 2, v + 1), *end;

    i = strtoll(digits, &end, 10);
    return *digits && !*end && strcmp(digits, text_of(a, "%lld", i)) == 0 ? digits : NULL;
}

static inline char *text_as_real(d1t_arena *a, const char *v)
{
    char *digits = text_of(a, "%.*s", (int)strlen(v) - 2, v + 1), *end, *back;
    double d = strtod(digits, &end);

    if (!*digits || *end || (*digits != '-' && (*digits < '0' || *digits > '9'))) return NULL;
    back = text_of(a, "%.15g", d);
    if (!strchr(back, '.') && !strchr(back, 'e')) back = text_of(a, "%s.0", back);
    return strcmp(back, digits) == 0 ? back : NULL;
}

/* Does the text read as a number, so that NUMERIC affinity makes one of it? */
static inline bool reads_as_number(d1t_arena *a, const char *v)
{
    char *digits = text_of(a, "%.*s", (int)strlen(v) - 2, v + 1), *end;

    if (!*digits || strpbrk(digits, "xXnNpP")) return false;
    strtod(digits, &end);
    return end != digits && !*end;
}

static inline char *text_as_blob(d1t_arena *a, const char *v)
{
    char *out = text_of(a, "X'");

    if (v[0] == 'C') return text_of(a, "%.*s", (int)(strlen(v) - strlen("CAST( AS TEXT)")), v + strlen("CAST("));
    for (size_t i = 1; i + 1 < strlen(v); i++) {
        out = text_of(a, "%s%02X", out, (unsigned)(unsigned char)v[i]);
        i += v[i] == '\'';
    }
    return text_of(a, "%s'", out);
}

/* A value as a column of another affinity holds it; NULL: it cannot. Integers become reals if exactly equal, and reals
   integers; numbers and texts become each other if the text is exactly what the number looks like; a NUMERIC column
   keeps texts that do not read as numbers; blobs stay blobs; columns without a type and ANY keep everything. */
static inline const char *converted(d1t_arena *a, const char *v, d1t_type to, bool strict)
{
    char *number = is_text(v) ? text_as_integer(a, v) : NULL;

    if (strcmp(v, "NULL") == 0) return v;
    switch (to) {
        case D1T_INTEGER:
            if (is_blob(v)) return NULL;
            if (is_text(v)) return number;
            return !is_real(v) ? v
                   : strtod(v, NULL) == (double)(long long)strtod(v, NULL)
                       ? text_of(a, "%lld", (long long)strtod(v, NULL))
                       : NULL;
        case D1T_REAL:
            if (is_blob(v)) return NULL;
            if (is_text(v)) return number && strlen(number) < 16 ? number : text_as_real(a, v);
            return is_real(v) || (long long)(double)strtoll(v, NULL, 10) == strtoll(v, NULL, 10) ? v : NULL;
        case D1T_TEXT: return is_blob(v) ? NULL : is_text(v) ? v : text_of(a, "'%s'", v);
        case D1T_BLOB: return !strict || is_blob(v) ? v : is_text(v) ? text_as_blob(a, v) : NULL;
        case D1T_NUMERIC:
            if (!is_text(v) || !reads_as_number(a, v)) return v;
            return number ? number : !text_as_real(a, v) || strstr(v, ".0'") ? NULL : text_as_real(a, v);
        default: return v;
    }
}

/* ---- from A to the target */

static inline m_map map_table(const m_schema *a, const m_table *t)
{
    m_map map;
    const m_table *from;
    bool taken[MAX_COLUMNS] = {false};

    map.source = NONE;
    for (int pass = 0; pass < 2 && map.source == NONE; pass++)
        for (int i = 0; i < a->count; i++)
            if (a->tables[i].name == (pass ? t->was : t->name)) map.source = i;
    for (int i = 0; i < MAX_COLUMNS; i++) map.columns[i] = NONE;
    if (map.source == NONE) return map;
    from = &a->tables[map.source];
    for (int pass = 0; pass < 2; pass++) /* renames first: then the old name is free for another column */
        for (int i = 0; i < t->column_count; i++) {
            const m_column *c = &t->columns[i];
            bool there = false;

            for (int k = 0; k < from->column_count; k++) there = there || from->columns[k].name == c->name;
            for (int k = 0; k < from->column_count; k++)
                if (!taken[k] && from->columns[k].name == (pass ? c->name : there ? NONE : c->was)) {
                    map.columns[i] = k;
                    taken[k] = true;
                }
        }
    return map;
}

/* What the database should have in the end: B, and the tables of A that stay because nobody asked to drop them, with
   the names that they know others by. */
static inline void leave_undeclared(m_schema *target, const m_schema *a)
{
    int declared = target->count;

    for (int i = 0; i < a->count; i++) {
        bool used = false;
        m_table t = a->tables[i];

        for (int k = 0; k < declared; k++) used = used || map_table(a, &target->tables[k]).source == i;
        if (used || target->count == MAX_TABLES) continue;
        for (int f = 0; f < t.key_count; f++)
            for (int k = 0; k < declared; k++) {
                m_table *p = &target->tables[k];
                m_map map = map_table(a, p);

                if (map.source == NONE || a->tables[map.source].name != a->tables[i].keys[f].parent) continue;
                t.keys[f].parent = p->name;
                for (int c = 0; c < p->column_count; c++)
                    for (int n = 0; n < 2 && map.columns[c] != NONE; n++)
                        if (a->tables[map.source].columns[map.columns[c]].name ==
                            a->tables[i].keys[f].parent_columns[n])
                            t.keys[f].parent_columns[n] = p->columns[c].name;
            }
        target->tables[target->count++] = t;
    }
}

static inline bool same_key(const m_table *a, const m_table *t, const m_map *map)
{
    int old[MAX_COLUMNS], fresh[MAX_COLUMNS], n = key_columns(a, old), m = 0;

    for (int i = 0; i < t->column_count; i++)
        if (t->columns[i].key) fresh[m++] = map->columns[i] == NONE ? -2 : a->columns[map->columns[i]].name;
    if (n != m) return false;
    for (int i = 0; i < n; i++)
        if (old[i] != fresh[i]) return false;
    return true;
}

static inline bool value_changes(const m_table *a, const m_column *from, const m_table *t, const m_column *c)
{
    if (c->generated) return false;
    return affinity(from) != affinity(c) || ((t->flags & D1T_STRICT) && !(a->flags & D1T_STRICT)) ||
           (rowid_alias(t) == c && rowid_alias(a) != from);
}

static inline void convert_row(d1t_arena *arena, const m_table *a, const m_table *t, m_fate *fate, char **row, int r)
{
    bool strict = (t->flags & D1T_STRICT) != 0, keyless = false;

    for (int i = 0; i < t->column_count; i++) {
        const m_column *c = &t->columns[i];
        const m_column *from = fate->map.columns[i] == NONE ? NULL : &a->columns[fate->map.columns[i]];
        const char *v = from ? row[fate->map.columns[i]] : NULL;
        const char *fallback = c->fallback ? text_of(arena, "(%s)", default_text(c)) : "NULL";

        if (!v || c->generated) continue;
        if (value_changes(a, from, t, c)) {
            const char *w = converted(arena, v, affinity(c), strict);

            fate->lost += !w;
            keyless = keyless || (!w && c->key && !c->fallback);
            v = w ? w : fallback;
        }
        if (strcmp(v, "NULL") == 0 && c->not_null && c->fallback) {
            fate->filled++;
            v = fallback;
        }
        if (c->key && strcmp(v, "NULL") == 0) {
            if (fate->key_changes && strcmp(row[fate->map.columns[i]], "NULL") == 0) fate->goes[r] = true;
            else keyless = true; /* SQLite would give it an id where the key is the rowid */
        }
        fate->rows[r][i] = text_of(arena, "%s", v);
    }
    fate->keyless = fate->keyless || (keyless && !fate->goes[r]);
}

static inline void decide_fate(d1t_arena *arena, const m_schema *a, const m_rows *before, const m_table *t,
                               m_fate *fate)
{
    const m_table *from;
    const m_rows *rows;

    memset(fate, 0, sizeof *fate);
    fate->map = map_table(a, t);
    if (fate->map.source == NONE) return;
    from = &a->tables[fate->map.source];
    rows = &before[fate->map.source];
    fate->key_changes = !same_key(from, t, &fate->map);
    for (int i = 0; i < t->column_count; i++) {
        const m_column *c = &t->columns[i];

        if (c->key && fate->map.columns[i] == NONE && !c->fallback && rowid_alias(t) != c) fate->empty = true;
        if (c->generated && fate->map.columns[i] != NONE && !from->columns[fate->map.columns[i]].generated)
            fate->dropped = true;
    }
    for (int k = 0; k < from->column_count; k++) {
        bool used = false;

        for (int i = 0; i < t->column_count; i++) used = used || fate->map.columns[i] == k;
        fate->dropped = fate->dropped || (!used && !from->columns[k].generated);
    }
    fate->rows = (char ***)d1t_arena_take(arena, (size_t)(rows->count + 1) * sizeof *fate->rows);
    fate->goes = (bool *)d1t_arena_take(arena, (size_t)rows->count + 1);
    for (int r = 0; r < rows->count; r++) {
        fate->rows[r] = (char **)d1t_arena_take(arena, MAX_COLUMNS * sizeof **fate->rows);
        fate->goes[r] = fate->empty;
        convert_row(arena, from, t, fate, rows->v[r], r);
    }
}

/* The new key of a row as one text; NULL: it gets an id of its own. */
static inline const char *new_key(d1t_arena *arena, const m_table *t, const m_fate *fate, int r)
{
    char *key = text_of(arena, "k");

    for (int i = 0; i < t->column_count; i++) {
        if (!t->columns[i].key) continue;
        if (!fate->rows[r][i] && rowid_alias(t)) return NULL;
        key = text_of(arena, "%s,%s", key, fate->rows[r][i] ? fate->rows[r][i] : "default");
    }
    return key;
}

/* Of the rows that share a new key one stays: the one that `stays` says, where it is known, else the first. Returns how
   many groups do not have exactly one that stays. */
static inline int settle_keys(d1t_arena *arena, const m_table *t, m_fate *fate, int count, const bool *stays)
{
    int wrong = 0;

    for (int r = 0; r < count && fate->key_changes; r++) {
        const char *key = fate->goes[r] ? NULL : new_key(arena, t, fate, r);
        int keep = r, staying = 0;

        for (int q = r; q < count && key; q++) {
            const char *other = fate->goes[q] ? NULL : new_key(arena, t, fate, q);

            if (!other || strcmp(key, other) != 0 || !stays || !stays[q]) continue;
            keep = q;
            staying++;
        }
        wrong += key && stays && staying != 1;
        for (int q = r; q < count && key; q++) {
            const char *other = fate->goes[q] ? NULL : new_key(arena, t, fate, q);

            if (q != keep && other && strcmp(key, other) == 0) fate->goes[q] = true;
        }
        if (key && keep != r) continue;
    }
    return wrong;
}

/* NULL: done; else SQLite's word against it. */
static inline const char *attempt(sqlite3 *s, d1t_arena *arena, const char *sql)
{
    char *message = NULL;
    const char *word;

    if (sqlite3_exec(s, sql, NULL, NULL, &message) == SQLITE_OK) return NULL;
    word = text_of(arena, "%s", message);
    sqlite3_free(message);
    return word;
}

static inline const char *insert_row(sqlite3 *s, d1t_arena *arena, const m_table *t, char *const *row)
{
    char *names = text_of(arena, "%s", ""), *values = names;

    for (int c = 0; c < t->column_count; c++) {
        if (!row[c]) continue;
        names = text_of(arena, "%s%s%s", names, *names ? "," : "",
                        quoted(arena, column_name(arena, t->columns[c].name)));
        values = text_of(arena, "%s%s%s", values, *values ? "," : "", row[c]);
    }
    return attempt(s, arena,
                   text_of(arena, "INSERT INTO %s(%s) VALUES(%s)", quoted(arena, table_name(arena, t->name)), names,
                           values));
}

/* Puts the rows into an empty database with the target's tables. NULL: they fit; else SQLite's word against it. */
static inline const char *fit(sqlite3 *s, d1t_arena *arena, const m_schema *target, const m_rows *before, m_fate *fates)
{
    const char *orphan, *word;

    scratch_exec(s, "PRAGMA foreign_keys=on; BEGIN; PRAGMA defer_foreign_keys=on");
    for (int i = 0; i < target->count; i++) {
        const m_fate *fate = &fates[i];
        int count = fate->map.source == NONE ? 0 : before[fate->map.source].count;

        if (fate->keyless) return "a key without a value";
        for (int r = 0; r < count; r++)
            if (!fate->goes[r] && (word = insert_row(s, arena, &target->tables[i], fate->rows[r])) != NULL) return word;
    }
    orphan = first_orphan(s, arena);
    return orphan ? text_of(arena, "foreign key of %s", orphan) : attempt(s, arena, "COMMIT");
}

static inline bool has_new_key(const m_table *t, const m_fate *fate, int r)
{
    for (int i = 0; i < t->column_count; i++)
        if (t->columns[i].key && fate->rows[r][i] && strcmp(fate->rows[r][i], "NULL") == 0) return false;
    return !fate->empty;
}

/* Of the rows that share a new key any may be the one that stays: SQLite's word against one of those that go. NULL:
   none. */
static inline const char *unfit(sqlite3 *s, d1t_arena *arena, const m_table *t, const m_fate *fate, int count)
{
    const char *word = NULL;

    scratch_exec(s, "PRAGMA foreign_keys=off");
    for (int r = 0; r < count && !word && fate->key_changes; r++) {
        if (!fate->goes[r] || !has_new_key(t, fate, r)) continue;
        scratch_exec(s, text_of(arena, "DELETE FROM %s", quoted(arena, table_name(arena, t->name))));
        word = insert_row(s, arena, t, fate->rows[r]);
    }
    return word;
}

#endif
