//! Settings against a plugin's schema, asked of the compile child: the schema is a stranger's and may be expensive.

use super::{
    child::{Answer, Job},
    compile::Compiler,
    plugin::Plugin,
    schema::{Checked, SettingsJob, SettingsProblem},
};

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
            Ok(payload) => self.machine.compiler.check_settings(&payload).await,
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
    async fn check_settings(&self, payload: &[u8]) -> Result<Vec<Checked>, String> {
        let _turn = self.turn().await;
        match self.perform(Job::Settings, payload).await {
            Ok(Answer::Checked(results)) => Ok(results),
            Ok(_) => Err("the settings could not be checked: the answer was about something else".to_owned()),
            Err(error) => Err(format!("the plugin's settings schema cannot be used: {error}")),
        }
    }
}
