//! Every function and limit, against what Go and Prometheus print.

use super::*;

struct Canned;

impl Answers for Canned {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        let sample = |instance: &str, value| Sample {
            labels: Labels::new([("__name__", "up"), ("instance", instance)]),
            value,
        };
        match text {
            "up" => Ok(vec![sample("b:9100", 1.0), sample("a:9100", 0.0)]),
            "none" => Ok(Vec::new()),
            _ => Err("1:1: no such thing".to_owned()),
        }
    }

    fn verdict(&self, check: &str, target: &str) -> Option<VerdictSeen> {
        (check == "web").then(|| VerdictSeen {
            status: "critical".into(),
            summary: format!("refused by {target}"),
            code: "refused".into(),
            since: Some(1_700_000_000_000),
        })
    }

    fn is_late(&self) -> bool {
        false
    }
}

struct Late;

impl Answers for Late {
    fn query(&self, _text: &str) -> Result<Vec<Sample>, String> {
        Ok(Vec::new())
    }

    fn verdict(&self, _check: &str, _target: &str) -> Option<VerdictSeen> {
        None
    }

    fn is_late(&self) -> bool {
        true
    }
}

fn expand_with(text: &str, value: f64, answers: Rc<dyn Answers>) -> Result<Arc<str>, String> {
    let labels = Labels::new([
        ("instance", "db.example.com:5432"),
        ("job", "node"),
        ("x", "5.5"),
        ("target", "t1"),
    ]);
    let externals = Externals {
        labels: Labels::new([("region", "eu")]),
        url: "http://host:9920/base".to_owned(),
    };
    let template = Template::parse(text).map_err(|fault| format!("{}: {}", fault.at, fault.message))?;
    template.try_expand(&Scope {
        labels: &labels,
        value,
        at: 1_700_000_000_500,
        externals: &externals,
        answers,
    })
}

fn expand(text: &str, value: f64) -> String {
    match expand_with(text, value, Rc::new(Canned)) {
        Ok(text) => text.to_string(),
        Err(problem) => format!("ERROR {problem}"),
    }
}

#[test]
fn functions_print_what_prometheus_prints() {
    let table: &[(&str, f64, &str)] = &[
        (
            "{{ $labels.instance }} of {{ $labels.job }}",
            1.0,
            "db.example.com:5432 of node",
        ),
        ("{{ .Labels.job }} {{ .Value }}", 2.5, "node 2.5"),
        ("{{ $value }}", 1e6, "1e+06"),
        ("{{ $value }}", 123_456.0, "123456"),
        ("{{ $value }}", 0.000_01, "1e-05"),
        ("{{ $value }}", f64::INFINITY, "+Inf"),
        ("{{ $value }}", f64::NAN, "NaN"),
        (
            "{{ $externalLabels.region }} {{ $externalURL }}",
            0.0,
            "eu http://host:9920/base",
        ),
        ("{{ externalURL }} {{ pathPrefix }}", 0.0, "http://host:9920/base /base"),
        ("[{{ $labels.missing }}]", 0.0, "[]"),
        ("[{{ $labels.missing | toUpper }}]", 0.0, "[]"),
        ("{{ printf \"%s|%q\" $labels.missing $labels.job }}", 0.0, "|\"node\""),
        ("{{ if eq $labels.missing \"\" }}none{{ end }}", 0.0, "none"),
        ("{{ if $labels.missing }}some{{ else }}none{{ end }}", 0.0, "none"),
        ("{{ printf \"%.2f\" $value }}", 1.23456, "1.23"),
        (
            "{{ printf \"%g|%f|%e|%v|%G|%F\" $value $value $value $value $value $value }}",
            f64::INFINITY,
            "+Inf|+Inf|+Inf|+Inf|+Inf|+Inf",
        ),
        (
            "{{ printf \"%g|%6.2f|%-6v|\" $value $value $value }}",
            f64::NEG_INFINITY,
            "-Inf|  -Inf|-Inf  |",
        ),
        (
            "{{ printf \"%g|%+g|% g|%06f|%+v\" $value $value $value $value $value }}",
            f64::NAN,
            "NaN|+NaN| NaN|   NaN|NaN",
        ),
        (
            "{{ printf \"%+g|% g|%06.1f\" $value $value $value }}",
            f64::INFINITY,
            "+Inf| Inf|  +Inf",
        ),
        (
            "{{ printf \"%d|%s|%5d|%+d|%t\" $value $value $value $value $value }}",
            1.5,
            "%!d(float64=1.5)|%!s(float64=1.5)|%!d(float64=  1.5)|%!d(float64=+1.5)|%!t(float64=1.5)",
        ),
        ("{{ printf \"%d\" $value }}", f64::INFINITY, "%!d(float64=+Inf)"),
        (
            "{{ printf \"%v %.3v %v%%\" $value $value \"x\" }}",
            1_234_567.0,
            "1.234567e+06 1.23e+06 x%",
        ),
        (
            "{{ $value | printf \"%s is %g\" $labels.job }}",
            f64::NAN,
            "node is NaN",
        ),
        (
            "{{ print $value $value \"x\" 1 2 }}|{{ println 1 $value }}",
            1e6,
            "1e+06 1e+06x1 2|1 1e+06\n",
        ),
        ("{{ $value | printf \"%.1f\" }}%", 12.34, "12.3%"),
        ("{{ $value | humanize }}", 1_234_567.0, "1.235M"),
        (
            "{{ humanize 0.0 }} {{ humanize 0.00123 }} {{ humanize 999.0 }} {{ humanize 1000.0 }}",
            0.0,
            "0 1.23m 999 1k",
        ),
        ("{{ humanize $labels.x }}", 0.0, "5.5"),
        (
            "{{ humanize1024 1048576.0 }} {{ humanize1024 1.0 }} {{ humanize1024 1536.0 }}",
            0.0,
            "1Mi 1 1.5ki",
        ),
        (
            "{{ humanizeDuration 0.0 }} {{ humanizeDuration 1.0 }} {{ humanizeDuration 12.3456789 }}",
            0.0,
            "0s 1s 12.35s",
        ),
        (
            "{{ humanizeDuration 60.0 }} {{ humanizeDuration 3600.0 }} {{ humanizeDuration 86400.0 }}",
            0.0,
            "1m 0s 1h 0m 0s 1d 0h 0m 0s",
        ),
        (
            "{{ humanizeDuration .1 }} {{ humanizeDuration .0001 }} {{ humanizeDuration -93784 }}",
            0.0,
            "100ms 100us -1d 2h 3m 4s",
        ),
        (
            "{{ humanizePercentage -0.22222 }} {{ humanizePercentage 1.0 }} {{ humanizePercentage 0.1234567 }}",
            0.0,
            "-22.22% 100% 12.35%",
        ),
        (
            "{{ humanizeTimestamp 1435065584.128 }}",
            0.0,
            "2015-06-23 13:19:44.128 +0000 UTC",
        ),
        ("{{ toTime 0.0 }}", 0.0, "1970-01-01 00:00:00 +0000 UTC"),
        (
            "{{ toDuration 5400.5 }} {{ toDuration 0.25 }} {{ toDuration 0.0 }}",
            0.0,
            "1h30m0.5s 250ms 0s",
        ),
        (
            "{{ (toTime 1700000000).Year }} {{ (toTime $value).Format \"2006-01-02\" }} {{ ($value | toTime).Unix }}",
            1_700_000_000.0,
            "2023 2023-11-14 1700000000",
        ),
        (
            "{{ $t := toTime $value }}{{ $t.Month }} {{ $t.Day }} {{ $t.Weekday }} {{ $t.Hour }}:{{ $t.Minute }}:{{ $t.Second }} {{ $t.YearDay }}",
            1_700_000_000.25,
            "November 14 Tuesday 22:13:20 318",
        ),
        (
            "{{ (toTime $value).UTC.Format \"Mon, 02 Jan 2006 15:04:05.000 MST|Monday 2 January 06 3:4PM -0700|_2 Z07:00 .999\" }}",
            1_699_300_800.5,
            "Mon, 06 Nov 2023 20:00:00.500 UTC|Monday 6 November 23 8:0PM +0000| 6 Z .5",
        ),
        (
            "{{ $t := toTime $value }}{{ ($t.Add (toDuration 90)).Format \"15:04:05\" }} {{ ((toTime 1700000060).Sub $t).Seconds }} {{ $t.After (toTime 1) }}",
            1_700_000_000.0,
            "22:14:50 60 true",
        ),
        (
            "{{ with toTime $value }}{{ .Month }}{{ if eq .Month 11 }}!{{ end }} {{ printf \"%d %s %02d\" .Month .Month .Day }}{{ end }}",
            1_700_000_000.0,
            "November! 11 November 14",
        ),
        (
            "{{ $d := toDuration $value }}{{ $d.Hours }} {{ $d.Minutes }} {{ $d.Seconds }} {{ $d.String }} {{ $d.Round 60000000000 }} {{ printf \"%s %v %.1f\" $d $d $d.Hours }}",
            5_430.5,
            "1.5084722222222222 90.50833333333334 5430.5 1h30m30.5s 1h31m0s 1h30m30.5s 1h30m30.5s 1.5",
        ),
        (
            "{{ toTime 0 | printf \"%s\" | toUpper }} {{ print (toDuration 1) }} {{ humanizeDuration (toDuration 90) }} {{ reReplaceAll \" .*\" \"\" (toTime 0) }}",
            0.0,
            "1970-01-01 00:00:00 +0000 UTC 1s 1m 30s 1970-01-01",
        ),
        // A label may be called as a method is.
        ("[{{ $labels.Year }}] {{ (args 1).Format }}", 0.0, "[] "),
        (
            "{{ if gt $value 10.0 }}big{{ end }}{{ if lt $value 10.0 }}small{{ end }}{{ if eq $value $value }}same{{ end }}{{ if ge $value 1.0 }} enough{{ end }}",
            f64::NAN,
            "big enough",
        ),
        (
            "{{ if ge $value 2.0 }}y{{ end }}{{ if gt $value 2.0 }}n{{ end }}{{ if le $value 2.0 }}y{{ end }}{{ eq $labels.job \"a\" \"node\" }}",
            2.0,
            "yytrue",
        ),
        (
            "{{ printf \"%T|%9T\" $value $value }} {{ toUpper \"stra\u{df}e \u{fc}\" }}",
            1.5,
            "float64|  float64 STRA\u{df}E \u{dc}",
        ),
        ("{{ now }}", 0.0, "1.7000000005e+09"),
        ("{{ parseDuration \"1h2m10ms\" }}", 0.0, "3720.01"),
        (
            "{{ title \"aa bb CC\" }} {{ toUpper \"ab\" }} {{ toLower \"AB\" }}",
            0.0,
            "Aa Bb CC AB ab",
        ),
        (
            "{{ stripPort $labels.instance }} {{ stripPort \"[::1]:80\" }} {{ stripPort \"::1\" }}",
            0.0,
            "db.example.com ::1 ::1",
        ),
        (
            "{{ stripDomain $labels.instance }} {{ stripDomain \"10.0.0.1:80\" }} {{ stripDomain \"a.b\" }}",
            0.0,
            "db:5432 10.0.0.1:80 a",
        ),
        (
            "{{ match \"^d.*2$\" $labels.instance }} {{ match \"^x\" $labels.instance }}",
            0.0,
            "true false",
        ),
        (
            "{{ reReplaceAll \"([a-z]+)\\\\.[^:]*:(.*)\" \"$1-$2\" $labels.instance }}",
            0.0,
            "db-5432",
        ),
        (
            "{{ graphLink \"up == 0\" }}",
            0.0,
            "/graph?g0.expr=up+%3D%3D+0&g0.tab=0",
        ),
        ("{{ tableLink \"up\" }}", 0.0, "/graph?g0.expr=up&g0.tab=1"),
        (
            "{{ urlQueryEscape \"a b&c/é\" }} {{ safeHtml \"<b>\" }}",
            0.0,
            "a+b%26c%2F%C3%A9 <b>",
        ),
        ("{{ with query \"up\" }}{{ . | first | value }}{{ end }}", 0.0, "1"),
        (
            "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }} {{ end }}",
            0.0,
            "a:9100=0 b:9100=1 ",
        ),
        (
            "{{ query \"up\" | first | label \"instance\" }} {{ (query \"up\" | first).Labels.job }}.",
            0.0,
            "b:9100 .",
        ),
        (
            "{{ with query \"none\" }}some{{ else }}nothing{{ end }}",
            0.0,
            "nothing",
        ),
        ("{{ query \"up\" | first | strvalue }}.", 0.0, "."),
        (
            "{{ define \"x\" }}<{{ .arg0 }}{{ .arg1 }}>{{ end }}{{ template \"x\" (args 1 \"b\") }}",
            0.0,
            "<1b>",
        ),
        (
            "{{ verdict \"web\" $labels.target }}",
            0.0,
            "refused by t1 (refused, since 2023-11-14 22:13:20 +0000 UTC)",
        ),
        (
            "{{ with verdict \"web\" \"t2\" }}{{ .Status }}: {{ .Summary }}{{ end }}",
            0.0,
            "critical: refused by t2",
        ),
        ("[{{ verdict \"other\" \"t\" }}]", 0.0, "[]"),
        (
            "{{ $x := \"a\" }}{{ range $i, $e := query \"up\" }}{{ $x = printf \"%s%d\" $x $i }}{{ end }}{{ $x }}",
            0.0,
            "a01",
        ),
        ("{{- /* a comment */ -}} trimmed {{- \" text\" }}", 0.0, "trimmed text"),
        ("no braces at all: 100 %", 0.0, "no braces at all: 100 %"),
    ];
    for (text, value, expected) in table {
        assert_eq!(expand(text, *value), *expected, "{text}");
    }
}

#[test]
fn a_failing_template_says_why_and_yields_a_text() {
    for (text, part) in [
        ("{{ query \"broken(\" }}", "no such thing"),
        (
            "{{ query \"none\" | first }}",
            "first() called on vector with no elements",
        ),
        ("{{ humanize \"abc\" }}", "`abc` is no number"),
        (
            "{{ template \"own\" }}{{ define \"own\" }}{{ template \"own\" }}{{ end }}",
            "recursion limit",
        ),
        ("{{ range $labels.job }}x{{ end }}", "range"),
        ("{{ reReplaceAll \"(\" \"\" \"a\" }}", "no regular expression"),
    ] {
        let said = expand(text, 1.0);
        assert!(said.starts_with("ERROR") && said.contains(part), "{text}: {said}");
        let template = Template::parse(text).unwrap();
        let labels = Labels::default();
        let scope = Scope {
            labels: &labels,
            value: 0.0,
            at: 0,
            externals: &Externals::default(),
            answers: Rc::new(Canned),
        };
        assert!(
            template.expand(&scope).starts_with("<error expanding template: ") || text.contains("job"),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_template_is_refused_at_load_with_its_place() {
    for (text, at, part) in [
        ("ok {{ $labels.a", 15, "unclosed action"),
        ("{{ nosuch 1 }}", 3, "function `nosuch` does not exist"),
        ("a\nb {{ humanise $value }}", 7, "function `humanise` does not exist"),
        ("{{ $lables.job }}", 3, "undefined variable `$lables`"),
        ("é {{ if }}", 0, "empty command"),
        ("{{ template \"gone\" . }}", 3, "no template `gone`"),
        (
            "{{ define \"x\" }}{{ $value }}{{ end }}",
            19,
            "undefined variable `$value`",
        ),
        ("abc {{ end }} lost", 4, "unexpected `end`"),
        ("{{ (toTime $value).Local }}", 4, "a time has no method `Local`"),
        (
            "{{ $d := toDuration $value }}{{ $d.Years }}",
            32,
            "a duration has no method `Years`",
        ),
        (
            "{{ with toTime 1 }}{{ .Fromat \"2006\" }}{{ end }}",
            22,
            "a time has no method `Fromat`",
        ),
        ("{{ (toTime 1).Format }}", 4, "`Format` of a time takes a text"),
        ("{{ (toTime 1).Year 5 }}", 4, "`Year` of a time takes nothing"),
        ("{{ (toTime 1).UTC.Add \"1h\" }}", 4, "`Add` of a time takes a duration"),
        ("{{ (toTime 1).Year.Month }}", 4, "a number has no `Month`"),
        ("{{ (humanize $value).Year }}", 4, "a text has no `Year`"),
        ("{{ $labels.job 5 }}", 3, "`job` is no method"),
        (
            "{{ $x := \"a\" }}{{ if eq (toTime 1).Yaer 1 }}{{ end }}",
            24,
            "no method `Yaer`",
        ),
        ("{{ if true }}a{{ end }}{{else}} lost", 23, "unexpected `end` or `else`"),
    ] {
        let fault = Template::parse(text).unwrap_err();
        assert!(fault.message.contains(part), "{text}: {}", fault.message);
        assert!(
            at == 0 || fault.at.abs_diff(at) <= 1,
            "{text}: {} and not {at}",
            fault.at
        );
    }
    let hint = Template::parse("{{ (toTime 1).Fromat \"2006\" }}").unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("did you mean `Format`?"));
    // What changes may be anything.
    assert!(Template::parse("{{ $t := \"\" }}{{ if $t }}{{ $t.Year }}{{ end }}{{ $t = toTime 1 }}").is_ok());
    let hint = Template::parse("{{ humanise $value }}").unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("did you mean `humanize`?"));
}

#[test]
fn no_template_outgrows_its_limits() {
    let doubling = format!(
        "{{{{ $x := \"0123456789\" }}}}{}{{{{ $x }}}}",
        "{{ $x = printf \"%s%s\" $x $x }}".repeat(200)
    );
    assert!(expand(&doubling, 0.0).contains("longer than"), "doubling");
    let piped = format!(
        "{{{{ $x := \"0123456789\" }}}}{}{{{{ $x }}}}",
        "{{ $x = $x | print $x }}".repeat(200)
    );
    assert!(expand(&piped, 0.0).contains("longer than"), "piped");
    let mut bush = "{{ define \"t0\" }}{{ end }}".to_owned();
    for at in 1..60 {
        let below = at - 1;
        bush += &format!(
            "{{{{ define \"t{at}\" }}}}{{{{ template \"t{below}\" }}}}{{{{ template \"t{below}\" }}}}{{{{ end }}}}"
        );
    }
    bush += "{{ template \"t59\" }}";
    assert!(expand(&bush, 0.0).contains("too many steps"), "bush");
    let loops = "{{ range $i := 1000000 }}{{ range $j := 1000000 }}{{ end }}{{ end }}";
    assert!(expand(loops, 0.0).starts_with("ERROR"), "loops: {}", expand(loops, 0.0));
    let long = "{{ range $i := 5000 }}0123456789012345678901234567890123456789{{ end }}";
    assert!(expand(long, 0.0).contains("the text is longer"), "long");
    let late = expand_with("{{ range $i := 5000 }}{{ $i }}{{ end }}", 0.0, Rc::new(Late));
    assert!(late.unwrap_err().contains("too long"));
    assert!(Template::parse(&"{{ 1 }}".repeat(20_000)).is_err());
    let many = format!("{{{{ $x := \"x\" }}}}{{{{ print{} }}}}", " $x".repeat(5_000));
    assert!(Template::parse(&many).unwrap_err().message.contains("more than 64"));
    let wide = format!("{{{{ printf \"{}\" 1 }}}}", "%[1]60000d".repeat(5_000));
    assert!(expand(&wide, 0.0).contains("more than 64"), "wide");
}
