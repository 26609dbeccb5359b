//! Writes state and traps: the write must be gone, and nobody is told that it was delivered.

guests::forwarder!(|_, notification| {
    let before = state::get("marker").expect("state can be read");
    state::set("marker", b"written").expect("seven bytes fit");
    panic!("cannot carry {}; before: {}", notification.id, before.is_some());
});
