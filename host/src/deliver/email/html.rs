//! One notification as a page for mail programs. Pure.
//!
//! Styles stand in the elements, since mail programs drop everything else; nothing is loaded from anywhere. All text from outside is
//! escaped here and nowhere else, and only addresses of the web become links.

use crate::{
    deliver::{
        outgoing::{Outgoing, TEXT_BYTES_WHOLE},
        text::{self, ALERTS_SHOWN_MAX},
        words,
    },
    dispatch::News,
};

/// Longest address that becomes a link: browsers take no more everywhere.
const LINK_BYTES_MAX: usize = 2_048;

const RED: &str = "#b3261e";
const AMBER: &str = "#9a6700";
const GREEN: &str = "#1a7f37";

/// The whole document.
pub(super) fn page(outgoing: &Outgoing) -> String {
    let title = escaped(&outgoing.title);
    let body = if outgoing.has_own_text {
        format!("<div style=\"white-space:pre-wrap\">{}</div>", linked(&outgoing.text))
    } else {
        described(outgoing)
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body style=\"margin:0;padding:16px;font:15px/1.5 sans-serif;color:#1f2328;background:#ffffff\">\n\
         <h1 style=\"font-size:18px;line-height:1.3;margin:0 0 12px\">{title}</h1>\n{body}\n</body></html>\n"
    )
}

fn described(outgoing: &Outgoing) -> String {
    let alerts = &outgoing.message.alerts;
    let mut parts: Vec<String> = text::preface(outgoing).iter().map(|text| paragraph(text)).collect();
    if alerts.len() > 1 {
        let shared = words::labels(&outgoing.common_labels, &Default::default());
        parts.extend((!shared.is_empty()).then(|| paragraph(&format!("All of them: {shared}"))));
    }
    let (mut bytes, mut shown) = (0, 0);
    for news in alerts.iter().take(ALERTS_SHOWN_MAX) {
        let lines = text::alert(news, outgoing);
        bytes += lines.iter().map(String::len).sum::<usize>();
        if bytes > TEXT_BYTES_WHOLE && shown > 0 {
            break;
        }
        shown += 1;
        parts.push(block(news, &lines));
    }
    let ends = [text::rest(&alerts[shown..], outgoing), text::withheld(outgoing)];
    parts.extend(ends.into_iter().flatten().map(|text| paragraph(&text)));
    if let Some(problem) = &outgoing.template_problem {
        parts.push(paragraph(&format!("({problem}; the default stands here instead.)")));
    }
    if !outgoing.external_url.is_empty() {
        parts.push(paragraph(&format!("Sent by Bellwether: {}", outgoing.external_url)));
    }
    parts.join("\n")
}

/// One alert: its first line bold, the others below it, beside a bar in its colour.
fn block(news: &News, lines: &[String]) -> String {
    let colour = match (news.is_firing, words::severity(news).as_str()) {
        (false, _) => GREEN,
        (true, "warning" | "info") => AMBER,
        (true, _) => RED,
    };
    let (first, others) = lines
        .split_first()
        .map_or(("", lines), |(first, others)| (first, others));
    let others: Vec<String> = others.iter().map(|line| linked(line)).collect();
    format!(
        "<div style=\"border-left:4px solid {colour};padding:2px 0 2px 12px;margin:0 0 16px\">\
         <strong style=\"color:{colour}\">{}</strong>\
         <div style=\"white-space:pre-wrap;overflow-wrap:anywhere\">{}</div></div>",
        escaped(first),
        others.join("\n"),
    )
}

fn paragraph(text: &str) -> String {
    format!("<p style=\"margin:0 0 12px;white-space:pre-wrap\">{}</p>", linked(text))
}

/// Escaped, with a link around each address.
fn linked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        let space = &part[word.len()..];
        let is_address = (word.starts_with("https://") || word.starts_with("http://")) && word.len() <= LINK_BYTES_MAX;
        let shown = escaped(word);
        if is_address {
            out.push_str(&format!("<a href=\"{shown}\">{shown}</a>"));
        } else {
            out.push_str(&shown);
        }
        out.push_str(space);
    }
    out
}

/// For text between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        deliver::{
            outgoing::{Templates, Writer},
            redact::{Hiding, KEY_BYTES, Key},
            samples::{message, news},
        },
        rule::NoticeTemplate,
        secret::Redactor,
    };

    const EVIL: &str = "<img src=x onerror=alert(1)> \"' & <!channel> @everyone";

    fn rendered(alerts: Vec<News>, templates: Templates) -> String {
        let writer = Writer {
            templates,
            hiding: Hiding::new(&[], Key::new([0; KEY_BYTES]), Redactor::default()),
            external_url: Arc::from("https://watch.example.com"),
            text_bytes: TEXT_BYTES_WHOLE,
        };
        page(&writer.write(&message(alerts)))
    }

    fn evil() -> News {
        let mut one = news(&[("alertname", EVIL), ("path", EVIL), ("severity", EVIL)]);
        for name in ["summary", "description", "extra"] {
            one.annotations.insert(name.into(), EVIL.into());
        }
        one.generator_url = "https://x/?\"onmouseover=\"alert(1)".into();
        one.details = vec![("summary".into(), EVIL.into()), ("code".into(), EVIL.into())];
        one
    }

    #[test]
    fn what_looks_like_markup_is_text() {
        let own = Templates {
            text: Some(NoticeTemplate::parse("{{ .CommonLabels.path }}").unwrap()),
            title: Some(NoticeTemplate::parse("{{ .CommonLabels.path }}").unwrap()),
        };
        for page in [
            rendered(vec![evil()], Templates::default()),
            rendered(vec![evil()], own),
        ] {
            assert!(!page.contains("<img"), "{page}");
            assert!(!page.contains("<!channel"), "{page}");
            assert!(page.contains("&lt;img src=x"), "{page}");
            assert!(!page.contains("\"onmouseover"), "{page}");
        }
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        let mut one = news(&[("alertname", "A")]);
        one.generator_url = "javascript:alert(1)".into();
        one.annotations.insert("runbook_url".into(), "https://wiki/x".into());
        let page = rendered(vec![one], Templates::default());
        assert!(page.contains("<a href=\"https://wiki/x\">"), "{page}");
        assert!(!page.contains("href=\"javascript"), "{page}");
    }

    #[test]
    fn a_page_about_five_thousand_alerts_is_bounded_and_counts_the_rest() {
        let page = rendered(vec![evil(); 5_000], Templates::default());
        assert!(page.len() < 512 * 1024, "{}", page.len());
        assert!(
            page.contains("more: 4,950 firing") || page.contains(" more: "),
            "{page}"
        );
    }
}
