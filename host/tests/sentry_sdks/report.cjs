// A service with Sentry's SDK for Node.js, as its documentation has it: one request, and one that crashes.
//
// Flows in: the folder of its libraries, a DSN, a release, and how often it crashes, as arguments. Flows out: what the SDK sends.
const { createRequire } = require("node:module");

const [libraries, dsn, release, crashes] = process.argv.slice(2);
const Sentry = createRequire(`${libraries}/`)("@sentry/node");

// Not in one piece: the SDK sends lines of the program along.
const CANARY = ["canary", "of", "the", "node", "service"].join("-");

function render(attempt) {
  throw new TypeError(`cannot render page ${attempt} for jane.doe@example.com`);
}

async function main() {
  Sentry.init({ dsn, release, environment: "production", tracesSampleRate: 1 });
  Sentry.setUser({ id: "42", email: "jane.doe@example.com" });
  Sentry.setContext("session", { authorization: `Bearer ${CANARY}` });
  await Sentry.startSpan({ name: "GET /checkout", op: "http.server", forceTransaction: true }, () =>
    Sentry.startSpan({ name: "render", op: "view" }, () => undefined)
  );
  for (let attempt = 0; attempt < Number(crashes); attempt++) {
    try {
      render(attempt);
    } catch (error) {
      Sentry.captureException(error);
    }
  }
  await Sentry.flush(20_000);
}

main();
