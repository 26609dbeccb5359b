//! What the host measures about its receivers.

use std::time::Duration;

use super::{Shared, health::Health};
use crate::dispatch::Attempt;

const RECEIVER: &str = "receiver";

/// Of one attempt.
pub(super) fn attempt(shared: &Shared, receiver: &str, attempt: &Attempt, took: Duration) {
    let instruments = shared.telemetry.instruments();
    instruments.add(
        "bellwether_notification_seconds_total",
        "Time that attempts to deliver notifications took.",
        &[(RECEIVER, receiver)],
        took.as_secs_f64(),
    );
    if matches!(attempt, Attempt::Delivered { .. }) {
        instruments.set(
            "bellwether_receiver_last_delivery_timestamp_seconds",
            "When a receiver last took a notification.",
            &[(RECEIVER, receiver)],
            shared.clock.wall().as_seconds_f64(),
        );
    }
}

/// After an attempt, and when a receiver begins.
pub(super) fn receiver(shared: &Shared, receiver: &str, health: &Health) {
    let instruments = shared.telemetry.instruments();
    instruments.set(
        "bellwether_receiver_consecutive_failures",
        "Attempts to deliver to a receiver that failed in a row.",
        &[(RECEIVER, receiver)],
        f64::from(health.failures()),
    );
    let fallback = if shared.has_fallback_for(receiver) {
        "configured"
    } else {
        "none"
    };
    for label in ["configured", "none"] {
        let is_down = health.is_down() && label == fallback;
        instruments.set(
            "bellwether_receiver_down",
            "Whether notifications to a receiver do not arrive, and whether fallback receivers hear of it.",
            &[(RECEIVER, receiver), ("fallback", label)],
            f64::from(u8::from(is_down)),
        );
    }
}

/// Of a receiver that is gone.
pub(super) fn forget(shared: &Shared, receiver: &str) {
    shared.telemetry.instruments().forget(RECEIVER, receiver);
    self::receiver(shared, receiver, &Health::default());
}
