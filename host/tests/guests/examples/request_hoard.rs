//! Sends requests with bodies as large as they may be, and ends none before all are written: what the host keeps of them is
//! not the guest's memory. Says how each of them ended.

use guests::{Status, context, report, verdict};
use wasip2::http::{
    outgoing_handler,
    types::{ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, Scheme},
};

/// Of each body: nearly as much as the host takes.
const BODY_BYTES: usize = 4 * 1024 * 1024 - PIECE_BYTES;
/// Of one write, at most.
const PIECE_BYTES: usize = 64 * 1024;
const REQUESTS: usize = 6;

fn written(body: &OutgoingBody) {
    let piece = vec![b'x'; PIECE_BYTES];
    let stream = body.write().expect("the first time");
    let mut written = 0;
    while written < BODY_BYTES {
        stream.subscribe().block();
        let room = usize::try_from(stream.check_write().expect("room")).unwrap_or(PIECE_BYTES);
        let part = &piece[..room.min(PIECE_BYTES).min(BODY_BYTES - written)];
        stream.write(part).expect("written");
        written += part.len();
    }
}

fn hoarded(url: &str) -> Result<Vec<String>, ErrorCode> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut kept = Vec::new();
    for _ in 0..REQUESTS {
        let request = OutgoingRequest::new(Fields::new());
        request.set_method(&Method::Post).expect("a method");
        request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
        request.set_authority(Some(authority)).expect("an authority");
        request.set_path_with_query(Some(path)).expect("a path");
        let body = request.body().expect("the first time");
        let answer = outgoing_handler::handle(request, None)?;
        written(&body);
        kept.push((body, answer));
    }
    let mut ended = Vec::new();
    for (body, answer) in kept {
        OutgoingBody::finish(body, None)?;
        answer.subscribe().block();
        let answer = answer.get().expect("it is there").expect("the first time");
        ended.push(match answer {
            Ok(response) => format!("answered {}", response.status()),
            Err(code) => format!("{code:?}"),
        });
    }
    Ok(ended)
}

guests::guest!(|_| {
    let given = context::connections().remove(0);
    let ended = hoarded(&given.url).expect("sent");
    let mut made = report(Vec::new())?;
    let said = ended.iter().enumerate();
    made.verdicts = said
        .map(|(number, ended)| guests::Verdict {
            target: number.to_string(),
            ..verdict(Status::Ok, ended)
        })
        .collect();
    Ok(made)
}, describe: || guests::Description {
    settings_schema: r#"{ "type": "object", "properties": { "url": { "type": "string", "x-bellwether-grant": true } } }"#
        .to_owned(),
    ..guests::description()
});
