//! Says more about a delivery than anybody wants to keep; with `{"output":true}`, more than it may hand over.

guests::forwarder!(|settings, _| {
    if settings.contains("output") {
        return Ok(vec![("all".to_owned(), "x".repeat(8 << 20))]);
    }
    let entry = |number: usize| (format!("entry\u{1b}[2J{number}"), "y".repeat(1_000));
    Ok((0..1_000).map(entry).collect())
});
