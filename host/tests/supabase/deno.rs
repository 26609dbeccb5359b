//! Deno, serving the functions beside this file as the local stack of Supabase does; ended when dropped.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

pub(crate) struct Deno {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Deno {
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/supabase");
        let mut child = Command::new("deno")
            .args(["run", "--quiet", "--no-remote", "--no-npm", "--no-config"])
            .args(["--allow-net=127.0.0.1", "--allow-read=.", "serve.ts"])
            .current_dir(folder)
            .env("DENO_NO_UPDATE_CHECK", "1")
            .env("DENO_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("deno"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("deno starts: `cargo xtask setup --tests` adds it");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let said: Value = serde_json::from_str(&line).expect("its address as JSON");
        Self {
            child,
            address: said["address"].as_str().expect("an address").to_owned(),
        }
    }
}

impl Drop for Deno {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
