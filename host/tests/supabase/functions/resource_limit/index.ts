// Works without end.
export default {
  fetch(): Response {
    for (;;) { /* until the runtime ends it */ }
  },
};
