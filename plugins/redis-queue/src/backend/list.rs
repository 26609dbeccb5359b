//! Lists of an application's own, where no library is known.

use crate::{ask::Ask, note, picture::State, settings::End, target::Shared, when};

/// Stands for the queue in names of other lists.
const QUEUE: &str = "{queue}";

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let options = target.settings.list.clone().unwrap_or_default();
    let end = match options.next {
        End::Left => "0",
        End::Right => "-1",
    };
    let mut asks = vec![note::depth(name, State::Waiting, ["LLEN", name])];
    let of = |list: &str| list.replace(QUEUE, name);
    if let Some(pointer) = options.timestamp.clone() {
        let read = move |element: &str| when::at_pointer(element, &pointer);
        asks.push(note::waits_since(name, ["LINDEX", name, end], read));
    }
    if let Some(list) = &options.processing {
        asks.push(note::depth(name, State::Active, ["LLEN", &of(list)]));
    }
    if let Some(list) = &options.failed {
        asks.push(note::depth(name, State::Failed, ["LLEN", &of(list)]));
    }
    asks
}
