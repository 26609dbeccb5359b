// Answers what a backend answers, whose address comes with the request: status, and the header in which the hosted platform says
// what went wrong.
export default {
  async fetch(request: Request): Promise<Response> {
    const { url } = await request.json();
    const answer = await fetch(url);
    const code = answer.headers.get("sb-error-code");
    return new Response(await answer.text(), { status: answer.status, headers: code ? { "sb-error-code": code } : {} });
  },
};
