//! `postgres`: queries over a connection that the check was granted.

use std::sync::Arc;

use crate::{
    capability::{
        grant::Wanted,
        postgres::{Answer, Error, QUERY_CANCELED},
    },
    outcome::Denied,
    sandbox::{bindings::bellwether::plugin::postgres as wit, guest::Guest},
};

impl wit::Host for Guest {
    async fn query(
        &mut self,
        connection: String,
        sql: String,
        parameters: Vec<Option<String>>,
    ) -> wasmtime::Result<Result<wit::Rows, wit::Error>> {
        let run = self.granted(Wanted::Postgres)?;
        let (check, deadline) = (Arc::clone(&run.context.key), run.context.calls_until);
        let connection = match run.database(&connection) {
            Ok(connection) => connection,
            Err(why) => return Ok(Err(wit::Error::Denied(why))),
        };
        let (postgres, began) = (run.postgres.clone(), run.clock.monotonic());
        let asking = async move { postgres.query(&check, &connection, &sql, &parameters, deadline).await };
        let answered = run.apart("postgres query", asking).await;
        run.called(Wanted::Postgres, began);
        if let Err(Error::Denied(why)) = &answered {
            run.note(Denied {
                capability: Wanted::Postgres.as_str(),
                hint: why.clone(),
            });
        }
        Ok(answered.map(rows).map_err(error))
    }
}

fn rows(answer: Answer) -> wit::Rows {
    wit::Rows {
        columns: answer.rows.columns,
        values: answer.rows.values,
        truncated: answer.rows.truncated,
        latency_ns: u64::try_from(answer.latency.as_nanos()).unwrap_or(u64::MAX),
    }
}

fn error(error: Error) -> wit::Error {
    match error {
        Error::Denied(why) => wit::Error::Denied(why),
        Error::Connect(why) => wit::Error::Connect(why),
        Error::Authentication(why) => wit::Error::Authentication(why),
        // The contract's `timeout` has no place for the step, and a person needs it. The server says the same of what it gave up.
        Error::Timeout(at) => wit::Error::Query((QUERY_CANCELED.to_owned(), at)),
        Error::Query { code, message } => wit::Error::Query((code, message)),
    }
}
