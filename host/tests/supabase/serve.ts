// Serves the functions beside it as the local stack of Supabase does: one worker for each function, kept warm; a worker that
// does not boot, throws or works too long is answered for in the stack's own words (supabase/cli,
// `internal/functions/serve/templates/main.ts`).
//
// Flows in: requests below `/functions/v1/`. Flows out: one line on standard output with the address, then answers. It verifies no
// signature: a token is any word after `Bearer`.

/// How long a request may take before its worker is ended; the stack's own limit is two seconds of CPU time.
const WORK_MS = 1_500;

/// Those that are deployed with `verify_jwt`.
const VERIFIED = new Set(["needs_token"]);

type Said = { ready?: true; failed?: string; threw?: string; status?: number; headers?: [string, string][]; body?: Uint8Array };

const workers = new Map<string, Worker>();

const isThere = async (path: URL) => await Deno.stat(path).then(() => true, () => false);

/** What the worker says next; nothing when it says nothing in time. */
function next(worker: Worker, message: unknown, milliseconds: number): Promise<Said | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), milliseconds);
    const done = (said: Said) => {
      clearTimeout(timer);
      resolve(said);
    };
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = (event) => {
      event.preventDefault();
      done({ failed: event.message });
    };
    worker.postMessage(message);
  });
}

async function boot(name: string, module: URL): Promise<Worker | undefined> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url).href, { type: "module" });
  const said = await next(worker, { load: module.href }, 10 * WORK_MS);
  if (said?.ready) {
    workers.set(name, worker);
    return worker;
  }
  worker.terminate();
  return undefined;
}

function error(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

async function call(name: string, module: URL, request: Request): Promise<Response> {
  const worker = workers.get(name) ?? await boot(name, module);
  if (worker === undefined) {
    return error(503, "BOOT_ERROR", "Worker failed to boot (please check logs)");
  }
  const body = new Uint8Array(await request.arrayBuffer());
  const message = { method: request.method, url: request.url, headers: [...request.headers], body };
  const said = await next(worker, message, WORK_MS);
  if (said?.status !== undefined) {
    const isEmpty = said.status === 204;
    return new Response(isEmpty ? null : said.body!, { status: said.status, headers: said.headers });
  }
  workers.delete(name);
  worker.terminate();
  return said === undefined
    ? error(546, "WORKER_LIMIT", "Worker failed to respond due to a resource limit (please check logs)")
    : error(500, "WORKER_ERROR", "Function exited due to an error (please check logs)");
}

async function handle(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname.replace(/^\/functions\/v1/, "");
  if (path === "/_internal/health") {
    return Response.json({ message: "ok" });
  }
  const name = path.split("/")[1] ?? "";
  const module = new URL(`./functions/${name}/index.ts`, import.meta.url);
  if (!/^[a-z0-9_]+$/.test(name) || !await isThere(module)) {
    return new Response("Function not found", { status: 404, headers: { "content-type": "text/plain" } });
  }
  const token = /^Bearer .+$/.test(request.headers.get("authorization") ?? "");
  if (VERIFIED.has(name) && request.method !== "OPTIONS" && !token) {
    return Response.json({ msg: "Error: Missing authorization header" }, { status: 401 });
  }
  return await call(name, module, request);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(JSON.stringify({ address: `127.0.0.1:${port}` })),
}, handle);
