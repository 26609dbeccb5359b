//! `surfaces`: what stands beside the functions.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Severity, expect::Expect, span::Span};

/// Each is asked when its table is there; `auth = {}` is enough.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Surfaces {
    /// Sign-in: `auth/v1/health`. Needs an API key. It does not look at the database.
    pub(crate) auth: Option<Surface>,
    /// Tables: the one in `table`, of which no row is read.
    pub(crate) rest: Option<Rest>,
    /// Files: `storage/v1/health`. Needs an API key. Its status is always 200, so its body is looked at.
    pub(crate) storage: Option<Surface>,
    /// Changes as they happen: the WebSocket's address, asked without an upgrade, which a healthy one refuses.
    pub(crate) realtime: Option<Surface>,
    /// The runtime below the functions: `functions/v1/_internal/health`. Local and self-hosted stacks only.
    pub(crate) runtime: Option<Surface>,
}

/// How one surface is asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Surface {
    /// What to ask instead, below the project's URL. The answer is then judged by `expect` alone.
    pub(crate) path: Option<String>,
    /// What is expected of the answer. With `expect.status`, statuses mean nothing else.
    pub(crate) expect: Expect,
    /// How bad it is when it does not work.
    pub(crate) severity: Severity,
    /// How long to wait; unless said 10s.
    pub(crate) timeout: Option<Span>,
}

/// How tables are asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rest {
    /// A table or view to ask for no rows of. One that the key may not read is as good: then PostgreSQL itself says so.
    /// Without, the root is asked, which only a secret key may read since 2026.
    #[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub(crate) table: Option<String>,
    /// What is expected of the answer besides.
    pub(crate) expect: Expect,
    /// How bad it is when it does not work.
    pub(crate) severity: Severity,
    /// How long to wait; unless said 10s.
    pub(crate) timeout: Option<Span>,
}
