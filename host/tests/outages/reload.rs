//! A configuration that changes while alerts fire.

use crate::{
    QUICK, count, firing, goes_on,
    mail::{Mood, Post},
    receiver, rule,
    support::host::Place,
};

#[test]
fn a_route_that_is_edited_while_its_group_fires_tells_nobody_twice_and_the_end_once() {
    let post = Post::open(Mood::Takes);
    let with = |route: &str, rules: &str| format!("{QUICK}{}\n[[route]]\n{route}\n{rules}", receiver("mail", &post));
    let fires = rule("Fires");
    let place = Place::new(&with("match = ['alertname=\"Fires\"']", &fires));
    let mut host = place.run();
    post.takes("FIRING: Fires");
    for route in [
        "match = ['alertname=~\"Fires|Burns\"']",
        "name = \"fires\"\nmatch = ['alertname=~\"F.*\"']\nrepeat_interval = \"5h\"",
        "name = \"fires\"\nmatch = ['alertname=~\"F.*\"']\ngroup_by = [\"...\"]",
    ] {
        place.configure(&with(route, &fires));
        host.signal("HUP");
        host.line("The configuration was reloaded.");
        goes_on(&host);
    }
    assert_eq!(post.titles().len(), 1, "{:#?}", post.titles());
    place.configure(&with("match = ['alertname=~\"F.*\"']", ""));
    host.signal("HUP");
    post.takes("RESOLVED: Fires");
    goes_on(&host);
    assert_eq!(post.titles().len(), 2, "{:#?}", post.titles());
    host.stop();
}

#[test]
fn broken_routes_are_refused_where_they_stand_and_the_old_ones_stay_in_force() {
    let post = Post::open(Mood::Takes);
    let place = Place::new(&firing(&post, &["Fires"]));
    let mut host = place.run();
    post.takes("FIRING: Fires");
    let broken = "\n[[route]]\nreceivers = [\"mial\"]\n";
    place.configure(&format!("{}{broken}", firing(&post, &["Fires", "Never"])));
    host.signal("HUP");
    let refused = host.line("The new configuration was refused");
    assert!(refused.contains("there is no receiver `mial`"), "{refused}");
    goes_on(&host);
    assert_eq!(post.titles().len(), 1, "{:#?}", post.titles());
    place.configure(&firing(&post, &["Fires", "Next"]));
    host.signal("HUP");
    post.takes("FIRING: Next");
    assert_eq!(count(&post.titles(), "FIRING: Fires"), 1, "{:#?}", post.titles());
    assert_eq!(count(&post.titles(), "RESOLVED"), 0, "{:#?}", post.titles());
    host.stop();
}
