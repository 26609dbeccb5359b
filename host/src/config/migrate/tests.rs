//! Files of other programs, and what becomes of them.
