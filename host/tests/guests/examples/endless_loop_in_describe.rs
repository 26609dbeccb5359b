//! Spins before it has said who it is.

guests::guest!(
    |_| guests::report(Vec::new()),
    describe: || -> guests::Description {
        let mut number = 1_u64;
        loop {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
    }
);
