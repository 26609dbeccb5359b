// Does not start: this is no TypeScript.
export default { fetch: ( => new Response() };
