// node server.mjs COMMAND…  Runs COMMAND beside a real workerd and exits with its status; see with-live.sh.
import { spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";

const here = import.meta.dirname;
const command = process.argv.slice(2);
const ids = Array.from({ length: 64 }, (_, i) => `d1000000-0000-4000-8000-${String(i).padStart(12, "0")}`);
const log = createWriteStream(join(here, "build", "workerd.log"));
const storage = mkdtempSync(join(tmpdir(), "d1target-live-"));

const server = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false, // or it asks the network where it is
  enableDevRegistry: false, // other servers on the machine are none of our business
  telemetry: { enabled: false },
  logRequests: false,
  handleStructuredLogs: ({ level, message }) => log.write(`${level} ${message}\n`),
  unsafeLocalExplorer: true,
  resourcePersistencePath: storage,
  workers: [{
    config: {
      name: "d1-rest",
      compatibilityDate: "2026-11-17",
      compatibilityFlags: ["d1_binding_jsrpc"],
      manifest: {
        mainModule: "worker.mjs",
        modulesRoot: here,
        modules: { "worker.mjs": { type: "esm", contents: readFileSync(join(here, "worker.mjs"), "utf8") } },
      },
      env: {
        ...Object.fromEntries(ids.map((id) => [id, { type: "d1", id }])),
        DATABASES: { type: "json", value: ids },
        TOKEN: { type: "text", value: process.env.D1_TOKEN ?? "" },
      },
      exports: {},
    },
  }],
});

async function stop(status) {
  await server.dispose().catch(() => {});
  rmSync(storage, { recursive: true, force: true });
  process.exit(status);
}

const { origin } = await server.ready.catch((error) => {
  console.error(`with-live: workerd does not start: ${error.message}`);
  return stop(1);
});

const child = spawn(command[0], command.slice(1), {
  stdio: "inherit",
  env: {
    ...process.env,
    D1_WORKER_URL: `${origin}/client/v4`,
    D1_EXPLORER_URL: `${origin}/cdn-cgi/local/explorer/api`,
    D1_DATABASE_IDS: ids.join(" "),
  },
});
child.on("error", (error) => {
  console.error(`with-live: ${error.message}`);
  stop(127);
});
child.on("exit", (code, signal) => stop(code ?? 128 + constants.signals[signal]));
// Miniflare's own handlers exit at once, with COMMAND still running: pass the signal on instead, and stop after it.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"])
  process.removeAllListeners(signal).on(signal, () => child.kill(signal));
