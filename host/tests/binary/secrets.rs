//! Canaries in every field that holds a secret, searched for in everything a host says: log, answers, metrics, page,
//! errors, what verbs print, and what is kept on disk.

use std::{fmt::Write as _, path::Path, process::Command};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

use crate::{
    host::{Place, Running, request},
    obedient,
};

/// Stands in a file's text for a secret that is to be put there.
const HERE: &str = "CANARY";

/// A secret whose every form can be found.
#[derive(Clone)]
struct Canary {
    /// No encoding that keeps letters changes it.
    core: &'static str,
    /// What is secret: the core with characters that each encoding writes in its own way.
    value: String,
}

impl Canary {
    fn new(core: &'static str) -> Self {
        Self {
            core,
            value: format!("{core}\"\\/+%<&>"),
        }
    }

    /// As plugins or targets may say it.
    fn sayings(&self) -> Vec<String> {
        let escaped = |byte: u8| format!("%{byte:02X}");
        let percent = self.value.bytes().map(|byte| match byte {
            plain if plain.is_ascii_alphanumeric() => char::from(plain).to_string(),
            other => escaped(other),
        });
        vec![
            self.value.clone(),
            STANDARD.encode(&self.value),
            URL_SAFE.encode(format!("user:{}", self.value)),
            percent.collect(),
            self.value.bytes().map(escaped).collect(),
        ]
    }

    /// Whatever of it may be left in a text.
    fn traces(&self) -> Vec<String> {
        let each = |form: fn(u8) -> String| self.core.bytes().map(form).collect::<String>();
        let mut traces = vec![
            self.core.to_owned(),
            each(|byte| format!("%{byte:02X}")),
            each(|byte| format!("%{byte:02x}")),
            each(|byte| format!("{byte:02x}")),
        ];
        for before in 0..3 {
            // The characters that the core alone decides, whatever stands before and after it.
            let bytes = [vec![b' '; before], self.core.as_bytes().to_vec()].concat();
            let decided = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
            traces.extend(
                [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)].map(|text| text[decided.clone()].to_owned()),
            );
        }
        traces
    }

    fn assert_not_in(&self, what: &str, text: &str) {
        for trace in self.traces() {
            if let Some(at) = text.find(&trace) {
                let from = text.floor_char_boundary(at.saturating_sub(200));
                let to = text.ceil_char_boundary((at + trace.len() + 100).min(text.len()));
                panic!("{what} shows a secret as {trace}: …{}…", &text[from..to]);
            }
        }
    }
}

/// A place whose tokens come from everywhere a token can come from.
struct Guarded {
    place: Place,
    canaries: [Canary; 4],
}

impl Guarded {
    fn new() -> Self {
        let canaries = [
            "fromVariable7Qx2",
            "fromNamedFile9Kz4",
            "fromCredential3Wv8",
            "fromTheFile6Jm1",
        ]
        .map(Canary::new);
        let place = Place::new("");
        let [_, named, credential, _] = &canaries;
        std::fs::write(place.path("named"), format!("{}\n", named.value)).expect("written");
        std::fs::create_dir(place.path("credentials")).expect("a folder");
        std::fs::write(place.path("credentials/ADMIN"), &credential.value).expect("written");
        Self { place, canaries }
    }

    fn environment(&self, command: &mut Command) {
        command.env("READ", &self.canaries[0].value);
        command.env("PUSH_FILE", self.place.path("named"));
        command.env("CREDENTIALS_DIRECTORY", self.place.path("credentials"));
    }

    fn access(&self) -> String {
        let literal = &self.canaries[3].value;
        format!(
            "[access]\nread = [\"${{secret:READ}}\", '{literal}']\npush = \"${{secret:PUSH}}\"\nadmin = \"${{secret:ADMIN}}\"\n\n"
        )
    }

    fn run(&self) -> Running {
        self.place.run_with(|command| self.environment(command))
    }

    fn admin(&self) -> String {
        format!("Bearer {}", self.canaries[2].value)
    }

    fn ask(&self, host: &Running, method: &str, path: &str, accept: &str) -> String {
        let answer = request(
            host.address(),
            method,
            path,
            &[("Authorization", &self.admin()), ("Accept", accept)],
        );
        format!("{}\n\n{}", answer.head, answer.body)
    }

    /// What a verb says in all.
    fn say(&self, verb: &[&str]) -> String {
        let finished = self.place.finish_with(verb, |command| self.environment(command));
        format!("{}{}", finished.stdout, finished.stderr)
    }

    fn assert_none_in(&self, what: &str, text: &str) {
        self.canaries.iter().for_each(|canary| canary.assert_not_in(what, text));
    }

    /// Every file under a folder, as text.
    fn assert_none_under(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.assert_none_under(&path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                self.assert_none_in(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// Checks that say every secret in every form. No setting may hold one, so the guest is handed them in pieces.
    fn telling_checks(&self) -> String {
        let mut said = String::from("say = [");
        for saying in self.canaries.iter().flat_map(Canary::sayings) {
            let pieces: Vec<String> = saying.chars().map(String::from).collect();
            let _ = write!(said, "'{}', ", pieces.join("~"));
        }
        said.push_str("]\n");
        obedient("reports", &said, "")
            + &obedient("fails", &format!("{said}end = \"failure\"\n"), "")
            + &obedient("panics", &format!("{said}end = \"panic\"\n"), "")
    }
}

const CHECKS: [&str; 3] = ["reports", "fails", "panics"];

#[test]
fn what_plugins_say_reaches_nobody_with_a_secret_in_it() {
    let guarded = Guarded::new();
    guarded
        .place
        .configure(&(guarded.access() + &guarded.telling_checks() + "[log]\nlevel = \"trace\"\n"));
    let mut host = guarded.run();
    host.line("All checks are loaded");
    host.eventually("/health/ready", |body| body.contains("\"ready\""));
    for path in [
        "/",
        "/metrics",
        "/health/live",
        "/health/ready",
        "/health/detailed",
        "/api/v1/checks",
        "/nowhere",
    ] {
        for accept in ["*/*", "text/html", "application/openmetrics-text; version=1.0.0"] {
            let said = guarded.ask(&host, "GET", path, accept);
            guarded.assert_none_in(path, &said);
        }
    }
    let metrics = guarded.ask(&host, "GET", "/metrics", "*/*");
    assert!(metrics.contains("[redacted:"), "the guest did speak: {metrics}");
    assert!(
        guarded
            .ask(&host, "GET", "/api/v1/checks", "*/*")
            .contains("told to: {"),
        "and fail"
    );
    for check in CHECKS {
        let path = format!("/api/v1/checks/{check}/run");
        guarded.assert_none_in(&path, &guarded.ask(&host, "POST", &path, "*/*"));
    }
    guarded.assert_none_in("a reload", &guarded.ask(&host, "POST", "/-/reload", "*/*"));
    let strangers = request(
        host.address(),
        "GET",
        "/metrics",
        &[("Authorization", "Bearer nothing-like-it")],
    );
    guarded.assert_none_in("a refusal", &format!("{strangers:?}"));
    guarded.assert_none_in("the log", &host.stop().join("\n"));
    guarded.assert_none_under(&guarded.place.path("state"));
}

#[test]
fn verbs_print_no_secret() {
    let guarded = Guarded::new();
    guarded.place.configure(&(guarded.access() + &guarded.telling_checks()));
    for check in CHECKS {
        for verb in [&["once", check][..], &["once", check, "--json"]] {
            let said = guarded.say(verb);
            assert!(said.contains(check), "{said}");
            guarded.assert_none_in(&format!("{verb:?}"), &said);
        }
    }
    for verb in [
        &["validate"][..],
        &["validate", "--json"],
        &["validate", "--print"],
        &["validate", "--print", "--json"],
    ] {
        let said = guarded.say(verb);
        guarded.assert_none_in(&format!("{verb:?}"), &said);
        assert!(!verb.contains(&"--print") || said.contains("[access]"), "{said}");
    }
}

/// Wherever a secret is put by mistake, literally or by the variable it is in, the error shows everything but the secret.
#[test]
fn no_error_about_the_configuration_shows_a_secret() {
    let guarded = Guarded::new();
    let places = [
        "[host]\nlisten = CANARY\n",
        "[host]\nlisten = \"127.0.0.1:0\"\nenvironment = CANARY\nstate_dir = 1\n",
        "[host]\nlisten = \"127.0.0.1:0\"\ninclude = [CANARY]\n",
        "[host]\nconcurrency = CANARY\n",
        "[log]\nlevel = CANARY\n",
        "[log]\nformat = CANARY\n",
        "[check.a]\nplugin = CANARY\n",
        "[check.a]\nplugin = \"system\"\nsha256 = CANARY\n",
        "[check.a]\nplugin = \"system\"\ninterval = CANARY\n",
        "[check.a]\nplugin = \"system\"\nintervall = CANARY\n",
        "[check.a]\nplugin = \"system\"\ncron = CANARY\n",
        "[check.a]\nplugin = \"system\"\ncron = \"0 3 * * *\"\ntimezone = CANARY\n",
        "[check.a]\nplugin = \"system\"\nprefix = CANARY\n",
        "[check.a]\nplugin = \"system\"\nallow = [CANARY]\n",
        "[check.a]\nplugin = \"system\"\nlabels = { check = CANARY }\n",
        "[check.a]\nplugin = \"system\"\nlimits = { memory = CANARY }\n",
        "[check.a]\nplugin = \"system\"\nsettings = { names = CANARY }\n",
        "[check.a]\nplugin = \"system\"\nsettings = { names = [CANARY], naems = 1 }\n",
        "[check.a]\nplugin = \"system\"\nrequired = CANARY\n",
        "[check.a]\nplugin = \"system\"\n[receiver.x]\nurl = CANARY\n",
        "[access.tls]\ncertificate = CANARY\n",
        "[access.tls]\ncertificate = CANARY\nkey = CANARY\n",
        "nonsense = CANARY\n",
        "[check.a]\nplugin = \"system\"\nlabels = { team = CANARY\n",
    ];
    let literal = format!("'{}'", guarded.canaries[3].value);
    let mistakes = [
        literal.as_str(),
        "\"${env:READ}\"",
        "\"${secret:READ}\"",
        "\"${secret:ADMIN}\"",
        "\"x${secret:PUSH}\"",
    ];
    for text in places {
        let host = if text.starts_with("[host]") {
            String::new()
        } else {
            host_table(&guarded.place)
        };
        for (at, written) in mistakes.iter().enumerate() {
            let text = text.replace(HERE, written);
            guarded
                .place
                .write("bellwether.toml", &format!("{host}{}{text}", guarded.access()));
            let verbs = [&["validate"][..], &["validate", "--json", "--print"], &["once", "a"]];
            for verb in &verbs[..if at < 2 { 3 } else { 1 }] {
                guarded.assert_none_in(&format!("{verb:?} with {text}"), &guarded.say(verb));
            }
        }
    }
}

fn host_table(place: &Place) -> String {
    format!(
        "[host]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"{}\"\n\n",
        place.path("state").display()
    )
}

/// A misspelt key or table, a quote too few, a value that cannot be a token: then nobody knows that it is a secret, and
/// it must not be shown all the same.
#[test]
fn a_token_that_is_none_is_not_shown_either() {
    let guarded = Guarded::new();
    let canary = Canary::new("neverAToken5Lp9");
    for text in [
        "[access]\nraed = 'CANARY'\n",
        "[acess]\nread = 'CANARY'\n",
        "[access]\nread = 'CANARY\n",
        "[access]\nread = CANARY\n",
        "[access]\nread = 'with a space CANARY'\n",
        "[access]\nread = ['CANARY', 7]\n",
        "[access]\nread = { token = 'CANARY' }\n",
        "access.read = 'CANARY' 7\n",
        "[access]\nread = \"${secret:READ}CANARY with a space\"\n",
        "[access]\nread = \"${secret:BROKEN}\"\n",
        "[check.access]\nread = 'CANARY'\n",
    ] {
        guarded.place.write("bellwether.toml", &text.replace(HERE, canary.core));
        for verb in [&["validate"][..], &["validate", "--json"], &["run"]] {
            let finished = guarded.place.finish_with(verb, |command| {
                guarded.environment(command);
                command.env("BROKEN", format!("with a space {}", canary.core));
            });
            assert_eq!(finished.code, 2, "{text}: {finished:?}");
            canary.assert_not_in(
                &format!("{verb:?} with {text}"),
                &format!("{}{}", finished.stdout, finished.stderr),
            );
        }
    }
}

/// The new file is bad and the old one knows nothing of its secrets.
#[test]
fn a_refused_reload_shows_neither_old_nor_new_secrets() {
    let guarded = Guarded::new();
    guarded.place.configure("");
    let mut host = guarded.run();
    let value = &guarded.canaries[0].value;
    let access = guarded.access();
    for bad in [
        format!("{access}[check.a]\nplugin = './{value}.wasm'\n"),
        format!("{access}[check.a]\nplugin = \"system\"\ninterval = '{value}'\n"),
        format!("{access}[check.a]\nplugin = \"system\"\nsettings = {{ naems = '{value}' }}\n"),
        format!("{access}[check.a]\nplugin = \"system\"\nallow = [\"system\"]\nintervall = \"${{env:READ}}\"\n"),
        format!("{access}[access.tls]\ncertificate = '/{value}'\nkey = '/{value}'\n"),
    ] {
        guarded.place.configure(&bad);
        let answer = host.post("/-/reload");
        assert_eq!(answer.status, 422, "{bad}: {answer:?}");
        guarded.assert_none_in(&bad, &answer.body);
        host.line("everything runs on as it was");
    }
    guarded.assert_none_in("the log", &host.stop().join("\n"));

    let bad = format!("{access}[check.a]\nplugin = \"system\"\nsettings = {{ naems = '{value}' }}\n");
    guarded.place.configure(&bad);
    let refused = guarded.say(&["run"]);
    assert!(refused.contains("nothing was done"), "{refused}");
    guarded.assert_none_in("a refused start", &refused);
}

/// By reference or by value, a secret is refused where everybody would see it.
#[test]
fn secrets_are_refused_where_they_would_leave_the_host() {
    let guarded = Guarded::new();
    let by_reference = "a secret may not stand here";
    let by_value = "contains the value of a secret";
    let labelled = |labels: &str| format!("[check.a]\nplugin = \"system\"\nlabels = {{ team = {labels} }}\n");
    for (text, said) in [
        (
            "[check.a]\nplugin = \"system\"\nsettings = { token = \"${secret:READ}\" }\n".to_owned(),
            by_reference,
        ),
        (
            "[check.a]\nplugin = \"system\"\nsettings = { names = [{ token = \"of ${env:READ}\" }] }\n".to_owned(),
            by_value,
        ),
        (
            "[check.a]\nplugin = \"system\"\nenabled = false\nsettings = { token = 'CANARY' }\n".to_owned(),
            by_value,
        ),
        (labelled("\"${secret:READ}\""), by_reference),
        (labelled("\"of ${env:READ}\""), by_value),
        (labelled("'CANARY'"), by_value),
        ("[check.a]\nplugin = \"${secret:READ}\"\n".to_owned(), by_reference),
        ("[check.a]\nplugin = \"./${env:READ}.wasm\"\n".to_owned(), by_value),
    ] {
        let text = text.replace(HERE, &guarded.canaries[3].value);
        guarded.place.configure(&(guarded.access() + &text));
        let finished = guarded
            .place
            .finish_with(&["validate"], |command| guarded.environment(command));
        assert_eq!(finished.code, 2, "{text}: {finished:?}");
        assert!(finished.stderr.contains(said), "{text}: {finished:?}");
    }
}
