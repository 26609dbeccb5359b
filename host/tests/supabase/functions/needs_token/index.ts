// Runs only for callers whose token the runtime has verified.
export default {
  fetch: () => Response.json({ ok: true }),
};
