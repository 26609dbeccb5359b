// Starts, and fails at each request.
export default {
  fetch(): Response {
    throw new Error("no database for eyJhbGciOi-canary");
  },
};
