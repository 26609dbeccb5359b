//! Reads a body within what there is room and time for.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use crate::ingest::{BODY_BYTES_MAX, Bodies, Refused, Room};

/// How long a client may take to send its body: the largest at 5 Mbit/s, and an ordinary one over any line.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// The whole of it, with its room in memory.
pub(super) async fn read(body: Body, bodies: &Bodies) -> Result<(Bytes, Room), Refused> {
    let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if announced.is_some_and(|size| size > BODY_BYTES_MAX) {
        return Err(Refused::BodyTooLong);
    }
    let mut room = bodies.begin();
    if !room.grow(announced.unwrap_or(0)) {
        return Err(Refused::Busy);
    }
    let read = tokio::time::timeout(BODY_PATIENCE, collect(body, announced.unwrap_or(0), &mut room));
    let bytes = read.await.map_err(|_| Refused::Slow)??;
    Ok((bytes, room))
}

async fn collect(mut body: Body, expected: usize, room: &mut Room) -> Result<Bytes, Refused> {
    let mut bytes = Vec::with_capacity(expected);
    while let Some(frame) = body.frame().await {
        // A client that left reads no answer.
        let frame = frame.map_err(|_| Refused::Slow)?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(Refused::BodyTooLong);
        }
        if !room.grow(bytes.len() + data.len()) {
            return Err(Refused::Busy);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}
