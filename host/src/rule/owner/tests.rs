//! The owner as a whole, with a history, a board and a clock.
