//! Names that would break the exposition, or speak for somebody else.

use guests::gauge;

guests::guest!(|_| {
    let mut bad_label = gauge("bad_label", &[("x", 1.0)]);
    bad_label.label_names = vec!["of what\"} 1\n".to_owned()];
    let mut reserved_label = gauge("reserved_label", &[("x", 1.0)]);
    reserved_label.label_names = vec!["__name__".to_owned()];
    let mut own_check = gauge("own_check", &[("someone-else", 1.0)]);
    own_check.label_names = vec!["check".to_owned()];
    guests::report(vec![
        gauge("", &[("x", 1.0)]),
        gauge("with space", &[("x", 1.0)]),
        gauge("injected 1\nup", &[("x", 1.0)]),
        gauge("9lives", &[("x", 1.0)]),
        gauge("naïve", &[("x", 1.0)]),
        gauge("bellwether_check_up", &[("x", 1.0)]),
        bad_label,
        reserved_label,
        own_check,
        gauge("just_right", &[("x", 1.0)]),
    ])
});
