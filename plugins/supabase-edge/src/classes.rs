//! Everything that can be wrong, as data: a code, whose matter it is, how much it weighs, and what to do.
//!
//! Nothing is decided here: `platform`, `network`, `expectation` and the others choose a class for what they saw. Codes and
//! their causes are those of Supabase's documentation (`guides/functions/error-codes`, `guides/functions/status-codes`,
//! `guides/platform/http-status-codes`) and of its command-line tool (`internal/functions/serve/templates/main.ts`).

use bellwether_sdk::{Code, Description};

/// Whose matter a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// Of whoever wrote or deployed the function, or what is behind it.
    Function,
    /// Of the platform or of the state the project is in.
    Platform,
    /// Of the way there: names, connections, certificates, time.
    Network,
    /// Of whoever configures this check: nothing is known about the target.
    Monitor,
    /// It works, but not well.
    Quality,
}

impl Matter {
    /// The value of the label `matter`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Platform => "platform",
            Self::Network => "network",
            Self::Monitor => "monitor",
            Self::Quality => "quality",
        }
    }
}

/// How much a class weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As much as the target's `severity` says.
    Severity,
    /// A warning, whatever the target.
    Warning,
    /// Critical, whatever the target.
    Critical,
    /// Nobody can tell how the target is.
    Unknown,
}

/// One way to be wrong.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) code: Code,
    pub(crate) matter: Matter,
    pub(crate) weight: Weight,
}

macro_rules! classes {
    ($($name:ident = $code:literal, $matter:ident, $weight:ident, $meaning:literal;)*) => {
        $(pub(crate) static $name: Class = Class {
            code: Code::new($code, $meaning),
            matter: Matter::$matter,
            weight: Weight::$weight,
        };)*

        /// All of them, in the order of the README.
        pub(crate) static ALL: &[&Class] = &[$(&$name),*];
    };
}

classes! {
    BOOT_ERROR = "boot_error", Function, Severity,
        "The function does not start: a syntax error, a missing import or a bad configuration. Read its logs, run it with `supabase functions serve`.";
    WORKER_ERROR = "worker_error", Function, Severity,
        "Code outside the handler threw. Read the function's logs and catch the exception.";
    FUNCTION_ERROR = "function_error", Function, Severity,
        "The handler threw or answered 5xx. Read the function's logs.";
    INVALID_RESPONSE = "invalid_response", Function, Severity,
        "The function answered a status that HTTP does not have. Do not hand on another server's answer unchecked.";
    RESOURCE_LIMIT = "resource_limit", Function, Severity,
        "The function used up its memory, CPU time or wall clock. The logs say which; do less for each request.";
    IDLE_TIMEOUT = "idle_timeout", Function, Severity,
        "The function did not answer within the platform's 150 seconds. Look at the queries and requests it waits for.";
    NOT_DEPLOYED = "not_deployed", Function, Severity,
        "No function has that name. Compare with `supabase functions list`, and deploy it.";
    BUNDLE_MISSING = "bundle_missing", Function, Severity,
        "The function is registered, but its bundle is gone, as after two deployments at once. Deploy it again.";
    UNEXPECTED_STATUS = "unexpected_status", Function, Severity,
        "The status is not among the expected ones. Look at what the answer says, or correct `expect.status`.";
    ASSERTION_FAILED = "assertion_failed", Function, Severity,
        "The JSON body is not as expected. The summary names the place.";
    HEADER_MISMATCH = "header_mismatch", Function, Severity,
        "A header is missing or not as expected.";
    BODY_TOO_LARGE = "body_too_large", Function, Severity,
        "The body is larger than `expect.body_bytes`, or than the 1 MiB that is read of any, or never ends.";
    SLOW = "slow", Quality, Warning,
        "The answer is right, but late: see whether the function, what is behind it or the way there got slower.";
    COLD_START_SLOW = "cold_start_slow", Quality, Warning,
        "A call that starts a worker takes long: import less, initialise later.";
    REGION_MISMATCH = "region_mismatch", Quality, Warning,
        "The function ran in another region than the one asked for.";

    LOAD_FAILED = "load_failed", Platform, Severity,
        "The platform could not load the function. Wait some minutes, deploy it again, then ask Supabase's support.";
    RELAY_ERROR = "relay_error", Platform, Severity,
        "Supabase's relay could not reach the function. See status.supabase.com.";
    PLATFORM_UNAVAILABLE = "platform_unavailable", Platform, Severity,
        "Supabase's edge answered for a runtime or project that did not. See status.supabase.com.";
    GATEWAY_TIMEOUT = "gateway_timeout", Platform, Severity,
        "The project's gateway waited too long (544). Look for slow queries and a project too small for its load.";
    RATE_LIMITED = "rate_limited", Platform, Warning,
        "Too many calls. Functions that call functions are counted; so may be the checks: raise `every`.";
    RUNTIME_STARTING = "runtime_starting", Platform, Unknown,
        "The local runtime has not read its configuration yet (501).";
    SERVICE_RESTRICTED = "service_restricted", Platform, Severity,
        "Supabase restricts the project (402): a quota is used up or a bill is overdue. See the organisation's billing page.";
    PROJECT_PAUSED = "project_paused", Platform, Severity,
        "The project is paused and answers nothing. Restore it in the dashboard.";
    PROJECT_CHANGING = "project_changing", Platform, Warning,
        "The project is starting, stopping, being restored, upgraded or resized. Wait for it.";
    PROJECT_UNHEALTHY = "project_unhealthy", Platform, Severity,
        "The platform calls the project unhealthy. See its page in the dashboard.";
    PROJECT_FAILED = "project_failed", Platform, Critical,
        "The project could not be started, paused or restored, or is removed. Ask Supabase's support.";
    PROJECT_UNKNOWN = "project_unknown", Platform, Unknown,
        "The platform does not know how the project is, or uses a word that this plugin does not know.";
    SERVICE_UNHEALTHY = "service_unhealthy", Platform, Severity,
        "The platform calls one of the project's services unhealthy.";
    SERVICE_STARTING = "service_starting", Platform, Warning,
        "One of the project's services is starting.";
    DEPLOYMENT_INACTIVE = "deployment_inactive", Platform, Severity,
        "The function is deployed and not served: it was removed or is throttled.";

    SURFACE_DOWN = "surface_down", Platform, Severity,
        "The service answered with an error of its own.";
    SURFACE_UNHEALTHY = "surface_unhealthy", Platform, Severity,
        "The service answers and says that it is not healthy.";
    DATABASE_UNREACHABLE = "database_unreachable", Platform, Severity,
        "PostgREST cannot reach the database, or has no schema yet (PGRST000 to PGRST003). Look at connections and database load.";

    NAME_UNRESOLVED = "name_unresolved", Network, Severity,
        "The name has no address. A deleted project's name vanishes; a new domain takes time.";
    UNREACHABLE = "unreachable", Network, Severity,
        "No connection could be made.";
    TLS_FAILED = "tls_failed", Network, Severity,
        "TLS failed: the summary says why, the certificate's dates are among the metrics.";
    TIMED_OUT = "timed_out", Network, Severity,
        "No answer in time. The summary says in which phase.";
    NOT_HTTP = "not_http", Network, Severity,
        "What came back is not HTTP, or has more headers than are read.";
    CERTIFICATE_EXPIRES = "certificate_expires", Network, Warning,
        "A certificate of the chain ends soon. On a custom domain, see why it was not renewed.";

    KEY_MISSING = "key_missing", Monitor, Unknown,
        "The function verifies tokens and none was sent. Give the connection `headers.apikey` or `headers.authorization`, or deploy with verify_jwt off.";
    TOKEN_INVALID = "token_invalid", Monitor, Unknown,
        "The token sent is not valid for this project: expired, of another project, or its secret was revoked.";
    TOKEN_UNSUPPORTED = "token_unsupported", Monitor, Unknown,
        "The token is signed by an algorithm that the platform does not accept (ES256, RS256, HS256 are).";
    TOKEN_MALFORMED = "token_malformed", Monitor, Unknown,
        "`authorization` is not `Bearer TOKEN`. Keys that begin with `sb_` belong into `apikey`.";
    UNAUTHORIZED = "unauthorized", Monitor, Unknown,
        "The answer is 401 or 403: the connection's key is missing, wrong or may not do this. The target itself may be well.";
    METHOD_NOT_ALLOWED = "method_not_allowed", Monitor, Unknown,
        "The platform does not pass this method on, or the function refuses it. Correct `method`.";
    INVALID_URL = "invalid_url", Monitor, Unknown,
        "The platform does not understand the URL. Correct `path` or the connection's URL.";
    NOT_GRANTED = "not_granted", Monitor, Unknown,
        "The host refused the request. The summary names what to change in the configuration, such as the connection's `methods`.";
    REQUEST_REFUSED = "request_refused", Monitor, Unknown,
        "The host could not send such a request: a header or a path that it does not allow.";
    OVER_LIMIT = "over_limit", Monitor, Unknown,
        "A limit of the run was reached: too many requests, or too much of all answers together. Split the check.";
    NOT_JUDGED = "not_judged", Monitor, Unknown,
        "The run had no time or memory left to look into the answer. Split the check, or expect less of so long a body.";
    REST_ROOT_CLOSED = "rest_root_closed", Monitor, Unknown,
        "Since 2026 only secret keys may read the REST root. Name a table in `surfaces.rest.table`, so that PostgREST is asked.";
    TABLE_MISSING = "table_missing", Monitor, Unknown,
        "PostgREST knows no such table or view. Correct `surfaces.rest.table`.";
    NOT_OFFERED = "not_offered", Monitor, Unknown,
        "There is nothing at that path: this project does not offer the service. Remove it from the settings.";
    MANAGEMENT_UNAUTHORIZED = "management_unauthorized", Monitor, Unknown,
        "The Management API does not accept the token: make a new one.";
    MANAGEMENT_FORBIDDEN = "management_forbidden", Monitor, Unknown,
        "The token lacks permissions. The summary names them.";
    MANAGEMENT_NOT_FOUND = "management_not_found", Monitor, Unknown,
        "The Management API knows no such project, or not for this token. Correct `project`.";
    MANAGEMENT_LIMITED = "management_limited", Monitor, Unknown,
        "The Management API refuses more requests for now. The plugin waits as long as it says; raise `management.every`.";
    MANAGEMENT_UNAVAILABLE = "management_unavailable", Monitor, Unknown,
        "The Management API could not be asked. Functions are called all the same.";
    MANAGEMENT_UNREADABLE = "management_unreadable", Monitor, Unknown,
        "The Management API answered in a form that this plugin does not know.";
    DISCOVERY_LIMITED = "discovery_limited", Monitor, Warning,
        "More functions are deployed than `discover.limit` allows to call: raise it, or exclude some.";

    FLOW_FAILED = "flow_failed", Function, Severity,
        "A step of an end-to-end check failed. The summary names the step and why.";
    FLOW_UNJUDGED = "flow_unjudged", Monitor, Unknown,
        "A step of an end-to-end check could not be sent, or its answer not be looked into. The summary says why.";
    CLEANUP_FAILED = "cleanup_failed", Function, Warning,
        "The check passed, but its clean-up did not: test data may pile up.";
}

/// The class of a code that an earlier run left in the state.
pub(crate) fn named(code: &str) -> Option<&'static Class> {
    ALL.iter().copied().find(|class| class.code.name() == code)
}

pub(crate) fn describe(about: &mut Description) {
    for class in ALL {
        about.code(&class.code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_tells_of_every_code() {
        let readme = include_str!("../README.md");
        assert!(ALL.len() > 50);
        for class in ALL {
            let name = class.code.name();
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn what_is_the_monitors_matter_never_calls_a_target_down() {
        for class in ALL.iter().filter(|class| class.matter == Matter::Monitor) {
            let silent = matches!(class.weight, Weight::Unknown | Weight::Warning);
            assert!(silent, "{}", class.code.name());
        }
    }

    #[test]
    fn a_class_is_found_by_its_code() {
        assert_eq!(named("boot_error").map(|class| class.code), Some(BOOT_ERROR.code));
        assert!(named("no_such_code").is_none());
    }
}
