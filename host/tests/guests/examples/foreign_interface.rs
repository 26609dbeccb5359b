//! Imports an interface of somebody else's that no host offers.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package acme:gadgets@1.2.0;
            interface telepathy { read-mind: func() -> string; }
            world mind-reader { import telepathy; }
        ",
    });
}

guests::guest!(|_| {
    let thought = bindings::acme::gadgets::telepathy::read_mind();
    guests::report(vec![guests::gauge("thought", &[(&thought, 1.0)])])
});
