//! Writes state and traps: the write must be gone in the next run.

use guests::state;

guests::guest!(|_| {
    let before = state::get("marker").expect("state can be read");
    state::set("marker", b"written").expect("seven bytes fit");
    let during = state::get("marker").expect("state can be read");
    panic!("before: {}, during: {}", before.is_some(), during.is_some());
});
