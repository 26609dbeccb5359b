use super::*;
use crate::{
    bundled::PACKS,
    config::{Environment, LoadRequest, Problems, Severity},
};

const MACHINE: &str = "[check.machine]\nplugin = \"system\"\nallow = [\"system\"]\n";

fn loaded(more: &str) -> Loaded {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bellwether.toml");
    let text = format!("[host]\nstate_dir = \"/tmp/state\"\n\n{more}");
    std::fs::write(&path, text).expect("written");
    let request = LoadRequest {
        path: Some(path),
        env: Environment::default(),
    };
    crate::config::load(&request).unwrap_or_else(|problems| panic!("{problems}"))
}

fn read_all(more: &str, own: &[Group]) -> (Bundled, Vec<Problem>) {
    let mut problems = Vec::new();
    let bundled = read(&loaded(more), PACKS, own, &mut problems);
    (bundled, problems)
}

fn good(more: &str) -> Bundled {
    let (bundled, problems) = read_all(more, &[]);
    assert!(problems.is_empty(), "{}", Problems(problems));
    bundled
}

fn names(bundled: &Bundled) -> Vec<&str> {
    bundled.groups.iter().map(|group| &*group.name).collect()
}

fn rules<'b>(bundled: &'b Bundled, alert: &str) -> Vec<&'b Rule> {
    let rules = bundled.groups.iter().flat_map(|group| &group.rules);
    rules.map(|rule| &**rule).filter(|rule| &*rule.name == alert).collect()
}

#[test]
fn every_pack_loads_and_what_they_share_is_there_once() {
    let checks = PACKS
        .iter()
        .map(|(plugin, _)| format!("[check.{plugin}]\nplugin = \"{plugin}\"\n"));
    let bundled = good(&checks.collect::<String>());
    assert_eq!(bundled.groups.len(), 8, "{:?}", names(&bundled));
    assert_eq!(rules(&bundled, "CheckDown").len(), 1);
    let written: usize = PACKS.iter().map(|(_, text)| text.matches("- alert:").count()).sum();
    let read: usize = bundled.groups.iter().map(|group| group.rules.len()).sum();
    assert_eq!(read, written - (PACKS.len() - 1), "all but the repeated CheckDown");
    let alerts = bundled.groups.iter().flat_map(|group| &group.rules);
    let mut holding = alerts.map(|rule| rule.alert().map(|alert| alert.on_no_data));
    assert!(holding.all(|on_no_data| on_no_data == Some(OnNoData::Hold)));
}

#[test]
fn only_packs_of_plugins_that_a_check_uses_are_read_and_none_when_they_are_turned_off() {
    assert_eq!(names(&good(MACHINE)), ["bundled/host", "bundled/system"]);
    let file = MACHINE.replace("\"system\"\na", "\"./system.wasm\"\na");
    assert!(rules(&good(&file), "CheckDown").is_empty());
    let off = format!("[alerting]\nbundled_rules = false\n\n{MACHINE}");
    assert!(names(&good(&off)).is_empty());
}

#[test]
fn each_prefix_has_a_group_whose_expressions_name_its_metrics_and_the_hosts_as_they_are() {
    let check =
        |name: &str, prefix: &str| format!("[check.{name}]\nplugin = \"supabase-edge\"\nprefix = \"{prefix}\"\n");
    let checks = [check("a", ""), check("b", "eu_"), check("c", "eu_")].concat();
    let bundled = good(&checks);
    assert_eq!(
        names(&bundled),
        ["bundled/host", "bundled/supabase-edge", "bundled/supabase-edge/eu_"]
    );
    let both = rules(&bundled, "EdgeTargetUnknown");
    let text = |at: usize| both[at].text.split_whitespace().collect::<Vec<_>>().join(" ");
    let rest = "edge_not_ok_runs{target!~\"function .+\",severity=\"warning\"} >= 3 and on (job, instance, check, target) \
                bellwether_check_status{status=\"unknown\"} == 1";
    assert_eq!((text(0), text(1)), (rest.to_owned(), format!("eu_{rest}")));
    assert_eq!(rules(&bundled, "CheckDown").len(), 1);
    // What is evaluated is what is shown.
    let certificates = rules(&bundled, "EdgeCertificateExpiring");
    for rule in certificates.iter().chain(&both) {
        let names: Vec<&str> = own_names(&rule.expr)
            .iter()
            .map(|at| &rule.text[*at..*at + 5])
            .collect();
        assert!(
            names.iter().all(|name| *name == "edge_" || *name == "eu_ed"),
            "{names:?}"
        );
    }
}

#[test]
fn an_alert_can_be_turned_off_and_changed() {
    let changed = good(&format!(
        "{MACHINE}\n[alerting.bundled.SystemMemoryHigh]\nenabled = false\n\n\
         [alerting.bundled.SystemCpuHigh]\nfor = \"10m\"\nlabels.team = \"infra\"\nannotations.summary = \"CPU {{{{ $value }}}}\"\n"
    ));
    assert!(rules(&changed, "SystemMemoryHigh").is_empty());
    let cpu = rules(&changed, "SystemCpuHigh");
    assert_eq!(cpu.len(), 2);
    for rule in cpu {
        let labels: Vec<_> = rule
            .labels
            .iter()
            .map(|(name, text)| (&**name, &**text.text()))
            .collect();
        assert!(labels.contains(&("team", "infra")) && labels.iter().any(|(name, _)| *name == "severity"));
        let alert = rule.alert().expect("an alert");
        assert_eq!(alert.hold, 600_000);
        let annotations: Vec<_> = alert
            .annotations
            .iter()
            .map(|(name, text)| (&**name, &**text.text()))
            .collect();
        assert!(
            annotations.contains(&("summary", "CPU {{ $value }}")),
            "{annotations:?}"
        );
        assert_eq!(annotations.len(), 2, "the description stays");
    }
}

#[test]
fn what_is_wrong_with_a_change_is_said_where_it_stands() {
    let (_, problems) = read_all(
        &format!(
            "{MACHINE}\n[alerting.bundled.SystemCpuHihg]\nenabled = false\n\n\
             [alerting.bundled.SystemCpuHigh]\nannotations.summary = \"{{{{ $value\"\n"
        ),
        &[],
    );
    let said: Vec<_> = problems
        .iter()
        .map(|problem| (problem.location.line, problem.severity))
        .collect();
    assert_eq!(said, [(12, Severity::Error), (8, Severity::Error)], "{problems:?}");
    assert_eq!(problems[1].hint.as_deref(), Some("did you mean `SystemCpuHigh`?"));
}

#[test]
fn an_alert_of_the_users_own_stands_in_for_the_bundled_one_of_its_name() {
    let text = "groups:\n- name: own\n  rules:\n  - alert: CheckDown\n    expr: bellwether_check_up == 0\n";
    let own = file::read("own.yml", text, 15_000, None, &mut Vec::new());
    let (bundled, _) = read_all(MACHINE, &own);
    assert!(rules(&bundled, "CheckDown").is_empty());
    assert_eq!(
        bundled.replaced,
        [Replaced {
            alert: "CheckDown".into(),
            by: "own.yml:4".to_owned()
        }]
    );
    assert!(!rules(&bundled, "SystemCpuHigh").is_empty());
}

#[test]
fn a_host_with_receivers_watches_them_and_barks_only_when_asked_to() {
    let receivers = "[receiver.ops]\nlog = true\n\n[alerting]\nreceivers = [\"ops\"]\n";
    let host = good(receivers);
    assert_eq!(rules(&host, "ReceiverDown").len(), 1);
    assert!(rules(&host, "Watchdog").is_empty());
    assert_eq!(rules(&good("[alerting.bundled.Watchdog]\n"), "Watchdog").len(), 1);
    assert!(rules(&good("[alerting.bundled.Watchdog]\nenabled = false\n"), "Watchdog").is_empty());
    assert!(names(&good("")).iter().all(|name| *name == "bundled/host"));
    let heartbeat = "[heartbeat.etl]\ninterval = \"1h\"\n";
    assert_eq!(rules(&good(heartbeat), "HeartbeatMissed").len(), 1);
    assert!(rules(&good(heartbeat), "AppErrorRate").is_empty());
    assert!(rules(&host, "HeartbeatMissed").is_empty());
    assert!(rules(&good(""), "ReceiverDown").is_empty());
}
