//! Sends requests with bodies as large as they may be, and waits for no answer: what the host keeps of them is not the
//! guest's memory. Says how much it got rid of.

use guests::{Status, context, report, verdict};
use wasip2::http::{
    outgoing_handler,
    types::{Fields, Method, OutgoingRequest, Scheme},
};

/// Of each body: as much as the host takes.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Of one write.
const PIECE_BYTES: usize = 64 * 1024;
const REQUESTS_MAX: usize = 400;

/// Why it went no further, with what was taken.
fn hoarded(url: &str) -> (usize, String) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let piece = vec![b'x'; PIECE_BYTES];
    let (mut kept, mut taken) = (Vec::new(), 0);
    for _ in 0..REQUESTS_MAX {
        let request = OutgoingRequest::new(Fields::new());
        request.set_method(&Method::Post).expect("a method");
        request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
        request.set_authority(Some(authority)).expect("an authority");
        request.set_path_with_query(Some(path)).expect("a path");
        let body = request.body().expect("the first time");
        let stream = body.write().expect("the first time");
        let answer = match outgoing_handler::handle(request, None) {
            Ok(answer) => answer,
            Err(code) => return (taken, format!("{code:?}")),
        };
        let mut written = 0;
        while written < BODY_BYTES - PIECE_BYTES {
            stream.subscribe().block();
            let room = match stream.check_write() {
                Ok(room) => usize::try_from(room).unwrap_or(PIECE_BYTES).min(PIECE_BYTES),
                Err(error) => return (taken, format!("{error:?}")),
            };
            if let Err(error) = stream.write(&piece[..room]) {
                return (taken, format!("{error:?}"));
            }
            written += room;
            taken += room;
        }
        // Neither ended nor given up; dropped one inside the other, as WASI wants it.
        kept.push((stream, body, answer));
    }
    (taken, "never".to_owned())
}

guests::guest!(|_| {
    let given = context::connections().remove(0);
    let (taken, why) = hoarded(&given.url);
    let mut made = report(Vec::new())?;
    made.verdicts = vec![guests::Verdict {
        details: vec![("why".to_owned(), why)],
        ..verdict(Status::Ok, &taken.to_string())
    }];
    Ok(made)
}, describe: || guests::Description {
    settings_schema: r#"{ "type": "object", "properties": { "url": { "type": "string", "x-bellwether-grant": true } } }"#
        .to_owned(),
    ..guests::description()
});
