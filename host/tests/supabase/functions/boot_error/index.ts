// Does not start: what it needs is not there.
import { nothing } from "./missing.ts";

export default {
  fetch: () => Response.json(nothing),
};
