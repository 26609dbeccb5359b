//! Evaluation of a parsed expression over a storage, at a moment or over a range of moments.
//!
//! Owns the resolved selectors of each [`Query`] and the limits of one evaluation. Flows in: an expression, a storage that
//! stands still, a time. Flows out: an [`Answer`], or an [`EvalError`] with the place in the text. It reads no clock: who calls
//! says, through [`Options::stop`], when time is up.
