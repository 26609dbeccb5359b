//! What a forwarder says became of a delivery: texts fit for people, waits and ids that can be believed.

use std::{collections::HashSet, time::Duration};

use super::text;
use crate::{
    sandbox::{
        bindings::bellwether::plugin::news as wit,
        forward::{DeliveryFailure, Receipt, Refused},
    },
    secret::Redactor,
};

/// Entries of a receipt, and bytes of each: a message id, a URL, a count.
const RECEIPT_ENTRIES_MAX: usize = 16;
const RECEIPT_NAME_BYTES_MAX: usize = 64;
const RECEIPT_VALUE_BYTES_MAX: usize = 512;

/// Bytes of a message: an answer's beginning with some words around it. It is kept with the message in the outbox.
const MESSAGE_BYTES_MAX: usize = 2 << 10;

/// Longest wait that is believed: a day later nobody remembers what was waited for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// What the other side said.
pub(in crate::sandbox) fn receipt(guest: &[(String, String)], redactor: &Redactor) -> Receipt {
    let entry = |(name, value): &(String, String)| {
        (
            text::line(name, RECEIPT_NAME_BYTES_MAX, redactor),
            text::line(value, RECEIPT_VALUE_BYTES_MAX, redactor),
        )
    };
    guest.iter().take(RECEIPT_ENTRIES_MAX).map(entry).collect()
}

/// The forwarder's own word that nothing was delivered. Whether that is certain is the caller's to say.
pub(in crate::sandbox) fn failure(guest: wit::DeliveryFailure, redactor: &Redactor) -> DeliveryFailure {
    let (message, is_permanent, retry_after) = match guest {
        wit::DeliveryFailure::Permanent(message) => (message, true, None),
        wit::DeliveryFailure::Transient(transient) => {
            let wait = transient.retry_after_ms.map(Duration::from_millis);
            (transient.message, false, wait.map(|wait| wait.min(RETRY_AFTER_MAX)))
        }
    };
    let message = text::line(&message, MESSAGE_BYTES_MAX, redactor);
    DeliveryFailure {
        message: if message.is_empty() {
            "the forwarder does not say why".to_owned()
        } else {
            message
        },
        is_permanent,
        retry_after,
        is_ambiguous: false,
        ended: None,
    }
}

/// What of a batch was not taken: those of its ids, each once.
pub(in crate::sandbox) fn refused(
    guest: Vec<(String, wit::DeliveryFailure)>,
    ids: &[String],
    redactor: &Redactor,
) -> Refused {
    let mut open: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let known = guest.into_iter().filter(|(id, _)| open.remove(id.as_str()));
    known.map(|(id, said)| (id, failure(said, redactor))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transient(message: &str, retry_after_ms: Option<u64>) -> wit::DeliveryFailure {
        wit::DeliveryFailure::Transient(wit::Transient {
            message: message.to_owned(),
            retry_after_ms,
        })
    }

    #[test]
    fn a_receipt_is_bounded_and_printable() {
        let huge: Vec<_> = (0..1_000)
            .map(|n| (format!("n{n}\u{1b}[2J"), "v".repeat(10_000)))
            .collect();
        let kept = receipt(&huge, &Redactor::default());
        assert_eq!(kept.len(), RECEIPT_ENTRIES_MAX);
        assert_eq!(kept[0].0, "n0 [2J");
        assert!(kept[0].1.len() <= RECEIPT_VALUE_BYTES_MAX && kept[0].1.ends_with('…'));
    }

    #[test]
    fn waits_are_believed_up_to_a_day_and_silence_is_given_words() {
        let wait = |ms| failure(transient("later", Some(ms)), &Redactor::default()).retry_after;
        assert_eq!(wait(1_500), Some(Duration::from_millis(1_500)));
        assert_eq!(wait(u64::MAX), Some(RETRY_AFTER_MAX));
        let silent = failure(wit::DeliveryFailure::Permanent(" \n".to_owned()), &Redactor::default());
        assert!(silent.is_permanent);
        assert_eq!(silent.message, "the forwarder does not say why");
    }

    #[test]
    fn a_batch_can_only_refuse_what_was_in_it_and_once() {
        let ids = ["a".to_owned(), "b".to_owned()];
        let said = vec![
            ("b".to_owned(), transient("full", None)),
            ("c".to_owned(), transient("stranger", None)),
            ("b".to_owned(), wit::DeliveryFailure::Permanent("again".to_owned())),
        ];
        let refused = refused(said, &ids, &Redactor::default());
        let told: Vec<_> = refused
            .iter()
            .map(|(id, why)| (id.as_str(), why.is_permanent))
            .collect();
        assert_eq!(told, [("b", false)]);
    }
}
