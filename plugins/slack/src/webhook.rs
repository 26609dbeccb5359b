//! By an incoming webhook: one message for each notification.

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request},
    news::Notification,
    prelude::*,
    text,
};

use crate::{JSON, SLOT, Settings, message::Message};

pub(crate) fn deliver(settings: &Settings, notification: &Notification) -> Result<Receipt, DeliveryFailure> {
    let body = text::json(&Message::new(settings, notification)).map_err(DeliveryFailure::permanent)?;
    let request = Request::post(SLOT, "", body.into_bytes()).header(JSON.0, JSON.1);
    let response = delivery::accepted(http::send(&request))?;
    Ok(Receipt::new().with("status", response.status))
}
