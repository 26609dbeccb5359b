// Lives, and has nothing at this path.
export default {
  fetch: () => Response.json({ error: "no such item" }, { status: 404 }),
};
