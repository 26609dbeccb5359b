//! The child's side of `bellwether compile`: one job from standard input, one answer to standard output.
//!
//! Compiling and parsing foreign schemas are the only steps that a hostile plugin can make expensive, so they happen
//! here, under limits the process puts on itself before it reads a byte. The limits bound cost, not trust: the parent
//! reads no more from the answer than it asked for. `compile` is the parent's side.

use std::{
    fs,
    io::{self, Read, Write},
    path::PathBuf,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{engine, inspect::COMPONENT_BYTES_MAX, schema};

/// Data segment, heap and anonymous mappings. Python components compile in 400 MB; address space cannot be limited
/// instead, since wasmtime reserves far more than it uses.
const DATA_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest compiled component; compiled code is about four times the size of its component.
const ARTIFACT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Yields to everything that has a deadline.
const NICENESS: i32 = 10;
/// Largest job description.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// Largest payload: a component, or a schema with its documents.
const PAYLOAD_BYTES_MAX: u64 = COMPONENT_BYTES_MAX;

/// What the parent asks for. Followed on the wire by `payload_bytes` bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// Seconds of CPU after which the kernel ends the child.
    pub(super) cpu_seconds: u64,
    pub(super) payload_bytes: u64,
    pub(super) job: Job,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Job {
    /// The payload is a component; its code goes to this file, which exists.
    Compile { artifact: PathBuf },
    /// The payload is a [`schema::SettingsJob`].
    Settings,
}

/// The child's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Compiled,
    Checked(Vec<schema::Checked>),
    /// For a person.
    Refused(String),
}

/// What `bellwether compile` does: reads one job from standard input, answers on standard output, and returns the exit
/// code. Zero: there is an answer, which may be a refusal.
pub fn compile_child_main() -> i32 {
    confine();
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => 0,
        Err(error) => {
            // Nobody but the parent reads this.
            let _ = writeln!(io::stderr(), "compile: {error}");
            1
        }
    }
}

fn limit(resource: Resource, most: u64) {
    let bound = Rlimit {
        current: Some(most),
        // One more than the soft limit: at the hard one the kernel kills without saying why.
        maximum: Some(most.saturating_add(1)),
    };
    // A limit that is already lower stays; it is stricter.
    let _ = setrlimit(resource, bound);
}

/// What does not depend on the job. Each step is best effort: a container may forbid some, and the parent's wall clock
/// bounds the rest.
fn confine() {
    limit(Resource::Core, 0);
    limit(Resource::Data, DATA_BYTES_MAX);
    limit(Resource::Fsize, ARTIFACT_BYTES_MAX);
    // Signals for the parent's terminal are not for us; it ends us itself, and where it cannot any more, the kernel does.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let _ = rustix::process::nice(NICENESS);
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads a job, does it, writes the answer.
fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let header = read_header(input)?;
    limit(Resource::Cpu, header.cpu_seconds);
    if header.payload_bytes > PAYLOAD_BYTES_MAX {
        return Err(invalid("the payload is too large"));
    }
    let mut payload = Vec::new();
    input.take(header.payload_bytes).read_to_end(&mut payload)?;
    if payload.len() as u64 != header.payload_bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let answer = perform(&header.job, &payload)?;
    write_frame(output, &answer)
}

fn read_header(input: &mut impl Read) -> io::Result<Header> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > HEADER_BYTES_MAX {
        return Err(invalid("the header is too large"));
    }
    let mut text = Vec::new();
    input.take(u64::from(length)).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(invalid)
}

/// A length and JSON, in both directions.
pub(super) fn write_frame(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(value).map_err(invalid)?;
    let length = u32::try_from(text.len()).map_err(invalid)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(&text)?;
    output.flush()
}

fn perform(job: &Job, payload: &[u8]) -> io::Result<Answer> {
    match job {
        Job::Compile { artifact } => {
            let compiled = engine::engine().and_then(|engine| engine.precompile_component(payload));
            match compiled {
                Ok(code) => {
                    fs::OpenOptions::new()
                        .write(true)
                        .truncate(true)
                        .open(artifact)?
                        .write_all(&code)?;
                    Ok(Answer::Compiled)
                }
                Err(error) => Ok(Answer::Refused(format!("{error:#}"))),
            }
        }
        Job::Settings => {
            let job: schema::SettingsJob = serde_json::from_slice(payload).map_err(invalid)?;
            Ok(match schema::check(&job.schema, &job.documents) {
                Ok(results) => Answer::Checked(results),
                Err(problem) => Answer::Refused(problem.to_string()),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(header: &Header, payload: &[u8]) -> io::Result<Answer> {
        let mut input = Vec::new();
        write_frame(&mut input, header)?;
        input.extend_from_slice(payload);
        let header = read_header(&mut &input[..])?;
        perform(&header.job, payload)
    }

    #[test]
    fn what_does_not_validate_is_refused_with_the_reason() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let header = Header {
            cpu_seconds: 10,
            payload_bytes: 0,
            job: Job::Compile {
                artifact: file.path().to_owned(),
            },
        };
        let answer = ask(&header, b"\0asm\x0d\0\x01\0\xff").expect("answer");
        assert!(matches!(answer, Answer::Refused(reason) if !reason.is_empty()));
    }

    #[test]
    fn a_header_that_claims_to_be_huge_is_not_read() {
        let claim = u32::MAX.to_le_bytes();
        assert!(read_header(&mut &claim[..]).is_err());
    }
}
