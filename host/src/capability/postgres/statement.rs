//! Which statements a plugin may send: one, that begins as a query does.
//!
//! Pure. Flows in: SQL and its parameters. Flows out: yes, or a refusal. This is no wall and is not meant as one: a query
//! can call functions that write, read files or end other sessions. What a check may do is what its role may do; a role with
//! `pg_monitor` and `SELECT` on what it looks at is enough. What stands here keeps mistakes and the ways around a read-only
//! transaction (`SET`, `COPY … TO PROGRAM`) out, with a message that is better than the server's.

use super::token::{Token, tokens};

/// Longest statement, in bytes. A query for metrics is a few KiB.
pub const SQL_BYTES_MAX: usize = 64 * 1024;

/// Most parameters of one statement.
pub const PARAMETERS_MAX: usize = 100;

/// Most bytes of all parameters together.
pub const PARAMETERS_BYTES_MAX: usize = 256 * 1024;

/// What a query begins with.
const QUERIES: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// What changes data. Where a statement, or the main part of one, may begin, each of these begins one.
const WRITES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// Options of `EXPLAIN` that may stand without parentheses.
const EXPLAIN_OPTIONS: [&str; 3] = ["ANALYZE", "ANALYSE", "VERBOSE"];

/// Why a statement is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing in it.
    #[error("the statement is empty")]
    Empty,
    /// A second one follows.
    #[error("there is more than one statement: send one, without anything after `;`")]
    Several,
    /// `COPY`, `SET`, `INSERT`, …
    #[error(
        "a statement that begins with `{0}` is not sent: only SELECT, WITH, VALUES, TABLE, SHOW and EXPLAIN of these are"
    )]
    Leading(String),
    /// `WITH … AS (DELETE …)`, `WITH … UPDATE …`
    #[error("the statement changes data (`{0}`): only reading is permitted; a column of that name needs quotes")]
    Writes(String),
    /// A comment or a string has no end.
    #[error("{0} in the statement does not end")]
    Unfinished(&'static str),
    /// A byte that PostgreSQL's protocol cannot carry.
    #[error("the statement or a parameter holds a zero byte")]
    Zero,
    /// Past a limit.
    #[error("the statement has more than {SQL_BYTES_MAX} bytes")]
    Long,
    /// Past a limit.
    #[error("there are more than {PARAMETERS_MAX} parameters, or more than {PARAMETERS_BYTES_MAX} bytes of them")]
    Parameters,
}

/// Whether `sql` may be sent with `parameters`.
pub fn decide(sql: &str, parameters: &[Option<String>]) -> Result<(), Refusal> {
    bounded(sql, parameters)?;
    let tokens = tokens(sql).map_err(|unfinished| Refusal::Unfinished(unfinished.0))?;
    let tokens = one_statement(&tokens)?;
    let leading = leading(tokens)?;
    if is_one_of(leading, &["SHOW"]) {
        return Ok(());
    }
    if is_one_of(leading, &["EXPLAIN"]) {
        return query(explained(tokens));
    }
    query(tokens)
}

/// Whether `sql`, which may be sent, asks for a setting.
pub fn is_show(sql: &str) -> bool {
    tokens(sql).is_ok_and(|tokens| leading(&tokens).is_ok_and(|word| is_one_of(word, &["SHOW"])))
}

fn bounded(sql: &str, parameters: &[Option<String>]) -> Result<(), Refusal> {
    let given = || parameters.iter().flatten();
    if sql.len() > SQL_BYTES_MAX {
        return Err(Refusal::Long);
    }
    if parameters.len() > PARAMETERS_MAX || given().map(String::len).sum::<usize>() > PARAMETERS_BYTES_MAX {
        return Err(Refusal::Parameters);
    }
    if sql.contains('\0') || given().any(|parameter| parameter.contains('\0')) {
        return Err(Refusal::Zero);
    }
    Ok(())
}

/// Without what ends it; nothing else may follow.
fn one_statement<'t, 's>(tokens: &'t [Token<'s>]) -> Result<&'t [Token<'s>], Refusal> {
    let end = tokens.iter().position(|token| *token == Token::Semicolon);
    let (statement, rest) = tokens.split_at(end.unwrap_or(tokens.len()));
    if rest.iter().any(|token| *token != Token::Semicolon) {
        return Err(Refusal::Several);
    }
    Ok(statement)
}

/// The first word, after parentheses.
fn leading<'s>(tokens: &[Token<'s>]) -> Result<&'s str, Refusal> {
    let first = tokens.iter().find(|token| **token != Token::Open);
    match first {
        Some(Token::Word(word)) => Ok(word),
        Some(_) => Err(Refusal::Leading("…".to_owned())),
        None => Err(Refusal::Empty),
    }
}

fn query(tokens: &[Token<'_>]) -> Result<(), Refusal> {
    let leading = leading(tokens)?;
    if !is_one_of(leading, &QUERIES) {
        return Err(Refusal::Leading(leading.to_ascii_uppercase()));
    }
    match written(tokens, is_one_of(leading, &["WITH"])) {
        Some(word) => Err(Refusal::Writes(word.to_ascii_uppercase())),
        None => Ok(()),
    }
}

/// The word with which a part of a query begins to change data. It follows a parenthesis, or, where queries are named first,
/// what else may stand after a name (`SEARCH … SET column DELETE …`): whatever that is, unless a lock is asked for.
fn written<'s>(tokens: &[Token<'s>], named: bool) -> Option<&'s str> {
    (1..tokens.len()).find_map(|at| {
        let (before, rest) = tokens.split_at(at);
        match (before, rest) {
            ([.., last], [Token::Word(word), ..]) if is_one_of(word, &WRITES) => {
                let begins = matches!(last, Token::Open | Token::Close) || (named && !locks(before));
                begins.then_some(*word)
            }
            _ => None,
        }
    })
}

/// Whether an `UPDATE` that follows is that of `FOR UPDATE` or `FOR NO KEY UPDATE`. No name can be `FOR` without quotes.
fn locks(before: &[Token<'_>]) -> bool {
    match before {
        [.., Token::Word(last)] if is_one_of(last, &["FOR"]) => true,
        [.., Token::Word(first), Token::Word(second), Token::Word(third)] => {
            is_one_of(first, &["FOR"]) && is_one_of(second, &["NO"]) && is_one_of(third, &["KEY"])
        }
        _ => false,
    }
}

/// What `EXPLAIN` explains: with `ANALYZE`, it is executed.
fn explained<'t, 's>(tokens: &'t [Token<'s>]) -> &'t [Token<'s>] {
    let mut rest = tokens.get(1..).unwrap_or_default();
    if let Some(Token::Open) = rest.first() {
        // `EXPLAIN (ANALYZE, BUFFERS) SELECT`, and not `EXPLAIN (SELECT 1)`.
        let is_query = leading(rest).is_ok_and(|word| is_one_of(word, &QUERIES));
        let end = rest.iter().position(|token| *token == Token::Close);
        return end.filter(|_| !is_query).map_or(rest, |end| &rest[end + 1..]);
    }
    while let Some(Token::Word(word)) = rest.first()
        && is_one_of(word, &EXPLAIN_OPTIONS)
    {
        rest = &rest[1..];
    }
    rest
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sent(statements: &[&str]) {
        for sql in statements {
            assert_eq!(decide(sql, &[]), Ok(()), "{sql}");
        }
    }

    fn refusal(sql: &str) -> Refusal {
        decide(sql, &[]).expect_err(sql)
    }

    fn begins(sql: &str, word: &str) {
        assert_eq!(refusal(sql), Refusal::Leading(word.to_owned()), "{sql}");
    }

    #[test]
    fn queries_are_sent_however_they_are_dressed() {
        sent(&[
            "SELECT 1",
            "select 1;",
            "-- a comment; with a semicolon\nSELECT 1 ; -- and one after",
            "/* one /* two */ */ ((SELECT 1) UNION (VALUES (2)));;",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1), (2)",
            "TABLE pg_stat_activity",
            "SHOW server_version",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE VERBOSE SELECT 1",
            "EXPLAIN (ANALYZE, FORMAT json) SELECT (1)",
            "EXPLAIN (SELECT 1)",
            "EXPLAIN ANALYZE (SELECT 1)",
            "EXPLAIN (ANALYZE) ((SELECT 1) UNION SELECT (2))",
            "WITH a AS (SELECT 1) SELECT * FROM a FOR UPDATE",
            "WITH a AS (SELECT 1) SELECT * FROM a FOR no KEY update",
            "SELECT 'DELETE; COPY x TO PROGRAM', \"update\" FROM t WHERE a = $1",
            "SELECT n_tup_upd, last_update FROM t WHERE kind = 'x' OR update IS NULL",
        ]);
    }

    #[test]
    fn copy_to_a_program_is_refused() {
        begins("COPY (SELECT 1) TO PROGRAM 'sh'", "COPY");
        begins("/* x */ copy t FROM '/etc/passwd'", "COPY");
    }

    #[test]
    fn the_transaction_is_not_made_writable() {
        begins("SET transaction_read_only = off", "SET");
        begins("SET TRANSACTION READ WRITE", "SET");
        begins("RESET ALL", "RESET");
        begins("BEGIN", "BEGIN");
        begins("COMMIT", "COMMIT");
        begins("ROLLBACK", "ROLLBACK");
    }

    #[test]
    fn a_second_statement_is_refused_wherever_it_hides() {
        for sql in [
            "SELECT 1; DROP TABLE t",
            "SELECT 1;;SELECT 2",
            "SELECT 1 /* ; */ ; /* */ COMMIT",
            "SELECT ';' ; COMMIT",
            "SELECT $x$;$x$; COMMIT",
            "SELECT E'\\'' ; COMMIT --'",
        ] {
            assert_eq!(refusal(sql), Refusal::Several, "{sql}");
        }
    }

    #[test]
    fn statements_that_do_anything_else_are_refused() {
        for (sql, word) in [
            ("INSERT INTO t VALUES (1)", "INSERT"),
            ("update t set a = 1", "UPDATE"),
            ("DO $$ BEGIN END $$", "DO"),
            ("CALL p()", "CALL"),
            ("PREPARE x AS SELECT 1", "PREPARE"),
            ("EXECUTE x", "EXECUTE"),
            ("LISTEN c", "LISTEN"),
            ("LOCK t", "LOCK"),
            ("CREATE TABLE t (a int)", "CREATE"),
            ("DECLARE c CURSOR FOR SELECT 1", "DECLARE"),
            ("DISCARD ALL", "DISCARD"),
            ("LOAD 'x'", "LOAD"),
        ] {
            begins(sql, word);
        }
    }

    #[test]
    fn explain_explains_queries_only() {
        begins("EXPLAIN ANALYZE DELETE FROM t", "DELETE");
        begins("EXPLAIN (ANALYZE) INSERT INTO t VALUES (1)", "INSERT");
        begins("EXPLAIN ANALYZE EXECUTE x", "EXECUTE");
        begins("EXPLAIN (ANALYZE true) CREATE TABLE t AS SELECT 1", "CREATE");
        begins("EXPLAIN ANALYZE INSERT INTO t (a) SELECT 1", "INSERT");
        begins("EXPLAIN VERBOSE UPDATE t SET a = (SELECT 1)", "UPDATE");
        begins("EXPLAIN INSERT INTO t VALUES (1) (SELECT 1)", "INSERT");
        assert_eq!(refusal("EXPLAIN"), Refusal::Empty);
    }

    #[test]
    fn data_changing_parts_of_a_query_are_refused() {
        let writes = |sql: &str, word: &str| assert_eq!(refusal(sql), Refusal::Writes(word.to_owned()), "{sql}");
        writes("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "DELETE");
        writes("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "INSERT");
        writes(
            "WITH a AS MATERIALIZED (/* x */ update t SET a = 1 RETURNING 1) TABLE a",
            "UPDATE",
        );
        writes(
            "EXPLAIN ANALYZE WITH a AS (MERGE INTO t USING u ON true) SELECT 1",
            "MERGE",
        );
        let searched = "WITH RECURSIVE n AS (SELECT 1 AS a) SEARCH DEPTH FIRST BY a SET";
        writes(&format!("{searched} o DELETE FROM t"), "DELETE");
        writes(&format!("{searched} \"o\" delete FROM t"), "DELETE");
        writes(&format!("{searched} key UPDATE t SET a = 1"), "UPDATE");
        writes(
            &format!("WITH a AS ({searched} o INSERT INTO t VALUES (1)) TABLE a"),
            "INSERT",
        );
        writes(
            "WITH RECURSIVE n AS (SELECT 1 AS a) CYCLE a SET c TO 'y' DEFAULT 'n' USING p MERGE INTO t USING n ON true",
            "MERGE",
        );
    }

    #[test]
    fn nothing_and_half_a_statement_are_refused() {
        for empty in ["", " ", "--x", "/* */", ";", "(("] {
            assert_eq!(refusal(empty), Refusal::Empty, "{empty:?}");
        }
        assert_eq!(refusal("SELECT 'a"), Refusal::Unfinished("a quotation"));
        assert_eq!(refusal("'SELECT'"), Refusal::Leading("…".to_owned()));
    }

    #[test]
    fn limits_hold_for_parameters_too() {
        assert_eq!(refusal("SELECT '\0'"), Refusal::Zero);
        assert_eq!(decide("SELECT $1", &[Some("a\0b".into())]), Err(Refusal::Zero));
        assert_eq!(
            decide(&format!("SELECT '{}'", "x".repeat(SQL_BYTES_MAX)), &[]),
            Err(Refusal::Long)
        );
        assert_eq!(decide("SELECT 1", &vec![None; PARAMETERS_MAX]), Ok(()));
        assert_eq!(
            decide("SELECT 1", &vec![None; PARAMETERS_MAX + 1]),
            Err(Refusal::Parameters)
        );
        let large = Some("x".repeat(PARAMETERS_BYTES_MAX + 1));
        assert_eq!(decide("SELECT $1", &[large]), Err(Refusal::Parameters));
    }
}
