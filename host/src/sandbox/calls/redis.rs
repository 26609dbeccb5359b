//! `redis`: pipelines over a connection that the check was granted.

use std::sync::Arc;

use crate::{
    capability::{
        grant::Wanted,
        redis::{Answer, Error, Info, Node, Reply},
    },
    outcome::Denied,
    sandbox::{bindings::bellwether::plugin::redis as wit, guest::Guest},
};

type Called = Result<(Vec<wit::Reply>, wit::Info), wit::Error>;

impl wit::Host for Guest {
    async fn pipeline(&mut self, connection: String, commands: Vec<wit::Command>) -> wasmtime::Result<Called> {
        let run = self.granted(Wanted::Redis)?;
        let (check, deadline) = (Arc::clone(&run.context.key), run.context.calls_until);
        let connection = match run.database(&connection) {
            Ok(connection) => connection,
            Err(why) => return Ok(Err(wit::Error::Denied(why))),
        };
        let (redis, began) = (run.redis.clone(), run.clock.monotonic());
        let asking = async move { redis.pipeline(&check, &connection, &commands, deadline).await };
        let answered = run.apart("redis pipeline", asking).await;
        run.called(Wanted::Redis, began);
        for refusal in answered.iter().flat_map(|answer| &answer.refused) {
            run.note(Denied {
                capability: Wanted::Redis.as_str(),
                hint: refusal.to_string(),
            });
        }
        Ok(answered.map(answer).map_err(error))
    }
}

fn answer(answer: Answer) -> (Vec<wit::Reply>, wit::Info) {
    (answer.replies.into_iter().map(reply).collect(), info(answer.info))
}

fn reply(reply: Reply) -> wit::Reply {
    reply.into_iter().map(node).collect()
}

fn node(node: Node) -> wit::Node {
    match node {
        Node::Nil => wit::Node::Nil,
        Node::Integer(number) => wit::Node::Integer(number),
        Node::Simple(text) => wit::Node::Simple(text),
        Node::Bulk(bytes) => wit::Node::Bulk(bytes),
        Node::Error(text) => wit::Node::Error(text),
        Node::Array(length) => wit::Node::Array(length),
    }
}

fn info(info: Info) -> wit::Info {
    wit::Info {
        address: info.address,
        latency_ns: u64::try_from(info.latency.as_nanos()).unwrap_or(u64::MAX),
        details: info.details,
    }
}

fn error(error: Error) -> wit::Error {
    match error {
        Error::Denied(why) => wit::Error::Denied(why),
        Error::Connect(why) => wit::Error::Connect(why),
        Error::Authentication(why) => wit::Error::Authentication(why),
        // The contract's `timeout` has no place for the step, and a person needs it.
        Error::Timeout(at) => wit::Error::Connect(at),
        Error::Protocol(why) => wit::Error::Protocol(why),
    }
}
