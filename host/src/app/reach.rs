//! What a check or a receiver may reach: the connections that its plugin's slots are bound to, and the addresses that its settings name.
//!
//! Flows in: the configuration, what the plugin describes, and which settings its schema marks as addresses. Flows out: a
//! [`Reach`], or problems where the configuration says what is wrong. It reaches nothing itself.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    capability::reach::Reach,
    config::{Connection, Loaded, PluginUse, Problem, Protocol, header, inline_table, nearest},
    sandbox::{ConnectionSlot, Description},
};

/// The slot that `connection = "…"` binds.
const SLOT_DEFAULT: &str = "default";

/// Most addresses that the settings of one check name: ten times what one check asks in a run by default.
const ADDRESSES_MAX: usize = 10_000;

/// What somebody may reach who uses a plugin. `granted` are pointers to the settings that are addresses.
pub(super) fn of(
    loaded: &Loaded,
    own: &PluginUse<'_>,
    plugin: &Description,
    granted: &[String],
) -> Result<Reach, Vec<Problem>> {
    let mut problems = unfit_bindings(loaded, own, plugin);
    problems.extend(unbound_slots(loaded, own, plugin));
    let addresses = addresses(loaded, own, granted, &mut problems);
    if problems.is_empty() {
        let slots = own.connections.clone();
        Ok(Reach { slots, addresses })
    } else {
        Err(problems)
    }
}

/// Bindings of slots that the plugin has not, or of the wrong kind.
fn unfit_bindings(loaded: &Loaded, own: &PluginUse<'_>, plugin: &Description) -> Vec<Problem> {
    let judge = |(slot, connection): (&String, &Arc<Connection>)| {
        let described = plugin.connections.iter().find(|described| described.name == *slot);
        let (message, hint) = match described {
            None => unknown_slot(own, slot, plugin),
            Some(described) if !fits(described, connection) => wrong_scheme(described, connection, plugin),
            Some(_) => return None,
        };
        Some(Problem::at(loaded.locate_slot(own.user, slot), message).with_hint(hint))
    };
    own.connections.iter().filter_map(judge).collect()
}

fn unknown_slot(own: &PluginUse<'_>, slot: &str, plugin: &Description) -> (String, String) {
    let name = &plugin.name;
    let message = format!("{}: plugin `{name}` has no slot `{slot}` for a connection", own.user);
    let slots = || plugin.connections.iter().map(|slot| slot.name.as_str());
    let hint = match (nearest(slot, slots()), plugin.connections.as_slice()) {
        (_, []) => "it takes no connection: remove it".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, many) => {
            let each: Vec<String> = many
                .iter()
                .map(|slot| format!("\n{}: {}", slot.name, slot.summary))
                .collect();
            format!(
                "its slots are bound by connections = {{ SLOT = \"NAME\" }}:{}",
                each.concat()
            )
        }
    };
    (message, hint)
}

/// Whether a connection is of a scheme that the slot takes. None named: any. Two spellings of one scheme are one, and a
/// socket is as good as a port.
fn fits(slot: &ConnectionSlot, connection: &Connection) -> bool {
    let plain = |scheme: &str| match scheme {
        "postgresql" => "postgres".to_owned(),
        "unix" | "redis+unix" => "redis".to_owned(),
        other => other.to_owned(),
    };
    let scheme = plain(connection.url.scheme());
    slot.schemes.is_empty() || slot.schemes.iter().any(|taken| plain(taken) == scheme)
}

fn wrong_scheme(slot: &ConnectionSlot, connection: &Connection, plugin: &Description) -> (String, String) {
    let message = format!(
        "connection `{}` is {}://, and slot `{}` of plugin `{}` takes {}",
        connection.name,
        connection.url.scheme(),
        slot.name,
        plugin.name,
        schemes(slot),
    );
    (
        message,
        format!("name another connection, such as one with {}", url_line(slot)),
    )
}

fn schemes(slot: &ConnectionSlot) -> String {
    let each: Vec<String> = slot.schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    each.join(" or ")
}

/// `url = "rediss://HOST:6379/0"`.
fn url_line(slot: &ConnectionSlot) -> String {
    let scheme = slot.schemes.first().map_or("https", String::as_str);
    let rest = match Protocol::of_scheme(scheme) {
        Some(Protocol::Redis) => "HOST:6379/0",
        Some(Protocol::Postgres) => "HOST:5432/DATABASE",
        Some(Protocol::Http) | None => "HOST/",
    };
    format!("url = \"{scheme}://{rest}\"")
}

/// Slots that the plugin cannot do without.
fn unbound_slots(loaded: &Loaded, own: &PluginUse<'_>, plugin: &Description) -> Vec<Problem> {
    let missing = plugin
        .connections
        .iter()
        .filter(|slot| slot.required && !own.connections.contains_key(&slot.name));
    let said = |slot: &ConnectionSlot| {
        let summary = match slot.summary.as_str() {
            "" => String::new(),
            summary => format!(": {summary}"),
        };
        let message = format!(
            "{}: plugin `{}` needs a connection for its slot `{}`{summary}",
            own.user, plugin.name, slot.name
        );
        let place = loaded.locate_slot(own.user, &slot.name);
        Problem::at(place, message).with_hint(lines_to_add(loaded, own, slot))
    };
    missing.map(said).collect()
}

/// The lines that bind a slot: to a connection that is there and fits, else to one to be added.
fn lines_to_add(loaded: &Loaded, own: &PluginUse<'_>, slot: &ConnectionSlot) -> String {
    let there = loaded
        .config
        .connections
        .values()
        .find(|connection| fits(slot, connection));
    let header = header(&[own.user.word(), own.user.name()]);
    match there {
        Some(connection) => format!("add to {header}:\n{}", binding(own, slot, &connection.name)),
        None => format!(
            "add:\n[connection.NAME]\n{}\n\n{header}\n{}",
            url_line(slot),
            binding(own, slot, "NAME")
        ),
    }
}

fn binding(own: &PluginUse<'_>, slot: &ConnectionSlot, name: &str) -> String {
    if own.connections.is_empty() && slot.name == SLOT_DEFAULT {
        return format!("connection = \"{name}\"");
    }
    let bound = own.connections.iter();
    let bound = bound.map(|(slot, connection)| (slot.as_str(), &*connection.name));
    let all: Vec<(&str, &str)> = bound.chain([(slot.name.as_str(), name)]).collect();
    format!("connections = {}", inline_table(&all))
}

/// Each address once, however many settings name it.
fn addresses(
    loaded: &Loaded,
    own: &PluginUse<'_>,
    granted: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<Arc<Connection>> {
    if granted.is_empty() {
        return Vec::new();
    }
    if granted.len() > ADDRESSES_MAX {
        let message = format!(
            "they name {} addresses; at most {ADDRESSES_MAX} are accepted",
            granted.len()
        );
        problems.push(
            loaded
                .setting_problem(own.user, "", &message)
                .with_hint("share them among several tables"),
        );
        return Vec::new();
    }
    let settings: serde_json::Value = serde_json::from_str(own.settings).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for pointer in granted {
        let Some(text) = settings.pointer(pointer).and_then(serde_json::Value::as_str) else {
            continue;
        };
        match Connection::at_address(text) {
            Ok(address) if seen.insert(text) => all.push(Arc::new(address)),
            Ok(_) => {}
            Err(error) => {
                let problem = loaded.setting_problem(own.user, pointer, &format!("the address {error}"));
                problems.push(problem.with_hint(error.hint(true)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn slot(name: &str, schemes: &[&str]) -> ConnectionSlot {
        ConnectionSlot {
            name: name.to_owned(),
            schemes: schemes.iter().map(|scheme| (*scheme).to_owned()).collect(),
            required: true,
            summary: "The API".to_owned(),
        }
    }

    fn connection(url: &str) -> Connection {
        Connection::at_address(url).expect("an address")
    }

    #[test]
    fn a_scheme_fits_whatever_it_is_spelt_like() {
        let fit = |schemes: &[&str], url: &str| fits(&slot("default", schemes), &connection(url));
        assert!(fit(&["http", "https"], "https://x/"));
        assert!(!fit(&["https"], "http://x/"));
        assert!(fit(&["postgres"], "postgresql://x/y"));
        assert!(fit(&["redis", "rediss"], "unix:///run/redis.sock"));
        assert!(!fit(&["rediss"], "redis://x/0"));
        assert!(fit(&[], "redis://x/0"));
    }

    #[test]
    fn the_line_that_binds_a_slot_keeps_what_is_bound() {
        let mut check = testing::check("web");
        assert_eq!(
            binding(&check.plugin_use(), &slot("default", &[]), "NAME"),
            "connection = \"NAME\""
        );
        check
            .connections
            .insert("default".to_owned(), Arc::new(connection("https://x/")));
        assert_eq!(
            binding(&check.plugin_use(), &slot("management", &[]), "NAME"),
            "connections = { default = \"https://x/\", management = \"NAME\" }"
        );
        assert_eq!(
            url_line(&slot("default", &["rediss"])),
            "url = \"rediss://HOST:6379/0\""
        );
    }

    /// A configuration, and what a plugin with these slots may reach for its check `web`.
    fn judged(text: &str, slots: Vec<ConnectionSlot>, granted: &[&str]) -> Result<Reach, String> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("bellwether.toml");
        std::fs::write(&path, text).expect("written");
        let env = [("HOME", "/home/operator")].into_iter().collect();
        let request = crate::config::LoadRequest { path: Some(path), env };
        let loaded = crate::config::load(&request).unwrap_or_else(|problems| panic!("{problems}"));
        let plugin = Description {
            name: "probe".to_owned(),
            connections: slots,
            ..Description::default()
        };
        let granted: Vec<String> = granted.iter().map(|pointer| (*pointer).to_owned()).collect();
        of(&loaded, &loaded.config.checks["web"].plugin_use(), &plugin, &granted).map_err(|problems| {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            said.join("\n").replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn bound_slots_and_named_addresses_are_what_a_check_may_reach() {
        let text = "[connection.api]\nurl = \"https://api.example.com/\"\n[check.web]\nplugin = \"probe\"\nconnection = \"api\"\n\
                    settings = { url = \"redis://cache/0\", again = \"redis://cache/0\" }\n";
        let reach = judged(text, vec![slot("default", &["https"])], &["/url", "/again", "/nowhere"]).expect("fits");
        assert_eq!(reach.slot("default").map(|bound| &*bound.name), Some("api"));
        let addresses: Vec<&str> = reach.addresses.iter().map(|address| &*address.name).collect();
        assert_eq!(addresses, ["redis://cache/0"]);
    }

    #[test]
    fn a_slot_that_nobody_bound_comes_with_the_lines_to_add() {
        let alone = judged(
            "[check.web]\nplugin = \"probe\"\n",
            vec![slot("default", &["rediss"])],
            &[],
        );
        let said = alone.expect_err("nothing is bound");
        assert!(
            said.starts_with(
                "bellwether.toml:1:8: check `web`: plugin `probe` needs a connection for its slot `default`: The API"
            ),
            "{said}"
        );
        for line in [
            "[connection.NAME]",
            "url = \"rediss://HOST:6379/0\"",
            "connection = \"NAME\"",
        ] {
            assert!(said.contains(line), "{said}");
        }
        let there = "[connection.api]\nurl = \"https://api.example.com/\"\n[check.web]\nplugin = \"probe\"\n";
        let said = judged(there, vec![slot("default", &["https"])], &[]).expect_err("nothing is bound");
        assert!(
            said.contains("add to [check.web]:\n        connection = \"api\""),
            "{said}"
        );
    }

    #[test]
    fn problems_of_slots_and_addresses_are_said_at_once_and_in_place() {
        let text = "[connection.api]\nurl = \"https://api.example.com/\"\n[check.web]\nplugin = \"probe\"\n\
                    connections = { managment = \"api\", default = \"api\" }\nsettings.url = \"example.com\"\n";
        let slots = vec![slot("management", &["https"]), slot("default", &["redis"])];
        let said = judged(text, slots, &["/url"]).expect_err("nothing fits");
        for part in [
            "bellwether.toml:5:29: check `web`: plugin `probe` has no slot `managment`",
            "did you mean `management`?",
            "bellwether.toml:5:46: connection `api` is https://, and slot `default` of plugin `probe` takes redis://",
            "needs a connection for its slot `management`",
            "bellwether.toml:6:16: settings of check `web`: the address does not begin with a scheme",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
        let none = judged(text, Vec::new(), &[]).expect_err("no slots");
        assert!(none.contains("it takes no connection: remove it"), "{none}");
    }
}
