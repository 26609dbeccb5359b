// Serves the functions beside it as the local stack of Supabase does: one worker for each function, kept warm; a worker that
// does not boot, throws or works too long is answered for in the stack's own words (supabase/cli,
// `internal/functions/serve/templates/main.ts`).
//
// Flows in: requests below `/functions/v1/`. Flows out: one line on standard output with the address, then answers. It verifies no
// signature: a token is any word after `Bearer`.

/// How long a request may take before its worker is ended; the stack's own limit is two seconds of CPU time.
const WORK_MS = 3_000;

/// Those that are deployed with `verify_jwt`.
const VERIFIED = new Set(["needs_token"]);

type Said = { ready?: true; failed?: string; threw?: string; status?: number; headers?: [string, string][]; body?: Uint8Array };

/** A worker, and who waits for a word of it. Several requests may be under way at once. */
class Isolate {
  #worker = new Worker(new URL("./worker.ts", import.meta.url).href, { type: "module" });
  #waiting = new Map<number, (said: Said) => void>();
  #count = 0;
  ready: Promise<boolean>;

  constructor(module: URL) {
    this.#worker.onmessage = ({ data }) => this.#waiting.get(data.id)?.(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.end();
    };
    this.ready = this.ask({ load: module.href }, 5 * WORK_MS).then((said) => said?.ready === true);
  }

  /** What it says to a message; nothing when it says nothing in time. */
  ask(message: object, milliseconds: number): Promise<Said | undefined> {
    const id = ++this.#count;
    return new Promise((resolve) => {
      const done = (said?: Said) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(said);
      };
      const timer = setTimeout(done, milliseconds);
      this.#waiting.set(id, done);
      this.#worker.postMessage({ id, ...message });
    });
  }

  /** Whoever still waits learns that it failed. */
  end() {
    this.#worker.terminate();
    this.#waiting.forEach((done) => done({ failed: "ended" }));
  }
}

const isolates = new Map<string, Isolate>();

const isThere = async (path: URL) => await Deno.stat(path).then(() => true, () => false);

function running(name: string, module: URL): Isolate {
  const isolate = isolates.get(name) ?? new Isolate(module);
  isolates.set(name, isolate);
  return isolate;
}

function end(name: string, isolate: Isolate) {
  isolates.delete(name);
  isolate.end();
}

function error(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

async function call(name: string, module: URL, request: Request): Promise<Response> {
  const isolate = running(name, module);
  if (!await isolate.ready) {
    end(name, isolate);
    return error(503, "BOOT_ERROR", "Worker failed to boot (please check logs)");
  }
  const body = new Uint8Array(await request.arrayBuffer());
  const message = { method: request.method, url: request.url, headers: [...request.headers], body };
  const said = await isolate.ask(message, WORK_MS);
  if (said?.status !== undefined) {
    const isEmpty = said.status === 204;
    return new Response(isEmpty ? null : said.body!, { status: said.status, headers: said.headers });
  }
  end(name, isolate);
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
