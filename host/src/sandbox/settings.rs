//! Settings against a plugin's schema, asked of the compile child: the schema is a stranger's and may be expensive.

use std::time::Duration;

use super::{
    child::{Answer, Job},
    compile::{CompileError, Compiler},
    plugin::Plugin,
    schema::{Checked, SettingsJob, SettingsProblem},
};

/// CPU time for a schema and the first tables. The largest schema compiles in half a second; one that branches at every
/// level would go on for ever, and other plugins wait for their turn meanwhile.
const CPU_BASE: Duration = Duration::from_secs(10);

/// CPU time for each table more. Most take a tenth of a millisecond.
const CPU_EACH: Duration = Duration::from_millis(5);

impl Plugin {
    /// Checks settings tables (JSON text) against the plugin's schema, all in one child process. One result per table,
    /// in order; what the schema itself does wrong is everybody's problem.
    pub async fn check_settings(&self, settings: &[&str]) -> Vec<Checked> {
        if settings.is_empty() {
            return Vec::new();
        }
        let job = SettingsJob {
            schema: self.description.settings_schema.clone(),
            documents: settings.iter().map(|document| (*document).to_owned()).collect(),
        };
        let checked = match serde_json::to_vec(&job) {
            Ok(payload) => {
                let each = CPU_EACH.saturating_mul(u32::try_from(settings.len()).unwrap_or(u32::MAX));
                let compiler = &self.machine.compiler;
                compiler.check_settings(&payload, CPU_BASE.saturating_add(each)).await
            }
            Err(error) => Err(error.to_string()),
        };
        match checked {
            Ok(results) if results.len() == settings.len() => results,
            Ok(_) => everybody(
                settings.len(),
                "the settings could not be checked: answers are missing".to_owned(),
            ),
            Err(problem) => everybody(settings.len(), problem),
        }
    }
}

fn everybody(count: usize, message: String) -> Vec<Checked> {
    let problem = SettingsProblem {
        pointer: String::new(),
        message,
    };
    vec![Err(vec![problem]); count]
}

impl Compiler {
    async fn check_settings(&self, payload: &[u8], cpu: Duration) -> Result<Vec<Checked>, String> {
        let _turn = self.turn().await;
        match self.perform(Job::Settings, payload, cpu).await {
            Ok(Answer::Checked(results)) => Ok(results),
            Ok(_) => Err("the settings could not be checked: the answer was about something else".to_owned()),
            Err(error @ (CompileError::Cpu(_) | CompileError::Wall(_) | CompileError::Memory)) => Err(format!(
                "the plugin's settings schema cannot be used, for checking settings is too dear: {error}"
            )),
            Err(error) => Err(format!("the plugin's settings schema cannot be used: {error}")),
        }
    }
}
