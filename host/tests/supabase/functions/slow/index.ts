// Right, but late.
export default {
  async fetch(): Promise<Response> {
    await new Promise((resolve) => setTimeout(resolve, 600));
    return Response.json({ ok: true });
  },
};
