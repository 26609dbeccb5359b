//! Calls itself until the stack is gone. Takeuchi's function cannot be turned into a loop.

fn dig(x: u64, y: u64, z: u64) -> u64 {
    if y < x {
        dig(
            dig(x - 1, y, z),
            dig(y.wrapping_sub(1), z, x),
            dig(z.wrapping_sub(1), x, y),
        )
    } else {
        z
    }
}

guests::guest!(|settings| {
    let depth = dig(1 << 40, settings.len() as u64, 0);
    guests::report(vec![guests::gauge("depth", &[("of", depth as f64)])])
});
