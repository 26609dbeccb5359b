//! A receiver that is gone, one that refuses, and a host that ends in the middle of a delivery.

use crate::{
    QUICK, change, count, firing, goes_on,
    mail::{Mood, Post},
    receiver, rule,
    support::host::Place,
};

#[test]
fn a_receiver_that_was_gone_hears_once_of_what_is_so_when_it_is_back() {
    let post = Post::open(Mood::Gone);
    let place = Place::new(&firing(&post, &["Stays"]).replace("\"alertname\"", ""));
    let mut host = place.run();
    post.until_connections(3);
    let failed = host.line("A notification could not be delivered; it is tried again.");
    assert!(failed.contains("waiting for its greeting"), "{failed}");
    // Meanwhile another one joins the group.
    place.configure(&firing(&post, &["Stays", "Joined"]).replace("\"alertname\"", ""));
    host.signal("HUP");
    host.eventually("/api/v1/alerts", |body| body.contains("Joined"));
    let seen = post.connections();
    post.until_connections(seen + 1);
    assert!(post.titles().is_empty());
    goes_on(&host);
    post.turn(Mood::Takes);
    post.takes("FIRING");
    let attempts = post.connections();
    goes_on(&host);
    goes_on(&host);
    let titles = post.titles();
    assert_eq!((titles.len(), post.connections()), (1, attempts), "{titles:#?}");
    assert!(titles[0].starts_with("FIRING (2)"), "both of them: {titles:#?}");
    host.stop();
}

#[test]
fn a_receiver_that_refuses_is_told_of_to_the_fallback_receivers() {
    let post = Post::open(Mood::Refuses);
    let spare = Post::open(Mood::Takes);
    let config = format!(
        "{QUICK}fallback_receivers = [\"spare\"]\n{}{}",
        receiver("mail", &post),
        receiver("spare", &spare)
    );
    let place = Place::new(&format!("{config}{}", rule("Unheard")));
    let host = place.run();
    spare.takes("FIRING critical: ReceiverDown");
    let is_down = |line: &str| {
        let is_of_it = ["\"mail\"", "\"configured\""].iter().all(|word| line.contains(word));
        line.starts_with("bellwether_receiver_down{") && is_of_it && line.ends_with(" 1")
    };
    host.eventually("/metrics", |body| body.lines().any(is_down));
    goes_on(&host);
    assert!(post.titles().is_empty());
    post.turn(Mood::Takes);
    place.configure(&format!("{config}{}{}", rule("Unheard"), rule("Heard")));
    host.signal("HUP");
    post.takes("FIRING: Heard");
    spare.takes("RESOLVED: ReceiverDown");
    assert_eq!(spare.titles().len(), 2, "{:#?}", spare.titles());
    host.stop();
}

#[test]
fn a_host_told_to_stop_in_the_middle_of_a_delivery_tells_once_or_twice_and_of_the_end() {
    let post = Post::open(Mood::Hangs);
    let place = Place::new(&firing(&post, &["Fires"]));
    let host = place.run();
    post.until_contents(1);
    host.stop();
    assert!(post.titles().is_empty());
    post.turn(Mood::Takes);
    let host = place.run();
    post.takes("FIRING: Fires");
    goes_on(&host);
    change(&place, &host, &post, &[]);
    post.takes("RESOLVED: Fires");
    // The server has the one it never answered to as well: that makes two.
    assert_eq!(count(&post.titles(), "FIRING: Fires"), 1, "{:#?}", post.titles());
    assert_eq!(post.titles().len(), 2, "{:#?}", post.titles());
    host.stop();
}
