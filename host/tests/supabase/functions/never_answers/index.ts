// Waits for something that never comes.
export default {
  fetch: () => new Promise<Response>(() => {}),
};
