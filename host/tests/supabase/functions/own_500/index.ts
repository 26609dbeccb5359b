// Answers with an error of its own, in words that must not reach anybody.
export default {
  fetch: () => Response.json({ error: "eyJhbGciOi-canary" }, { status: 500 }),
};
