// Answers 200 with nothing in it.
export default {
  fetch: () => Response.json({ model: "two_tower_512", recommendations: [], vector: [0] }),
};
