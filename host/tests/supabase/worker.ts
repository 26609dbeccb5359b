// One worker, which runs one function: the module is loaded on the first message, and each further message is a request.
//
// In: { load } once, then { method, url, headers, body }. Out: { ready } or { failed }, then { status, headers, body } or { threw }.
type Handler = { fetch(request: Request): Response | Promise<Response> };

let handler: Handler | undefined;

async function answer(message: { method: string; url: string; headers: [string, string][]; body: Uint8Array }) {
  const { method, url, headers, body } = message;
  const carries = method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
  const request = new Request(url, { method, headers, body: carries ? body : undefined });
  try {
    const response = await handler!.fetch(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    self.postMessage({ status: response.status, headers: [...response.headers], body: bytes });
  } catch (error) {
    self.postMessage({ threw: String(error) });
  }
}

self.onmessage = async ({ data }: MessageEvent) => {
  if (data.load === undefined) {
    await answer(data);
    return;
  }
  try {
    handler = (await import(data.load)).default;
    self.postMessage({ ready: true });
  } catch (error) {
    self.postMessage({ failed: String(error) });
  }
};
