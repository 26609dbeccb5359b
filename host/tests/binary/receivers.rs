//! Receivers of the running host whose plugins come from files.

use crate::{guest, host::Place};

#[test]
fn a_receiver_that_forgets_is_reminded_because_its_plugin_says_so_and_not_for_its_name() {
    let plugin = guest("forwarder");
    let place = Place::new(&format!(
        "[history]\ninterval = \"1s\"\n\n[alerting]\nevaluation_interval = \"1s\"\ngroup_wait = \"0s\"\nreceivers = [\"own\"]\n\n\
         [receiver.own]\nplugin = {plugin}\n\n[[rule]]\nalert = \"Fires\"\nexpr = 'vector(1)'\n"
    ));
    let host = place.run();
    // Nothing is news, and neither the interval nor the repetition of its group is near.
    host.reaches(
        "bellwether_dispatch_messages_total{reason=\"refresh\",receiver=\"own\",state=\"delivered\"}",
        1.0,
    );
    host.stop();
}
