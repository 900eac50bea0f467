// D1's public REST shape (/query and /raw) over real D1 bindings, one binding per database id.
//
// env[id].query({ queries }) is D1's own batch call (compatibility flag d1_binding_jsrpc): one transaction, and per
// statement the columns and rows as arrays beside the meta. batch() would do the same but answers objects, which
// lose duplicate column names; prepare().raw() keeps them but can neither be batched nor tell the meta.

const answer = (status, fields) =>
  Response.json({ success: false, errors: [], messages: [], result: [], ...fields }, { status });
const refuse = (status, code, message) => answer(status, { errors: [{ code, message }] });
const succeed = (result) => answer(200, { success: true, result });

// Every other failure is the statement's own fault (400).
const NOT_THE_SQL = /^(Durable Object was reset|internal error|Network connection lost)|caused object to be reset|and was reset\.$|because its code was updated/i;

function refuseError(error) {
  const message = String(error?.message ?? error).replace(/^D1_ERROR: /, "");
  if (/^D1 DB is overloaded/.test(message)) return refuse(429, 7500, message);
  return refuse(NOT_THE_SQL.test(message) ? 500 : 400, 7500, message);
}

// What production is known to bind: strings, numbers, null and byte arrays. Nothing more, so that a client cannot
// come to rely on more.
const isByte = (v) => Number.isInteger(v) && v >= 0 && v <= 255;
const isParam = (v) => v === null || ["string", "number"].includes(typeof v) || (Array.isArray(v) && v.every(isByte));
const isQuery = (q) => typeof q?.sql === "string" && (q.params == null || (Array.isArray(q.params) && q.params.every(isParam)));

// {sql, params} or {batch: [{sql, params}, …]} as a list, or null
function readQueries(text) {
  try {
    const body = JSON.parse(text);
    const queries = body.batch ?? [body];
    if (Array.isArray(queries) && queries.every(isQuery)) return queries.map(({ sql, params }) => ({ sql, params }));
  } catch {}
  return null;
}

const shape = {
  raw: ({ columns, rows }) => ({ columns, rows }),
  query: ({ columns, rows }) => rows.map((row) => Object.fromEntries(row.map((cell, i) => [columns[i], cell]))),
};

// A foreign key in the SQL of a table, its own constraint or that of a column.
const NAME = '(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|\\w+)', NAMES = `\\( *${NAME}(?: *, *${NAME})* *\\)`;
const FOREIGN_KEY = new RegExp(
  `(?:, *(?:CONSTRAINT +${NAME} +)?FOREIGN +KEY *${NAMES} *)?\\bREFERENCES +${NAME}(?: *${NAMES})?` +
    "(?: +(?:ON +(?:DELETE|UPDATE) +(?:SET +NULL|SET +DEFAULT|CASCADE|RESTRICT|NO +ACTION)|(?:NOT +)?DEFERRABLE|" +
    "INITIALLY +(?:DEFERRED|IMMEDIATE)))*", "gi");

const DEFER = "PRAGMA defer_foreign_keys=on";
const quote = (name) => `"${name.replaceAll('"', '""')}"`;

// Tables that reference each other go in no order of SQLite's: one that is missing is an error in the actions of
// another. So those whose foreign keys are understood become tables without.
async function untie(run, tables) {
  const texts = `SELECT type, tbl_name, sql FROM sqlite_schema WHERE type IN ('table','index') AND sql IS NOT NULL`;
  const nothing = () => {};
  for (const order of [tables, tables.toReversed()]) // rows that cannot do without a parent go before it
    await run(DEFER, ...order.map((name) => `DELETE FROM ${name}`)).catch(nothing);
  let left, before;
  do {
    before = left?.length;
    const all = await run(texts);
    left = all.filter(([type, , sql]) => type === "table" && sql.search(FOREIGN_KEY) >= 0);
    for (const [, name, sql] of left) {
      const indexes = all.filter(([type, table]) => type === "index" && table === name).map(([, , sql]) => sql);
      await run(DEFER, `DROP TABLE ${quote(name)}`, sql.replace(FOREIGN_KEY, ""), ...indexes).catch(nothing);
    }
  } while (left.length && left.length !== before);
}

// Drops everything and undoes the PRAGMAs that outlive a request.
async function reset(db) {
  const run = async (...sql) => (await db.query({ queries: sql.map((sql) => ({ sql })) })).results.at(-1).data.rows;
  const list = async (types) => (await run(`SELECT name FROM pragma_table_list WHERE schema='main' AND type IN (${types})
    AND substr(name,1,4)<>'_cf_' AND substr(name,1,7)<>'sqlite_'`)).map(([name]) => quote(name));
  await run("PRAGMA ignore_check_constraints=off", "PRAGMA legacy_alter_table=off", "PRAGMA recursive_triggers=off",
    "PRAGMA reverse_unordered_selects=off", "PRAGMA case_sensitive_like=off");
  // Triggers may use what goes before their table.
  for (const [name] of await run("SELECT name FROM sqlite_schema WHERE type='trigger'")) await run(`DROP TRIGGER ${quote(name)}`);
  for (const name of await list("'view'")) await run(`DROP VIEW ${name}`);
  for (const name of await list("'virtual'")) await run(`DROP TABLE ${name}`);
  await untie(run, await list("'table'"));
  let left, before, error;
  do { // RESTRICT makes the order matter: repeated until nothing more gives way
    before = left?.length;
    for (const name of await list("'table'")) await run(DEFER, `DROP TABLE ${name}`).catch((e) => (error = e));
    left = await list("'table'");
  } while (left.length && left.length !== before);
  if (left.length) throw error;
}

// Not part of D1. POST …/barrier: the next two requests of this database that write wait for each other, so that both of
// their clients have read before either writes. GET …/barrier: how many have come; none waits longer than 10 s.
const barriers = new Map();
const writes = ({ sql }) => !/^\s*(SELECT|WITH|PRAGMA)\b/i.test(sql);

async function meet(id, queries) {
  const barrier = barriers.get(id);
  if (!barrier || barrier.come >= 2 || !queries.some(writes)) return;
  barrier.come++;
  // Another request cannot wake this one: workerd keeps their I/O apart.
  for (let i = 0; i < 5000 && barrier.come < 2; i++) await scheduler.wait(2);
}

export default {
  async fetch(request, env) {
    const token = /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    if (!token) return refuse(401, 10000, "Authentication error");
    if (env.TOKEN && token !== env.TOKEN) return refuse(403, 10000, "Authentication error");

    const path = new URL(request.url).pathname;
    const [, id, call] = /^\/client\/v4\/accounts\/[^/]+\/d1\/database\/([^/]+)\/(query|raw|reset|barrier)$/.exec(path) ?? [];
    if (!id || (request.method !== "POST" && call !== "barrier"))
      return refuse(404, 7003, `Could not route to ${path}, perhaps your object identifier is invalid?`);
    const db = env.DATABASES.includes(id) && env[id];
    if (!db) return refuse(404, 7404, `The database ${id} could not be found`);

    try {
      if (call === "reset") return await reset(db), succeed([]); // not part of D1
      if (call === "barrier") {
        if (request.method === "POST") barriers.set(id, { come: 0 });
        return succeed([{ come: barriers.get(id)?.come ?? 0 }]);
      }
      const queries = readQueries(await request.text());
      if (!queries) return refuse(400, 7400, "Invalid request body");
      await meet(id, queries);
      const { results } = await db.query({ queries });
      return succeed(results.map(({ data, meta }) => ({ success: true, results: shape[call](data), meta })));
    } catch (error) {
      return refuseError(error);
    }
  },
};
