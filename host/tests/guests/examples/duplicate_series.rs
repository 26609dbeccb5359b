//! The same series twice, and the same family twice.

use guests::gauge;

guests::guest!(|_| guests::report(vec![
    gauge("twice_inside", &[("a", 1.0), ("b", 2.0), ("a", 3.0)]),
    gauge("twice_in_all", &[("a", 1.0)]),
    gauge("twice_in_all", &[("b", 1.0)]),
]));
