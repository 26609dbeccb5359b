use bellwether_sdk::{
    Status,
    fake::{Fake, json},
    system::{Load, Snapshot},
};

use super::LoadCheck;

#[test]
fn an_overloaded_machine_is_warned_of() {
    let load = Load {
        one: 9.5,
        ..Load::default()
    };
    let mut fake = Fake::new().with_system(Snapshot {
        load: Some(load),
        ..Snapshot::default()
    });
    let run = fake.run::<LoadCheck>(json!({ "maximum": 4 }));
    assert_eq!(run.status(""), Status::Warning);
    assert_eq!(run.value("load_one_minute", &[]), Some(9.5));
}
