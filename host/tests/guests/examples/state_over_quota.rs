//! Wants to keep more than its quota; tells what it was answered and what it could keep.

use guests::{Status, state, verdict};

guests::guest!(|_| {
    let kept = state::get("small").expect("state can be read").is_some();
    state::set("small", b"fits").expect("four bytes fit");
    let answer = state::set("large", &vec![7; 1 << 20]);
    let many = (0..100_000)
        .map_while(|n| state::set(&format!("key {n}"), b"").ok())
        .count();
    for n in 0..many {
        state::delete(&format!("key {n}")).expect("what was set can be deleted");
    }
    let (status, summary) = match answer {
        Ok(()) => (Status::Critical, "a megabyte was accepted".to_owned()),
        Err(answer) => (Status::Ok, answer),
    };
    let mut verdict = verdict(status, &summary);
    verdict.details = vec![
        ("kept".to_owned(), kept.to_string()),
        ("keys".to_owned(), many.to_string()),
    ];
    Ok(guests::Report {
        verdicts: vec![verdict],
        families: Vec::new(),
    })
});
