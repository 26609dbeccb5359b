// One worker, which runs one function: the module is loaded on the first message, and each further message is a request.
//
// In: { id, load } once, then { id, method, url, headers, body }. Out, each with the id of what it answers: { ready } or { failed },
// then { status, headers, body } or { threw }.
type Handler = { fetch(request: Request): Response | Promise<Response> };
type Message = { id: number; method: string; url: string; headers: [string, string][]; body: Uint8Array };

let handler: Handler | undefined;

async function answer({ id, method, url, headers, body }: Message) {
  const carries = method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
  try {
    const request = new Request(url, { method, headers, body: carries ? body : undefined });
    const response = await handler!.fetch(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    self.postMessage({ id, status: response.status, headers: [...response.headers], body: bytes });
  } catch (error) {
    self.postMessage({ id, threw: String(error) });
  }
}

self.onmessage = async ({ data }: MessageEvent) => {
  if (data.load === undefined) {
    await answer(data);
    return;
  }
  try {
    handler = (await import(data.load)).default;
    self.postMessage({ id: data.id, ready: true });
  } catch (error) {
    self.postMessage({ id: data.id, failed: String(error) });
  }
};
