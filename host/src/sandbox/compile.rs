//! The parent's side of the compile child: starts it, feeds it one job, and says clearly why there is no answer.
//!
//! Owns how many children run at once and how long each may take. Flows in: bytes. Flows out: a compiled file, or
//! results of checking settings. `child` is the other side.

use std::{
    fmt, io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::Semaphore,
};

use super::child::{self, Answer, Header, Job};

/// CPU time of one child unless configured. The largest known component, Python with numerical libraries, takes 40 s.
pub const COMPILE_CPU_DEFAULT: Duration = Duration::from_secs(120);
/// Wall clock of one child unless configured. What bounds it is the CPU time; with several at once on a busy machine, CPU
/// seconds come slowly, and a good plugin must not be refused for that.
pub const COMPILE_WALL_DEFAULT: Duration = Duration::from_secs(600);
/// Children at once. Each may take a gibibyte and uses all cores itself.
const CHILDREN_MAX: usize = 2;
/// The allocator takes a gibibyte at once and writes to what it needs of it, but the limit on a child's data counts all that may
/// be written to: a child has it asked for piece by piece.
const ALLOCATOR_UNDER_LIMIT: [(&str, &str); 1] = [("MIMALLOC_ARENA_EAGER_COMMIT", "0")];
/// Longest answer: one problem list per settings document.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Of the child's standard error, kept for the message.
const STDERR_BYTES_MAX: u64 = 4 * 1024;

/// How children are run.
#[derive(Clone, Debug)]
pub struct CompilerOptions {
    /// The `bellwether` binary, or another program that answers `compile` alike.
    pub program: PathBuf,
    /// CPU time of one child, whole seconds, at least one.
    pub cpu: Duration,
    /// Wall clock of one child.
    pub wall: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The program cannot be started.
    #[error("cannot start the compiler `{}`: {source}", .program.display())]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The component does not compile.
    #[error("{0}")]
    Refused(String),
    /// Too much CPU time.
    #[error("it took more than {} s of CPU time and was ended", .0.as_secs())]
    Cpu(Duration),
    /// Too much time.
    #[error("it took more than {} s and was ended", .0.as_secs())]
    Wall(Duration),
    /// Too much memory, or somebody killed it.
    #[error("it needed more memory than the compiler may use (1 GiB)")]
    Memory,
    /// The compiled code is larger than a file may be.
    #[error("its compiled code is larger than 512 MiB")]
    Size,
    /// Killed from outside.
    #[error("the compiler was killed (by the kernel for want of memory, or by somebody); is there enough free memory?")]
    Killed,
    /// It ended in a way nobody planned.
    #[error("the compiler failed: {status}{}", said(.stderr))]
    Failed {
        /// As the system says it.
        status: String,
        /// The end of its standard error.
        stderr: String,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; it said: {stderr}")
    }
}

/// Runs children.
pub(super) struct Compiler {
    options: CompilerOptions,
    permits: Semaphore,
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Compiler {
    pub(super) fn new(options: CompilerOptions) -> Self {
        Self {
            options,
            permits: Semaphore::new(CHILDREN_MAX),
        }
    }

    /// Waits for its turn. What is returned must live until the job is done.
    pub(super) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.permits.acquire().await.ok()
    }

    /// Does one job in a child of its own. `cpu` bounds its CPU time, as far as the configured bound is not lower.
    pub(super) async fn perform(&self, job: Job, payload: &[u8], cpu: Duration) -> Result<Answer, CompileError> {
        let cpu = cpu.min(self.options.cpu);
        let mut child = self.start()?;
        let exchanged = tokio::time::timeout(self.options.wall, self.exchange(&mut child, job, payload, cpu)).await;
        let Ok((answer, status, stderr)) = exchanged else {
            // Dropping kills it; waiting here leaves no zombie behind.
            let _ = child.kill().await;
            return Err(CompileError::Wall(self.options.wall));
        };
        match answer {
            Some(Answer::Refused(reason)) => Err(CompileError::Refused(reason)),
            Some(answer) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(answer),
            _ => Err(explain(status, &stderr, cpu)),
        }
    }

    fn start(&self) -> Result<Child, CompileError> {
        let mut command = Command::new(&self.options.program);
        command
            .arg("compile")
            .env_clear()
            .envs(ALLOCATOR_UNDER_LIMIT)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().map_err(|source| CompileError::Start {
            program: self.options.program.clone(),
            source,
        })
    }

    /// Writes and reads at the same time, so that neither side can block the other.
    async fn exchange(
        &self,
        child: &mut Child,
        job: Job,
        payload: &[u8],
        cpu: Duration,
    ) -> (Option<Answer>, io::Result<ExitStatus>, String) {
        let header = Header {
            cpu_seconds: cpu.as_secs().max(1),
            payload_bytes: payload.len() as u64,
            job,
        };
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            // A child that ends early is explained by its status.
            if let Some(mut stdin) = stdin {
                let _ = write_job(&mut stdin, &header, payload).await;
            }
        };
        let (_, answer, stderr) = tokio::join!(feed, drain(stdout, ANSWER_BYTES_MAX), drain(stderr, STDERR_BYTES_MAX));
        let status = child.wait().await;
        (read_answer(&answer), status, tail(&stderr))
    }
}

fn explain(status: io::Result<ExitStatus>, stderr: &str, cpu: Duration) -> CompileError {
    use std::os::unix::process::ExitStatusExt;

    let status = match status {
        Ok(status) => status,
        Err(error) => {
            return CompileError::Failed {
                status: error.to_string(),
                stderr: stderr.to_owned(),
            };
        }
    };
    let signal = status.signal().and_then(rustix::process::Signal::from_named_raw);
    match signal {
        Some(rustix::process::Signal::XCPU) => CompileError::Cpu(cpu),
        Some(rustix::process::Signal::XFSZ) => CompileError::Size,
        Some(rustix::process::Signal::KILL) => CompileError::Killed,
        _ if stderr.contains("memory allocation of") || stderr.contains("Cannot allocate memory") => {
            CompileError::Memory
        }
        _ => CompileError::Failed {
            status: status.to_string(),
            stderr: stderr.to_owned(),
        },
    }
}

async fn write_job(stdin: &mut (impl AsyncWriteExt + Unpin), header: &Header, payload: &[u8]) -> io::Result<()> {
    let mut frame = Vec::new();
    child::write_frame(&mut frame, header)?;
    stdin.write_all(&frame).await?;
    stdin.write_all(payload).await?;
    stdin.shutdown().await
}

/// Reads at most `most` bytes and throws the rest away, so that the writer never blocks.
async fn drain(stream: Option<impl AsyncReadExt + Unpin>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        // What could be read is what there is.
        let _ = (&mut stream).take(most).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}

fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let (length, text) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    serde_json::from_slice(text.get(..length)?).ok()
}

/// The last lines as one.
fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(4)..];
    last.join(" | ")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
