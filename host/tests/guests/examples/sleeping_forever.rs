//! Waits in a host call and uses no CPU at all.

guests::guest!(|_| {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
});
